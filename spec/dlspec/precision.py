"""Errors in ulp, against an answer with as many digits as it takes.

A budget in units of eps and a scale (`dlspec.tolerance`) forgives what a formula loses where its scale is
larger than its result, and everything below the smallest normal number. An error in ulp forgives neither:

    |got - exact| / ulp(exact)

where ulp is the distance of the dtype's numbers at the exact result. Below the normal numbers that distance
stays that of the smallest ones, so that a result that fades out loses its digits one by one and no sooner
than it must: the floor of a budget of k ulp is k times the smallest subnormal number.

Two allowances remain, both in the definition of the unit, so that the budgets are plain numbers:

    depth    for rows of logits, a budget is multiplied by 1 + d, where d is how far the logit is below its
             row's largest one. The subtraction rounds d by up to d u; whatever is done next, the exponential
             of the difference is off by that in proportion. What belongs to the largest logit is computed
             from the rest of the row, in which the next one has the most to say: its d counts. The
             pullback of log_softmax, in ulp of its terms, needs none: p d is at most 1/e
    terms    the pullbacks of softmax and log_softmax are differences, p (w - sum(p w)) and w - p sum(w),
             whose terms may cancel to anything. One ulp is that of the sum of the terms' magnitudes
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import mpmath
import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from dlspec.catalogue import BY_NAME
from dlspec.failure import ConformanceFailure
from dlspec.implementation import Implementation
from dlspec.oracle import answer_of
from dlspec.tolerance import assert_shape, assert_within, rounding, smallest

Array = NDArray[Any]
Question = dict[str, Any]
"""Of one dtype: `dtype`, `x` (numbers, or rows of logits), the cotangent `w`, and `targets` for a loss; then
`answer`, which `worked_out` gives.

A dict, so that a frozen question stays in the type that it is about: 710 is nothing special in float32, and
the worst input in float64 doesn't exist there.
"""

DIGITS = 420
"""The definitions subtract: `1 - p` may be as small as the smallest number, 324 digits below 1."""

KEPT = 40
"""Digits of an answer that are frozen: an error of 1e-20 ulp in it is nothing to an error of 1 ulp."""

STEP = mpmath.mpf(10) ** -500

VALUE, PULLBACK = 0, 1
FARTHEST = {"float64": 800, "float32": 120}
"""Logits farther apart than this are all alike: the lesser one's exponential is 0."""


class Exact(NamedTuple):
    """Elements of an answer as mpmath numbers, and what one ulp of each is the ulp of."""

    numbers: Array
    units: Array


def worked_out(op: str, question: Question) -> dict[str, list[str]]:
    """The answer to a question, to be frozen with it: working it out takes longer than all else in a clause.

    Args:
        op: The op it is about.
        question: The question; an answer that it may have already is not read.

    Returns:
        Hexadecimal numbers, in the order of the elements: of `value`, of `pullback`, and of the `terms` of
        the pullback, whose ulp counts; they are the pullback itself where nothing cancels. For rows of
        logits also the answer, with its scales, to the logits less their largest as float64 has them.
    """
    value, pullback = _exactly(op, question)
    numbers = {"value": value.numbers, "pullback": pullback.numbers, "terms": pullback.units}
    answer = {name: [_to_text(number) for number in array.ravel()] for name, array in numbers.items()}
    if question["x"].ndim == 1:
        return answer
    shifted = zip(*_of_shifted_rows(op, question), strict=True)
    return answer | {
        f"shifted_{name}": [float(number).hex() for row in rows for number in np.ravel(row)]
        for name, rows in zip(SHIFTED, shifted, strict=True)
    }


SHIFTED = ("value", "value_scale", "pullback", "pullback_scale")


def _of_shifted_rows(op: str, question: Question) -> Iterator[tuple[Array, ...]]:
    for k, logits in enumerate(question["x"].astype(np.float64)):
        static: dict[str, Any] = {}
        if "targets" in question:
            static = {"targets": question["targets"][k], "reduction": "none"}
        own, w = [logits - logits.max()], np.asarray(question["w"][k], np.float64)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            right = answer_of(BY_NAME[op], own, static, w, exact=True)
        yield right.value, right.value_scale, right.cotangents[0], right.cotangent_scales[0]


