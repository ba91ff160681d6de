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
from heapq import heappop, heappush
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deeplearning_framework import (
    SGD,
    CrossEntropyLoss,
    Embedding,
    Linear,
    MSELoss,
    Sequential,
    Sigmoid,
    Tanh,
    Tensor,
)
from deeplearning_framework.primitives import sigmoid
from deeplearning_framework.replay import Replay

Array = NDArray[Any]
Work = Callable[[], Any]

HISTORY = Path(__file__).parent / "history" / "steps.json"
ROUNDS = 15
BLOCK = 0.02
"""Seconds of one turn: long against the grain of the clock."""

CHAIN = 2000
SHORT_CHAIN = 500
"""As long as Python's stack allows, with room for whoever measures."""


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


class Numbered(Recording):
    """The same with a number: what was made later has a larger one."""

    __slots__ = ("order",)

    def __init__(self, *parts: Any) -> None:
        """Take the next number."""
        super().__init__(*parts)
        self.order = next(_numbers)


_numbers = count()


def add_numbered(x: Numbered, y: Numbered) -> Numbered:
    """Add, and write that down."""
    return Numbered(x.data + y.data, add_vjp, (x, y), (x.data.shape, y.data.shape))


def walk_sorted(root: Numbered, seed: Array) -> dict[Numbered, Array]:
    """Carry a cotangent to the leaves as the textbook does: search depth first, then visit what was found."""
    seen: set[Numbered] = set()
    operands_first: list[Numbered] = []

    def search(node: Numbered) -> None:
        seen.add(node)
        for parent in node.parents:
            if parent.parents and parent not in seen:
                search(parent)
        operands_first.append(node)

    search(root)
    cotangents = {root: seed}
    for node in reversed(operands_first):
        pulled = node.rule(cotangents.pop(node), *node.residuals)
        for parent, x_bar in zip(node.parents, pulled, strict=True):
            cotangents[parent] = cotangents[parent] + x_bar if parent in cotangents else x_bar
    return cotangents


def walk_newest_first(root: Numbered, seed: Array) -> dict[Numbered, Array]:
    """The same by number: a heap has the newest on top."""
    cotangents = {root: seed}
    heap = [(-root.order, root)]
    while heap:
        node = heappop(heap)[1]
        pulled = node.rule(cotangents.pop(node), *node.residuals)
        for parent, x_bar in zip(node.parents, pulled, strict=True):
            if parent in cotangents:
                cotangents[parent] = cotangents[parent] + x_bar
            else:
                cotangents[parent] = x_bar
                if parent.parents:
                    heappush(heap, (-parent.order, parent))
    return cotangents


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
        _order(),
        _affine(),
        _cross_entropy(),
        _dot(),
        _ones(),
        _sums(),
        _memory(),
        _pieces(),
        _rows(),
        _replay(),
    ]


def _order() -> Step:
    x = total = Numbered(np.ones(4), None, (), ())
    for _ in range(SHORT_CHAIN):
        total = add_numbered(total, x)
    root, seed = total, np.ones(4)
    says = f"the way back through {SHORT_CHAIN} additions: sorted by recursion, or the newest first"
    return Step("order", says, lambda: walk_sorted(root, seed)[x], lambda: walk_newest_first(root, seed)[x])


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


def _replay() -> Step:
    rng = np.random.default_rng(0)
    model = Sequential([Linear(2, 3, rng=rng), Tanh(), Linear(3, 1, rng=rng), Sigmoid()])
    data, target = (
        Tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]),
        Tensor([[0.0], [1.0], [1.0], [0.0]]),
    )
    # So that a step changes nothing, whatever it costs.
    criterion, optimizer = MSELoss(), SGD(model.get_parameters(), alpha=0.0)

    def step() -> Tensor:
        loss = criterion(model(data), target)
        loss.backward()
        optimizer.step()
        return loss

    return Step("replay", "a step of training on XOR: as it is written, or replayed", step, Replay(step))


def products() -> Step:
    """Not a choice: a step of a large network, and the matrix products that are in it whoever does it."""
    rng = np.random.default_rng(0)
    sides, batch = (784, 256, 128, 10), 512
    layers = [Linear(n, m, rng=rng, dtype=np.float32) for n, m in pairwise(sides)]
    model = Sequential([layers[0], Tanh(), layers[1], Tanh(), layers[2]])
    data = Tensor(rng.normal(size=(batch, sides[0])).astype(np.float32))
    classes = rng.integers(0, sides[-1], batch)
    criterion, optimizer = CrossEntropyLoss(), SGD(model.get_parameters(), alpha=0.0)

    def step() -> Array:
        loss = criterion(model(data), classes)
        loss.backward()
        optimizer.step()
        return np.asarray(loss.data)

    values = [rng.normal(size=(batch, side)).astype(np.float32) for side in sides]
    weights = [layer.weight.data for layer in layers]

    def alone() -> Array:
        y = values[0]
        for x, w in zip(values, weights, strict=False):
            y = x.dot(w)
        for x, w, y_bar in zip(values, weights, values[1:], strict=False):
            x.T.dot(y_bar)
            if x is not values[0]:  # nobody asks for the cotangent of the data
                y_bar.dot(w.T)
        return y

    says = "a step of an MLP, 784-256-128-10, 512 rows, float32: all of it, or its matrix products"
    return Step("products", says, step, alone)


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
        "steps": [_figure(step, rounds) for step in found],
        "products": _figure(products(), rounds),
    }


def _figure(step: Step, rounds: int) -> dict[str, Any]:
    each = ratios(step, rounds)
    return {
        "id": step.id,
        "says": step.says,
        "ratio": round(statistics.median(each), 2),
        "quartiles": [round(q, 2) for q in statistics.quantiles(each, n=4)[::2]],
    }


def _processor() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def told(figures: dict[str, Any]) -> str:
    """The figures as a table."""
    lines = [
        f"{step['ratio']:6.2f}  ({step['quartiles'][0]:.2f} to {step['quartiles'][1]:.2f})  {step['says']}"
        for step in (*figures["steps"], figures["products"])
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
