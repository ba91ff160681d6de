"""Recurrent cells: one step through a sequence, from an input and a state to an output and a new state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deeplearning_framework.errors import ArgumentError
from deeplearning_framework.layers.activations import Sigmoid, Tanh
from deeplearning_framework.layers.base import Layer, parameter_dtype
from deeplearning_framework.layers.linear import Linear
from deeplearning_framework.shapes import check_count
from deeplearning_framework.tensor import Operand, Tensor

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from deeplearning_framework.layers.base import Rng


class RNNCell(Layer):
    r"""One step of a plain recurrent network.

    $$ h' = \phi(x W_{ih} + b_{ih} + h W_{hh} + b_{hh}), \qquad y = h' W_{ho} + b_{ho} $$

    Args:
        n_inputs: The size of an input.
        n_hidden: The size of the state.
        n_output: The size of an output.
        activation: $\phi$, ``"sigmoid"`` or ``"tanh"``.
        dtype: float32 or float64.
        rng: Where the weights are drawn from; NumPy's global generator if None.

    Attributes:
        w_ih: The `Linear` from input to state.
        w_hh: The `Linear` from state to state.
        w_ho: The `Linear` from state to output.

    Raises:
        ArgumentError: The activation is none of the two.

    Shape:
        ``(n_inputs),(n_hidden)->(n_output),(n_hidden)``, for every row of a batch.

    Source:
        J. L. Elman, "Finding structure in time", Cognitive Science 14 (1990).
    """

    def __init__(  # noqa: PLR0913, PLR0917 (what a cell is made of)
        self,
        n_inputs: int,
        n_hidden: int,
        n_output: int,
        activation: str = "sigmoid",
        dtype: DTypeLike = np.float64,
        rng: Rng | None = None,
    ) -> None:
        """Draw the weights."""
        super().__init__()
        if activation not in ("sigmoid", "tanh"):
            raise ArgumentError(f"RNNCell: activation is 'sigmoid' or 'tanh', not {activation!r}")
        self.activation: Layer = Sigmoid() if activation == "sigmoid" else Tanh()
        self.w_ih = Linear(n_inputs, n_hidden, dtype=dtype, rng=rng)
        self.w_hh = Linear(n_hidden, n_hidden, dtype=dtype, rng=rng)
        self.w_ho = Linear(n_hidden, n_output, dtype=dtype, rng=rng)

    def forward(self, x: Operand, hidden: Operand) -> tuple[Tensor, Tensor]:
        """Take one step.

        Args:
            x: The input $x$.
            hidden: The state $h$.

        Returns:
            The output $y$ and the new state $h'$.
        """
        new_hidden = self.activation.forward(self.w_ih.forward(x) + self.w_hh.forward(hidden))
        return self.w_ho.forward(new_hidden), new_hidden

    def init_hidden(self, batch_size: int = 1, dtype: DTypeLike | None = None) -> Tensor:
        """A state of zeros, of shape ``(batch_size, n_hidden)``; in the cell's dtype if None is given."""
        return _zeros("RNNCell", batch_size, self.w_hh.weight, dtype)

    def __repr__(self) -> str:
        """The call that made it."""
        n_inputs, n_hidden = self.w_ih.weight.shape
        activation = type(self.activation).__name__.lower()
        return f"RNNCell({n_inputs}, {n_hidden}, {self.w_ho.weight.shape[1]}, activation={activation!r})"


class LSTMCell(Layer):
    r"""One step of a network with long short-term memory.

    $$
    \begin{aligned}
    f, i, o &= \sigma(x W_{x*} + b_{x*} + h W_{h*}) \\
    g &= \tanh(x W_{xc} + b_{xc} + h W_{hc}) \\
    c' &= f\,c + i\,g, \qquad h' = o \tanh c', \qquad y = h' W_{ho}
    \end{aligned}
    $$

    What the plain cell overwrites at every step, this one keeps in $c$ while $f$ is near 1.

    Args:
        n_inputs: The size of an input.
        n_hidden: The size of the states $h$ and $c$.
        n_output: The size of an output.
        dtype: float32 or float64.
        rng: Where the weights are drawn from; NumPy's global generator if None.

    Attributes:
        xf, xi, xo, xc: Each a `Linear` from input to state.
        hf, hi, ho, hc: Each a `Linear` from state to state, without bias.
        w_ho: The `Linear` from state to output, without bias.

    Shape:
        ``(n_inputs),((n_hidden),(n_hidden))->(n_output),((n_hidden),(n_hidden))``, for every row of a batch.

    Source:
        F. A. Gers, J. Schmidhuber, F. Cummins, "Learning to forget: continual prediction with LSTM", Neural
        Computation 12 (2000).
    """

    def __init__(
        self,
        n_inputs: int,
        n_hidden: int,
        n_output: int,
        dtype: DTypeLike = np.float64,
        rng: Rng | None = None,
    ) -> None:
        """Draw the weights."""
        super().__init__()
        self.xf = Linear(n_inputs, n_hidden, dtype=dtype, rng=rng)
        self.xi = Linear(n_inputs, n_hidden, dtype=dtype, rng=rng)
        self.xo = Linear(n_inputs, n_hidden, dtype=dtype, rng=rng)
        self.xc = Linear(n_inputs, n_hidden, dtype=dtype, rng=rng)
        self.hf = Linear(n_hidden, n_hidden, bias=False, dtype=dtype, rng=rng)
        self.hi = Linear(n_hidden, n_hidden, bias=False, dtype=dtype, rng=rng)
        self.ho = Linear(n_hidden, n_hidden, bias=False, dtype=dtype, rng=rng)
        self.hc = Linear(n_hidden, n_hidden, bias=False, dtype=dtype, rng=rng)
        self.w_ho = Linear(n_hidden, n_output, bias=False, dtype=dtype, rng=rng)

    def forward(self, x: Operand, hidden: tuple[Operand, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Take one step.

        Args:
            x: The input $x$.
            hidden: The states $(h, c)$.

        Returns:
            The output $y$ and the new states $(h', c')$.
        """
        h, c = hidden
        f = (self.xf.forward(x) + self.hf.forward(h)).sigmoid()
        i = (self.xi.forward(x) + self.hi.forward(h)).sigmoid()
        o = (self.xo.forward(x) + self.ho.forward(h)).sigmoid()
        g = (self.xc.forward(x) + self.hc.forward(h)).tanh()
        new_c = f * c + i * g
        new_h = o * new_c.tanh()
        return self.w_ho.forward(new_h), (new_h, new_c)

    def init_hidden(self, batch_size: int = 1, dtype: DTypeLike | None = None) -> tuple[Tensor, Tensor]:
        """Two states of zeros, of shape ``(batch_size, n_hidden)``; in the cell's dtype if None is given."""
        weight = self.hc.weight
        return _zeros("LSTMCell", batch_size, weight, dtype), _zeros("LSTMCell", batch_size, weight, dtype)

    def __repr__(self) -> str:
        """The call that made it."""
        n_inputs, n_hidden = self.xc.weight.shape
        return f"LSTMCell({n_inputs}, {n_hidden}, {self.w_ho.weight.shape[1]})"


def _zeros(cell: str, batch_size: int, weight: Tensor, dtype: DTypeLike | None) -> Tensor:
    rows = check_count(cell, "batch_size", batch_size, 0)
    checked = parameter_dtype(cell, weight.dtype if dtype is None else dtype)
    return Tensor(np.zeros((rows, weight.shape[0]), checked))
