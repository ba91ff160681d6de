"""Making a tensor: from numbers, lists and arrays, which it copies and whose type it keeps."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.objects.helpers import assert_fact, provided
from dlspec.implementation import TapeImplementation
from dlspec.tolerance import assert_dtype, assert_equal, assert_shape, refused

DEPENDS = ("numbers_lists_and_arrays",)


@clause()
def test_numbers_lists_and_arrays(impl: TapeImplementation) -> None:
    """A tensor MUST hold the numbers that it is made from, in their shape, be they one number, nested lists
    or an array.
    """
    tensor = impl.named("Tensor")
    for data in (2.5, [1.0, -2.0], [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], np.arange(6.0).reshape(1, 2, 3)):
        assert_equal(impl.array(tensor(data)), np.array(data), f"data of Tensor({data})")


@clause()
def test_arrays_in_any_memory_order(impl: TapeImplementation) -> None:
    """A tensor MUST hold the same numbers in the same places however the array it is made from lies in
    memory.
    """
    tensor = impl.named("Tensor")
    array = np.arange(6.0).reshape(2, 3)
    for name, other in (
        ("Fortran order", np.asfortranarray(array)),
        ("backwards", array[::-1, ::-1][::-1, ::-1]),
        ("every other column", np.repeat(array, 2, axis=1)[:, ::2]),
    ):
        assert_equal(impl.array(tensor(other)), array, f"data of a tensor made from an array in {name}")


@clause()
def test_a_tensor_of_nothing(impl: TapeImplementation) -> None:
    """A tensor MUST be allowed to have no elements, and keep its shape."""
    tensor = impl.named("Tensor")
    for shape in ((0,), (0, 3), (2, 0, 4)):
        assert_shape(impl.array(tensor(np.zeros(shape))), shape, f"data of a tensor of shape {shape}")


@clause()
def test_data_is_copied(impl: TapeImplementation) -> None:
    """A tensor MUST copy its data: an array that is changed after a tensor was made from it changes no
    tensor.
    """
    tensor = impl.named("Tensor")
    for autograd in (False, True):
        array = np.array([1.0, 2.0])
        made = tensor(array, autograd=autograd)
        array[:] = 9

        assert_equal(impl.array(made), np.array([1.0, 2.0]), f"data of a tensor with autograd={autograd}")


@clause()
def test_the_source_is_never_written_to(impl: TapeImplementation) -> None:
    """Changing a tensor's data in place MUST leave the array that it was made from as it was."""
    tensor = impl.named("Tensor")
    array = np.array([1.0, 2.0])
    made = tensor(array, autograd=True)
    made.data -= 1

    assert_equal(array, np.array([1.0, 2.0]), "the array that the tensor was made from")
    assert_equal(impl.array(made), np.array([0.0, 1.0]), "data after `t.data -= 1`")


@clause()
def test_assigned_data_is_copied(impl: TapeImplementation) -> None:
    """`t.data = a` MUST copy `a`: when it changes later, the tensor doesn't."""
    tensor = impl.named("Tensor")
    made, array = tensor([0.0, 0.0], autograd=True), np.array([1.0, 2.0])
    made.data = array
    array[:] = 9

    assert_equal(impl.array(made), np.array([1.0, 2.0]), "data of the tensor")


@clause()
def test_a_leaf_wants_no_gradient_unless_asked_to(impl: TapeImplementation) -> None:
    """A tensor MUST want a gradient if it is made with `autograd=True`, and only then."""
    tensor = impl.named("Tensor")

    assert_fact(impl.wants_gradient(tensor([1.0])), False, "autograd of Tensor([1.0])")
    assert_fact(impl.wants_gradient(tensor([1.0], autograd=False)), False, "autograd of one made without")
    assert_fact(impl.wants_gradient(tensor([1.0], autograd=True)), True, "autograd of one made with")


@clause()
def test_floating_types_are_kept(impl: TapeImplementation) -> None:
    """A tensor made from a float32 or float64 array MUST keep that type."""
    tensor = impl.named("Tensor")
    for dtype in impl.dtypes:
        assert_dtype(impl.array(tensor(np.ones(2, dtype))), dtype, f"data made from {dtype}")


@clause()
def test_whole_numbers_and_truth_values_stay_what_they_are(impl: TapeImplementation) -> None:
    """A tensor made from integers or truth values MUST keep their type: they are indices, labels and
    masks.
    """
    tensor = impl.named("Tensor")
    for dtype in ("int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool"):
        assert_dtype(impl.array(tensor(np.ones(2, dtype))), dtype, f"data made from {dtype}")


