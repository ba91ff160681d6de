"""`@` with an array on one side."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.objects.helpers import assert_fact, provided
from dlspec.implementation import TapeImplementation
from dlspec.tolerance import assert_equal

DEPENDS = ("objects.operators.the_matrix_operator",)

WIDE, TALL = np.array([[1.0, 2.0, -3.0]]), np.array([[1.0, 4.0], [0.0, 5.0], [2.0, -6.0]])
COTANGENT = np.array([[1.0, -2.0]])


@clause(depends="objects.operators.an_array_on_the_left_of_the_matrix_operator")
def test_an_array_on_the_left(impl: TapeImplementation) -> None:
    """`array @ t` MUST be a tensor that knows the product, and the gradient of `t`."""
    tensor = impl.named("Tensor")
    provided(tensor, "__rmatmul__")
    t = tensor(TALL, autograd=True)
    result = WIDE @ t
    assert_fact(isinstance(result, tensor), True, "whether array @ t is a Tensor")
    impl.backward(result, COTANGENT)

    assert_equal(impl.array(result), np.array([[-5.0, 32.0]]), "array @ t")
    assert_equal(impl.gradient(t), WIDE.T @ COTANGENT, "gradient of t in array @ t")


@clause()
def test_an_array_on_the_right(impl: TapeImplementation) -> None:
    """`t @ array` MUST treat the array as a constant tensor."""
    tensor = impl.named("Tensor")
    provided(tensor, "__matmul__")
    t = tensor(WIDE, autograd=True)
    result = t @ TALL
    impl.backward(result, COTANGENT)

    assert_equal(impl.array(result), np.array([[-5.0, 32.0]]), "t @ array")
    assert_equal(impl.gradient(t), np.array([[-7.0, -10.0, 14.0]]), "gradient of t in t @ array")
