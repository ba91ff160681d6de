"""The state of a layer: its parameters by name, as a dictionary and as a file."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.objects.helpers import assert_fact, assert_state, filled, new, provided, state_of
from dlspec.failure import NotProvided
from dlspec.implementation import TapeImplementation
from dlspec.tolerance import assert_dtype, assert_equal, refused

DEPENDS = ("objects.parameters.weight_and_bias_of_a_linear_layer", "it_maps_names_to_the_parameters")


@clause()
def test_it_maps_names_to_the_parameters(impl: TapeImplementation) -> None:
    """`state_dict()` of a `Linear` MUST map `weight` and `bias` to their numbers, in this order."""
    layer = new(impl, "Linear", 3, 2)
    state = state_of(layer)

    assert_fact(list(state), ["weight", "bias"], "names in the state of Linear(3, 2)")
    assert_equal(state["weight"], impl.array(layer.weight), "weight in the state")
    assert_equal(state["bias"], impl.array(layer.bias), "bias in the state")


@clause(depends="objects.parameters.layers_of_a_sequential_come_in_order")
def test_layers_of_a_sequential_are_numbered(impl: TapeImplementation) -> None:
    """In the state of a `Sequential` a parameter's name MUST begin with the number of its layer, counted from
    0, and a dot.
    """
    inner = new(impl, "Sequential", [new(impl, "Tanh"), new(impl, "Linear", 2, 2, bias=False)])
    model = new(impl, "Sequential", [new(impl, "Linear", 2, 2), new(impl, "Tanh"), inner])

    assert_fact(list(state_of(model)), ["0.weight", "0.bias", "2.1.weight"], "names in the state")


@clause(depends="objects.parameters.attributes_of_a_layer_are_found")
def test_attributes_are_named_by_their_path(impl: TapeImplementation) -> None:
    """In the state of a layer a parameter's name MUST be its dotted path of attributes, with numbers for
    places in lists.
    """
    own = new(impl, "Layer")
    own.inner = new(impl, "Linear", 2, 2)
    own.blocks = [new(impl, "Linear", 2, 2, bias=False), impl.leaf(np.ones(2))]

    expected = ["inner.weight", "inner.bias", "blocks.0.weight", "blocks.1"]
    assert_fact(list(state_of(own)), expected, "names in the state")


@clause(depends=("objects.parameters.layers_of_an_rnn_cell", "objects.parameters.layers_of_an_lstm_cell"))
def test_the_layers_of_a_cell_are_named(impl: TapeImplementation) -> None:
    """In the state of an `RNNCell` the parameters MUST be named after its layers `w_ih`, `w_hh` and
    `w_ho`.
    """
    expected = [f"{layer}.{name}" for layer in ("w_hh", "w_ho", "w_ih") for name in ("bias", "weight")]

    assert_fact(sorted(state_of(new(impl, "RNNCell", 2, 3, 1))), expected, "names in the state of an RNNCell")


@clause(depends="objects.parameters.the_list_may_be_appended_to")
def test_what_is_only_listed_is_numbered(impl: TapeImplementation) -> None:
    """In the state of a layer a parameter that only `.parameters` holds MUST be named `parameters.` and a
    number.
    """
    own = new(impl, "Layer")
    own.weight = impl.leaf(np.ones(2))
    provided(own, "parameters").append(impl.leaf(np.ones(3)))

    assert_fact(list(state_of(own)), ["weight", "parameters.0"], "names in the state")


@clause(depends="objects.parameters.tied_parameters_count_once")
def test_a_shared_parameter_has_one_name(impl: TapeImplementation) -> None:
    """A parameter that stands in several places MUST be in the state once, under its first name."""
    one, other = new(impl, "Linear", 2, 2, bias=False), new(impl, "Linear", 2, 2)
    other.weight = one.weight

    names = list(state_of(new(impl, "Sequential", [one, other])))
    assert_fact(names, ["0.weight", "1.bias"], "names in the state")


@clause()
def test_it_holds_copies(impl: TapeImplementation) -> None:
    """`state_dict()` MUST give copies: it doesn't change with the model, nor the model with it."""
    layer = new(impl, "Linear", 2, 2)
    before, state = impl.array(layer.weight), state_of(layer)
    state["weight"][...] = 9
    assert_equal(impl.array(layer.weight), before, "weight of the layer after its state was written to")

    state = state_of(layer)
    impl.change_data(layer.weight, np.ones((2, 2)))
    assert_equal(state["weight"], before, "weight in the state after the layer's weight changed")


@clause(
    depends=(
        "objects.layer_use.a_sequential_applies_its_layers_in_order",
        "layers_of_a_sequential_are_numbered",
    )
)
def test_loading_makes_two_models_one(impl: TapeImplementation) -> None:
    """After `load_state_dict(state)` a model MUST have the numbers of the model that the state is of, and
    compute what it computes.
    """
    one, other = (new(impl, "Sequential", [new(impl, "Linear", 2, 2), new(impl, "Tanh")]) for _ in range(2))
    filled(impl, one, 1.5)
    provided(other, "load_state_dict")(state_of(one))
    x = np.array([[1.0, -2.0]])

    assert_state(other, state_of(one), "state of the other model")
    expected = impl.array(one.forward(impl.constant(x)))
    assert_equal(impl.array(other.forward(impl.constant(x))), expected, "output of the other model")


