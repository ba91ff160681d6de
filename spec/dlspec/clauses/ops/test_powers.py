"""Powers with a constant exponent, and where their derivative needs care."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec.clause import clause
from dlspec.implementation import Implementation
from dlspec.strategies import arrays_of, whole
from dlspec.tolerance import assert_equal

DEPENDS = ("ops.power.gradient",)

Array = NDArray[Any]


@clause(cases=arrays_of(whole(-8, 8)))
def test_the_power_zero_is_constant(impl: Implementation, x: Array) -> None:
    """`x ** 0` MUST be 1 with the gradient 0, also where `x` is 0."""
    value, (bar,) = impl.gradients(lambda F, x: F.power(x, exponent=0), x)

    assert_equal(value, np.ones_like(x), "x ** 0")
    assert_equal(bar, np.zeros_like(x), "cotangent of x in x ** 0")


@clause(cases=arrays_of(whole(-8, 8)))
def test_the_power_one_is_the_number(impl: Implementation, x: Array) -> None:
    """`x ** 1` MUST be `x` with the gradient 1, also where `x` is 0."""
    value, (bar,) = impl.gradients(lambda F, x: F.power(x, exponent=1), x)

    assert_equal(value, x, "x ** 1")
    assert_equal(bar, np.ones_like(x), "cotangent of x in x ** 1")


@clause(cases=arrays_of(whole(-8, 8)))
def test_squares_of_negative_numbers(impl: Implementation, x: Array) -> None:
    """`x ** 2` MUST have the gradient `2 x` at negative numbers and at 0, not the logarithm's NaN."""
    value, (bar,) = impl.gradients(lambda F, x: F.power(x, exponent=2), x)

    assert_equal(value, x * x, "x ** 2")
    assert_equal(bar, 2 * x, "cotangent of x in x ** 2")
