"""Choosing rows: which ones, in which shape, and where their cotangents go."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.implementation import INDEX_DTYPES, Implementation
from dlspec.tolerance import assert_equal

DEPENDS = ("gradient",)


@clause()
def test_the_result_has_the_shape_of_the_indices(impl: Implementation) -> None:
    """`index_select` MUST put a row where each index stands, whatever the shape of the indices."""
    table = np.arange(12.0).reshape(4, 3)
    for indices in (
        np.array([1, 3]),
        np.array([[0, 1, 2], [3, 2, 0]]),
        np.array(2),
        np.zeros((0, 2), np.int64),
    ):
        value = impl.value("index_select", table, indices=indices)
        assert_equal(value, np.take(table, indices, axis=0), f"rows {indices.tolist()}")


@clause()
def test_repeated_rows_receive_the_sum(impl: Implementation) -> None:
    """A row that is chosen several times MUST receive the sum of all its cotangents, neighbours or not."""
    table = np.zeros((4, 2))
    cotangent = np.array([[1.0, 2.0], [10.0, 20.0], [100.0, 200.0], [1000.0, 2000.0]])
    for indices, right in (
        (np.array([2, 0, 2, 2]), [[10, 20], [0, 0], [1101, 2202], [0, 0]]),
        (np.array([1, 1, 3, 1]), [[0, 0], [1011, 2022], [0, 0], [100, 200]]),
    ):
        _, (bar,) = impl.gradients(
            lambda F, t, i=indices: F.index_select(t, indices=i), table, cotangent=cotangent
        )
        assert_equal(bar, np.array(right), f"cotangent of the table for rows {indices.tolist()}")


@clause()
def test_every_integer_type_is_an_index(impl: Implementation) -> None:
    """Indices of every integer type MUST work, and choose rows beyond what a product with the row's
    length fits into the type.
    """
    table = np.arange(400.0).reshape(100, 4)
    for dtype in INDEX_DTYPES:
        indices = np.array([99, 0, 64], dtype)
        value, (bar,) = impl.gradients(lambda F, t, i=indices: F.index_select(t, indices=i), table)

        assert_equal(value, table[[99, 0, 64]], f"rows by {dtype}")
        right = np.zeros_like(table)
        right[[99, 0, 64]] = 1
        assert_equal(bar, right, f"cotangent of the table by {dtype}")


@clause()
def test_row_zero_is_like_any_other(impl: Implementation) -> None:
    """Row 0 MUST be chosen and receive its cotangent like any other row: no index stands for padding."""
    table = np.array([[1.0], [2.0]])
    value, (bar,) = impl.gradients(lambda F, t: F.index_select(t, indices=np.array([0, 0, 1])), table)

    assert_equal(value, np.array([[1.0], [1.0], [2.0]]), "rows 0, 0, 1")
    assert_equal(bar, np.array([[2.0], [1.0]]), "cotangent of the table")


@clause()
def test_a_table_of_any_dims(impl: Implementation) -> None:
    """Rows MUST be chosen along the first axis of tables with one dim, and with more than two."""
    vector, cube = np.array([5.0, 6.0, 7.0]), np.arange(12.0).reshape(3, 2, 2)
    _, (bar,) = impl.gradients(lambda F, t: F.index_select(t, indices=np.array([2, 2, 0])), vector)

    assert_equal(
        impl.value("index_select", vector, indices=np.array([1, 0])), np.array([6.0, 5.0]), "numbers 1, 0"
    )
    assert_equal(bar, np.array([1.0, 0.0, 2.0]), "cotangent of the vector")
    assert_equal(impl.value("index_select", cube, indices=np.array([2])), cube[[2]], "row 2 of a cube")


@clause()
def test_rows_of_a_square_are_rows(impl: Implementation) -> None:
    """Of a square table, or of a cube, `index_select` MUST take rows along the first axis,
    and send the cotangents there.
    """
    for table in (np.arange(9.0).reshape(3, 3), np.arange(27.0).reshape(3, 3, 3)):
        indices = np.array([2, 0, 0])
        value, (bar,) = impl.gradients(
            lambda F, t, i=indices: F.index_select(t, indices=i), table, cotangent=1 + table
        )

        assert_equal(value, np.stack([table[2], table[0], table[0]]), f"rows of {table.ndim} dims")
        right = np.stack([2 + table[1] + table[2], np.zeros_like(table[0]), 1 + table[0]])
        assert_equal(bar, right, f"cotangent of a table of {table.ndim} dims")


@clause()
def test_indices_in_any_memory_order(impl: Implementation) -> None:
    """Indices that lie in memory in another order MUST choose the same rows and scatter to the same rows."""
    table = np.arange(8.0).reshape(4, 2)
    indices = np.array([[0, 1], [2, 3], [3, 3]])
    cotangent = np.arange(12.0).reshape(3, 2, 2)
    _, (bar,) = impl.gradients(
        lambda F, t: F.index_select(t, indices=np.asfortranarray(indices)), table, cotangent=cotangent
    )

    assert_equal(bar, np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0], [24.0, 27.0]]), "cotangent of the table")
