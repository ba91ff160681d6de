"""The layer classes: how they show themselves, and where parameters are looked for."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from deeplearning_framework import (
    ArgumentError,
    Embedding,
    Layer,
    Linear,
    LSTMCell,
    Relu,
    RNNCell,
    Sequential,
    Sigmoid,
    StateError,
    Tanh,
    Tensor,
)


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (Linear(2, 3), "Linear(2, 3)"),
        (Linear(2, 3, bias=False), "Linear(2, 3, bias=False)"),
        (Embedding(10, 4), "Embedding(10, 4)"),
        (RNNCell(2, 3, 4), "RNNCell(2, 3, 4, activation='sigmoid')"),
        (RNNCell(2, 3, 4, activation="tanh"), "RNNCell(2, 3, 4, activation='tanh')"),
        (LSTMCell(2, 3, 4), "LSTMCell(2, 3, 4)"),
        (Sequential(), "Sequential([])"),
        (
            Sequential([Linear(2, 3), Tanh(), Sigmoid(), Relu()]),
            "Sequential([Linear(2, 3), Tanh(), Sigmoid(), Relu()])",
        ),
    ],
)
def test_repr_is_the_call_that_made_it(layer: Layer, text: str) -> None:
    assert repr(layer) == text


class Everything(Layer):
    """Parameters in all the places where they are looked for."""

    def __init__(self) -> None:
        super().__init__()
        self.parameters += [Tensor(1.0, autograd=True)]
        self.first = Tensor(2.0, autograd=True)
        self.blocks: list[Any] = [Linear(1, 1), (Tanh(), Tensor(3.0, autograd=True))]
        self.again = self.first
        self.constant = Tensor(4.0)
        self.result = self.first * 2
        self.parameters.append(self.first)
        self.me = self
        self.blocks.append(self.blocks)
        self.last = Embedding(2, 1)


def test_parameters_are_found_once_each_in_the_order_of_definition() -> None:
    layer = Everything()
    names = ["first", "blocks.0.weight", "blocks.0.bias", "blocks.1.1", "last.weight", "parameters.0"]
    assert list(layer.state_dict()) == names
    assert layer.get_parameters() == [
        layer.first,
        layer.blocks[0].weight,
        layer.blocks[0].bias,
        layer.blocks[1][1],
        layer.last.weight,
        layer.parameters[0],
    ]
    assert repr(layer) == "Everything(me=..., last=Embedding(2, 1))"


class Forgetful(Layer):
    """A subclass that does not call super().__init__()."""

    def __init__(self) -> None:
        self.weight = Tensor(1.0, autograd=True)


def test_a_subclass_that_forgot_super_still_has_its_attributes() -> None:
    assert list(Forgetful().state_dict()) == ["weight"]
    assert list(Sequential([Forgetful()]).state_dict()) == ["0.weight"]


class Named(Sequential):
    """A container with an attribute beside its layers."""

    def __init__(self) -> None:
        super().__init__([Linear(1, 1, bias=False)])
        self.scale = Tensor(1.0, autograd=True)


def test_a_containers_layers_go_by_number_beside_its_attributes() -> None:
    assert list(Named().state_dict()) == ["0.weight", "scale"]
    assert repr(Named()) == "Named([Linear(1, 1, bias=False)])"


def test_a_replaced_weight_replaces_the_old_one_everywhere() -> None:
    layer = Linear(2, 2)
    tied = Linear(2, 2)
    layer.weight = tied.weight
    assert layer.get_parameters() == [tied.weight, layer.bias]
    assert layer.parameters == []
    model = Sequential([tied, layer])
    assert list(model.state_dict()) == ["0.weight", "0.bias", "1.bias"]


def test_a_container_owns_its_list() -> None:
    layers: list[Layer] = [Tanh()]
    model = Sequential(layers)
    layers.append(Linear(1, 1))
    assert len(model.layers) == 1
    Sequential().add(Tanh())
    assert Sequential().layers == []
    assert len(Sequential(layer for layer in layers).layers) == 2


def test_a_state_reports_all_that_does_not_fit_and_changes_nothing() -> None:
    model = Sequential([Linear(2, 3), Linear(3, 1)])
    before = model.state_dict()
    state: dict[str, Any] = {
        "0.weight": np.zeros((3, 2)),
        "0.bias": np.array(["a", "b", "c"]),
        "1.weight": np.zeros((3, 1)),
        "other": 1.0,
    }
    with pytest.raises(StateError) as caught:
        model.load_state_dict(state)
    assert str(caught.value).splitlines() == [
        "Sequential: the state does not fit:",
        "  1.bias is missing",
        "  other is not a parameter of this model",
        "  0.weight has shape (3, 2), the parameter has (2, 3)",
        "  0.bias has dtype <U1, not one of real numbers",
    ]
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("value", [[[1], [1, 2]], None, 1j, [[True]]])
def test_a_state_of_something_else_than_numbers_is_refused(value: Any) -> None:
    with pytest.raises(StateError, match=r"weight has dtype"):
        Linear(1, 1, bias=False).load_state_dict({"weight": value})


def test_a_read_only_parameter_is_noticed_before_anything_is_set() -> None:
    layer = Linear(1, 1)
    before = layer.state_dict()
    layer.bias.data.flags.writeable = False  # type: ignore[union-attr]
    with pytest.raises(StateError, match="bias is set in an array that is read-only"):
        layer.load_state_dict({"weight": [[5.0]], "bias": [5.0]})
    assert layer.state_dict() == before


def test_loading_writes_into_the_parameters_own_array() -> None:
    layer = Linear(1, 1, dtype="float32")
    array = layer.weight.data
    layer.load_state_dict({"weight": [[2]], "bias": Tensor([0.5])})
    assert layer.weight.data is array
    assert array.dtype == np.float32
    assert array.tolist() == [[2]]


def test_a_model_can_be_copied() -> None:
    model = Sequential([Linear(2, 3), RNNCell(1, 1, 1)])
    twin = copy.deepcopy(model)
    twin.load_state_dict({name: array * 0 for name, array in twin.state_dict().items()})
    assert model.get_parameters()[0].data.any()


def test_states_of_cells_start_at_zero_without_autograd() -> None:
    hidden = RNNCell(2, 3, 1, dtype="float32").init_hidden(4)
    assert hidden.shape == (4, 3)
    assert hidden.dtype == np.float32
    assert not hidden.autograd
    assert RNNCell(2, 3, 1).init_hidden().shape == (1, 3)
    assert RNNCell(2, 3, 1).init_hidden(0, dtype=np.float32).dtype == np.float32
    h, c = LSTMCell(2, 3, 1).init_hidden(2)
    assert h is not c
    assert h.shape == c.shape == (2, 3)
    with pytest.raises(ArgumentError):
        LSTMCell(2, 3, 1).init_hidden(True)


def test_a_layer_takes_arrays_and_lists() -> None:
    layer = Linear(2, 1, bias=False)
    assert layer([[1.0, 2.0]]).shape == (1, 1)
    assert Tanh()([0.0]).item() == 0
    assert Relu()(np.array([-1, 2])).data.tolist() == [0, 2]


def test_forward_keeps_its_name_and_docstring() -> None:
    assert Linear.forward.__name__ == "forward"
    assert Linear.forward.__doc__
