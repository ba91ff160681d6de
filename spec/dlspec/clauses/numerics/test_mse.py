"""Squared errors of numbers that are close together, tiny or huge."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.numerics.helpers import assert_quiet
from dlspec.implementation import Implementation
from dlspec.tolerance import assert_equal

DEPENDS = ("losses.mse_loss.gradient",)


@clause()
def test_the_difference_is_taken_first(impl: Implementation) -> None:
    """The squared error of large numbers that differ by little MUST be exact where the difference is: the
    squares themselves are never subtracted.
    """
    for dtype, large in (("float32", 2.0**22), ("float64", 2.0**51)):
        if dtype in impl.dtypes:
            t = np.array([large, -large, large], dtype)
            p = t + np.array([1, 3, -2], dtype)
            value, (bar, _) = impl.gradients(lambda F, p, t: F.mse_loss(p, t, reduction="sum"), p, t)
            assert_equal(value, np.array(14.0), f"sum of squared errors in {dtype}")
            assert_equal(bar, np.array([2.0, 6.0, -4.0]), f"cotangent of the prediction in {dtype}")


@clause()
def test_tiny_and_huge_errors_are_exact(impl: Implementation) -> None:
    """The squared error MUST be exact for powers of two as long as the square is representable, with nothing
    added or clipped.
    """
    for dtype, reach in (("float32", 60), ("float64", 500)):
        if dtype in impl.dtypes:
            p = np.ldexp(np.array([1.0, -1.0, 1.0, -1.0]), np.array([-reach, -20, 20, reach])).astype(dtype)
            value, (bar, _) = impl.gradients(
                lambda F, p, t: F.mse_loss(p, t, reduction="none"), p, np.zeros_like(p)
            )
            assert_equal(value, p.astype(np.float64) ** 2, f"squared errors in {dtype}")
            assert_equal(bar, 2 * p.astype(np.float64), f"cotangent of the prediction in {dtype}")


@clause()
def test_it_is_quiet_where_it_is_finite(impl: Implementation) -> None:
    """The squared error MUST raise no floating-point warning where the sum of the squares is
    representable.
    """
    for dtype, reach in (("float32", 60), ("float64", 500)):
        if dtype in impl.dtypes:
            p = np.ldexp(np.array([1.0, -1.0, 1.0, -1.0]), np.array([-reach, -20, 20, reach])).astype(dtype)
            assert_quiet(impl, "mse_loss", p, -p)


@clause()
def test_an_infinite_error_is_infinite(impl: Implementation) -> None:
    """The squared error MUST be infinite where the error is or its square overflows, and so must be their
    mean.
    """
    for dtype in impl.dtypes:
        large = np.finfo(dtype).max / 4
        p = np.array([np.inf, large, -np.inf, 0.5], dtype)
        with np.errstate(all="ignore"):
            each = impl.value("mse_loss", p, np.zeros_like(p), reduction="none")
            mean = impl.value("mse_loss", p, np.zeros_like(p))
        assert_equal(each, np.array([np.inf, np.inf, np.inf, 0.25]), f"squared errors in {dtype}")
        assert_equal(mean, np.array(np.inf), f"mean squared error in {dtype}")
