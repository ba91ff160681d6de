"""What single choices are worth: the same work, with the choice and without it.

    python -m benchmarks.steps             # a table
    python -m benchmarks.steps --store     # and benchmarks/history/steps.json, which a chapter shows

Each pair takes turns in one process, on one thread. What is counted is processor time, and the figure is the
median, over the rounds, of how many times as long it takes without. Where a choice is about the framework's
own design it is shown on two small tapes that differ in nothing else.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deeplearning_framework import SGD, CrossEntropyLoss, Embedding, Linear, Tensor
from deeplearning_framework.primitives import sigmoid

Array = NDArray[Any]
Work = Callable[[], Any]

HISTORY = Path(__file__).parent / "history" / "steps.json"
ROUNDS = 15
BLOCK = 0.02
"""Seconds of one turn: long against the grain of the clock."""

CHAIN = 2000


class Closing:
    """A tape that remembers an operation as a function which knows how to undo it."""

    __slots__ = ("data", "pull")

    def __init__(self, data: Array, pull: Callable[[Array], tuple[tuple[Any, Array], ...]] | None) -> None:
        """Keep both."""
        self.data = data
        self.pull = pull


def add_closing(x: Closing, y: Closing) -> Closing:
    """Add, and close over the operands."""
    x_shape, y_shape = x.data.shape, y.data.shape

    def pull(z_bar: Array) -> tuple[tuple[Any, Array], ...]:
        return (x, z_bar.reshape(x_shape)), (y, z_bar.reshape(y_shape))

    return Closing(x.data + y.data, pull)


class Recording:
    """A tape that remembers an operation as the name of its rule, and what the rule will read."""

    __slots__ = ("data", "parents", "residuals", "rule")

    def __init__(self, data: Array, rule: Any, parents: tuple[Any, ...], residuals: tuple[Any, ...]) -> None:
        """Keep them."""
        self.data = data
        self.rule = rule
        self.parents = parents
        self.residuals = residuals


def add_vjp(z_bar: Array, x_shape: tuple[int, ...], y_shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Hand the cotangent to both operands."""
    return z_bar.reshape(x_shape), z_bar.reshape(y_shape)


def add_recording(x: Recording, y: Recording) -> Recording:
    """Add, and write down the rule with what it reads."""
    return Recording(x.data + y.data, add_vjp, (x, y), (x.data.shape, y.data.shape))


def chain_closing(length: int = CHAIN) -> Closing:
    """A chain of additions."""
    x = one = Closing(np.ones(4), None)
    for _ in range(length):
        x = add_closing(x, one)
    return x


def chain_recording(length: int = CHAIN) -> Recording:
    """The same chain."""
    x = one = Recording(np.ones(4), None, (), ())
    for _ in range(length):
        x = add_recording(x, one)
    return x


def without_collector(work: Work) -> Work:
    """The same work while the collector rests."""

    def run() -> Any:
        gc.disable()
        try:
            return work()
        finally:
            gc.enable()

    return run


@dataclass(frozen=True)
class Step:
    """A choice.

    Attributes:
        id: Its name.
        says: What is compared.
        without: The work without it. It gives an array, or something that has one as its `data`.
        with_it: The work with it, which gives the same numbers.
    """

    id: str
    says: str
    without: Work
    with_it: Work


def steps() -> list[Step]:
    """Every choice, with work that is set up afresh."""
    return [
        Step(
            "collector",
            f"a chain of {CHAIN:,} additions with closures, the collector on or off",
            chain_closing,
            without_collector(chain_closing),
        ),
        Step(
            "closures",
            f"a chain of {CHAIN:,} additions, closures or records",
            chain_closing,
            chain_recording,
        ),
        _affine(),
        _cross_entropy(),
        _dot(),
        _ones(),
        _sums(),
        _memory(),
        _pieces(),
        _rows(),
    ]


def _affine() -> Step:
    layer = Linear(16, 16, rng=np.random.default_rng(0))
    weight, bias = layer.get_parameters()
    x = Tensor(np.ones((4, 16)))

    def step(y: Tensor) -> Array:
        weight.grad = bias.grad = None
        y.sum().backward()
        return _gradient(weight)

    def parts() -> Array:
        return step(x.mm(weight) + bias)

    def fused() -> Array:
        return step(layer.forward(x))

    return Step("affine", "a linear layer 16-16, 4 rows: two operations or one", parts, fused)


def _cross_entropy() -> Step:
    rng = np.random.default_rng(0)
    logits, classes = Tensor(rng.normal(size=(32, 80)), autograd=True), rng.integers(0, 80, 32)
    truth = np.eye(80)[classes]
    loss = CrossEntropyLoss()

    def step(loss: Tensor) -> Array:
        logits.grad = None
        loss.backward()
        return _gradient(logits)

    def parts() -> Array:
        shifted = logits - logits.data.max(axis=1, keepdims=True)
        logs = shifted - shifted.exp().sum(1, keepdims=True).log()
        return step(-(logs * truth).sum() / 32)

    def fused() -> Array:
        return step(loss(logits, classes))

    return Step("cross_entropy", "cross-entropy, 32 rows of 80 classes: nine operations or one", parts, fused)


