"""The hyperbolic tangent from the smallest numbers to where it saturates."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec.clause import clause
from dlspec.clauses.numerics.helpers import assert_cotangent, assert_quiet, assert_value, signed
from dlspec.failure import ConformanceFailure
from dlspec.implementation import Implementation
from dlspec.strategies import arrays_of, reals
from dlspec.tolerance import assert_equal

DEPENDS = ("ops.tanh.gradient",)

Array = NDArray[Any]


@clause()
def test_it_is_accurate_everywhere(impl: Implementation) -> None:
    """`tanh` MUST stay within its budget from the smallest number, which it returns, to the largest, whose
    tangent is 1.
    """
    for dtype in impl.dtypes:
        assert_value(impl, "tanh", signed(dtype))


@clause(depends="it_is_accurate_everywhere")
def test_its_derivative_is_accurate_everywhere(impl: Implementation) -> None:
    """The cotangent that `tanh` pulls back MUST stay within its budget from the smallest number to the
    largest.
    """
    for dtype in impl.dtypes:
        assert_cotangent(impl, "tanh", signed(dtype))


@clause(cases=arrays_of(reals(-30, 30)))
def test_it_is_odd(impl: Implementation, x: Array) -> None:
    """`tanh(-x)` MUST equal `-tanh(x)`, exactly."""
    assert_equal(impl.value("tanh", -x), -impl.value("tanh", x), "tanh(-x)")


@clause(cases=arrays_of(reals(-30, 30)))
def test_it_stays_between_its_limits(impl: Implementation, x: Array) -> None:
    """`tanh` MUST NOT leave the interval from -1 to 1, not even by a rounding error."""
    value = impl.value("tanh", x)
    if np.any(np.abs(value) > 1):
        largest = float(np.max(np.abs(value)))
        raise ConformanceFailure(
            f"tanh reaches {largest!r}", what="|tanh(x)|", got=largest, expected="at most 1"
        )


@clause()
def test_it_saturates_quietly(impl: Implementation) -> None:
    """`tanh` MUST raise no floating-point warning for any finite number, forward or backward."""
    for dtype in impl.dtypes:
        assert_quiet(impl, "tanh", signed(dtype))


@clause(depends="it_is_accurate_everywhere")
def test_it_has_limits_at_infinity(impl: Implementation) -> None:
    """`tanh` of an infinity MUST be 1 with its sign, and pull back 0."""
    for dtype in impl.dtypes:
        with np.errstate(all="ignore"):
            value, (bar,) = impl.gradients(lambda F, x: F.tanh(x), np.array([np.inf, -np.inf], dtype))
        assert_equal(value, np.array([1.0, -1.0]), "tanh of the infinities")
        assert_equal(bar, np.zeros(2), "cotangent of the infinities in tanh")


@clause(depends="its_derivative_is_accurate_everywhere")
def test_its_derivative_keeps_its_digits_in_the_tails(impl: Implementation) -> None:
    """The derivative of `tanh` SHOULD be as accurate relative to itself where it fades as where it is 1."""
    tails = {"float64": [5.0, 8.0, 12.0, 15.0, 18.0, 25.0], "float32": [3.0, 5.0, 7.0, 8.5, 12.0]}
    for dtype in impl.dtypes:
        x = np.array(tails[dtype], dtype)
        assert_cotangent(impl, "tanh", np.concatenate([x, -x]), slack=False)