def exactly(op: str, question: Question) -> tuple[Exact, Exact]:
    """The value and the pullback of an op, in as many digits as it takes."""
    answer = question["answer"] if "answer" in question else worked_out(op, question)
    value, pullback, terms = (
        np.array([_from_text(text) for text in answer[name]], dtype=object).reshape(shape)
        for name, shape in (
            ("value", question["w"].shape),
            ("pullback", question["x"].shape),
            ("terms", question["x"].shape),
        )
    )
    return Exact(value, value), Exact(pullback, terms)


def _to_text(number: Any) -> str:
    """A number as a whole number times a power of two, `0x3p-2` for 0.75, to as many digits as are kept.

    Not in decimal, which mpmath takes seconds to read where the exponent has hundreds of digits.
    """
    with mpmath.workdps(KEPT):
        rounded = mpmath.mpf(+number)
    mantissa = int(rounded.man)  # of the magnitude
    return f"{-mantissa if rounded < 0 else mantissa:#x}p{int(rounded.exp)}"


@cache
def _from_text(text: str) -> Any:
    """The inverse of `_to_text`."""
    mantissa, _, exponent = text.partition("p")
    with mpmath.workdps(KEPT):
        return mpmath.ldexp(int(mantissa, 16), int(exponent))


_to_mpf = np.frompyfunc(mpmath.mpf, 1, 1)


def _exactly(op: str, question: Question) -> tuple[Exact, Exact]:
    shape, targets = question["x"].shape, question.get("targets")
    with mpmath.workdps(DIGITS):
        # By way of float64, which holds either type: mpmath doesn't know NumPy's float32.
        x, w = (np.asarray(_to_mpf(question[name].astype(np.float64)), dtype=object) for name in ("x", "w"))
        if len(shape) == 1:
            return _of_elements(op, x, w)
        static: dict[str, Any] = {} if targets is None else {"reduction": "none"}
        w = w.reshape(len(x), -1) if targets is None else w
        found = []
        for k, row in enumerate(x):
            if targets is not None:
                static["targets"] = np.array(targets[k])
            # The answer is that of the logits less their largest, whose exponentials fit in a computer.
            found.append(_of_row(op, row - max(row), np.asarray(w[k], dtype=object), static))
        value, bar = (
            Exact(*(np.array(parts, dtype=object) for parts in zip(*exact, strict=True)))
            for exact in zip(*found, strict=True)
        )
        return value, bar


def _of_elements(op: str, x: Array, w: Array) -> tuple[Exact, Exact]:
    y = BY_NAME[op].define(np.array([mpmath.mpc(number, STEP) for number in x], dtype=object))
    values = np.array([mpmath.re(number) for number in y], dtype=object)
    bars = w * np.array([mpmath.im(number) / STEP for number in y], dtype=object)
    return Exact(values, values), Exact(bars, bars)


def _of_row(op: str, x: Array, w: Array, static: dict[str, Any]) -> tuple[Exact, Exact]:
    row = BY_NAME[op]
    values = row.define(x, **static)
    bars = np.empty(len(x), dtype=object)
    for j in range(len(x)):
        stepped = x.copy()
        stepped[j] = mpmath.mpc(stepped[j], STEP)
        column = row.define(stepped, **static)
        bars[j] = sum(v * mpmath.im(y) / STEP for v, y in zip(w.ravel(), column.ravel(), strict=True))
    assert row.precision is not None
    assert row.slack is not None
    return Exact(values, values), Exact(bars, np.asarray(row.slack(w, x)) if row.precision.of_terms else bars)