def _dot() -> Step:
    x, w = np.ones((4, 3)), np.ones((3, 3))
    return Step("dot", "a product of 4x3 by 3x3: x @ w or x.dot(w)", lambda: x @ w, lambda: x.dot(w))


def _ones() -> Step:
    y_bar, ones = np.ones((512, 256)), np.ones(512)
    says = "the sum of 512 rows of 256: sum(0) or a product"
    return Step("ones", says, lambda: y_bar.sum(0), lambda: ones.dot(y_bar))


def _sums() -> Step:
    parts: list[Array] = [np.full(20_000, float(k)) for k in range(16)]

    def anew() -> Array:
        total: Array = parts[0] + parts[1]
        for part in parts[2:]:
            total = np.add(total, part)
        return total

    def in_place() -> Array:
        total: Array = parts[0] + parts[1]
        for part in parts[2:]:
            total += part
        return total

    return Step("sums", "a sum of 16 cotangents of 20,000 numbers: anew or in place", anew, in_place)


def _memory() -> Step:
    p, g = np.zeros((784, 256)), np.ones((784, 256))
    room = np.empty_like(p)

    def fetched() -> Array:
        return p - 0.1 * g

    def kept() -> Array:
        np.multiply(g, 0.1, out=room)
        return np.subtract(p, room, out=room)

    return Step("memory", "an update of 784x256 numbers: new memory or the same again", fetched, kept)


def _pieces() -> Step:
    # Blocks of more than 32 MB go back to the system at once, whatever was set aside before.
    x = np.random.default_rng(0).normal(size=5_000_000)

    def in_one_go() -> Array:
        z = np.exp(-np.abs(x))
        return np.maximum(z, np.sign(x)) / (1.0 + z)

    def in_pieces() -> Array:
        return sigmoid(x)[0]

    says = "the sigmoid of 5,000,000 numbers: in one go or piece by piece"
    return Step("pieces", says, in_one_go, in_pieces)


def _rows() -> Step:
    table = Embedding(50_000, 64, rng=np.random.default_rng(0))
    words = np.random.default_rng(1).integers(0, 50_000, 512)
    optimizer = SGD(table.get_parameters(), alpha=0.0)  # so that a step changes nothing, whatever it costs

    def step(look: bool) -> Array:
        table(words).sum().backward()
        if look:
            _ = table.weight.grad  # whoever looks at it gets it whole
        optimizer.step()
        return table.weight.data

    return Step(
        "rows",
        "a step of an embedding, 512 words of 50,000: the whole table or its rows",
        lambda: step(look=True),
        lambda: step(look=False),
    )


def _gradient(leaf: Tensor) -> Array:
    assert leaf.grad is not None
    return leaf.grad.data


def ratios(step: Step, rounds: int = ROUNDS) -> list[float]:
    """How many times as long it takes without, in each round."""
    step.without(), step.with_it()
    gc.collect()
    return [_seconds(step.without) / _seconds(step.with_it) for _ in range(rounds)]


def _seconds(work: Work) -> float:
    times, start = 0, time.process_time()
    while (spent := time.process_time() - start) < BLOCK:
        work()
        times += 1
    return spent / times


def measured(found: Sequence[Step], rounds: int = ROUNDS) -> dict[str, Any]:
    """The figures, with what they depend on."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{_processor()}, CPython {platform.python_version()}, NumPy {np.__version__}",
        "steps": [
            {
                "id": step.id,
                "says": step.says,
                "ratio": round(statistics.median(each), 2),
                "quartiles": [round(q, 2) for q in statistics.quantiles(each, n=4)[::2]],
            }
            for step in found
            for each in [ratios(step, rounds)]
        ],
    }


def _processor() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def told(figures: dict[str, Any]) -> str:
    """The figures as a table."""
    lines = [
        f"{step['ratio']:6.2f}  ({step['quartiles'][0]:.2f} to {step['quartiles'][1]:.2f})  {step['says']}"
        for step in figures["steps"]
    ]
    return "\n".join([*lines, f"{figures['machine']}; {figures['date']}"])


def main() -> None:
    """Measure, tell and, if asked to, store."""
    parser = argparse.ArgumentParser(description="What single choices are worth.")
    parser.add_argument("--store", action="store_true", help=f"write {HISTORY.name}")
    store = parser.parse_args().store
    if any(os.environ.get(name) != "1" for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")):
        parser.error("say OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1: other threads would be counted, too")
    figures = measured(steps())
    sys.stdout.write(f"{told(figures)}\n")
    if store:
        HISTORY.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
