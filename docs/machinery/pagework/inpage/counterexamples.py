"""A failure as a person would say it: take this, do that, and look what comes out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from dlspec import casefile
from dlspec.clause import Clause
from dlspec.runner.result import Result

MOST_NUMBERS = 24
"""Of an array with more nobody reads each."""


def said(clause: Clause, result: Result) -> Iterator[str]:
    """What is wrong, in sentences.

    Args:
        clause: The clause that doesn't hold.
        result: What came of it.
    """
    failure = result.failure
    if failure is None:
        yield f"It should have answered, and raised: {(result.message or '').partition(chr(10))[0]}"
        return
    given = _given(clause, failure)
    if given:
        yield f"Take {given}."
    got, expected, bound = failure["got"], failure["expected"], failure["bound"]
    if got is None or expected is None:
        yield f"Then {failure['message']}."
        return
    what = str(failure["what"] or "the value")
    place = f"{what}[{', '.join(map(str, failure['index']))}]" if failure["index"] else what
    yield f"Then {place} should be {expected}, but yours is {got}."
    if bound == 0:
        yield "No rounding excuses this: the right answer is exact."
    elif isinstance(failure["ratio"], float):
        yield f"Rounding excuses {bound:.2g}; this is {_times(failure['ratio'])}."


LARGE = (
    (1e12, "million million"),
    (1e9, "thousand million"),
    (1e6, "million"),
    (1e3, "thousand"),
)
"""Numbers as a person would say them."""

BEYOND = 1e15
"""From here on nobody would say one: where next to nothing is excused, it may have hundreds of digits."""


def _times(ratio: float) -> str:
    if ratio >= BEYOND:
        return "far beyond that"
    for size, word in LARGE:
        if ratio >= size:
            return f"{ratio / size:,.0f} {word} times as far off"
    return f"{ratio:.2g} times as far off"


def _given(clause: Clause, failure: Mapping[str, Any]) -> str:
    """The inputs of the failing case, by name."""
    case = failure["case"]
    if not case:
        return ""
    inputs = {name: casefile.decode(value) for name, value in case.items()}
    if clause.op is None or "operands" not in inputs:
        return _listed([f"{name} = {number(value)}" for name, value in inputs.items()])
    named = zip(clause.op.operands, inputs["operands"], strict=True)
    words = [f"{name} = {number(value)}" for name, value in named]
    words += [f"{name} = {number(value)}" for name, value in inputs["static"].items()]
    if "cotangent" in str(failure["what"]):
        words.append(f"the cotangent {number(inputs['cotangent'])} arriving at the result")
    return _listed(words)


def _listed(words: list[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def number(value: object) -> str:
    """An input as a reader would write it down."""
    if not isinstance(value, np.ndarray):
        return repr(value)
    if value.size > MOST_NUMBERS or not value.size:
        return f"an array of shape {value.shape}"
    return repr(value.tolist())
