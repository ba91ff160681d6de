"""Programs that the clauses of this profile have in common, and how unused inputs are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

Array = NDArray[Any]
Steps = tuple[tuple[str, int, int], ...]
"""A straight-line program: each step an op and the numbers of the values that it is applied to."""


def run(F: Any, steps: Steps, *values: Any) -> Any:
    """The last value of a straight-line program."""
    known = list(values)
    for op, i, j in steps:
        operands = (known[i],) if op in ("negative", "relu") else (known[i], known[j])
        known.append(getattr(F, op)(*operands))
    return known[-1]


@st.composite
def straight_line_programs(draw: st.DrawFn, leaves: int) -> Steps:
    """Programs of up to six steps, with few enough products to stay exact on small whole numbers."""
    steps: list[tuple[str, int, int]] = []
    products = 0
    for number in range(draw(st.integers(1, 6))):
        ops = ["add", "subtract", "negative", "relu"] + ["multiply"] * (products < 2)
        op = draw(st.sampled_from(ops))
        products += op == "multiply"
        known = leaves + number
        # Both operands among all that is known: diamonds, repeats and dead branches come by themselves.
        steps.append((op, draw(st.integers(0, known - 1)), draw(st.integers(0, known - 1))))
    return tuple(steps)


def arrived(cotangents: Sequence[Array | None], primals: Sequence[Array]) -> list[Array]:
    """The cotangents, with zeros where nothing arrived: an unused input may receive either."""
    return [np.zeros_like(x) if bar is None else bar for bar, x in zip(cotangents, primals, strict=True)]


def network(F: Any, x: Any) -> Any:
    """A small smooth program in which `x` is used three times."""
    return F.sum(F.multiply(F.tanh(x), F.sigmoid(F.multiply(x, x))))
