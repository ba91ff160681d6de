"""Whole trainings: every step has to be the step that the parameters before it call for."""

from __future__ import annotations

from typing import Any

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.layers.programs import LSTM_WEIGHTS, RNN_WEIGHTS, lstm_weights, rnn_weights
from dlspec.clauses.training.trajectories import (
    TRUTH,
    XOR,
    XOR_NAMES,
    XOR_START,
    assert_follows,
    summed_xor_loss,
    xor_loss,
)
from dlspec.implementation import Implementation
from dlspec.programs import lattice

DEPENDS = (
    "layers.linear.gradient",
    "optim.sgd.a_step_goes_against_the_gradient",
    "objects.accumulation.leaves_add_up_over_calls",
    "objects.optimizer_state.a_step_trains_a_model",
)


@clause(depends=("ops.tanh.gradient", "ops.sigmoid.gradient", "losses.mse_loss.gradient"))
def test_a_network_learns_xor_step_by_step(impl: Implementation) -> None:
    """A network of two linear layers, trained on the mean squared error, MUST take the right step ten
    times in a row.
    """
    assert_follows(impl, xor_loss, XOR_START, [(XOR, TRUTH)] * 10, alpha=0.5, names=XOR_NAMES)


@clause(
    depends=(
        "ops.tanh.gradient",
        "ops.sigmoid.gradient",
        "losses.mse_loss.gradient",
        "losses.reductions.the_sum_is_the_mean_times_the_number",
    )
)
def test_the_sum_has_the_scale_of_the_book(impl: Implementation) -> None:
    """Trained on the sum of squared errors, as in chapter 13, a network MUST take the right step ten
    times in a row.
    """
    assert_follows(impl, summed_xor_loss, XOR_START, [(XOR, TRUTH)] * 10, alpha=0.125, names=XOR_NAMES)


@clause(depends="a_network_learns_xor_step_by_step")
def test_batches_of_different_sizes(impl: Implementation) -> None:
    """A training on batches of different sizes MUST take the right step for each: nothing is kept from
    the batch before.
    """
    sizes = (4, 2, 1, 3, 4)
    batches = [(XOR[:size], TRUTH[:size]) for size in sizes]
    assert_follows(impl, xor_loss, XOR_START, batches, alpha=0.5, names=XOR_NAMES)


@clause(depends=("ops.tanh.gradient", "losses.cross_entropy_loss.gradient"))
def test_a_classifier_step_by_step(impl: Implementation) -> None:
    """A classifier that is trained on cross-entropy MUST take the right step eight times in a row."""
    targets = np.array([0, 2, 1, 2, 0])

    def loss(F: Any, w1: Any, b1: Any, w2: Any, b2: Any, x: Any) -> Any:
        logits = F.linear(F.tanh(F.linear(x, w1, b1)), w2, b2)
        return F.cross_entropy_loss(logits, targets=targets)

    start = (lattice(5, 2, 4) / 2, lattice(6, 4) / 4, lattice(7, 4, 3) / 2, lattice(8, 3) / 4)
    assert_follows(impl, loss, start, [(lattice(9, 5, 2),)] * 8, alpha=0.5, names=XOR_NAMES)


@clause(
    depends=(
        "layers.rnn_cell.gradient",
        "layers.embedding.gradient",
        "losses.cross_entropy_loss.gradient",
        "layers.rnn_cell.gradients_flow_through_time",
    )
)
def test_a_recurrent_network_step_by_step(impl: Implementation) -> None:
    """An embedding and an RNN cell over three words, trained on cross-entropy, MUST take the right step
    six times in a row.
    """
    words, targets = np.array([[0, 1, 2], [3, 1, 1]]), np.array([2, 0])

    def loss(F: Any, table: Any, *weights: Any) -> Any:
        *cell, h = weights
        for t in range(3):
            y, h = F.rnn_cell(F.embedding(table, indices=words[:, t]), h, *cell)
        return F.cross_entropy_loss(y, targets=targets)

    start = (lattice(10, 4, 2) / 2, *rnn_weights(2, 3, 4))
    names = ("the table", *RNN_WEIGHTS)
    assert_follows(impl, loss, start, [(np.zeros((2, 3)),)] * 6, alpha=0.5, names=names)


@clause(
    depends=(
        "layers.lstm_cell.gradient",
        "layers.embedding.gradient",
        "losses.cross_entropy_loss.gradient",
        "layers.lstm_cell.gradients_flow_through_time",
    )
)
def test_an_lstm_step_by_step(impl: Implementation) -> None:
    """An LSTM cell over two words, trained on cross-entropy, MUST take the right step four times in a row."""
    targets = np.array([1, 0])

    def loss(F: Any, *values: Any) -> Any:
        *cell, first, second, h, c = values
        for x in (first, second):
            y, h, c = F.lstm_cell(x, h, c, *cell)
        return F.cross_entropy_loss(y, targets=targets)

    batch = (lattice(11, 2, 2), lattice(12, 2, 2), np.zeros((2, 2)), np.zeros((2, 2)))
    assert_follows(impl, loss, lstm_weights(2, 2, 2), [batch] * 4, alpha=0.5, names=LSTM_WEIGHTS)
