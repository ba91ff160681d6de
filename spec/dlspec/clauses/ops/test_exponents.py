"""Powers of whole numbers."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.implementation import Implementation
from dlspec.tolerance import assert_dtype, assert_equal

DEPENDS = ("ops.power.value",)


@clause()
def test_whole_powers_of_whole_numbers_are_whole(impl: Implementation) -> None:
    """A power of integers to a whole exponent from 0 MUST be integers, of their own type, and exact."""
    for dtype in ("int64", "int32"):
        x = np.array([3, -4, 0, 7], dtype)
        for exponent, right in (
            (0, [1, 1, 1, 1]),
            (1, [3, -4, 0, 7]),
            (2, [9, 16, 0, 49]),
            (3, [27, -64, 0, 343]),
        ):
            value = impl.value("power", x, exponent=exponent)
            assert_dtype(value, dtype, f"x ** {exponent} of {dtype}")
            assert_equal(value, np.array(right), f"x ** {exponent} of {dtype}")
    # Beyond 2**53 floating point has no odd numbers.
    cubes = impl.value("power", np.array([208065], "int64"), exponent=3)
    assert_equal(cubes - np.int64(208065**3), np.array([0]), "error of 208065 ** 3")


@clause()
def test_other_powers_of_whole_numbers_are_float64(impl: Implementation) -> None:
    """A power of integers to an exponent with a fraction MUST be float64, however small the integer type
    is.
    """
    for dtype in ("int64", "int32", "int8", "uint8"):
        value = impl.value("power", np.array([4, 9], dtype), exponent=0.5)
        assert_dtype(value, np.float64, f"x ** 0.5 of {dtype}")
        assert_equal(value, np.array([2.0, 3.0]), f"x ** 0.5 of {dtype}")
