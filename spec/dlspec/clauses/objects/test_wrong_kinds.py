"""Things of the wrong kind are refused where they are handed over, not where they are first missed."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.objects.helpers import new, provided
from dlspec.implementation import TapeImplementation
from dlspec.tolerance import refused


@clause()
def test_a_result_is_no_parameter(impl: TapeImplementation) -> None:
    """SGD MUST refuse a parameter that is the result of an op with a TypeError or ValueError: a step would
    not change what it was computed from.
    """
    x = impl.leaf(np.ones(2))
    for parameters in ([impl.F.add(x, x)], [x, impl.F.add(x, x)]):
        with refused(TypeError, ValueError, what="SGD on the result of an op"):
            new(impl, "SGD", parameters, alpha=0.5)


@clause(depends="objects.parameters.the_list_may_be_appended_to")
def test_a_parameter_is_a_tensor(impl: TapeImplementation) -> None:
    """SGD MUST refuse parameters that are no tensors with a TypeError or ValueError."""
    for parameters in ([np.ones(2)], [impl.leaf(np.ones(2)), 1.5], [None]):
        with refused(TypeError, ValueError, what=f"SGD on {parameters[-1]!r}"):
            new(impl, "SGD", parameters, alpha=0.5)


@clause()
def test_a_sequential_holds_layers(impl: TapeImplementation) -> None:
    """A `Sequential` MUST refuse what is no layer with a TypeError or ValueError when it is made, the class
    of a layer included.
    """
    for wrong in (impl.named("Tanh"), np.tanh, 3, "Tanh"):
        with refused(TypeError, ValueError, what=f"Sequential of {wrong!r}"):
            new(impl, "Sequential", [new(impl, "Tanh"), wrong])


@clause()
def test_a_layer_computes_in_floating_point(impl: TapeImplementation) -> None:
    """A layer that is asked to have integer parameters MUST refuse it with a TypeError, ValueError or
    RuntimeError.
    """
    for name, sizes in (("Linear", (2, 3)), ("Embedding", (2, 3)), ("RNNCell", (2, 3, 1))):
        for dtype in (np.int64, np.bool_):
            with refused(TypeError, ValueError, RuntimeError, what=f"{name} of {dtype.__name__}"):
                new(impl, name, *sizes, dtype=dtype)


@clause(depends="objects.accumulation.a_result_may_retain_its_gradient")
def test_a_constant_retains_no_gradient(impl: TapeImplementation) -> None:
    """`retain_grad()` on a tensor that wants no gradient MUST be refused with a RuntimeError: there will
    be none.
    """
    constant = impl.named("Tensor")(np.ones(2))
    retain = provided(constant, "retain_grad")
    with refused(RuntimeError, what="retain_grad() on a constant"):
        retain()


@clause(depends="ops.reshape.refusals")
def test_the_sides_of_a_shape_are_whole(impl: TapeImplementation) -> None:
    """`reshape` to sides that are no whole numbers MUST be refused with a TypeError or ValueError, not
    rounded.
    """
    t = impl.named("Tensor")(np.ones((2, 3)))
    reshape = provided(t, "reshape")
    for shape in ((2.5, 3), (2.0, 3), ("2", 3), (None, 3)):
        with refused(TypeError, ValueError, what=f"reshape of (2, 3) to {shape}"):
            reshape(*shape)
