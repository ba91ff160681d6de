"""Fractions beside whole numbers."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.implementation import Implementation
from dlspec.tolerance import assert_equal, may_refuse

DEPENDS = ("ops.arithmetic.numbers_may_stand_on_the_right",)


@clause()
def test_a_number_keeps_its_fraction(impl: Implementation) -> None:
    """A Python number with a fraction beside integers MUST NOT lose it, nor beside truth values, with which
    arithmetic may also be refused with a TypeError, ValueError or RuntimeError.
    """
    for dtype in ("int64", "int32", "int8", "bool"):
        x = np.array([1, 0], dtype)
        refusals = (TypeError, ValueError, RuntimeError) if dtype == "bool" else ()
        for name, program, right in (
            ("x + 2.5", lambda F, x: F.add(x, 2.5), [3.5, 2.5]),
            ("2.5 - x", lambda F, x: F.subtract(2.5, x), [1.5, 2.5]),
            ("x * 0.5", lambda F, x: F.multiply(x, 0.5), [0.5, 0.0]),
            ("x / 0.5", lambda F, x: F.divide(x, 0.5), [2.0, 0.0]),
        ):
            with may_refuse(*refusals):
                assert_equal(impl.evaluate(program, x), np.array(right), f"{name} of {dtype}")
