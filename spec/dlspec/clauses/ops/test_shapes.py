"""Ops that move numbers without changing them."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec.clause import clause
from dlspec.implementation import Implementation
from dlspec.strategies import arrays_of, shapes, whole
from dlspec.tolerance import assert_equal, assert_shape

Array = NDArray[Any]


@clause(cases=arrays_of(whole(-8, 8)), depends="ops.transpose.value")
def test_transpose_reverses_all_axes(impl: Implementation, x: Array) -> None:
    """`transpose()` without axes MUST reverse the order of all axes."""
    assert_equal(impl.value("transpose", x), x.T, "transpose")


@clause(depends="ops.transpose.gradient")
def test_axes_of_a_cycle(impl: Implementation) -> None:
    """With axes that are not their own inverse, `transpose` MUST pull back by the inverse order."""
    x, cotangent = np.arange(24.0).reshape(2, 3, 4), np.arange(24.0).reshape(4, 2, 3)
    for axes in ((2, 0, 1), (-1, 0, 1)):
        value, (bar,) = impl.gradients(lambda F, x, a=axes: F.transpose(x, axes=a), x, cotangent=cotangent)

        assert_equal(value, np.transpose(x, (2, 0, 1)), f"transpose by {axes}")
        assert_equal(bar, np.transpose(cotangent, (1, 2, 0)), f"cotangent of x transposed by {axes}")


@clause(depends="ops.transpose.gradient")
def test_axes_of_a_cube(impl: Implementation) -> None:
    """Where all sides are the same, so that no shape can tell, `transpose` MUST still order the axes as it is
    told, forward and back.
    """
    x = np.arange(27.0).reshape(3, 3, 3)
    for axes in itertools.permutations(range(3)):
        right = np.transpose(x, axes)
        value, (bar,) = impl.gradients(lambda F, x, a=axes: F.transpose(x, axes=a), x, cotangent=right.copy())

        assert_equal(value, right, f"cube by {axes}")
        assert_equal(bar, x, f"cotangent of a cube by {axes}")


@clause(cases=arrays_of(whole(-8, 8), shapes(min_dims=2)), depends="ops.reshape.value")
def test_reshape_reads_row_by_row(impl: Implementation, x: Array) -> None:
    """`reshape` MUST keep the elements in the order in which rows are read."""
    assert_equal(impl.value("reshape", x, shape=(x.size,)), x.ravel(order="C"), "reshape to a vector")


@clause(depends="ops.reshape.value")
def test_reshape_infers_one_side(impl: Implementation) -> None:
    """One side of -1 MUST be what the number of elements leaves for it."""
    x = np.arange(12.0)
    for shape, right in (((-1, 4), (3, 4)), ((2, -1, 3), (2, 2, 3)), ((-1,), (12,))):
        assert_shape(impl.value("reshape", x, shape=shape), right, f"reshape to {shape}")


@clause(cases=arrays_of(whole(-8, 8)), depends="ops.expand.value")
def test_expand_adds_an_axis_of_copies(impl: Implementation, x: Array) -> None:
    """`expand(dim, copies)` MUST put a new axis at `dim` of the result, along which `x` is repeated."""
    for dim in range(x.ndim + 1):
        right = np.stack([x] * 3, axis=dim)
        assert_equal(impl.value("expand", x, dim=dim, copies=3), right, f"expand at dim {dim}")


@clause(cases=arrays_of(whole(-8, 8)), depends="ops.expand.value")
def test_a_negative_dim_of_expand_counts_from_the_end_of_the_result(impl: Implementation, x: Array) -> None:
    """A negative `dim` of `expand` MUST count from the end of the result: -1 puts the new axis last."""
    for dim in range(-x.ndim - 1, 0):
        right = np.stack([x] * 2, axis=dim)
        value, (bar,) = impl.gradients(lambda F, x, d=dim: F.expand(x, dim=d, copies=2), x, cotangent=right)

        assert_equal(value, right, f"expand at dim {dim}")
        assert_equal(bar, 2 * x, f"cotangent of x expanded at dim {dim}")


@clause(depends="ops.expand.gradient")
def test_no_copies_are_an_empty_axis(impl: Implementation) -> None:
    """`expand` with 0 copies MUST give an axis of no elements, and pull back zeros."""
    x = np.array([[1.0, 2.0, 3.0]])
    value, (bar,) = impl.gradients(lambda F, x: F.expand(x, dim=1, copies=0), x, cotangent=np.ones((1, 0, 3)))

    assert_shape(value, (1, 0, 3), "expand with 0 copies")
    assert_equal(bar, np.zeros((1, 3)), "cotangent of x expanded to 0 copies")


@clause(depends=("ops.*.gradient", "ops.*.shape"))
def test_a_single_element_keeps_its_axes(impl: Implementation) -> None:
    """The result of an op on arrays with one element MUST have as many axes as on larger ones."""
    x, y = np.array([[0.5]]), np.array([[2.0]])
    for op in ("negative", "exp", "log", "relu", "tanh", "sigmoid", "softmax", "log_softmax", "transpose"):
        assert_shape(impl.value(op, x), (1, 1), op)
    for op in ("add", "subtract", "multiply", "divide", "mm"):
        assert_shape(impl.value(op, x, y), (1, 1), op)
    for op, static, right in (
        ("power", {"exponent": 2}, (1, 1)),
        ("sum", {"dim": 0}, (1,)),
        ("mean", {"dim": 1}, (1,)),
        ("max", {"dim": (0, 1), "keepdims": True}, (1, 1)),
        ("reshape", {"shape": (1, 1, 1)}, (1, 1, 1)),
        ("expand", {"dim": 0, "copies": 1}, (1, 1, 1)),
        ("index_select", {"indices": np.array([0])}, (1, 1)),
        ("cross_entropy", {"targets": np.array([0]), "reduction": "none"}, (1,)),
    ):
        assert_shape(impl.value(op, x, **static), right, op)
