"""The recurrent cell: `h' = act(x W_ih + b_ih + h W_hh + b_hh)`, `y = h' W_ho + b_ho`."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.layers.programs import RNN_WEIGHTS, rnn_over_time, rnn_weights
from dlspec.failure import ConformanceFailure
from dlspec.implementation import Implementation
from dlspec.programs import assert_program, lattice
from dlspec.tolerance import assert_equal

DEPENDS = ("gradient",)


@clause()
def test_the_new_hidden_state(impl: Implementation) -> None:
    """The second result of the cell MUST be the new hidden state, before it is mapped to the output."""
    for activation in ("sigmoid", "tanh"):
        assert_program(
            impl,
            lambda F, *xs, a=activation: F.rnn_cell(*xs, activation=a)[1],
            (lattice(1, 2, 3), lattice(2, 2, 4), *rnn_weights(3, 4, 2)[:4], *rnn_weights(3, 4, 2)[4:]),
            lattice(3, 2, 4),
            ("x", "h", *RNN_WEIGHTS),
            f"the new hidden state with {activation}",
        )


@clause()
def test_the_activation_is_sigmoid_by_default(impl: Implementation) -> None:
    """A cell that is made without naming an activation MUST use the sigmoid, and with `"tanh"` the
    hyperbolic tangent.
    """
    operands = (lattice(1, 2, 3), lattice(2, 2, 4), *rnn_weights(3, 4, 2))
    by_default = impl.evaluate(lambda F, *xs: F.rnn_cell(*xs)[0], *operands)
    named = impl.evaluate(lambda F, *xs: F.rnn_cell(*xs, activation="sigmoid")[0], *operands)
    other = impl.evaluate(lambda F, *xs: F.rnn_cell(*xs, activation="tanh")[0], *operands)

    assert_equal(by_default, named, "output without an activation named")
    if np.array_equal(other, named):
        raise ConformanceFailure("activation='tanh' gives what 'sigmoid' gives", what="output with tanh")


@clause()
def test_the_caller_s_hidden_state_is_left_alone(impl: Implementation) -> None:
    """The hidden state that a cell is given MUST NOT be written to."""
    hidden = lattice(2, 2, 4)
    given = impl.constant(hidden)
    impl.evaluate(lambda F, x, *ws: F.rnn_cell(x, given, *ws)[0], lattice(1, 2, 3), *rnn_weights(3, 4, 2))

    assert_equal(impl.array(given), hidden, "the hidden state that was given")


@clause(depends=("layers.embedding.gradient", "autodiff.fan_out.*", "autodiff.order.*"))
def test_gradients_flow_through_time(impl: Implementation) -> None:
    """Over several steps the gradient MUST flow back through every hidden state, to the weights, the
    inputs and the first state.
    """
    for activation in ("sigmoid", "tanh"):
        assert_program(
            impl,
            lambda F, *xs, a=activation: rnn_over_time(F, *xs, activation=a),
            (lattice(4, 3, 2), lattice(5, 2, 3) / 2, *rnn_weights(2, 3, 2)),
            lattice(6, 2, 2),
            ("the inputs", "the first hidden state", *RNN_WEIGHTS),
            f"the sum of the outputs with {activation}",
        )
