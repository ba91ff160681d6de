"""Checking a whole program of ops against the textbook: its value, and what it pulls back.

An op has a budget of its own in the catalogue. A program of several adds their errors up, so its bound is in
units of the largest term that reaches an operand, and of the cotangent itself: whatever cancels inside a
composition was no larger than that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec.implementation import Implementation, Program
from dlspec.oracle import TEXTBOOK, Answer, answer
from dlspec.tolerance import assert_within, rounding

Array = NDArray[Any]

UNITS = 16
"""A dozen ops in a row, each rounding once or twice by half an eps of what passes through it; and what passes
through is, for most of them, far smaller than the scale, which is the largest term there is. The worst that
the reference was seen to use of it is a sixth (`benchmarks/bounds.py`).
"""


def lattice(seed: int, *shape: int) -> Array:
    """Uneven numbers between -2 and 2, in eighths and none of them 0, the same in every run."""
    rng = np.random.default_rng(seed)
    return np.asarray(rng.integers(1, 17, shape) / 8 * rng.choice([-1.0, 1.0], shape))


def textbook(program: Program, primals: Sequence[Array], cotangent: Array) -> Answer:
    """What the program gives on the definitions."""
    wide = [np.asarray(x, np.float64) for x in primals]
    return answer(lambda *xs: np.asarray(program(TEXTBOOK, *xs)), wide, cotangent, exact=False)


def bound_of(right: Answer, k: int, cotangent: Array, dtype: Any) -> Array:
    """How far the cotangent of operand `k` may be off."""
    scale = right.cotangent_scales[k]
    return rounding(UNITS, scale + np.max(scale, initial=0.0) + np.sum(np.abs(cotangent)), dtype)


def assert_program(
    impl: Implementation,
    program: Program,
    primals: Sequence[Array],
    cotangent: Array,
    names: Sequence[str],
    what: str,
) -> None:
    """Fail unless a program has the value and the cotangents of its definitions, in every claimed type.

    Args:
        impl: The implementation.
        program: `program(F, *primals)`.
        primals: Where it is evaluated; numbers that are exact in float32.
        cotangent: What is pulled back.
        names: What the primals are called.
        what: What the value is called.
    """
    right = textbook(program, primals, cotangent)
    for dtype in impl.dtypes:
        typed = [x.astype(dtype) for x in primals]
        value, bars = impl.gradients(program, *typed, cotangent=cotangent.astype(dtype))
        scale = right.value_scale + np.max(right.value_scale, initial=0.0)
        assert_within(value, right.value, rounding(UNITS, scale, dtype), f"{what} in {dtype}")
        for k, (name, bar) in enumerate(zip(names, bars, strict=True)):
            if bar is None and not right.cotangents[k].any():
                continue  # what the value doesn't depend on may receive zeros, or nothing
            bound = bound_of(right, k, cotangent, dtype)
            assert_within(bar, right.cotangents[k], bound, f"cotangent of {name} in {dtype}")
