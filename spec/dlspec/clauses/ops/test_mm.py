"""Products of vectors, matrices and batches of matrices, as `np.matmul` defines them."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.implementation import Implementation
from dlspec.tolerance import assert_equal

DEPENDS = ("gradient",)


@clause()
def test_two_vectors_give_their_inner_product(impl: Implementation) -> None:
    """The product of two vectors MUST be a number, their inner product, and pull each the other back."""
    x, w = np.array([1.0, 2.0, 3.0]), np.array([4.0, -5.0, 6.0])
    value, (bar_of_x, bar_of_w) = impl.gradients(lambda F, x, w: F.mm(x, w), x, w, cotangent=np.array(2.0))

    assert_equal(value, np.array(12.0), "inner product")
    assert_equal(bar_of_x, 2 * w, "cotangent of the left vector")
    assert_equal(bar_of_w, 2 * x, "cotangent of the right vector")


@clause()
def test_a_vector_on_either_side_of_a_matrix(impl: Implementation) -> None:
    """A vector MUST act as a row on the left of a matrix and as a column on its right, also where the
    matrix is square.
    """
    v, m = np.array([1.0, 2.0]), np.array([[3.0, 4.0], [5.0, 6.0]])
    cotangent = np.array([1.0, -2.0])

    left, (bar_of_row, bar_of_m) = impl.gradients(lambda F, v, m: F.mm(v, m), v, m, cotangent=cotangent)
    right, (bar_of_m2, bar_of_column) = impl.gradients(lambda F, m, v: F.mm(m, v), m, v, cotangent=cotangent)

    assert_equal(left, np.array([13.0, 16.0]), "v m")
    assert_equal(bar_of_row, np.array([-5.0, -7.0]), "cotangent of v in v m")
    assert_equal(bar_of_m, np.array([[1.0, -2.0], [2.0, -4.0]]), "cotangent of m in v m")
    assert_equal(right, np.array([11.0, 17.0]), "m v")
    assert_equal(bar_of_m2, np.array([[1.0, 2.0], [-2.0, -4.0]]), "cotangent of m in m v")
    assert_equal(bar_of_column, np.array([-7.0, -8.0]), "cotangent of v in m v")


@clause()
def test_one_matrix_for_a_batch(impl: Implementation) -> None:
    """A matrix that multiplies every matrix of a batch MUST receive the sum over the batch."""
    batch = np.arange(12.0).reshape(2, 2, 3)
    w = np.array([[1.0, 0.0], [2.0, -1.0], [0.0, 3.0]])
    value, (_, bar) = impl.gradients(lambda F, x, w: F.mm(x, w), batch, w)

    assert_equal(value, np.stack([batch[0] @ w, batch[1] @ w]), "batch times matrix")
    assert_equal(bar, np.array([[18.0, 18.0], [22.0, 22.0], [26.0, 26.0]]), "cotangent of the matrix")
