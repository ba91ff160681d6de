"""Recurrent cells over several steps, as programs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec.programs import lattice

Array = NDArray[Any]

RNN_WEIGHTS = ("w_ih", "b_ih", "w_hh", "b_hh", "w_ho", "b_ho")
LSTM_WEIGHTS = (
    *("w_xf", "b_xf", "w_xi", "b_xi", "w_xo", "b_xo", "w_xc", "b_xc"),
    *("w_hf", "w_hi", "w_ho", "w_hc", "w_out"),
)


def rnn_weights(inputs: int, hidden: int, outputs: int) -> tuple[Array, ...]:
    """Uneven weights, with square recurrent ones that are not symmetric, and biases that are not 0."""
    sides = ((inputs, hidden), (hidden,), (hidden, hidden), (hidden,), (hidden, outputs), (outputs,))
    return tuple(lattice(10 + k, *side) / 2 for k, side in enumerate(sides))


def lstm_weights(inputs: int, hidden: int, outputs: int) -> tuple[Array, ...]:
    """As `rnn_weights`, for the nine layers of the cell."""
    sides = [(inputs, hidden), (hidden,)] * 4 + [(hidden, hidden)] * 4 + [(hidden, outputs)]
    return tuple(lattice(20 + k, *side) / 2 for k, side in enumerate(sides))


def rnn_over_time(F: Any, xs: Any, h: Any, *weights: Any, activation: str = "sigmoid") -> Any:
    """The sum of the outputs of an RNN cell over the words of a sequence, each a row of `xs`."""
    total = None
    for row in ([0, 1], [2, 2], [1, 0]):
        x = F.index_select(xs, indices=np.array(row))
        y, h = F.rnn_cell(x, h, *weights, activation=activation)
        total = y if total is None else F.add(total, y)
    return total


def lstm_over_time(F: Any, xs: Any, h: Any, c: Any, *weights: Any) -> Any:
    """The sum of the outputs of an LSTM cell over the words of a sequence."""
    total = None
    for row in ([0, 1], [2, 2], [1, 0]):
        x = F.index_select(xs, indices=np.array(row))
        y, h, c = F.lstm_cell(x, h, c, *weights)
        total = y if total is None else F.add(total, y)
    return total
