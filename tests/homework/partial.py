"""The beginning of a framework: a tensor that can add, negate and exponentiate, forward only."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


class Tensor:
    """An array."""

    def __init__(self, data: ArrayLike, autograd: bool = False) -> None:
        """Hold the data."""
        self.data = np.array(data)
        self.autograd = autograd

    def __add__(self, other: Tensor) -> Tensor:
        """The sum."""
        return Tensor(self.data + other.data)

    def __neg__(self) -> Tensor:
        """The negative."""
        return Tensor(-self.data)

    def exp(self) -> Tensor:
        """The exponential, wrong by a millionth."""
        return Tensor(np.exp(self.data) * (1 + 1e-6))
