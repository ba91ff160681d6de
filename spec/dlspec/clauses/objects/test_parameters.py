"""What the parameters of a layer are, and in which order: the list that an optimizer is made with."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.objects.helpers import (
    assert_fact,
    assert_parameters,
    new,
    parameters_of,
    positions,
    provided,
)
from dlspec.implementation import TapeImplementation
from dlspec.tolerance import assert_shape


@clause()
def test_weight_and_bias_of_a_linear_layer(impl: TapeImplementation) -> None:
    """The parameters of `Linear(n, m)` MUST be its weight of shape (n, m) and its bias of shape (m,), in this
    order.
    """
    layer = new(impl, "Linear", 3, 2)

    assert_parameters(
        layer, [provided(layer, "weight"), provided(layer, "bias")], "parameters of Linear(3, 2)"
    )
    assert_shape(impl.array(layer.weight), (3, 2), "weight")
    assert_shape(impl.array(layer.bias), (2,), "bias")


@clause(depends="weight_and_bias_of_a_linear_layer")
def test_a_linear_layer_without_bias(impl: TapeImplementation) -> None:
    """The only parameter of `Linear(n, m, bias=False)` MUST be its weight."""
    layer = new(impl, "Linear", 3, 2, bias=False)

    assert_parameters(layer, [provided(layer, "weight")], "parameters of Linear(3, 2, bias=False)")


@clause()
def test_the_table_of_an_embedding(impl: TapeImplementation) -> None:
    """The only parameter of `Embedding(vocab_size, dim)` MUST be its weight of shape (vocab_size, dim)."""
    layer = new(impl, "Embedding", 5, 3)

    assert_parameters(layer, [provided(layer, "weight")], "parameters of Embedding(5, 3)")
    assert_shape(impl.array(layer.weight), (5, 3), "weight")


@clause()
def test_activations_have_none(impl: TapeImplementation) -> None:
    """Activation layers MUST have no parameters."""
    for name in ("Tanh", "Sigmoid"):
        assert_fact(len(parameters_of(new(impl, name))), 0, f"number of parameters of {name}()")


@clause(depends="weight_and_bias_of_a_linear_layer")
def test_every_parameter_wants_a_gradient(impl: TapeImplementation) -> None:
    """Every parameter of a layer MUST want a gradient."""
    for name, sizes in (
        ("Linear", (3, 2)),
        ("Embedding", (5, 3)),
        ("RNNCell", (2, 3, 1)),
        ("LSTMCell", (2, 3, 1)),
    ):
        wanted = [impl.wants_gradient(p) for p in parameters_of(new(impl, name, *sizes))]
        assert_fact(wanted, [True] * len(wanted), f"autograd of the parameters of {name}{sizes}")


@clause(depends="weight_and_bias_of_a_linear_layer")
def test_layers_of_a_sequential_come_in_order(impl: TapeImplementation) -> None:
    """The parameters of a `Sequential` MUST be those of its layers, in their order."""
    first, last = new(impl, "Linear", 2, 3), new(impl, "Linear", 3, 1)
    model = new(impl, "Sequential", [first, new(impl, "Tanh"), last])

    assert_parameters(
        model, [first.weight, first.bias, last.weight, last.bias], "parameters of the Sequential"
    )


@clause(depends="weight_and_bias_of_a_linear_layer")
def test_layers_of_an_rnn_cell(impl: TapeImplementation) -> None:
    """The parameters of an `RNNCell` MUST be the weights and biases of its layers `w_ih`, `w_hh` and
    `w_ho`.
    """
    cell = new(impl, "RNNCell", 2, 3, 1)
    layers = [provided(cell, name) for name in ("w_ih", "w_hh", "w_ho")]
    expected = [parameter for layer in layers for parameter in (layer.weight, layer.bias)]

    assert_fact(
        sorted(positions(parameters_of(cell), expected)),
        list(range(6)),
        "positions of the RNNCell's parameters",
    )


@clause(depends="weight_and_bias_of_a_linear_layer")
def test_layers_of_an_lstm_cell(impl: TapeImplementation) -> None:
    """The parameters of an `LSTMCell` MUST be the weights and biases of its input layers, and the weights
    alone of its hidden and output layers.
    """
    cell = new(impl, "LSTMCell", 2, 3, 1)
    expected = [
        parameter for name in ("xf", "xi", "xo", "xc") for parameter in parameters_of(provided(cell, name))
    ]
    expected += [provided(cell, name).weight for name in ("hf", "hi", "ho", "hc", "w_ho")]

    assert_fact(len(expected), 13, "number of parameters of the LSTMCell's layers")
    assert_fact(
        sorted(positions(parameters_of(cell), expected)),
        list(range(13)),
        "positions of the LSTMCell's parameters",
    )


@clause()
def test_attributes_of_a_layer_are_found(impl: TapeImplementation) -> None:
    """The parameters of a layer MUST be its attributes that want a gradient and those of its layers, in the
    order of definition.
    """
    own, inner = new(impl, "Layer"), new(impl, "Linear", 2, 3)
    own.scale = impl.leaf(np.ones(3))
    own.inner = inner
    own.shift = impl.leaf(np.ones(1))

    assert_parameters(
        own, [own.scale, inner.weight, inner.bias, own.shift], "parameters of a layer of one's own"
    )


@clause(depends="attributes_of_a_layer_are_found")
def test_constants_and_other_attributes_are_none(impl: TapeImplementation) -> None:
    """Attributes that want no gradient, and those that are neither tensors nor layers, MUST NOT be
    parameters.
    """
    own = new(impl, "Layer")
    own.weight = impl.leaf(np.ones(2))
    own.mask = impl.constant(np.ones(2))
    own.array, own.number, own.text, own.nothing, own.table = np.ones(2), 3.0, "name", None, {"a": 1}

    assert_parameters(own, [own.weight], "parameters of the layer")


@clause(depends="attributes_of_a_layer_are_found")
def test_results_are_no_parameters(impl: TapeImplementation) -> None:
    """An attribute that is the result of an op MUST NOT be a parameter, though it wants a gradient: only
    leaves can be trained.
    """
    own = new(impl, "Layer")
    own.weight = impl.leaf(np.ones(2))
    own.doubled = impl.F.add(own.weight, own.weight)

    assert_parameters(own, [own.weight], "parameters of the layer")


@clause(depends="attributes_of_a_layer_are_found")
def test_lists_and_tuples_are_searched(impl: TapeImplementation) -> None:
    """Parameters and layers in attributes that are lists or tuples MUST be found, in their order."""
    own = new(impl, "Layer")
    own.blocks = [new(impl, "Linear", 2, 2), new(impl, "Linear", 2, 2)]
    own.scales = (impl.leaf(np.ones(2)), impl.leaf(np.ones(3)))
    first, second = own.blocks

    expected = [first.weight, first.bias, second.weight, second.bias, *own.scales]
    assert_parameters(own, expected, "parameters of the layer")


@clause()
def test_the_list_may_be_appended_to(impl: TapeImplementation) -> None:
    """`.parameters` MUST be a plain list that a layer may append or add to, and what it holds comes after the
    attributes.
    """
    own = new(impl, "Layer")
    provided(own, "parameters")
    appended, added = impl.leaf(np.ones(2)), impl.leaf(np.ones(3))
    own.parameters.append(appended)
    own.parameters += [added]
    own.weight = impl.leaf(np.ones(1))

    assert_parameters(own, [own.weight, appended, added], "parameters of the layer")


@clause(depends="the_list_may_be_appended_to")
def test_each_layer_has_a_list_of_its_own(impl: TapeImplementation) -> None:
    """Layers MUST NOT share their `.parameters`."""
    one, other = new(impl, "Layer"), new(impl, "Layer")
    provided(one, "parameters").append(impl.leaf(np.ones(2)))

    assert_fact(len(parameters_of(other)), 0, "number of parameters of the other layer")


@clause(depends="the_list_may_be_appended_to")
def test_what_is_listed_and_an_attribute_counts_once(impl: TapeImplementation) -> None:
    """A parameter that is both an attribute and in `.parameters` MUST come once."""
    own = new(impl, "Layer")
    own.weight = impl.leaf(np.ones(2))
    provided(own, "parameters").append(own.weight)

    assert_parameters(own, [own.weight], "parameters of the layer")


@clause(depends="layers_of_a_sequential_come_in_order")
def test_tied_parameters_count_once(impl: TapeImplementation) -> None:
    """A parameter that two layers share, and a layer that stands in two places, MUST come once, where it
    comes first.
    """
    one, other = new(impl, "Linear", 2, 2), new(impl, "Linear", 2, 2)
    other.weight = one.weight
    tied, repeated = new(impl, "Sequential", [one, other]), new(impl, "Sequential", [one, one])

    assert_parameters(tied, [one.weight, one.bias, other.bias], "parameters where weights are tied")
    assert_parameters(repeated, [one.weight, one.bias], "parameters where a layer stands twice")


@clause(depends="attributes_of_a_layer_are_found")
def test_equal_parameters_are_kept_apart(impl: TapeImplementation) -> None:
    """Parameters that hold equal numbers MUST each be counted: it is identity that makes one of two."""
    own = new(impl, "Layer")
    own.one, own.other = impl.leaf(np.zeros(2)), impl.leaf(np.zeros(2))

    assert_parameters(own, [own.one, own.other], "parameters of the layer")


@clause(depends="layers_of_a_sequential_come_in_order")
def test_layers_added_later_are_found(impl: TapeImplementation) -> None:
    """The parameters of layers that are added to a `Sequential` after it was asked MUST be found the next
    time.
    """
    first, later = new(impl, "Linear", 2, 2), new(impl, "Linear", 2, 1)
    model = new(impl, "Sequential", [first])
    parameters_of(model)
    provided(model, "add")(later)

    assert_parameters(
        model, [first.weight, first.bias, later.weight, later.bias], "parameters after a layer was added"
    )


@clause(depends="attributes_of_a_layer_are_found")
def test_a_replaced_parameter_is_found(impl: TapeImplementation) -> None:
    """Where a layer's weight was replaced, its parameters MUST be the new one, and no longer the old."""
    layer = new(impl, "Linear", 2, 2)
    parameters_of(layer)
    layer.weight = impl.leaf(np.ones((2, 2)))

    assert_parameters(layer, [layer.weight, layer.bias], "parameters after the weight was replaced")


@clause()
def test_the_list_is_fresh(impl: TapeImplementation) -> None:
    """`get_parameters()` MUST give a list that the caller may change without changing the layer."""
    for layer in (new(impl, "Linear", 2, 2), new(impl, "Sequential", [new(impl, "Linear", 2, 2)])):
        for _ in range(2):
            found = provided(layer, "get_parameters")()
            assert_fact(type(found), list, "type of what get_parameters() gives")
            found += [None, None]

        assert_fact(len(parameters_of(layer)), 2, "number of parameters after the caller changed its list")


@clause(depends=("layers_of_a_sequential_come_in_order", "attributes_of_a_layer_are_found"))
def test_layers_within_layers_are_searched(impl: TapeImplementation) -> None:
    """Parameters MUST be found however deep their layer lies."""
    deep = new(impl, "Linear", 2, 2)
    model = new(impl, "Sequential", [new(impl, "Sequential", [new(impl, "Sequential", [deep])])])

    assert_parameters(model, [deep.weight, deep.bias], "parameters of a Sequential of Sequentials")
