"""Where a derivative is a choice, the choice is part of the spec."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.implementation import Implementation
from dlspec.tolerance import assert_equal


@clause(depends="ops.relu.gradient")
def test_relu_is_flat_at_zero(impl: Implementation) -> None:
    """The derivative of `relu` at 0 MUST be 0, as it is on the left."""
    for dtype in impl.dtypes:
        x = np.array([-2.0, -0.0, 0.0, 3.0], dtype)
        value, (bar,) = impl.gradients(lambda F, x: F.relu(x), x, cotangent=np.array([5, 6, 7, 8], dtype))

        assert_equal(value, np.array([0, 0, 0, 3]), "relu")
        assert_equal(bar, np.array([0, 0, 0, 8]), "cotangent of x in relu")


@clause(depends="ops.max.gradient")
def test_equal_maxima_share_the_cotangent(impl: Implementation) -> None:
    """Where several elements are the largest, `max` MUST send each an equal share of the cotangent."""
    for dtype in impl.dtypes:
        x = np.array([[1.0, 4.0, 4.0], [2.0, 2.0, 0.0], [5.0, 3.0, 1.0]], dtype)
        _, (bar,) = impl.gradients(lambda F, x: F.max(x, dim=1), x, cotangent=np.array([6, -8, 2], dtype))
        _, (of_all,) = impl.gradients(lambda F, x: F.max(x), np.array([[7, 0], [7, 7], [7, 1]], dtype))

        assert_equal(bar, np.array([[0, 3, 3], [-4, -4, 0], [2, 0, 0]]), "cotangent of x in max over rows")
        assert_equal(of_all, np.array([[0.25, 0], [0.25, 0.25], [0.25, 0]]), "cotangent of x in max of all")
