"""Quotients of the very small and the very large, without a small number added for safety."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.numerics.helpers import assert_quiet, exactly, powers_of_two, uneven
from dlspec.implementation import Implementation
from dlspec.tolerance import assert_equal, assert_within, rounding

DEPENDS = ("ops.divide.gradient",)


@clause()
def test_it_is_exact_for_powers_of_two(impl: Implementation) -> None:
    """A quotient by a power of two MUST be exact, however small or large the divisor: nothing is
    added to it.
    """
    for dtype in impl.dtypes:
        y = powers_of_two(dtype)
        value = impl.value("divide", np.full_like(y, 3), y)
        assert_equal(value, 3 / y.astype(np.float64), f"3 / y in {dtype}")


@clause()
def test_it_is_rounded_once(impl: Implementation) -> None:
    """A quotient MUST stay within its budget over the whole range of numbers."""
    for dtype in impl.dtypes:
        large = np.finfo(dtype).max / 4
        small = np.finfo(dtype).smallest_normal * 4
        x = np.array([large, large, large * 3, small, 1.0, -7.0, small * 3], dtype)
        y = np.array([large / 3, -3.0, large * 3.7, small * 7, 3.0, 11.0, 0.7], dtype)
        right = exactly("divide", x, y, cotangent=np.ones(7))
        bound = rounding(1, right.value_scale, dtype)
        assert_within(impl.value("divide", x, y), right.value, bound, f"x / y in {dtype}")


@clause()
def test_its_derivatives_are_exact_for_powers_of_two(impl: Implementation) -> None:
    """The cotangents of `x / y` MUST be `w / y` and `-w x / y**2`, exactly where `y` is a power of two:
    nothing is added to either divisor.
    """
    for dtype in impl.dtypes:
        reach = 480 if dtype == "float64" else 56
        y = np.ldexp(np.ones(5), np.array([-reach, -20, 0, 20, reach])).astype(dtype)
        x, w = np.full_like(y, 3), np.full_like(y, -5)
        _, (bar_of_x, bar_of_y) = impl.gradients(lambda F, x, y: F.divide(x, y), x, y, cotangent=w)
        wide = y.astype(np.float64)
        assert_equal(bar_of_x, -5 / wide, f"cotangent of x in x / y in {dtype}")
        assert_equal(bar_of_y, 15 / wide**2, f"cotangent of y in x / y in {dtype}")


@clause()
def test_it_is_quiet_for_any_divisor_but_zero(impl: Implementation) -> None:
    """A quotient MUST raise no floating-point warning where it and its derivatives are finite."""
    for dtype in impl.dtypes:
        reach = 480 if dtype == "float64" else 56
        y = np.ldexp(np.ones(5), np.array([-reach, -20, 0, 20, reach])).astype(dtype)
        assert_quiet(impl, "divide", uneven(y.shape, dtype), y)


@clause()
def test_the_square_of_the_divisor_is_not_needed(impl: Implementation) -> None:
    """The cotangent of the divisor SHOULD be right wherever it is representable, also where the square of the
    divisor is 0 or infinite.
    """
    for dtype in impl.dtypes:
        far = 600 if dtype == "float64" else 80
        y = np.ldexp(np.ones(2), np.array([-far, far])).astype(dtype)
        x = np.ldexp(np.ones(2), np.array([-far // 2, far // 2])).astype(dtype)
        with np.errstate(all="ignore"):
            _, (_, bar) = impl.gradients(lambda F, x, y: F.divide(x, y), x, y)
        right = np.ldexp(-np.ones(2), np.array([2 * far - far // 2, far // 2 - 2 * far]))
        assert_equal(bar, right, f"cotangent of y in x / y in {dtype}")


@clause()
def test_division_by_zero_is_infinite(impl: Implementation) -> None:
    """A quotient by 0 MUST be infinite with the sign of both, and 0 / 0 NaN, as IEEE 754 has it."""
    x, y = np.array([1.0, -2.0, 1.0, 0.0]), np.array([0.0, 0.0, -0.0, 0.0])
    for dtype in impl.dtypes:
        with np.errstate(all="ignore"):
            value = impl.value("divide", x.astype(dtype), y.astype(dtype))
        assert_equal(value, np.array([np.inf, -np.inf, -np.inf, np.nan]), f"x / 0 in {dtype}")


@clause()
def test_division_by_infinity_is_zero(impl: Implementation) -> None:
    """A quotient of a finite number by an infinity MUST be 0, and pull back 0 to the number."""
    for dtype in impl.dtypes:
        y = np.array([np.inf, -np.inf], dtype)
        value, (bar,) = impl.gradients(
            lambda F, x, y=y: F.divide(x, impl.constant(y)), np.array([3, 4], dtype)
        )
        assert_equal(value, np.zeros(2), f"x / inf in {dtype}")
        assert_equal(bar, np.zeros(2), f"cotangent of x in x / inf in {dtype}")
