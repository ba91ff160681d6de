"""How the cost of a step grows with its size.

Linear in the depth of a graph, from ten nodes to a million; in the batch; in the square of the width; and not
at all in the vocabulary.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import framework, tracking
from benchmarks.workloads import NOTHING, Workload, chain, rnn
from deeplearning_framework import SGD, CrossEntropyLoss, Linear, Sequential, Tanh, Tensor

HISTORY = Path(__file__).parent / "history" / "growth.json"

AT_LEAST = 0.1  # seconds that each size is measured for
ROUNDS = 5


def deep(nodes: int) -> Callable[[], None]:
    """A chain of additions, there and back."""
    return framework.start(chain(nodes)).step


def long(steps: int) -> Callable[[], None]:
    """A recurrent network over a text."""
    return framework.start(rnn(steps, 32)).step


def wide(width: int) -> Callable[[], None]:
    """A network of three square layers, on a batch of 32."""
    return _network(width, 32)


def batch(rows: int) -> Callable[[], None]:
    """The same, 256 wide."""
    return _network(256, rows)


def _network(width: int, rows: int) -> Callable[[], None]:
    rng = np.random.default_rng(0)
    layers = [Linear(width, width, rng=rng) for _ in range(3)]
    model = Sequential([layers[0], Tanh(), layers[1], Tanh(), layers[2]])
    optimizer, criterion = SGD(model.get_parameters(), alpha=0.01), CrossEntropyLoss()
    x, targets = Tensor(rng.standard_normal((rows, width))), rng.integers(0, width, rows)

    def step() -> None:
        criterion.forward(model.forward(x), targets).backward()
        optimizer.step()

    return step


def vocabulary(words: int) -> Callable[[], None]:
    """An embedding of which 512 words are looked up."""
    rng = np.random.default_rng(0)
    table = rng.standard_normal((words, 16))
    return framework.start(Workload("embedding", rng.integers(0, words, 512), NOTHING, (table,), 0.01)).step


SERIES: dict[str, tuple[Callable[[int], Callable[[], None]], str, str, tuple[int, ...], int]] = {
    "Depth: a chain of additions": (deep, "nodes", "node", (10, 100, 1_000, 10_000, 100_000, 1_000_000), 1),
    "Time: a recurrent network": (long, "steps", "step in time", (1, 10, 100, 1_000, 10_000), 1),
    "Width: three square layers": (wide, "units", "weight", (64, 128, 256, 512, 1_024), 2),
    "Batch: the same, 256 wide": (batch, "rows", "row", (16, 64, 256, 1_024, 4_096), 1),
    "Vocabulary: an embedding": (vocabulary, "words", "look-up", (1_000, 10_000, 100_000, 1_000_000), 0),
}
"""What is made larger, what it is called, what a part is, the sizes, and the power with which work grows."""

PARTS = {2: 3, 1: 1, 0: 512}
"""So many parts there are for one, if it is the power that tells: three layers, one of each, 512 look-ups."""


def seconds(step: Callable[[], None]) -> float:
    """Processor time of a step: the median of some rounds, after one to warm up."""
    step()
    start = time.process_time()
    step()
    number = max(1, round(AT_LEAST / ROUNDS / max(time.process_time() - start, 1e-6)))
    rounds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(number):
            step()
        rounds.append((time.process_time() - start) / number)
    return statistics.median(rounds)


def measured(name: str) -> list[tuple[int, float, float]]:
    """For each size what a step costs, in microseconds, and what that is for each part."""
    make, _, _, sizes, power = SERIES[name]
    found = []
    for size in sizes:
        gc.collect()
        cost = 1e6 * seconds(make(size))
        whole, each = tracking.rounded([cost, cost / (PARTS[power] * size**power)])
        found.append((size, whole, each))
    return found


def record(costs: Mapping[str, Sequence[tuple[int, float, float]]]) -> dict[str, Any]:
    """All series, as they are kept."""
    run = tracking.record({}, {})
    del run["steps"], run["instructions"]
    run["series"] = {
        name: {"of": SERIES[name][1], "each": SERIES[name][2], "costs": found}
        for name, found in costs.items()
    }
    return run
