"""The logistic function from the smallest numbers to where it saturates."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec.clause import clause
from dlspec.clauses.numerics.helpers import assert_cotangent, assert_quiet, assert_value, signed
from dlspec.failure import ConformanceFailure
from dlspec.implementation import Implementation
from dlspec.strategies import arrays_of, reals
from dlspec.tolerance import assert_equal, assert_within, rounding

DEPENDS = ("ops.sigmoid.gradient",)

Array = NDArray[Any]


@clause()
def test_it_is_accurate_everywhere(impl: Implementation) -> None:
    """`sigmoid` MUST stay within its budget for every number, also far to the left where it is as small as
    the exponential.
    """
    for dtype in impl.dtypes:
        assert_value(impl, "sigmoid", signed(dtype))


@clause(depends="it_is_accurate_everywhere")
def test_its_derivative_is_accurate_everywhere(impl: Implementation) -> None:
    """The cotangent that `sigmoid` pulls back MUST stay within its budget for every number, also far to the
    left where it is as small as the exponential.
    """
    for dtype in impl.dtypes:
        assert_cotangent(impl, "sigmoid", signed(dtype))


@clause()
def test_its_value_at_zero(impl: Implementation) -> None:
    """`sigmoid` of 0 MUST be 1/2 and pull back a quarter of its cotangent, exactly."""
    for dtype in impl.dtypes:
        value, (bar,) = impl.gradients(
            lambda F, x: F.sigmoid(x), np.array([0.0, -0.0], dtype), cotangent=np.array([4.0, -6.0], dtype)
        )
        assert_equal(value, np.array([0.5, 0.5]), "sigmoid of 0")
        assert_equal(bar, np.array([1.0, -1.5]), "cotangent of 0 in sigmoid")


@clause(cases=arrays_of(reals(-30, 30)))
def test_both_sides_add_up_to_one(impl: Implementation, x: Array) -> None:
    """`sigmoid(x)` and `sigmoid(-x)` MUST add up to 1."""
    total = impl.value("sigmoid", x) + impl.value("sigmoid", -x)
    assert_within(total, np.ones(x.shape), rounding(8, 1.0, x.dtype), "sigmoid(x) + sigmoid(-x)")


@clause(cases=arrays_of(reals(-60, 60)))
def test_it_stays_between_its_limits(impl: Implementation, x: Array) -> None:
    """`sigmoid` MUST NOT leave the interval from 0 to 1, not even by a rounding error."""
    value = impl.value("sigmoid", x)
    outside = value[(value < 0) | (value > 1)]
    if outside.size:
        worst = float(outside[0])
        raise ConformanceFailure(
            f"sigmoid reaches {worst!r}", what="sigmoid(x)", got=worst, expected="from 0 to 1"
        )


@clause()
def test_it_saturates_quietly(impl: Implementation) -> None:
    """`sigmoid` MUST raise no floating-point warning for any finite number, forward or backward."""
    for dtype in impl.dtypes:
        assert_quiet(impl, "sigmoid", signed(dtype))


@clause(depends="it_is_accurate_everywhere")
def test_it_has_limits_at_infinity(impl: Implementation) -> None:
    """`sigmoid` of the infinities MUST be 1 and 0, and pull back 0."""
    for dtype in impl.dtypes:
        with np.errstate(all="ignore"):
            value, (bar,) = impl.gradients(lambda F, x: F.sigmoid(x), np.array([np.inf, -np.inf], dtype))
        assert_equal(value, np.array([1.0, 0.0]), "sigmoid of the infinities")
        assert_equal(bar, np.zeros(2), "cotangent of the infinities in sigmoid")


@clause(depends="its_derivative_is_accurate_everywhere")
def test_its_derivative_keeps_its_digits_in_the_tails(impl: Implementation) -> None:
    """The derivative of `sigmoid` SHOULD be as accurate relative to itself on the right, where it is 1, as on
    the left, where it is 0.
    """
    tails = {"float64": [8.0, 16.0, 24.0, 32.0, 36.0, 50.0], "float32": [5.0, 9.0, 13.0, 16.0, 20.0]}
    for dtype in impl.dtypes:
        x = np.array(tails[dtype], dtype)
        assert_cotangent(impl, "sigmoid", np.concatenate([x, -x]), slack=False)
