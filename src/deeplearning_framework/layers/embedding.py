"""A vector for each word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deeplearning_framework.layers.base import Layer, parameter_dtype, random_source
from deeplearning_framework.shapes import check_count
from deeplearning_framework.tensor import Operand, Tensor

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from deeplearning_framework.layers.base import Rng


class Embedding(Layer):
    r"""Look up a row of a table for each index.

    $$ y_j = W_{i_j} $$

    It is what multiplying a one-hot vector by a matrix would give, without the multiplications by 0. The
    table starts uniformly distributed in $\pm 0.5 / \text{dim}$.

    Args:
        vocab_size: The number of rows; indices are in ``[0, vocab_size)``.
        dim: The size of a row.
        dtype: float32 or float64.
        rng: Where the table is drawn from; NumPy's global generator if None.

    Attributes:
        weight: The table $W$, of shape ``(vocab_size, dim)``.

    Shape:
        ``()->(dim)``, for every index.

    Source:
        T. Mikolov, K. Chen, G. Corrado, J. Dean, "Efficient estimation of word representations in vector
        space" (2013), for the range: that of the word2vec program.
    """

    def __init__(
        self, vocab_size: int, dim: int, dtype: DTypeLike = np.float64, rng: Rng | None = None
    ) -> None:
        """Draw the table."""
        super().__init__()
        vocab_size = check_count("Embedding", "vocab_size", vocab_size, 1)
        dim = check_count("Embedding", "dim", dim, 1)
        dtype = parameter_dtype("Embedding", dtype)
        weight = (random_source("Embedding", rng).random((vocab_size, dim)) - 0.5) / dim
        self.weight = Tensor(weight.astype(dtype), autograd=True)

    def forward(self, indices: Operand) -> Tensor:
        """Take the rows of these indices."""
        return self.weight.index_select(indices)

    def __repr__(self) -> str:
        """The call that made it."""
        return f"Embedding({', '.join(map(str, self.weight.shape))})"