@clause(depends="loading_makes_two_models_one")
def test_the_order_of_a_state_is_irrelevant(impl: TapeImplementation) -> None:
    """`load_state_dict(state)` MUST go by names, not by the order of the dictionary."""
    layer = new(impl, "Linear", 2, 2)
    weight, bias = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([5.0, 6.0])
    provided(layer, "load_state_dict")({"bias": bias, "weight": weight})

    assert_equal(impl.array(layer.weight), weight, "weight")
    assert_equal(impl.array(layer.bias), bias, "bias")


@clause(depends="loading_makes_two_models_one")
def test_loading_copies(impl: TapeImplementation) -> None:
    """`load_state_dict(state)` MUST copy: arrays that change afterwards change no model."""
    layer = new(impl, "Linear", 2, 2)
    state = state_of(layer)
    before = state["weight"].copy()
    provided(layer, "load_state_dict")(state)
    state["weight"][...] = 9

    assert_equal(impl.array(layer.weight), before, "weight after the loaded arrays changed")


@clause(depends="loading_makes_two_models_one")
def test_loading_keeps_the_parameters(impl: TapeImplementation) -> None:
    """`load_state_dict(state)` MUST fill the parameters that are there: an optimizer that was made before
    goes on training the model.
    """
    layer = new(impl, "Linear", 1, 1, bias=False)
    optimizer = new(impl, "SGD", [layer.weight], alpha=0.5)
    provided(layer, "load_state_dict")({"weight": np.array([[3.0]])})
    impl.backward(layer.forward(impl.constant(np.array([[2.0]]))))
    optimizer.step()

    assert_equal(impl.array(layer.weight), np.array([[2.0]]), "weight after loading and a step")


@clause()
def test_other_names_are_refused(impl: TapeImplementation) -> None:
    """`load_state_dict(state)` MUST refuse a state with a name too many or too few with a ValueError, and
    leave the model as it was.
    """
    weight, bias = np.ones((2, 2)), np.ones(2)
    for state, what in (
        ({"weight": weight}, "without bias"),
        ({}, "of nothing"),
        ({"weight": weight, "bias": bias, "extra": bias}, "with a name too many"),
        ({"weight": weight, "Bias": bias}, "with a name in other letters"),
    ):
        layer = new(impl, "Linear", 2, 2)
        before = state_of(layer)
        with refused(ValueError, what=f"a state {what}"):
            provided(layer, "load_state_dict")(state)
        assert_state(layer, before, "state after the refusal")


@clause()
def test_other_shapes_are_refused(impl: TapeImplementation) -> None:
    """`load_state_dict(state)` MUST refuse numbers of another shape with a ValueError, also such as would
    broadcast, and leave the model as it was.
    """
    for shape in ((2, 1), (1, 2), (2,), (), (3, 2), (4,)):
        layer = new(impl, "Linear", 2, 2)
        before = state_of(layer)
        # The bias is right: that it isn't taken either is what makes this all or nothing.
        for state in (
            {"bias": np.ones(2), "weight": np.ones(shape)},
            {"weight": np.ones(shape), "bias": np.ones(2)},
        ):
            with refused(ValueError, what=f"a weight of shape {shape} for Linear(2, 2)"):
                provided(layer, "load_state_dict")(state)
            assert_state(layer, before, "state after the refusal")


@clause()
def test_numbers_take_the_type_of_the_parameter(impl: TapeImplementation) -> None:
    """`load_state_dict(state)` MUST cast floating-point numbers to the type of the parameter."""
    if "float32" not in impl.dtypes:
        raise NotProvided("float32")
    for own, other in (("float64", np.float32), ("float32", np.float64)):
        layer = new(impl, "Linear", 1, 2, dtype=own)
        provided(layer, "load_state_dict")(
            {"weight": np.array([[0.5, -2.0]], other), "bias": np.ones(2, other)}
        )

        assert_dtype(impl.array(layer.weight), own, f"weight in {own} after loading {np.dtype(other)}")
        assert_equal(impl.array(layer.weight), np.array([[0.5, -2.0]]), "weight after loading")


@clause()
def test_nan_may_be_loaded(impl: TapeImplementation) -> None:
    """`load_state_dict(state)` MUST take NaN and infinities as they are."""
    layer, weight = new(impl, "Linear", 1, 2, bias=False), np.array([[np.nan, -np.inf]])
    provided(layer, "load_state_dict")({"weight": weight})

    assert_equal(impl.array(layer.weight), weight, "weight after loading")


@clause()
def test_a_layer_without_parameters_has_an_empty_state(impl: TapeImplementation) -> None:
    """The state of a layer without parameters MUST be empty, and loading it change nothing."""
    layer = new(impl, "Tanh")

    assert_fact(len(state_of(layer)), 0, "number of names in the state of Tanh()")
    provided(layer, "load_state_dict")({})
