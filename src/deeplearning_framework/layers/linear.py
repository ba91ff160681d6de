"""A matrix and a bias."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deeplearning_framework.layers.base import Layer, parameter_dtype, random_source
from deeplearning_framework.primitives import AFFINE
from deeplearning_framework.shapes import check_count
from deeplearning_framework.tensor import Operand, Tensor, apply

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from deeplearning_framework.layers.base import Rng


class Linear(Layer):
    r"""Multiply by a matrix and add a bias.

    $$ y = x W + b $$

    The weights start normally distributed with standard deviation $\sqrt{2 / n_{\text{inputs}}}$, which
    keeps the size of activations from layer to layer when half of them are cut off by a relu; the bias
    starts at 0.

    Args:
        n_inputs: The size of the input's last axis.
        n_outputs: The size of the output's last axis.
        bias: Whether there is a bias.
        dtype: float32 or float64.
        rng: Where the weights are drawn from; NumPy's global generator if None.

    Attributes:
        weight: $W$, of shape ``(n_inputs, n_outputs)``.
        bias: $b$, of shape ``(n_outputs,)``, or None.

    Shape:
        ``(n_inputs)->(n_outputs)``, for every row along the leading axes.

    Source:
        K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers" (2015).
    """

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        bias: bool = True,
        dtype: DTypeLike = np.float64,
        rng: Rng | None = None,
    ) -> None:
        """Draw the weights."""
        super().__init__()
        n_inputs = check_count("Linear", "n_inputs", n_inputs, 1)
        n_outputs = check_count("Linear", "n_outputs", n_outputs, 1)
        dtype = parameter_dtype("Linear", dtype)
        weight = random_source("Linear", rng).standard_normal((n_inputs, n_outputs)) * np.sqrt(2.0 / n_inputs)
        self.weight = Tensor(weight.astype(dtype), autograd=True)
        self.bias = Tensor(np.zeros(n_outputs, dtype), autograd=True) if bias else None

    def forward(self, x: Operand) -> Tensor:
        """Compute $x W + b$."""
        if self.bias is None:
            return (x if isinstance(x, Tensor) else Tensor(x)).mm(self.weight)
        return apply(AFFINE, x, self.weight, self.bias)

    def __repr__(self) -> str:
        """The call that made it."""
        sizes = ", ".join(map(str, self.weight.shape))
        return f"Linear({sizes}{'' if self.bias is not None else ', bias=False'})"
