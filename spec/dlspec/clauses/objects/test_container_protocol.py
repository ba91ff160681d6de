"""What Python asks of a tensor: its length, its shape, its one number, its text."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.objects.helpers import assert_fact, provided
from dlspec.failure import ConformanceFailure
from dlspec.implementation import TapeImplementation
from dlspec.tolerance import refused

DEPENDS = ("objects.construction.numbers_lists_and_arrays",)


@clause()
def test_shape_and_ndim(impl: TapeImplementation) -> None:
    """`shape` MUST be the size of each dim as a tuple, and `ndim` how many there are, on leaves and on
    results.
    """
    tensor = impl.named("Tensor")
    for shape in ((), (3,), (0,), (2, 3), (2, 0, 4)):
        leaf = tensor(np.ones(shape))
        for made in (leaf, leaf * leaf):
            assert_fact(provided(made, "shape"), shape, "shape")
            assert_fact(provided(made, "ndim"), len(shape), f"ndim of shape {shape}")


@clause()
def test_dtype(impl: TapeImplementation) -> None:
    """`dtype` MUST be the type of the elements."""
    tensor = impl.named("Tensor")
    for dtype in (*impl.dtypes, "int64", "uint8", "bool"):
        assert_fact(
            provided(tensor(np.ones(2, dtype)), "dtype"), np.dtype(dtype), f"dtype of a {dtype} tensor"
        )


@clause()
def test_the_length_is_the_first_side(impl: TapeImplementation) -> None:
    """`len(t)` MUST be the size of the first dim."""
    tensor = impl.named("Tensor")
    for shape in ((3,), (2, 5), (0, 4)):
        made = tensor(np.ones(shape))
        assert_fact(provided(made, "__len__")(), shape[0], f"len of a tensor of shape {shape}")


@clause()
def test_a_number_has_no_length(impl: TapeImplementation) -> None:
    """`len(t)` of a tensor without dims MUST be refused with a TypeError, as Python has it for numbers."""
    made = impl.named("Tensor")(2.0)
    provided(made, "__len__")
    with refused(TypeError, what="len of a tensor without dims"):
        len(made)


@clause()
def test_item_is_the_one_number(impl: TapeImplementation) -> None:
    """`item()` MUST give the one element of a tensor as a Python number."""
    tensor = impl.named("Tensor")
    for data in (2.5, [2.5], [[2.5]]):
        number = provided(tensor(data), "item")()
        assert_fact(number, 2.5, f"item of Tensor({data})")
        assert_fact(type(number), float, f"type of the item of Tensor({data})")
    assert_fact(type(provided(tensor([3]), "item")()), int, "type of the item of Tensor([3])")


@clause()
def test_item_of_several_is_refused(impl: TapeImplementation) -> None:
    """`item()` MUST be refused with a ValueError where there isn't exactly one element."""
    tensor = impl.named("Tensor")
    for shape in ((2,), (1, 3), (0,)):
        item = provided(tensor(np.ones(shape)), "item")
        with refused(ValueError, what=f"item of a tensor of shape {shape}"):
            item()


@clause()
def test_str_shows_the_data(impl: TapeImplementation) -> None:
    """`str(t)` MUST show the numbers of the tensor."""
    tensor = impl.named("Tensor")
    for autograd in (False, True):
        text = str(tensor([[1.5, -2.25], [3.0, 40.5]], autograd=autograd))
        for number in ("1.5", "-2.25", "3.", "40.5"):
            assert_fact(number in text, True, f"whether {number} is in str(t), {text!r},")


@clause()
def test_repr_names_a_tensor(impl: TapeImplementation) -> None:
    """`repr(t)` MUST say that it is a tensor, and show its numbers."""
    text = repr(impl.named("Tensor")([1.5, -2.25]))
    if "tensor" not in text.lower() or "1.5" not in text or "-2.25" not in text:
        raise ConformanceFailure(
            f"repr(t) is {text!r}", what="repr(t)", got=text, expected="Tensor and the numbers 1.5, -2.25"
        )
