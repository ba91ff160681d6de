"""The work that is timed: data, starting parameters and learning rate, for all who do it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Workload:
    """One kind of work.

    Attributes:
        kind: What is to be done.
        inputs: What the model reads, or the operand of a function.
        targets: What it should answer, or another operand, or nothing.
        parameters: Where training starts, layer by layer, weight before bias; none where nothing is trained.
        alpha: The learning rate.
        length: How often something is done that no array's shape tells.
    """

    kind: str
    inputs: Array
    targets: Array
    parameters: tuple[Array, ...] = ()
    alpha: float = 0.0
    length: int = 0


class Doing(Protocol):
    """A workload under way."""

    def step(self) -> None:
        """Do it once: forward and backward, and the update where there are parameters."""

    def results(self) -> list[Array]:
        """What others must have got, too: the loss that the last step began with, if any, then the
        parameters; the gradients where nothing is trained.
        """


NOTHING: Array = np.empty(0)


def affine(rng: np.random.Generator, n: int, m: int) -> tuple[Array, Array]:
    """A weight and a bias of ordinary size."""
    return rng.standard_normal((n, m)) / np.sqrt(n), rng.standard_normal(m) * 0.1


def xor() -> Workload:
    """Four rows, two inputs, three hidden units: all overhead."""
    rng = np.random.default_rng(0)
    x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = np.array([[0.0], [1.0], [1.0], [0.0]])
    return Workload("xor", x, y, affine(rng, 2, 3) + affine(rng, 3, 1), 0.5)


def mlp(batch: int) -> Workload:
    """784-256-128-10 with tanh and cross-entropy: all matrix products."""
    rng = np.random.default_rng(0)
    sides = (784, 256, 128, 10)
    parameters = [p for n, m in pairwise(sides) for p in affine(rng, n, m)]
    inputs, targets = rng.standard_normal((batch, sides[0])), rng.integers(0, sides[-1], batch)
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
    return Workload("rnn", inputs, targets, parameters, 0.05)


def embedding() -> Workload:
    """The squares of 512 words of 50,000: all table, hardly any arithmetic."""
    rng = np.random.default_rng(0)
    table = rng.standard_normal((50_000, 64))
    return Workload("embedding", rng.integers(0, len(table), 512), NOTHING, (table,), 0.01)


def chain(length: int) -> Workload:
    """One small array added again and again: all graph."""
    return Workload("chain", np.random.default_rng(0).standard_normal(10), NOTHING, length=length)


def large(kind: str) -> Workload:
    """One function of ten million numbers: all memory."""
    rng = np.random.default_rng(0)
    return Workload(kind, rng.standard_normal(10**7), rng.standard_normal(10**7 if kind == "product" else 0))


def _made(make: Callable[[], Workload], dtype: str) -> Workload:
    """A workload with its numbers in the given precision."""
    workload = make()

    def cast(x: Array) -> Array:
        return x.astype(dtype) if x.dtype.kind == "f" else x

    return Workload(
        workload.kind,
        cast(workload.inputs),
        cast(workload.targets),
        tuple(cast(parameter) for parameter in workload.parameters),
        workload.alpha,
        workload.length,
    )


_IN_FLOAT64: dict[str, Callable[[], Workload]] = {
    "XOR": xor,
    "MLP, batch 64": partial(mlp, 64),
    "MLP, batch 512": partial(mlp, 512),
    "RNN, 5 steps": partial(rnn, 5, 100),
    "RNN, 100 steps": partial(rnn, 100, 32),
    "RNN, 5000 steps": partial(rnn, 5000, 32),
    "embedding": embedding,
    "chain of 10000": partial(chain, 10_000),
    "sigmoid of 10^7": partial(large, "sigmoid"),
    "tanh of 10^7": partial(large, "tanh"),
    "product of 10^7": partial(large, "product"),
}

WORKLOADS: dict[str, Callable[[], Workload]] = {
    f"{name}, {dtype}": partial(_made, make, dtype)
    for dtype in ("float64", "float32")
    for name, make in _IN_FLOAT64.items()
}
