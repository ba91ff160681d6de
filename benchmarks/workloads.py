"""The training steps that are timed: data, starting parameters and learning rate, for all who take them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Workload:
    """One kind of training.

    Attributes:
        name: What it is called in reports.
        inputs: What the model reads.
        targets: What it should answer.
        parameters: Where training starts, layer by layer, weight before bias.
        alpha: The learning rate.
    """

    name: str
    inputs: Array
    targets: Array
    parameters: tuple[Array, ...]
    alpha: float


class Training(Protocol):
    """A workload under way."""

    def step(self) -> None:
        """Forward, backward, update."""

    def loss(self) -> float:
        """The loss that the last step began with."""

    def parameters(self) -> list[Array]:
        """Where training has got to."""


def affine(rng: np.random.Generator, n: int, m: int) -> tuple[Array, Array]:
    """A weight and a bias of ordinary size."""
    return rng.standard_normal((n, m)) / np.sqrt(n), rng.standard_normal(m) * 0.1


def xor() -> Workload:
    """Four rows, two inputs, three hidden units: all overhead."""
    rng = np.random.default_rng(0)
    x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = np.array([[0.0], [1.0], [1.0], [0.0]])
    return Workload("xor", x, y, affine(rng, 2, 3) + affine(rng, 3, 1), 0.5)


def mlp() -> Workload:
    """784-256-128-10 with tanh and cross-entropy on a batch of 64: all matrix products."""
    rng = np.random.default_rng(0)
    sides = (784, 256, 128, 10)
    parameters = [p for n, m in pairwise(sides) for p in affine(rng, n, m)]
    inputs, targets = rng.standard_normal((64, sides[0])), rng.integers(0, sides[-1], 64)
    return Workload("mlp", inputs, targets, tuple(parameters), 0.05)


def rnn(steps: int, batch: int) -> Workload:
    """Embedding, recurrent cell and cross-entropy on the last output: many small ops, and depth."""
    rng = np.random.default_rng(0)
    words, hidden = 80, 16
    parameters = (
        rng.standard_normal((words, hidden)) * 0.3,
        *affine(rng, hidden, hidden),
        *affine(rng, hidden, hidden),
        *affine(rng, hidden, words),
    )
    inputs, targets = rng.integers(0, words, (batch, steps)), rng.integers(0, words, batch)
    return Workload(f"rnn, {steps} steps", inputs, targets, parameters, 0.05)


def words() -> Workload:
    """512 words of 50,000, drawn to where they should be: all table, hardly any arithmetic."""
    rng = np.random.default_rng(0)
    table = rng.standard_normal((50_000, 64))
    return Workload("words", rng.integers(0, len(table), 512), rng.standard_normal((512, 64)), (table,), 0.05)


WORKLOADS: dict[str, Callable[[], Workload]] = {
    "xor": xor,
    "mlp": mlp,
    "rnn, 5 steps": lambda: rnn(5, 100),
    "rnn, 100 steps": lambda: rnn(100, 32),
    "words": words,
}
