"""Layers as they are used: called, chained, and called again."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.objects.helpers import new, provided
from dlspec.failure import ConformanceFailure
from dlspec.implementation import TapeImplementation
from dlspec.programs import lattice
from dlspec.tolerance import assert_equal, assert_shape


@clause(depends=("layers.linear.value", "ops.tanh.value", "ops.sigmoid.value"))
def test_calling_a_layer_is_its_forward_pass(impl: TapeImplementation) -> None:
    """Calling a layer MUST give what its `forward` gives."""
    x = impl.constant(lattice(1, 4, 3))
    for layer in (new(impl, "Linear", 3, 2), new(impl, "Tanh"), new(impl, "Sigmoid")):
        assert_equal(impl.array(layer(x)), impl.array(layer.forward(x)), f"{type(layer).__name__}(x)")


@clause(depends=("ops.tanh.value", "ops.sigmoid.value"))
def test_activations_are_the_ops(impl: TapeImplementation) -> None:
    """The layers `Tanh` and `Sigmoid` MUST compute what the ops of that name compute, and pull back the
    same.
    """
    for name, op in (("Tanh", "tanh"), ("Sigmoid", "sigmoid")):
        layer = new(impl, name)
        x, cotangent = lattice(2, 3, 4), lattice(3, 3, 4)
        value, (bar,) = impl.gradients(lambda F, x, layer=layer: layer.forward(x), x, cotangent=cotangent)
        right, (right_bar,) = impl.gradients(lambda F, x, op=op: getattr(F, op)(x), x, cotangent=cotangent)

        assert_equal(value, right, f"{name} of x")
        right_bar = assert_shape(right_bar, (3, 4), f"cotangent of x in {op}")
        assert_equal(bar, right_bar, f"cotangent of x in {name}")


@clause(depends="layers.linear.value")
def test_one_layer_for_batches_of_any_size(impl: TapeImplementation) -> None:
    """A linear layer MUST add its bias for batches of any size, one after the other."""
    layer = new(impl, "Linear", 2, 3)
    weight, bias = lattice(4, 2, 3), np.array([1.0, 2.0, 3.0])
    layer.weight, layer.bias = impl.leaf(weight), impl.leaf(bias)
    for batch in (4, 2, 1, 5):
        value = impl.array(layer.forward(impl.constant(np.zeros((batch, 2)))))

        assert_equal(value, np.tile(bias, (batch, 1)), f"outputs for a batch of {batch} zeros")


@clause(depends="calling_a_layer_is_its_forward_pass")
def test_a_sequential_applies_its_layers_in_order(impl: TapeImplementation) -> None:
    """A `Sequential` MUST apply its layers in the order in which they were given."""
    first, second = new(impl, "Linear", 2, 3), new(impl, "Linear", 3, 1)
    model = impl.named("Sequential")([first, new(impl, "Tanh"), second])
    x = impl.constant(lattice(5, 4, 2))

    assert_equal(
        impl.array(model.forward(x)),
        impl.array(second.forward(impl.F.tanh(first.forward(x)))),
        "output of the model",
    )


@clause(depends="a_sequential_applies_its_layers_in_order")
def test_an_empty_sequential_gives_its_input(impl: TapeImplementation) -> None:
    """A `Sequential` without layers MUST give its input back."""
    x = lattice(6, 2, 3)

    assert_equal(impl.array(impl.named("Sequential")().forward(impl.constant(x))), x, "output of no layers")


@clause(depends="a_sequential_applies_its_layers_in_order")
def test_layers_are_added_at_the_end(impl: TapeImplementation) -> None:
    """`add` MUST put a layer after those that a `Sequential` has."""
    model, layer = impl.named("Sequential")([new(impl, "Tanh")]), new(impl, "Linear", 3, 2)
    provided(model, "add")(layer)
    x = impl.constant(lattice(7, 4, 3))

    assert_equal(
        impl.array(model.forward(x)), impl.array(layer.forward(impl.F.tanh(x))), "output of the model"
    )


@clause(depends="layers_are_added_at_the_end")
def test_two_sequentials_have_nothing_in_common(impl: TapeImplementation) -> None:
    """A layer that is added to one `Sequential` MUST NOT appear in another, also where both were made
    without layers.
    """
    one, other = impl.named("Sequential")(), impl.named("Sequential")()
    provided(one, "add")(new(impl, "Linear", 2, 2))

    found = len(provided(other, "get_parameters")())
    if found:
        raise ConformanceFailure(
            f"the other model has {found} parameters", what="parameters", got=found, expected=0
        )


@clause(depends="layers_are_added_at_the_end")
def test_a_list_that_is_changed_afterwards_changes_no_sequential(impl: TapeImplementation) -> None:
    """A list of layers that is changed after a `Sequential` was made from it MUST NOT change the
    `Sequential`.
    """
    layers = [new(impl, "Tanh")]
    model = impl.named("Sequential")(layers)
    layers.append(new(impl, "Linear", 2, 2))

    found = len(provided(model, "get_parameters")())
    if found:
        raise ConformanceFailure(
            f"the model has {found} parameters", what="parameters", got=found, expected=0
        )


@clause(depends="a_sequential_applies_its_layers_in_order")
def test_sequentials_may_be_nested(impl: TapeImplementation) -> None:
    """A `Sequential` MUST be a layer like any other, also inside another one."""
    inner = impl.named("Sequential")([new(impl, "Linear", 3, 2), new(impl, "Tanh")])
    last = new(impl, "Linear", 2, 1)
    outer = impl.named("Sequential")([inner, last])
    x = impl.constant(lattice(8, 4, 3))

    assert_equal(
        impl.array(outer.forward(x)),
        impl.array(last.forward(inner.forward(x))),
        "output of the outer model",
    )


@clause(depends=("layers.rnn_cell.value", "layers.lstm_cell.value"))
def test_a_cell_gives_its_output_and_its_state(impl: TapeImplementation) -> None:
    """An RNN cell MUST give a pair, the output and the new hidden state, and an LSTM cell its output
    and a pair of states.
    """
    x = impl.constant(lattice(9, 4, 2))
    rnn, lstm = new(impl, "RNNCell", 2, 3, 5), new(impl, "LSTMCell", 2, 3, 5)
    y, h = rnn.forward(x, rnn.init_hidden(4))
    z, (new_h, new_c) = lstm.forward(x, lstm.init_hidden(4))
    shapes = [impl.array(value).shape for value in (y, h, z, new_h, new_c)]

    if shapes != [(4, 5), (4, 3), (4, 5), (4, 3), (4, 3)]:
        raise ConformanceFailure(f"outputs and states have shapes {shapes}", what="shapes", got=str(shapes))


@clause(depends=("a_sequential_applies_its_layers_in_order", "objects.optimizer_state.a_step_trains_a_model"))
def test_the_batch_of_a_book_may_be_trained_on(impl: TapeImplementation) -> None:
    """Data and targets that are whole numbers, as in the book's XOR, MUST train a model: after some
    steps its loss is lower.
    """
    data = impl.named("Tensor")(np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), autograd=True)
    target = impl.named("Tensor")(np.array([[0], [1], [1], [0]]), autograd=True)
    model = impl.named("Sequential")(
        [new(impl, "Linear", 2, 3), new(impl, "Tanh"), new(impl, "Linear", 3, 1), new(impl, "Sigmoid")]
    )
    criterion = new(impl, "MSELoss")
    optimizer = impl.named("SGD")(parameters=model.get_parameters(), alpha=0.1)
    losses = []
    for _ in range(20):
        loss = criterion.forward(model.forward(data), target)
        losses.append(float(impl.array(loss).sum()))
        impl.backward(loss, np.ones_like(impl.array(loss)))
        optimizer.step()

    if not losses[-1] < losses[0]:
        raise ConformanceFailure(
            f"the loss goes from {losses[0]} to {losses[-1]}", what="loss", got=losses[-1], expected=losses[0]
        )
