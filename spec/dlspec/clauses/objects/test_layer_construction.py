"""Layers as they are made: the shapes, types and first values of their parameters.

Where a first value is random, its distribution is part of the spec, not the stream it is drawn from. The
bounds on a sample's moments are six times their standard error: a right implementation misses one for
fewer than one seed in a hundred million.
"""

from __future__ import annotations

import math

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.objects.helpers import assert_fact, new, provided, undisturbed_generator
from dlspec.failure import ConformanceFailure
from dlspec.implementation import TapeImplementation
from dlspec.tolerance import assert_dtype, assert_equal, assert_shape, assert_within

SIGMAS = 6


@clause()
def test_a_linear_layer_has_a_weight_and_a_bias(impl: TapeImplementation) -> None:
    """`Linear(n, m)` MUST have a weight of shape (n, m) and a bias of shape (m,)."""
    layer = new(impl, "Linear", 3, 5)

    assert_shape(impl.array(provided(layer, "weight")), (3, 5), "weight of Linear(3, 5)")
    assert_shape(impl.array(provided(layer, "bias")), (5,), "bias of Linear(3, 5)")


@clause(depends="a_linear_layer_has_a_weight_and_a_bias")
def test_a_bias_starts_at_zero(impl: TapeImplementation) -> None:
    """The bias of a linear layer MUST start at 0."""
    assert_equal(impl.array(provided(new(impl, "Linear", 3, 5), "bias")), np.zeros(5), "bias of Linear(3, 5)")


@clause(depends="a_linear_layer_has_a_weight_and_a_bias")
def test_weights_start_normal_with_the_width_of_their_inputs(impl: TapeImplementation) -> None:
    """The weights of a linear layer with n inputs MUST start with mean 0 and standard deviation sqrt(2
    / n), whatever the outputs are.
    """
    for inputs, outputs in ((400, 60), (60, 400)):
        weight = impl.array(provided(new(impl, "Linear", inputs, outputs), "weight"))
        count, sigma = weight.size, math.sqrt(2 / inputs)

        assert_within(
            np.asarray(np.mean(weight)), 0.0, SIGMAS * sigma / math.sqrt(count), "mean of the weights"
        )
        # The variance of a normal sample has a relative standard error of sqrt(2 / count), its root half.
        bound = SIGMAS * sigma / math.sqrt(2 * count)
        assert_within(
            np.asarray(np.std(weight)),
            sigma,
            bound,
            f"deviation of the weights of Linear({inputs}, {outputs})",
        )


@clause(depends="weights_start_normal_with_the_width_of_their_inputs")
def test_weights_are_not_bounded(impl: TapeImplementation) -> None:
    """The weights of a linear layer MUST start normally distributed, with the tails that a uniform
    distribution of the same width hasn't.
    """
    weight = impl.array(provided(new(impl, "Linear", 400, 60), "weight"))
    # The fourth moment of a normal variable is 3; the standard error of a sample's is sqrt(24 / count).
    kurtosis = np.mean((weight - weight.mean()) ** 4) / np.var(weight) ** 2
    bound = SIGMAS * math.sqrt(24 / weight.size)

    assert_within(np.asarray(kurtosis), 3.0, bound, "fourth moment of the weights of Linear(400, 60)")


@clause()
def test_an_embedding_has_a_table(impl: TapeImplementation) -> None:
    """`Embedding(v, d)` MUST have a weight of shape (v, d)."""
    weight = impl.array(provided(new(impl, "Embedding", 7, 3), "weight"))

    assert_shape(weight, (7, 3), "weight of Embedding(7, 3)")


@clause(depends="an_embedding_has_a_table")
def test_vectors_start_uniform_and_small(impl: TapeImplementation) -> None:
    """The vectors of an embedding of d dims MUST start uniform between -0.5/d and 0.5/d."""
    dim = 20
    weight = impl.array(provided(new(impl, "Embedding", 1000, dim), "weight"))
    half = 0.5 / dim
    sigma = half / math.sqrt(3)

    if np.abs(weight).max() > half or np.abs(weight).max() < 0.99 * half:
        raise ConformanceFailure(
            f"the largest number in the table is {np.abs(weight).max()}, where {half} is the limit",
            what="table of Embedding(1000, 20)",
            got=float(np.abs(weight).max()),
            expected=half,
        )
    assert_within(
        np.asarray(np.mean(weight)), 0.0, SIGMAS * sigma / math.sqrt(weight.size), "mean of the table"
    )
    # The fourth moment of a uniform sample is 9/5 of its variance squared.
    bound = SIGMAS * sigma * math.sqrt((9 / 5 - 1) / (4 * weight.size))
    assert_within(np.asarray(np.std(weight)), sigma, bound, "deviation of the table")


@clause(depends="weights_start_normal_with_the_width_of_their_inputs")
def test_two_layers_start_differently(impl: TapeImplementation) -> None:
    """Two layers that are made one after the other MUST NOT start with the same weights."""
    made = impl.named("Linear")
    with undisturbed_generator():
        one, other = (impl.array(provided(made(3, 3), "weight")) for _ in range(2))

    if np.array_equal(one, other):
        raise ConformanceFailure(
            "both layers start with the same weights", what="weights of two Linear(3, 3)"
        )


@clause()
def test_layers_of_a_cell_start_differently(impl: TapeImplementation) -> None:
    """The layers inside a cell MUST NOT start with the same weights."""
    cell = new(impl, "RNNCell", 3, 3, 3)
    weights = [impl.array(provided(provided(cell, name), "weight")) for name in ("w_ih", "w_hh", "w_ho")]

    if any(np.array_equal(weights[i], weights[j]) for i, j in ((0, 1), (0, 2), (1, 2))):
        raise ConformanceFailure("two layers of the cell start alike", what="weights of RNNCell(3, 3, 3)")


