"""Nonlinear functions as layers, for use in a `Sequential`."""

from __future__ import annotations

from deeplearning_framework.layers.base import Layer
from deeplearning_framework.primitives import RELU, SIGMOID, TANH
from deeplearning_framework.tensor import Operand, Tensor, apply


class Tanh(Layer):
    """Hyperbolic tangent, into (-1, 1); see `primitives.tanh`."""

    def forward(self, x: Operand) -> Tensor:
        """Compute the hyperbolic tangent of every element."""
        return apply(TANH, x)


class Sigmoid(Layer):
    """Logistic function, into (0, 1); see `primitives.sigmoid`."""

    def forward(self, x: Operand) -> Tensor:
        """Compute the logistic function of every element."""
        return apply(SIGMOID, x)


class Relu(Layer):
    """Positive part; see `primitives.relu`."""

    def forward(self, x: Operand) -> Tensor:
        """Compute the positive part of every element."""
        return apply(RELU, x)
