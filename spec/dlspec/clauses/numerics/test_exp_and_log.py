"""Exponential and logarithm over the whole range of numbers, without a small number added for safety."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.numerics.helpers import (
    assert_cotangent,
    assert_quiet,
    assert_value,
    magnitudes,
    powers_of_two,
    signed,
)
from dlspec.implementation import Implementation
from dlspec.tolerance import assert_equal


@clause(depends="ops.exp.gradient")
def test_exp_is_accurate_until_it_overflows(impl: Implementation) -> None:
    """`exp` MUST stay within its budget wherever its value is representable, from where it underflows to
    where it overflows.
    """
    for dtype in impl.dtypes:
        x = signed(dtype)
        assert_value(impl, "exp", x[x < np.log(np.finfo(dtype).max)])


@clause(depends="ops.exp.gradient")
def test_the_derivative_of_exp_is_accurate_until_it_overflows(impl: Implementation) -> None:
    """The cotangent that `exp` pulls back MUST stay within its budget wherever the value is representable."""
    for dtype in impl.dtypes:
        x = signed(dtype)
        assert_cotangent(impl, "exp", x[x < np.log(np.finfo(dtype).max)])


@clause(depends="ops.exp.gradient")
def test_exp_is_quiet_until_it_overflows(impl: Implementation) -> None:
    """`exp` MUST raise no floating-point warning where its value is representable, forward or backward."""
    for dtype in impl.dtypes:
        x = signed(dtype)
        assert_quiet(impl, "exp", x[x < np.log(np.finfo(dtype).max)])


@clause(depends="ops.exp.gradient")
def test_exp_has_its_limits(impl: Implementation) -> None:
    """`exp` MUST be 1 at 0, infinite beyond the largest number, not clipped to it, and 0 at minus
    infinity.
    """
    for dtype, beyond in (("float64", 710.0), ("float32", 89.0)):
        if dtype in impl.dtypes:
            with np.errstate(all="ignore"):
                value = impl.value("exp", np.array([0.0, -0.0, beyond, 1e4, np.inf, -np.inf], dtype))
            assert_equal(value, np.array([1, 1, np.inf, np.inf, np.inf, 0]), f"exp in {dtype}")


@clause(depends="ops.log.gradient")
def test_log_is_accurate_everywhere(impl: Implementation) -> None:
    """`log` MUST stay within its budget for every positive number, also for one so small that an epsilon
    would hide it.
    """
    for dtype in impl.dtypes:
        x = magnitudes(dtype)
        assert_value(impl, "log", x[x > 0])


@clause(depends="ops.log.gradient")
def test_log_is_accurate_around_one(impl: Implementation) -> None:
    """`log` MUST stay within its budget also beside 1, where it is as small as the distance."""
    for dtype in impl.dtypes:
        distance = 2.0 ** -np.arange(2, np.finfo(dtype).nmant, 4, dtype=dtype)
        assert_value(impl, "log", np.concatenate([1 + distance, 1 - distance]).astype(dtype))


@clause(depends="ops.log.gradient")
def test_the_derivative_of_log_is_exact_at_powers_of_two(impl: Implementation) -> None:
    """The cotangent of `x` in `log(x)` MUST be `w / x`, exactly where `x` is a power of two,
    however small.
    """
    for dtype in impl.dtypes:
        x = powers_of_two(dtype)
        _, (bar,) = impl.gradients(lambda F, x: F.log(x), x, cotangent=np.full_like(x, -3))
        assert_equal(bar, -3 / x.astype(np.float64), "cotangent of x in log(x)")


@clause(depends="ops.log.gradient")
def test_log_is_quiet_for_positive_numbers(impl: Implementation) -> None:
    """`log` MUST raise no floating-point warning for a positive number, forward or backward."""
    for dtype in impl.dtypes:
        assert_quiet(impl, "log", powers_of_two(dtype))


@clause(depends="ops.log.gradient")
def test_log_has_its_limits(impl: Implementation) -> None:
    """`log` MUST be minus infinity at 0, infinite at infinity, and NaN below 0: nothing is clipped."""
    for dtype in impl.dtypes:
        with np.errstate(all="ignore"):
            value = impl.value("log", np.array([0.0, np.inf, 1.0, -1.0, -np.inf], dtype))
        assert_equal(value, np.array([-np.inf, np.inf, 0.0, np.nan, np.nan]), f"log in {dtype}")


@clause(depends="ops.log.gradient")
def test_the_derivative_of_log_at_zero_is_infinite(impl: Implementation) -> None:
    """The cotangent of 0 in `log` MUST be infinite with the sign of what arrives, not a large number."""
    for dtype in impl.dtypes:
        with np.errstate(all="ignore"):
            _, (bar,) = impl.gradients(
                lambda F, x: F.log(x), np.zeros(2, dtype), cotangent=np.array([2.0, -0.5], dtype)
            )
        assert_equal(bar, np.array([np.inf, -np.inf]), "cotangent of 0 in log")
