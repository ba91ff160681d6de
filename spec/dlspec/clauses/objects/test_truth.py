"""A tensor where Python asks whether something is so."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.objects.helpers import assert_fact, provided
from dlspec.implementation import TapeImplementation
from dlspec.tolerance import refused

DEPENDS = ("objects.construction.numbers_lists_and_arrays",)


@clause()
def test_one_element_is_as_true_as_its_number(impl: TapeImplementation) -> None:
    """`bool(t)` of a tensor of one element MUST be that of the element, whatever the tensor's shape is, or be
    refused with a TypeError.
    """
    tensor = impl.named("Tensor")
    provided(tensor, "__bool__")
    for number, right in ((0.0, False), (2.5, True), (-1, True), (0, False), (True, True), (False, False)):
        for shape in ((), (1,), (1, 1)):
            made = tensor(np.full(shape, number))
            try:
                found = bool(made)
            except TypeError:
                return
            assert_fact(found, right, f"bool of a tensor of shape {shape} that holds {number}")


@clause()
def test_several_elements_are_neither_true_nor_false(impl: TapeImplementation) -> None:
    """`bool(t)` of a tensor of several elements MUST be refused with a TypeError, ValueError or
    RuntimeError.
    """
    tensor = impl.named("Tensor")
    provided(tensor, "__bool__")
    for shape in ((2,), (1, 3)):
        made = tensor(np.ones(shape))
        with refused(TypeError, ValueError, RuntimeError, what=f"bool of a tensor of shape {shape}"):
            bool(made)