@clause()
def test_layers_of_an_lstm_cell_start_differently(impl: TapeImplementation) -> None:
    """The layers inside an LSTM cell MUST NOT start with the same weights, those of its gates among them."""
    cell = new(impl, "LSTMCell", 3, 3, 3)
    names = ("xf", "xi", "xo", "xc", "hf", "hi", "ho", "hc", "w_ho")
    weights = [impl.array(provided(provided(cell, name), "weight")).tobytes() for name in names]

    assert_fact(len(set(weights)), len(names), "number of different weights in LSTMCell(3, 3, 3)")


@clause()
def test_the_type_of_a_layer(impl: TapeImplementation) -> None:
    """The parameters of a layer MUST be float64, or of the type that it is made with."""
    for name, sizes in (
        ("Linear", (2, 3)),
        ("Embedding", (4, 2)),
        ("RNNCell", (2, 3, 2)),
        ("LSTMCell", (2, 3, 2)),
    ):
        for parameter in provided(new(impl, name, *sizes), "get_parameters")():
            assert_dtype(impl.array(parameter), np.float64, f"parameter of {name}")
        for parameter in provided(new(impl, name, *sizes, dtype=np.float32), "get_parameters")():
            assert_dtype(impl.array(parameter), np.float32, f"parameter of {name} in float32")


@clause(depends=("the_type_of_a_layer", "layers.linear.dtype"))
def test_a_float32_layer_computes_in_float32(impl: TapeImplementation) -> None:
    """A layer in float32 MUST give float32 for float32, and float32 gradients."""
    layer = new(impl, "Linear", 2, 3, dtype=np.float32)
    y = layer.forward(impl.constant(np.ones((4, 2), np.float32)))
    impl.backward(y, np.ones((4, 3), np.float32))

    assert_dtype(impl.array(y), np.float32, "output")
    assert_dtype(impl.gradient(layer.weight), np.float32, "gradient of the weight")
    assert_dtype(impl.gradient(layer.bias), np.float32, "gradient of the bias")


@clause()
def test_the_first_hidden_state_of_an_rnn_cell(impl: TapeImplementation) -> None:
    """`init_hidden(batch_size)` of an RNN cell MUST be zeros of shape (batch_size, n_hidden) that want
    no gradient.
    """
    hidden = provided(new(impl, "RNNCell", 2, 3, 4), "init_hidden")(5)

    assert_equal(impl.array(hidden), np.zeros((5, 3)), "first hidden state")
    if impl.wants_gradient(hidden):
        raise ConformanceFailure("the first hidden state wants a gradient", what="first hidden state")


@clause()
def test_the_first_states_of_an_lstm_cell(impl: TapeImplementation) -> None:
    """`init_hidden(batch_size)` of an LSTM cell MUST be a pair of zeros of shape (batch_size, n_hidden)
    that want no gradient.
    """
    states = provided(new(impl, "LSTMCell", 2, 3, 4), "init_hidden")(5)
    if not isinstance(states, tuple) or len(states) != 2:
        raise ConformanceFailure(f"init_hidden gives {states!r}, not a pair", what="first states")

    for name, state in zip(("hidden", "cell"), states, strict=True):
        assert_equal(impl.array(state), np.zeros((5, 3)), f"first {name} state")
        if impl.wants_gradient(state):
            raise ConformanceFailure(f"the first {name} state wants a gradient", what=f"first {name} state")


@clause(depends="the_first_states_of_an_lstm_cell")
def test_the_two_first_states_of_an_lstm_cell_are_two(impl: TapeImplementation) -> None:
    """The two states that `init_hidden` of an LSTM cell gives MUST NOT share their data: one that is changed
    leaves the other as it is.
    """
    h, c = provided(new(impl, "LSTMCell", 2, 3, 1), "init_hidden")(2)
    impl.change_data(h, np.full((2, 3), -1.0))

    assert_equal(impl.array(h), np.ones((2, 3)), "the hidden state, from which -1 was subtracted")
    assert_equal(impl.array(c), np.zeros((2, 3)), "the cell state")


@clause(depends=("the_first_hidden_state_of_an_rnn_cell", "the_first_states_of_an_lstm_cell"))
def test_first_states_have_the_type_of_the_cell(impl: TapeImplementation) -> None:
    """`init_hidden` MUST give states of the type of its cell, or of the type that it is asked for."""
    for name in ("RNNCell", "LSTMCell"):
        for made in ("float64", "float32"):
            init_hidden = provided(new(impl, name, 2, 3, 4, dtype=made), "init_hidden", "dtype")
            for asked, right in (
                ({}, made),
                ({"dtype": "float64"}, "float64"),
                ({"dtype": "float32"}, "float32"),
            ):
                states = init_hidden(5, **asked)
                for state in states if isinstance(states, tuple) else (states,):
                    what = f"first state of {name} in {made}, asked for {asked or 'no type'}"
                    assert_dtype(impl.array(state), right, what)


@clause()
def test_only_the_inputs_of_an_lstm_cell_have_biases(impl: TapeImplementation) -> None:
    """The layers of an LSTM cell that read its input MUST have biases, those that read its hidden state
    MUST have none.
    """
    cell = new(impl, "LSTMCell", 2, 3, 4)
    for names, count in ((("xf", "xi", "xo", "xc"), 2), (("hf", "hi", "ho", "hc", "w_ho"), 1)):
        for name in names:
            found = len(provided(provided(cell, name), "get_parameters")())
            if found != count:
                raise ConformanceFailure(
                    f"{name} has {found} parameters instead of {count}", what=name, got=found, expected=count
                )
