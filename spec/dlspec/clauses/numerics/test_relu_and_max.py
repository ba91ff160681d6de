"""Choosing among numbers: what is chosen is never computed with."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.numerics.helpers import assert_quiet, signed
from dlspec.implementation import Implementation
from dlspec.tolerance import assert_equal

INF = np.inf


@clause(depends="ops.relu.gradient")
def test_relu_is_exact_everywhere(impl: Implementation) -> None:
    """`relu` MUST return every positive number as it is, the smallest and the largest too, and 0 for every
    other.
    """
    for dtype in impl.dtypes:
        x = signed(dtype)
        assert_equal(impl.value("relu", x), np.where(x > 0, x, 0), f"relu in {dtype}")


@clause(depends="ops.relu.gradient")
def test_the_derivative_of_relu_is_exact_everywhere(impl: Implementation) -> None:
    """`relu` MUST pull its cotangent back unchanged where the number is positive, however small, and 0
    elsewhere.
    """
    for dtype in impl.dtypes:
        x = signed(dtype)
        _, (bar,) = impl.gradients(lambda F, x: F.relu(x), x, cotangent=np.full_like(x, -3))
        assert_equal(bar, np.where(x > 0, -3, 0), f"cotangent of x in relu in {dtype}")


@clause(depends="ops.relu.gradient")
def test_relu_of_infinities(impl: Implementation) -> None:
    """`relu` of infinity MUST be infinity, and of minus infinity 0, not NaN."""
    for dtype in impl.dtypes:
        with np.errstate(all="ignore"):
            value, (bar,) = impl.gradients(lambda F, x: F.relu(x), np.array([INF, -INF], dtype))
        assert_equal(value, np.array([INF, 0.0]), "relu of the infinities")
        assert_equal(bar, np.array([1.0, 0.0]), "cotangent of the infinities in relu")


@clause(depends="ops.relu.gradient")
def test_relu_is_quiet(impl: Implementation) -> None:
    """`relu` MUST raise no floating-point warning for any finite number, forward or backward."""
    for dtype in impl.dtypes:
        assert_quiet(impl, "relu", signed(dtype))


@clause(depends="ops.relu.gradient")
def test_relu_stops_an_infinite_cotangent(impl: Implementation) -> None:
    """`relu` SHOULD pull back 0 to a negative number also where an infinite cotangent arrives, not NaN."""
    for dtype in impl.dtypes:
        with np.errstate(all="ignore"):
            _, (bar,) = impl.gradients(
                lambda F, x: F.relu(x), np.array([-1.0, 1.0], dtype), cotangent=np.array([INF, INF], dtype)
            )
        assert_equal(bar, np.array([0.0, INF]), "cotangent of -1 and 1 in relu")


@clause(depends="ops.max.gradient")
def test_max_is_exact_everywhere(impl: Implementation) -> None:
    """`max` MUST be one of the numbers, bit for bit, whatever their sign and size: it starts from none of its
    own.
    """
    for dtype in impl.dtypes:
        info = np.finfo(dtype)
        rows = np.array(
            [
                [info.max, info.max / 2, -info.max],
                [-info.max, -info.max / 2, -info.max / 4],
                [-info.smallest_normal, -1.0, -info.max],
                [info.smallest_normal, 0.0, -1.0],
                [-3.0, -2.0, -5.0],
            ],
            dtype,
        )
        right = [info.max, -info.max / 4, -info.smallest_normal, info.smallest_normal, -2.0]
        assert_equal(impl.value("max", rows, dim=1), np.array(right, dtype), f"max of rows in {dtype}")


@clause(depends="ops.max.gradient")
def test_max_tells_neighbours_apart(impl: Implementation) -> None:
    """`max` MUST send its cotangent to the largest number alone, also where the next one is its neighbour."""
    for dtype in impl.dtypes:
        top = np.array([1.0, 1e30, -1.0], dtype)
        rows = np.stack([np.nextafter(top, np.array(-INF, dtype)), top], axis=1)
        _, (bar,) = impl.gradients(
            lambda F, x: F.max(x, dim=1), rows, cotangent=np.array([2.0, -3.0, 5.0], dtype)
        )
        assert_equal(bar, np.array([[0.0, 2.0], [0.0, -3.0], [0.0, 5.0]]), "cotangent of x in max of rows")


@clause(depends="ops.max.gradient")
def test_zeros_of_either_sign_are_equal(impl: Implementation) -> None:
    """Where 0 and -0 are the largest, `max` MUST send each an equal share of the cotangent."""
    for dtype in impl.dtypes:
        rows = np.array([[0.0, -0.0, -1.0], [-0.0, -2.0, 0.0]], dtype)
        value, (bar,) = impl.gradients(
            lambda F, x: F.max(x, dim=1), rows, cotangent=np.array([6.0, -4.0], dtype)
        )
        assert_equal(value, np.zeros(2), "max of zeros")
        assert_equal(bar, np.array([[3.0, 3.0, 0.0], [-2.0, 0.0, -2.0]]), "cotangent of x in max of zeros")


@clause(depends="ops.max.gradient")
def test_max_of_infinities(impl: Implementation) -> None:
    """`max` MUST be infinity where that is among the numbers, and minus infinity where there is nothing else;
    the cotangent goes there.
    """
    for dtype in impl.dtypes:
        rows = np.array([[1.0, INF, -INF], [-INF, -7.0, -INF]], dtype)
        with np.errstate(all="ignore"):
            value, (bar,) = impl.gradients(lambda F, x: F.max(x, dim=1), rows)
            nothing_else = impl.value("max", np.full((1, 2), -INF, dtype), dim=1)
        assert_equal(value, np.array([INF, -7.0]), "max of rows with infinities")
        assert_equal(bar, np.array([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]), "cotangent of x in max of rows")
        assert_equal(nothing_else, np.array([-INF]), "max of minus infinities")


@clause(depends="ops.max.gradient")
def test_max_stops_an_infinite_cotangent(impl: Implementation) -> None:
    """`max` SHOULD pull back 0 to what is not largest also where an infinite cotangent arrives, not NaN."""
    for dtype in impl.dtypes:
        with np.errstate(all="ignore"):
            _, (bar,) = impl.gradients(
                lambda F, x: F.max(x, dim=1),
                np.array([[1.0, 3.0], [5.0, 2.0]], dtype),
                cotangent=np.array([INF, -INF], dtype),
            )
        assert_equal(bar, np.array([[0.0, INF], [-INF, 0.0]]), "cotangent of x in max of rows")
