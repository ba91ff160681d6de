"""The embedding: a table of vectors, looked up by number."""

from __future__ import annotations

from typing import Any

import numpy as np

from dlspec.clause import clause
from dlspec.implementation import INDEX_DTYPES, Implementation
from dlspec.programs import assert_program, lattice
from dlspec.tolerance import assert_equal

DEPENDS = ("gradient",)


@clause()
def test_a_vector_stands_where_its_number_stood(impl: Implementation) -> None:
    """An embedding MUST put the vector of each index where the index stands, whatever the shape of the
    indices.
    """
    table = lattice(1, 5, 3)
    for indices in (np.array([4, 0]), np.array([[0, 1], [2, 3], [4, 4]]), np.array(2)):
        value = impl.value("embedding", table, indices=indices)

        assert_equal(value, np.take(table, indices, axis=0), f"vectors of {indices.tolist()}")


@clause()
def test_every_integer_type_is_an_index(impl: Implementation) -> None:
    """Indices of every integer type MUST work, and send what arrives to the vectors that they chose."""
    table, w = np.arange(400.0).reshape(100, 4), lattice(4, 3, 4)
    for dtype in INDEX_DTYPES:
        indices = np.array([99, 0, 64], dtype)
        value, (bar,) = impl.gradients(
            lambda F, table, i=indices: F.embedding(table, indices=i), table, cotangent=w
        )

        assert_equal(value, table[[99, 0, 64]], f"vectors by {dtype}")
        right = np.zeros_like(table)
        right[[99, 0, 64]] = w
        assert_equal(bar, right, f"cotangent of the table by {dtype}")


@clause()
def test_a_word_that_occurs_again_learns_from_both(impl: Implementation) -> None:
    """A vector that is looked up several times MUST receive the sum of what each of its places sends back."""
    indices = np.array([[2, 0, 2], [1, 2, 2]])
    cotangent = np.arange(1.0, 13.0).reshape(2, 3, 2)
    _, (bar,) = impl.gradients(
        lambda F, table: F.embedding(table, indices=indices), np.zeros((4, 2)), cotangent=cotangent
    )

    assert_equal(bar, np.array([[3.0, 4.0], [7.0, 8.0], [26.0, 30.0], [0.0, 0.0]]), "cotangent of the table")


@clause()
def test_the_first_word_is_like_any_other(impl: Implementation) -> None:
    """Index 0 MUST be looked up and learn like any other: no index stands for padding."""
    value, (bar,) = impl.gradients(
        lambda F, table: F.embedding(table, indices=np.array([0, 1, 0])), np.array([[3.0], [5.0]])
    )

    assert_equal(value, np.array([[3.0], [5.0], [3.0]]), "vectors of 0, 1, 0")
    assert_equal(bar, np.array([[2.0], [1.0]]), "cotangent of the table")


@clause(
    depends=(
        "ops.tanh.gradient",
        "autodiff.fan_out.a_value_used_twice_receives_the_sum",
        "autodiff.fan_out.an_intermediate_value_used_by_unlike_ops",
    )
)
def test_what_is_looked_up_may_be_used_twice(impl: Implementation) -> None:
    """Vectors that two later ops use MUST send both cotangents back to the table."""
    indices = np.array([1, 0, 1])

    def program(F: Any, table: Any) -> Any:
        found = F.embedding(table, indices=indices)
        return F.add(F.tanh(found), found)

    assert_program(impl, program, (lattice(2, 3, 2),), lattice(3, 3, 2), ("the table",), "tanh(e) + e")
