"""Indices are integers from 0: anything else is refused, never wrapped, clamped or rounded."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.implementation import Implementation
from dlspec.tolerance import refused

DEPENDS = ("ops.index_select.value",)


@clause(depends="ops.index_select.refusals")
def test_an_index_past_the_end(impl: Implementation) -> None:
    """`index_select` MUST refuse an index past the last row with an IndexError or ValueError, wherever it
    stands among the indices.
    """
    for indices in ([3], [0, 3], [3, 0], [[0, 1], [2, 99]]):
        with refused(IndexError, ValueError, what=f"rows {indices} of a table of 3"):
            impl.value("index_select", np.ones((3, 2)), indices=np.array(indices))


@clause(depends="ops.index_select.refusals")
def test_a_negative_index(impl: Implementation) -> None:
    """`index_select` MUST refuse a negative index with an IndexError or ValueError: it doesn't count from the
    end.
    """
    for indices in ([-1], [0, -1], [-3], [-4], [[0, 1], [2, -2]]):
        with refused(IndexError, ValueError, what=f"rows {indices} of a table of 3"):
            impl.value("index_select", np.ones((3, 2)), indices=np.array(indices))


@clause(depends="an_index_past_the_end")
def test_an_index_too_large_for_a_signed_integer(impl: Implementation) -> None:
    """`index_select` MUST refuse an unsigned index that would wrap to a valid one with an IndexError or
    ValueError.
    """
    for number in (2**64 - 1, 2**63, 2**63 + 1, 2**32):
        with refused(IndexError, ValueError, what=f"row {number} of a table of 3"):
            impl.value("index_select", np.ones((3, 2)), indices=np.array([number], np.uint64))


@clause(depends="an_index_past_the_end")
def test_a_row_of_an_empty_table(impl: Implementation) -> None:
    """`index_select` MUST refuse every index into a table without rows with an IndexError or ValueError."""
    with refused(IndexError, ValueError, what="row 0 of a table of none"):
        impl.value("index_select", np.ones((0, 2)), indices=np.array([0]))


@clause()
def test_indices_that_are_no_integers(impl: Implementation) -> None:
    """`index_select` MUST refuse floats and truth values as indices with a TypeError or ValueError, whole
    numbers among them too.
    """
    for indices in (np.array([0.0, 1.0]), np.array([0.5]), np.array([True, False, True]), np.array(True)):
        with refused(TypeError, ValueError, what=f"rows {indices.tolist()}"):
            impl.value("index_select", np.ones((3, 2)), indices=indices)


@clause(depends=("layers.embedding.refusals", "an_index_past_the_end", "a_negative_index"))
def test_words_of_an_embedding(impl: Implementation) -> None:
    """An embedding MUST refuse an index outside its vocabulary with an IndexError or ValueError, and one that
    is no integer with a TypeError or ValueError.
    """
    for indices in ([3], [-1], [0, -1]):
        with refused(IndexError, ValueError, what=f"words {indices} of a vocabulary of 3"):
            impl.value("embedding", np.ones((3, 2)), indices=np.array(indices))
    for wrong in (np.array([1.0]), np.array([True])):
        with refused(TypeError, ValueError, what=f"words {wrong.tolist()}"):
            impl.value("embedding", np.ones((3, 2)), indices=wrong)


@clause()
def test_a_number_has_no_rows(impl: Implementation) -> None:
    """`index_select` on a single number MUST be refused with a ValueError or IndexError."""
    with refused(ValueError, IndexError, what="row 0 of a number"):
        impl.value("index_select", np.array(2.0), indices=np.array([0]))
