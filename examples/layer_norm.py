"""A layer that the package hasn't got: layer normalisation.

    python examples/layer_norm.py     train with it
    pytest examples/layer_norm.py     check it

A layer is a class with a `forward`. Its tensors with autograd are its parameters; the base class finds them,
names them, saves them and loads them. The derivative comes for free, since `forward` is made of ops.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deeplearning_framework import SGD, CrossEntropyLoss, Layer, Linear, Sequential, Tanh, Tensor
from dlspec import check_gradient

EPSILON = 1e-5
"""Added to a variance, so that a row of equal numbers has a normal form as well."""


def layer_norm(x: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
    r"""Shift and scale every row to mean 0 and variance 1, then by what was learned.

    $$ y = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} \odot g + b $$

    Shape:
        ``(n),(n),(n)->(n)``, over any batch of rows.

    Source:
        J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer Normalization" (2016), arXiv:1607.06450.
    """
    centred = x - x.mean(dim=-1, keepdims=True)
    variance = (centred * centred).mean(dim=-1, keepdims=True)
    return centred * (variance + EPSILON) ** -0.5 * gain + bias


class LayerNorm(Layer):
    """Layer normalisation over the last axis.

    Args:
        n_features: The size of that axis.
    """

    def __init__(self, n_features: int) -> None:
        """Start as the plain normal form: gain 1, bias 0."""
        super().__init__()
        self.gain = Tensor(np.ones(n_features), autograd=True)
        self.bias = Tensor(np.zeros(n_features), autograd=True)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each row."""
        return layer_norm(x, self.gain, self.bias)


def rings(rng: np.random.Generator, n: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Points on two noisy rings around the origin, and which ring each is on."""
    ring = rng.integers(0, 2, n)
    angle, radius = rng.uniform(0, 2 * np.pi, n), 1 + 2 * ring + rng.normal(0, 0.2, n)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), ring


def main() -> None:
    """Tell two rings apart, by a model whose hidden layer is normalised."""
    rng = np.random.default_rng(0)
    x, ring = rings(rng, 256)
    model = Sequential([Linear(2, 16, rng=rng), Tanh(), LayerNorm(16), Linear(16, 2, rng=rng)])
    criterion = CrossEntropyLoss()
    optimizer = SGD(model.get_parameters(), alpha=0.1, momentum=0.9)
    for step in range(201):
        logits = model(Tensor(x))
        loss = criterion(logits, ring)
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            accuracy = np.mean(logits.data.argmax(axis=1) == ring)
            print(f"step {step:3}   loss {loss.item():.4f} nats   accuracy {accuracy:.1%}")
    print("parameters:", ", ".join(model.state_dict()))


def test_the_gradient_is_the_derivative_of_the_textbook_definition() -> None:
    def definition(x: NDArray[Any], gain: NDArray[Any], bias: NDArray[Any]) -> NDArray[Any]:
        centred = x - np.mean(x, axis=-1, keepdims=True)
        variance = np.mean(centred * centred, axis=-1, keepdims=True)
        return np.asarray(centred / np.sqrt(variance + EPSILON) * gain + bias)

    rng = np.random.default_rng(0)
    operands = rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=4)
    check_gradient(layer_norm, *operands, definition=definition)


def test_rows_come_out_with_mean_zero_and_variance_one() -> None:
    x = np.random.default_rng(0).normal(50, 10, size=(5, 64))
    y = LayerNorm(64)(Tensor(x)).data
    np.testing.assert_allclose(y.mean(axis=1), 0, atol=64 * np.finfo(float).eps)
    # EPSILON lowers a variance of about 100 by one part in ten million.
    np.testing.assert_allclose(y.var(axis=1), 1, rtol=1e-6)


def test_a_row_of_equal_numbers_becomes_the_bias() -> None:
    layer = LayerNorm(3)
    layer.bias.data = [1.0, 2.0, 3.0]
    np.testing.assert_array_equal(layer(Tensor([[7.0, 7.0, 7.0]])).data, [[1.0, 2.0, 3.0]])


def test_its_parameters_are_found_named_saved_and_loaded(tmp_path: Path) -> None:
    norm = LayerNorm(3)
    model, other = Sequential([Linear(2, 3), norm]), Sequential([Linear(2, 3), LayerNorm(3)])
    norm.gain.data = [1.0, -2.0, 0.5]
    assert list(model.state_dict()) == ["0.weight", "0.bias", "1.gain", "1.bias"]
    model.save(tmp_path / "model.npz")
    other.load(tmp_path / "model.npz")
    x = Tensor([[0.5, -1.5]])
    np.testing.assert_array_equal(other(x).data, model(x).data)


if __name__ == "__main__":
    main()