def ulps(got: Array, exact: Exact, dtype: Any) -> Array:
    """How many ulp each element is off.

    An overflow is right where the exact result rounds to one; otherwise infinity counts as the power of two
    after the largest number. NaN is infinitely far from everything.
    """
    info = np.finfo(dtype)
    beyond = mpmath.ldexp(1, int(info.maxexp))
    errors = np.empty(got.shape)
    with mpmath.workdps(DIGITS):
        for index in np.ndindex(got.shape):
            right, unit = exact.numbers[index], abs(exact.units[index])
            exponent = int(mpmath.frexp(unit)[1]) - 1 if unit else int(info.minexp)
            exponent = min(max(exponent, int(info.minexp)), int(info.maxexp) - 1)
            if np.isnan(got[index]):
                errors[index] = np.inf
                continue
            found = min(max(mpmath.mpf(float(got[index])), -beyond), beyond)
            right = min(max(right, -beyond), beyond)
            errors[index] = float(abs(found - right) / mpmath.ldexp(1, exponent - int(info.nmant)))
    return errors


def depth(op: str, question: Question, which: int) -> Array:
    """How far below its row's largest logit each one is, and for the largest, how far the next one is."""
    x = question["x"].astype(np.float64)
    if x.ndim == 1 or (op, which) == ("log_softmax", PULLBACK):
        return np.zeros(x.shape)
    below = x.max(1, keepdims=True) - x
    n, top = np.arange(len(x)), x.argmax(1)
    others = below.copy()
    others[n, top] = np.inf
    # A probability near 1 is 1 less something small, however large an error that has in proportion.
    below[n, top] = 0 if op == "softmax" or x.shape[1] == 1 else others.min(1)
    return np.asarray(below)


def answer(impl: Implementation, op: str, question: Question) -> tuple[Array, Array]:
    """What an implementation makes of a question: the value and the pullback."""
    static = {"targets": question["targets"], "reduction": "none"} if "targets" in question else {}
    with np.errstate(all="ignore"):
        value, (bar,) = impl.gradients(
            lambda F, x: getattr(F, op)(x, **static), question["x"], cotangent=question["w"]
        )
    shape = question["w"].shape
    return assert_shape(value, shape, op), assert_shape(bar, question["x"].shape, f"cotangent of x in {op}")


def assert_in_ulp(impl: Implementation, op: str, question: Question, which: int) -> None:
    """Fail unless the value, or the pullback, is within the row's budget in ulp."""
    if question["dtype"] not in impl.dtypes:
        return
    precision = BY_NAME[op].precision
    assert precision is not None
    exact, got = exactly(op, question)[which], answer(impl, op, question)[which]
    far = depth(op, question, which)
    if got.ndim < far.ndim:
        far = far[np.arange(len(far)), question["targets"]]
    off = ulps(got, exact, question["dtype"]) / (1 + far)
    budget = (precision.value, precision.pullback)[which]
    if np.all(off <= budget):
        return
    index = tuple(int(k) for k in np.unravel_index(int(np.argmax(off)), off.shape))
    what = op if which == VALUE else f"cotangent of x in {op}"
    of = question["x"][index[0]]
    right = float(exact.numbers[index])
    raise ConformanceFailure(
        f"{what} at {of.tolist()!r} in {question['dtype']} is {got[index]!s}, expected {right!r}: "
        f"{off[index] * (1 + far[index]):.4g} ulp off, where {budget * (1 + far[index]):.4g} are allowed",
        what=what,
        index=index,
        got=float(got[index]),
        expected=right,
    )


def assert_over_the_range(impl: Implementation, op: str, question: Question) -> None:
    """Fail unless value and pullback are within the catalogue's budgets in eps, which every formula in use
    keeps: they forgive what cancels, and take 0 for a subnormal number.
    """
    if question["dtype"] not in impl.dtypes:
        return
    (check_rows if question["x"].ndim > 1 else check_elements)(impl, op, question)


