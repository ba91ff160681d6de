"""NumPy's global generator belongs to the user: only the making of parameters draws from it."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.objects.helpers import (
    SAMPLES,
    assert_undrawn,
    new,
    parameters_of,
    sampled_ops,
    state_of,
)
from dlspec.implementation import TapeImplementation


@clause()
def test_tensors_draw_nothing(impl: TapeImplementation) -> None:
    """Making a tensor MUST NOT draw from NumPy's global generator."""
    with assert_undrawn("making tensors"):
        impl.leaf(np.ones((2, 3)))
        impl.constant(np.ones((2, 3)))


@clause(depends="ops.*.value")
def test_ops_draw_nothing(impl: TapeImplementation) -> None:
    """Ops MUST NOT draw from NumPy's global generator, whether or not they are recorded."""
    for op in sampled_ops(impl):
        operands, static = SAMPLES[op]
        with assert_undrawn(op):
            getattr(impl.F, op)(*map(impl.leaf, operands), **static)
            getattr(impl.F, op)(*map(impl.constant, operands), **static)


@clause(depends="objects.backward.a_cotangent_may_be_an_array_or_a_tensor")
def test_backward_draws_nothing(impl: TapeImplementation) -> None:
    """`backward` MUST NOT draw from NumPy's global generator."""
    x = impl.leaf(np.array([[2.0, -3.0], [1.0, 4.0]]))
    y = impl.F.multiply(impl.F.mm(x, x), x)
    with assert_undrawn("backward"):
        impl.backward(y, np.ones((2, 2)))


@clause()
def test_the_optimizer_draws_nothing(impl: TapeImplementation) -> None:
    """Making an optimizer, and its steps, MUST NOT draw from NumPy's global generator."""
    x = impl.leaf(np.array([2.0, -3.0]))
    impl.set_grad(x, np.ones(2))
    with assert_undrawn("making an optimizer, and a step"):
        impl.named("SGD")([x], alpha=0.5).step()


@clause()
def test_layers_without_parameters_draw_nothing(impl: TapeImplementation) -> None:
    """Layers without parameters, and losses, MUST NOT draw from NumPy's global generator."""
    for name in ("Tanh", "Sigmoid", "Sequential", "MSELoss", "CrossEntropyLoss"):
        with assert_undrawn(f"making {name}()"):
            impl.named(name)()


@clause(depends="layers.linear.value")
def test_using_a_layer_draws_nothing(impl: TapeImplementation) -> None:
    """Calling a layer, listing its parameters and taking its state MUST NOT draw from NumPy's global
    generator.
    """
    layer = new(impl, "Linear", 2, 3)
    with assert_undrawn("using a layer"):
        layer.forward(impl.constant(np.ones((4, 2))))
        parameters_of(layer)
        state_of(layer)
