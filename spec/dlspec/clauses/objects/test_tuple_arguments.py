"""Shapes and axes as several arguments, or as one tuple."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.objects.helpers import provided
from dlspec.implementation import TapeImplementation
from dlspec.tolerance import assert_equal

DATA = np.arange(6.0).reshape(2, 3)


@clause(depends="ops.reshape.gradient")
def test_a_shape_may_be_a_tuple(impl: TapeImplementation) -> None:
    """`t.reshape((3, 2))` MUST be `t.reshape(3, 2)`, in its value and in its gradient."""
    t = impl.leaf(DATA)
    reshaped = provided(t, "reshape")((3, 2))
    assert_equal(impl.array(reshaped), DATA.reshape(3, 2), "t.reshape((3, 2))")
    impl.backward(reshaped, np.array([[1.0, -2.0], [3.0, -4.0], [5.0, -6.0]]))
    assert_equal(impl.gradient(t), np.array([[1.0, -2.0, 3.0], [-4.0, 5.0, -6.0]]), "gradient of t")


@clause(depends="ops.transpose.gradient")
def test_axes_may_be_a_tuple(impl: TapeImplementation) -> None:
    """`t.transpose((1, 0))` MUST be `t.transpose(1, 0)`, in its value and in its gradient."""
    t = impl.leaf(DATA)
    turned = provided(t, "transpose")((1, 0))
    assert_equal(impl.array(turned), DATA.T, "t.transpose((1, 0))")
    impl.backward(turned, np.array([[1.0, -2.0], [3.0, -4.0], [5.0, -6.0]]))
    assert_equal(impl.gradient(t), np.array([[1.0, 3.0, 5.0], [-2.0, -4.0, -6.0]]), "gradient of t")
