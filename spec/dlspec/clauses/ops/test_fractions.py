"""Fractions beside whole numbers."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.implementation import Implementation
from dlspec.tolerance import assert_equal

DEPENDS = ("ops.arithmetic.numbers_may_stand_on_the_right",)


@clause()
def test_a_number_keeps_its_fraction(impl: Implementation) -> None:
    """A Python number with a fraction beside integers MUST NOT lose it."""
    for dtype in ("int64", "int32", "int8", "bool"):
        x = np.array([1, 0], dtype)
        for name, value, right in (
            ("x + 2.5", impl.evaluate(lambda F, x: F.add(x, 2.5), x), [3.5, 2.5]),
            ("2.5 - x", impl.evaluate(lambda F, x: F.subtract(2.5, x), x), [1.5, 2.5]),
            ("x * 0.5", impl.evaluate(lambda F, x: F.multiply(x, 0.5), x), [0.5, 0.0]),
            ("x / 0.5", impl.evaluate(lambda F, x: F.divide(x, 0.5), x), [2.0, 0.0]),
        ):
            assert_equal(value, np.array(right), f"{name} of {dtype}")
