"""How much work a step is, counted in calls and lines: growth without a clock. With one: `nox -s bench`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from deeplearning_framework import SGD, Embedding, Linear, RNNCell, Tensor
from dlspec.clauses.scale.helpers import count_events

PARTLY = 1.01
"""What may come on top: work once a step, and now and then a longer list."""

LIMIT = 10**8


def chain(nodes: int) -> None:
    """Additions, there and back."""
    x = Tensor(np.ones(2), autograd=True)
    y = x
    for _ in range(nodes):
        y = y + x
    y.backward(np.ones(2))


def text(steps: int) -> None:
    """A recurrent network, there and back."""
    rng = np.random.default_rng(0)
    cell = RNNCell(2, 3, 2, rng=rng)
    hidden, x = cell.init_hidden(1), Tensor(np.ones((1, 2)))
    for _ in range(steps):
        y, hidden = cell.forward(x, hidden)
    y.sum().backward()


def calls(work: Callable[[], None]) -> int:
    """Calls and returns that some work takes, after a first time in which things are set up."""
    work()
    return count_events(work, LIMIT, "a step")


@pytest.mark.parametrize("work", [chain, text])
def test_work_is_linear_in_depth(work: Callable[[int], None]) -> None:
    few, some, many = (calls(partial(work, size)) for size in (10, 110, 1_110))
    each = (some - few) / 100
    assert (many - some) / 1_000 <= PARTLY * each


def test_work_does_not_depend_on_width_and_batch() -> None:
    def step(rows: int, units: int) -> None:
        layer = Linear(units, units, rng=np.random.default_rng(0))
        layer.forward(Tensor(np.ones((rows, units)))).sum().backward()

    small, wide, long = (calls(partial(step, *sides)) for sides in ((2, 3), (2, 300), (300, 3)))
    assert small == wide == long


def test_work_does_not_depend_on_the_vocabulary() -> None:
    found = []
    for words in (1_000, 100_000):
        embedding = Embedding(words, 4, rng=np.random.default_rng(0))
        optimizer = SGD(embedding.get_parameters(), alpha=0.5)
        rows = np.arange(50) * 7

        def step(
            embedding: Embedding = embedding, optimizer: SGD = optimizer, rows: np.ndarray = rows
        ) -> None:
            e = embedding.forward(rows)
            (e * e).sum().backward()
            optimizer.step()

        found.append(calls(step))
    assert found[0] == found[1]
