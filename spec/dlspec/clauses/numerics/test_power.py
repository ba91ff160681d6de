"""Powers of the very small, the very large, and of 0."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.numerics.helpers import assert_quiet, assert_value, magnitudes
from dlspec.implementation import Implementation
from dlspec.tolerance import assert_equal, assert_within, rounding

DEPENDS = ("ops.power.gradient",)

POWERS_OF_ZERO: tuple[tuple[float, float], ...] = (
    *((2, 0.0), (0.5, 0.0), (1, 0.0)),
    (0, 1.0),
    *((-1, np.inf), (-0.5, np.inf)),
)
"""Exponents, and what they make of 0."""


@clause()
def test_it_is_accurate_everywhere(impl: Implementation) -> None:
    """A power MUST stay within its budget wherever it and its base are representable."""
    for dtype in impl.dtypes:
        most = np.log2(float(np.finfo(dtype).max)) - 2
        x = magnitudes(dtype)
        x = x[x > 0]
        for exponent in (2.0, 0.5, -1.5):
            fitting = x[np.abs(exponent * np.log2(x.astype(np.float64))) < most]
            assert_value(impl, "power", fitting, exponent=exponent)


@clause()
def test_its_derivative_is_accurate_for_powers_of_two(impl: Implementation) -> None:
    """The cotangent of `x` in `x ** c` MUST be `c x ** (c - 1)` times what arrives, however small or large
    `x` is.
    """
    exponents = np.array([-200, -60, -10, 0, 10, 60, 200])
    for dtype in impl.dtypes:
        k = exponents if dtype == "float64" else exponents // 10
        x = np.ldexp(np.ones(len(k)), 2 * k).astype(dtype)
        w = np.full_like(x, -3)
        for exponent, right in (
            (2.0, np.ldexp(-6.0, 2 * k)),
            (-1.0, np.ldexp(3.0, -4 * k)),
            (0.5, np.ldexp(-1.5, -k)),
            (-0.5, np.ldexp(1.5, -3 * k)),
        ):
            _, (bar,) = impl.gradients(lambda F, x, c=exponent: F.power(x, exponent=c), x, cotangent=w)
            bound = rounding(16, right, dtype)
            assert_within(bar, right, bound, f"cotangent of x in x ** {exponent} in {dtype}")


@clause()
def test_it_is_quiet_where_it_is_finite(impl: Implementation) -> None:
    """A power MUST raise no floating-point warning where it and its derivative are representable, at 0
    included.
    """
    for dtype in impl.dtypes:
        large = 2.0**400 if dtype == "float64" else 2.0**50
        for exponent in (0.0, 1.0, 2.0):
            assert_quiet(impl, "power", np.array([0.0, -0.0, -large, large, -3.0], dtype), exponent=exponent)
        for exponent in (-1.0, 0.5, -0.5):
            assert_quiet(impl, "power", np.array([large, 1 / large, 3.0], dtype), exponent=exponent)


@clause()
def test_powers_of_zero(impl: Implementation) -> None:
    """A positive power of 0 MUST be 0, a negative one infinite, and the power 0 of anything 1: nothing is
    added to the base.
    """
    for dtype in impl.dtypes:
        zero = np.zeros(1, dtype)
        for exponent, right in POWERS_OF_ZERO:
            with np.errstate(all="ignore"):
                value = impl.value("power", zero, exponent=exponent)
            assert_equal(value, np.array([right]), f"0 ** {exponent} in {dtype}")


@clause()
def test_the_derivative_of_the_root_of_zero_is_infinite(impl: Implementation) -> None:
    """The cotangent of 0 in `x ** 0.5` MUST be infinite with the sign of what arrives, not a large number."""
    for dtype in impl.dtypes:
        with np.errstate(all="ignore"):
            _, (bar,) = impl.gradients(
                lambda F, x: F.power(x, exponent=0.5), np.zeros(2, dtype), cotangent=np.array([2, -3], dtype)
            )
        assert_equal(bar, np.array([np.inf, -np.inf]), "cotangent of 0 in x ** 0.5")


@clause()
def test_the_root_of_a_negative_number_is_nan(impl: Implementation) -> None:
    """A power of a negative number whose exponent is no whole number MUST be NaN."""
    for dtype in impl.dtypes:
        for exponent in (0.5, -0.5, 1.5):
            with np.errstate(all="ignore"):
                value = impl.value("power", np.array([-4.0, 4.0], dtype), exponent=exponent)
            right = np.array([np.nan, 4.0**exponent])
            bound = rounding(8, 4.0**exponent, dtype)
            assert_within(value, right, bound, f"-4 and 4 to the power {exponent} in {dtype}")
