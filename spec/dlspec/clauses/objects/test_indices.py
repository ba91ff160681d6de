"""What may choose rows, in `index_select` and in an embedding: whatever holds integers."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.objects.helpers import new, provided
from dlspec.implementation import INDEX_DTYPES, TapeImplementation
from dlspec.tolerance import assert_equal, refused

DEPENDS = ("ops.index_select.gradient", "objects.construction.numbers_lists_and_arrays")

ROWS = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])


@clause()
def test_lists_arrays_and_tensors(impl: TapeImplementation) -> None:
    """`index_select` MUST take its indices as a list, nested lists, a tuple, an array or a tensor, and send
    the cotangent to the same rows.
    """
    tensor = impl.named("Tensor")
    for indices, name in (
        ([2, 0, 2], "a list"),
        ((2, 0, 2), "a tuple"),
        ([[2], [0], [2]], "nested lists"),
        (np.array([2, 0, 2]), "an array"),
        (tensor(np.array([2, 0, 2])), "a tensor"),
    ):
        table = tensor(ROWS, autograd=True)
        chosen = provided(table, "index_select")(indices)
        impl.backward(
            chosen, np.array([[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]]).reshape(impl.array(chosen).shape)
        )

        assert_equal(impl.array(chosen).reshape(3, 2), ROWS[[2, 0, 2]], f"rows chosen by {name}")
        right = np.array([[10.0, 20.0], [0.0, 0.0], [101.0, 202.0]])
        assert_equal(impl.gradient(table), right, f"gradient of the table where rows are chosen by {name}")


@clause()
def test_one_index_is_one_row(impl: TapeImplementation) -> None:
    """`index_select` MUST give one row, without a dim for the index, where the index is a plain integer."""
    tensor = impl.named("Tensor")
    for index in (2, np.int64(2), np.uint8(2), np.array(2), tensor(2)):
        table = tensor(ROWS, autograd=True)
        chosen = provided(table, "index_select")(index)
        impl.backward(chosen, np.array([1.0, -1.0]))

        assert_equal(impl.array(chosen), np.array([5.0, 6.0]), f"row chosen by {index!r}")
        right = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, -1.0]])
        assert_equal(impl.gradient(table), right, f"gradient of the table where {index!r} is chosen")


@clause()
def test_an_empty_list_is_no_rows(impl: TapeImplementation) -> None:
    """`index_select` MUST give no rows for an empty list, though NumPy takes one for an array of floats."""
    table = impl.named("Tensor")(ROWS, autograd=True)
    chosen = provided(table, "index_select")([])
    impl.backward(chosen, np.zeros((0, 2)))

    assert_equal(impl.array(chosen), np.zeros((0, 2)), "rows chosen by []")
    assert_equal(impl.gradient(table), np.zeros((3, 2)), "gradient of the table")


@clause()
def test_every_integer_type(impl: TapeImplementation) -> None:
    """`index_select` MUST take arrays and tensors of every integer type."""
    tensor = impl.named("Tensor")
    for dtype in INDEX_DTYPES:
        for indices in (np.array([2, 0], dtype), tensor(np.array([2, 0], dtype))):
            chosen = provided(tensor(ROWS), "index_select")(indices)
            assert_equal(impl.array(chosen), ROWS[[2, 0]], f"rows chosen by {dtype}")


@clause()
def test_what_is_no_index_is_refused(impl: TapeImplementation) -> None:
    """`index_select` MUST refuse floats and truth values as indices with a TypeError or ValueError, be they
    whole numbers or not.
    """
    tensor = impl.named("Tensor")
    for indices in (
        [1.0, 0.0],
        1.0,
        [True, False, True],
        True,
        np.array([1.5]),
        tensor([1.0, 0.0]),
        tensor([True]),
    ):
        with refused(TypeError, ValueError, what=f"rows chosen by {indices!s}"):
            provided(tensor(ROWS), "index_select")(indices)


@clause()
def test_an_index_out_of_range_is_refused(impl: TapeImplementation) -> None:
    """`index_select` MUST refuse an index outside `[0, n)` with an IndexError or ValueError; -1 is not the
    last row.
    """
    tensor = impl.named("Tensor")
    for indices in ([0, 3], [-1], -1, 3, np.array([[0], [-3]]), np.array([2**63], np.uint64), tensor([1, 3])):
        with refused(IndexError, ValueError, what=f"rows chosen by {indices!s} of a table of 3"):
            provided(tensor(ROWS), "index_select")(indices)


@clause()
def test_indices_are_copied_when_they_are_used(impl: TapeImplementation) -> None:
    """Indices that change after they were used MUST change no gradient: it goes to the rows that were
    chosen.
    """
    tensor = impl.named("Tensor")
    for kind in ("an array", "a list", "a tensor"):
        table, rows = tensor(ROWS, autograd=True), np.array([2, 0])
        indices = {"an array": rows, "a list": [2, 0], "a tensor": tensor(rows)}[kind]
        chosen = provided(table, "index_select")(indices)
        if kind == "a tensor":
            impl.set_data(indices, np.array([1, 1]))
        else:
            indices[0] = indices[1] = 1
        impl.backward(chosen, np.array([[1.0, 2.0], [10.0, 20.0]]))

        right = np.array([[10.0, 20.0], [0.0, 0.0], [1.0, 2.0]])
        assert_equal(
            impl.gradient(table), right, f"gradient of the table after {kind} of indices has changed"
        )


@clause(depends=("layers.embedding.gradient", "lists_arrays_and_tensors"))
def test_an_embedding_takes_what_index_select_takes(impl: TapeImplementation) -> None:
    """An `Embedding` MUST take its indices as a list, an array, a tensor or a plain integer."""
    tensor, layer = impl.named("Tensor"), new(impl, "Embedding", 3, 2)
    impl.set_data(layer.weight, ROWS)
    for indices in ([2, 0], np.array([2, 0], np.uint8), tensor(np.array([2, 0]))):
        assert_equal(impl.array(layer.forward(indices)), ROWS[[2, 0]], f"embedding of {indices!s}")
    assert_equal(impl.array(layer.forward(1)), ROWS[1], "embedding of 1")
