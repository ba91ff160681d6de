"""The LSTM cell: three gates and a candidate; `c' = f c + i g`, `h' = o tanh c'`, `y = h' W_ho`."""

from __future__ import annotations

from dlspec.clause import clause
from dlspec.clauses.layers.programs import LSTM_WEIGHTS, lstm_over_time, lstm_weights
from dlspec.implementation import Implementation
from dlspec.programs import assert_program, lattice
from dlspec.tolerance import assert_equal

DEPENDS = ("gradient",)


@clause()
def test_the_new_hidden_state(impl: Implementation) -> None:
    """The new hidden state MUST be the output gate times the hyperbolic tangent of the new cell state."""
    assert_program(
        impl,
        lambda F, *xs: F.lstm_cell(*xs)[1],
        (lattice(1, 2, 3), lattice(2, 2, 3), lattice(3, 2, 3), *lstm_weights(3, 3, 2)),
        lattice(4, 2, 3),
        ("x", "h", "c", *LSTM_WEIGHTS),
        "the new hidden state",
    )


@clause()
def test_the_new_cell_state(impl: Implementation) -> None:
    """The new cell state MUST be the forget gate times the old one plus the input gate times the
    candidate.
    """
    assert_program(
        impl,
        lambda F, *xs: F.lstm_cell(*xs)[2],
        (lattice(1, 2, 3), lattice(2, 2, 3), lattice(3, 2, 3), *lstm_weights(3, 3, 2)),
        lattice(4, 2, 3),
        ("x", "h", "c", *LSTM_WEIGHTS),
        "the new cell state",
    )


@clause()
def test_the_caller_s_states_are_left_alone(impl: Implementation) -> None:
    """The hidden and the cell state that a cell is given MUST NOT be written to."""
    hidden, cell = lattice(2, 2, 3), lattice(3, 2, 3)
    h, c = impl.constant(hidden), impl.constant(cell)
    impl.evaluate(lambda F, x, *ws: F.lstm_cell(x, h, c, *ws)[0], lattice(1, 2, 3), *lstm_weights(3, 3, 2))

    assert_equal(impl.array(h), hidden, "the hidden state that was given")
    assert_equal(impl.array(c), cell, "the cell state that was given")


@clause(
    depends=(
        "layers.embedding.gradient",
        "autodiff.fan_out.*",
        "autodiff.order.*",
        "layers.rnn_cell.gradients_flow_through_time",
    )
)
def test_gradients_flow_through_time(impl: Implementation) -> None:
    """Over several steps the gradient MUST flow back through every hidden and cell state, to all
    weights and both first states.
    """
    assert_program(
        impl,
        lstm_over_time,
        (lattice(4, 3, 2), lattice(5, 2, 2) / 2, lattice(6, 2, 2) / 2, *lstm_weights(2, 2, 2)),
        lattice(7, 2, 2),
        ("the inputs", "the first hidden state", "the first cell state", *LSTM_WEIGHTS),
        "the sum of the outputs",
    )