@clause()
def test_python_numbers_have_the_types_of_numpy(impl: TapeImplementation) -> None:
    """A tensor made from Python floats MUST be float64, and one made from Python integers has NumPy's integer
    type.
    """
    tensor = impl.named("Tensor")

    assert_dtype(impl.array(tensor(0.5)), np.float64, "Tensor(0.5)")
    assert_dtype(impl.array(tensor([1, 2.5])), np.float64, "Tensor([1, 2.5])")
    assert_dtype(impl.array(tensor([1, 2])), np.array([1, 2]).dtype, "Tensor([1, 2])")


@clause(depends="objects.backward.a_cotangent_may_be_an_array_or_a_tensor")
def test_an_integer_leaf_keeps_its_data_and_gets_a_real_gradient(impl: TapeImplementation) -> None:
    """An integer tensor that wants a gradient MUST keep its integers, and receive its gradient in float64."""
    tensor = impl.named("Tensor")
    x = tensor(np.array([1, 2, 3]), autograd=True)
    impl.backward(x * tensor([0.5, -1.5, 2.5]), np.array([1.0, 2.0, -1.0]))

    assert_equal(impl.array(x), np.array([1, 2, 3]), "data of the integer leaf")
    assert_dtype(impl.array(x), np.array([1]).dtype, "data of the integer leaf")
    assert_equal(impl.gradient(x), np.array([0.5, -3.0, -2.5]), "gradient of the integer leaf")
    assert_dtype(impl.gradient(x), np.float64, "gradient of the integer leaf")


@clause()
def test_other_floating_types_are_refused(impl: TapeImplementation) -> None:
    """Data in float16 or in extended precision MUST be refused with a TypeError or ValueError, never rounded
    or widened in silence.
    """
    tensor = impl.named("Tensor")
    for dtype in (np.float16, np.longdouble):
        with refused(TypeError, ValueError, what=f"a tensor of {np.dtype(dtype)}"):
            tensor(np.ones(2, dtype))


@clause()
def test_complex_numbers_are_refused(impl: TapeImplementation) -> None:
    """Complex data MUST be refused with a TypeError or ValueError."""
    tensor = impl.named("Tensor")
    for data in (1j, [1.0, 2j], np.ones(2, np.complex64), np.ones(2, np.complex128)):
        with refused(TypeError, ValueError, what=f"a tensor of {data}"):
            tensor(data)


@clause()
def test_what_is_no_number_is_refused(impl: TapeImplementation) -> None:
    """Text, dates, objects and None MUST be refused as data with a TypeError or ValueError."""
    tensor = impl.named("Tensor")
    for data in (
        "one",
        ["1", "2"],
        b"1",
        None,
        [None, 1.0],
        object(),
        np.array(["2001-01-01"], "datetime64[D]"),
    ):
        with refused(TypeError, ValueError, what=f"a tensor of {data!r}"):
            tensor(data)


@clause()
def test_ragged_lists_are_refused(impl: TapeImplementation) -> None:
    """Lists whose rows have different lengths MUST be refused with a ValueError."""
    tensor = impl.named("Tensor")
    for rows in ([[1.0, 2.0], [3.0]], [[1.0], 2.0], [[[1.0]], [[2.0, 3.0]]]):
        with refused(ValueError, what=f"a tensor of {rows}"):
            tensor(rows)


@clause()
def test_data_of_another_shape_is_refused(impl: TapeImplementation) -> None:
    """Assigning data of another shape to a tensor MUST be refused with a ValueError, and leave its data as it
    was.
    """
    tensor = impl.named("Tensor")
    x = tensor([1.0, 2.0], autograd=True)
    for data in (np.zeros(3), np.zeros((1, 2)), np.array(0.0)):
        with refused(ValueError, what=f"data of shape {data.shape} for a tensor of shape (2,)"):
            x.data = data
        assert_equal(impl.array(x), np.array([1.0, 2.0]), "data after the refusal")


@clause()
def test_assigned_data_takes_the_type_of_the_tensor(impl: TapeImplementation) -> None:
    """Real numbers of another type that are assigned to a tensor MUST take the tensor's type, or be refused
    with a TypeError, ValueError or RuntimeError: float32 stays float32.
    """
    for own in impl.dtypes:
        for other in impl.dtypes:
            leaf = impl.leaf(np.array([1.0, 2.0], own))
            try:
                impl.set_data(leaf, np.array([3.0, 4.0], other))
            except (TypeError, ValueError, RuntimeError):
                if own == other:
                    raise
                continue
            assert_dtype(impl.array(leaf), own, f"data of a tensor in {own} that was given {other}")
            assert_equal(impl.array(leaf), np.array([3.0, 4.0], own), "data that was assigned")


@clause()
def test_data_is_an_array(impl: TapeImplementation) -> None:
    """`.data` of a tensor MUST be a NumPy array, of a single number too."""
    tensor = impl.named("Tensor")
    for made in (tensor(2.0), tensor([1.0]), tensor(2.0) * tensor(3.0), tensor([1.0, 2.0])):
        assert_fact(isinstance(provided(made, "data"), np.ndarray), True, "whether .data is an array")
