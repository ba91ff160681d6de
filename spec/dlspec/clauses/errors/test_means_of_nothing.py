"""The mean of no elements."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.implementation import Implementation
from dlspec.tolerance import assert_equal, assert_shape

DEPENDS = ("ops.reductions.a_mean_of_nothing_is_nan",)


@clause()
def test_it_is_nan(impl: Implementation) -> None:
    """A mean over no elements MUST be NaN, and send back a cotangent of the operand's shape, which has
    none.
    """
    for shape, static, right in (((0,), {}, ()), ((0, 3), {"dim": 0}, (3,)), ((2, 0), {"dim": -1}, (2,))):
        value, (bar,) = impl.gradients(lambda F, x, static=static: F.mean(x, **static), np.ones(shape))

        assert_equal(value, np.full(right, np.nan), f"mean of shape {shape} with {static}")
        assert_shape(bar, shape, f"cotangent in the mean of shape {shape} with {static}")