def check_elements(impl: Implementation, op: str, question: Question) -> None:
    """Of an elementwise op, in one go."""
    row, x, w = BY_NAME[op], question["x"], question["w"]
    # Many a processor takes a subnormal operand for 0, which only a logarithm would notice.
    kept = np.abs(x) >= np.finfo(x.dtype).smallest_normal if op == "log" else np.full(x.shape, True)
    with np.errstate(all="ignore"):
        value, bar = (exact.numbers.astype(np.float64) for exact in exactly(op, question))
        slack = 0.0 if row.slack is None else row.slack(w.astype(np.float64), x.astype(np.float64))
    for got, right, bound, what in zip(
        answer(impl, op, question),
        (value, bar),
        (rounding(row.ulp, value, x.dtype), rounding(row.vjp_ulp, np.abs(bar) + slack, x.dtype)),
        (op, f"cotangent of x in {op}"),
        strict=True,
    ):
        for k in np.flatnonzero(kept):
            assert_within(got[k], right[k], bound[k], f"{what} at {x[k]!s} in {question['dtype']}")


def check_rows(impl: Implementation, op: str, question: Question) -> None:
    """Of rows of logits: less their largest, as float64 has the difference, they are the op's operand."""
    row, x, w = BY_NAME[op], question["x"], question["w"]
    assert row.precision is not None
    value, bar = answer(impl, op, question)
    far = 1 + depth(op, question, PULLBACK) if row.precision.of_terms else np.ones(x.shape)
    exact = question["answer"] if "answer" in question else worked_out(op, question)
    right, right_scale, right_bar, right_bar_scale = (
        np.array([float.fromhex(number) for number in exact[f"shifted_{name}"]]).reshape(shape)
        for name, shape in zip(SHIFTED, (w.shape, w.shape, x.shape, x.shape), strict=True)
    )
    for k, logits in enumerate(x.astype(np.float64)):
        place = f"{op} of {logits.tolist()} in {question['dtype']}"
        assert_within(value[k], right[k], rounding(row.ulp, right_scale[k], x.dtype), place)
        # A probability that is taken for 0 is missing in each product with a cotangent.
        missing = smallest(x.dtype) * 2 * np.abs(w[k].astype(np.float64)).sum()
        bound = rounding(row.vjp_ulp, right_bar_scale[k] * far[k], x.dtype) + missing
        assert_within(bar[k], right_bar[k], bound, f"cotangent of the logits in {place}")


# What is drawn to explore, and frozen beside the extremes and the worst inputs that a search found.


@st.composite
def questions(draw: st.DrawFn, op: str) -> Question:
    """Numbers of any size, or rows of logits at any distance, in either type."""
    dtype = draw(st.sampled_from(["float64", "float32"]))
    far = FARTHEST[dtype]
    if op in {"softmax", "log_softmax", "cross_entropy"}:
        n, c = draw(st.integers(1, 2)), draw(st.integers(1, 4))
        shape: tuple[int, ...] = (n, c)
        numbers = st.floats(-far / 2, far / 2, width=32)
    else:
        n, shape = 3, (3,)
        top = float(np.log(np.finfo(dtype).max)) if op == "exp" else None
        numbers = st.floats(
            min_value=None if op != "log" else 0.0,
            max_value=None if top is None else float(np.nextafter(np.float32(top), np.float32(0))),
            exclude_min=op == "log",
            allow_nan=False,
            allow_infinity=False,
            width=32 if dtype == "float32" or top is not None else 64,
        )
    size = int(np.prod(shape))
    x = np.array(draw(st.lists(numbers, min_size=size, max_size=size)), dtype).reshape(shape)
    question: Question = {"dtype": dtype, "x": x}
    if op == "cross_entropy":
        question["targets"] = np.array(
            draw(st.lists(st.integers(0, shape[1] - 1), min_size=n, max_size=n)), np.int64
        )
        shape = (n,)
    eighths = st.integers(4, 8).map(lambda k: k / 8)
    weights = st.builds(lambda size, sign: size * sign, eighths, st.sampled_from([-1, 1]))
    count = int(np.prod(shape))
    question["w"] = np.array(draw(st.lists(weights, min_size=count, max_size=count)), dtype).reshape(shape)
    return {**question, "answer": worked_out(op, question)}
