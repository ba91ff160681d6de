"""What a graph keeps alive, and for how long."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from deeplearning_framework import SGD, CrossEntropyLoss, Embedding, Linear, RNNCell, Rule, Tensor, apply
from deeplearning_framework.primitives import ADD, MULTIPLY, TANH
from deeplearning_framework.shapes import Array

MIB = 2**20


@pytest.fixture
def _no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def peak(run: Callable[[], object]) -> int:
    """The bytes that a call needed at most, besides what was there before."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.usefixtures("_no_collector")
@pytest.mark.parametrize("walked", [True, False])
def test_a_graph_dies_without_the_collector(walked: bool) -> None:
    x = Tensor(np.ones(3), autograd=True)
    h = x.tanh()
    h.retain_grad()
    y = (h * h + x).sum()
    watched = [weakref.ref(t) for t in (h, y)]
    if walked:
        y.backward()
    del h, y
    assert [ref() for ref in watched] == [None, None]


@pytest.mark.usefixtures("_no_collector")
def test_training_leaves_nothing_for_the_collector() -> None:
    embedding, cell, criterion = Embedding(5, 4), RNNCell(4, 4, 5), CrossEntropyLoss()
    optimizer = SGD(embedding.get_parameters() + cell.get_parameters(), momentum=0.9)

    def step() -> None:
        hidden = cell.init_hidden(2)
        for word in ([0, 1], [4, 2], [3, 3]):
            y, hidden = cell.forward(embedding.forward(word), hidden)
        criterion.forward(y, [1, 2]).backward()
        optimizer.step()

    step()
    gc.collect()
    step()
    assert gc.collect() == 0


def test_a_million_operations_are_walked_and_dropped_without_recursion() -> None:
    x = Tensor(1.0, autograd=True)
    one = Tensor(1.0)
    y = x
    for _ in range(1_000_000):
        y = y * one
    y.backward()
    assert x.grad is not None
    assert x.grad.item() == 1

    y = x
    for _ in range(200_000):
        y = -y
    last = weakref.ref(y)
    del y
    assert last() is None


def test_a_node_keeps_only_what_its_vjp_reads() -> None:
    def run() -> Tensor:
        y = Tensor(np.ones(MIB // 8), autograd=True)
        for _ in range(30):
            y = y + 1.0
        return y

    # The leaf, its copy while it is made, and two results at a time: sums remember shapes alone.
    assert peak(run) < 6 * MIB


def test_a_walk_frees_what_it_has_passed() -> None:
    alive: list[weakref.ref[Array]] = []
    counts: list[int] = []

    def forward(x: Array) -> tuple[Array, tuple[Array]]:
        kept = x.copy()
        alive.append(weakref.ref(kept))
        return x * 1.0, (kept,)

    def vjp(y_bar: Array, kept: Array) -> tuple[Array]:
        counts.append(sum(ref() is not None for ref in alive))
        return (y_bar,)

    rule = Rule(forward, vjp)
    y = Tensor(np.ones(3), autograd=True)
    for _ in range(5):
        y = apply(rule, y)
    y.backward(np.ones(3))
    assert counts == [5, 4, 3, 2, 1]
    assert sum(ref() is not None for ref in alive) == 0


def test_constants_have_no_nodes() -> None:
    x = Tensor(np.ones(3))
    assert (x * 2 + x.tanh())._node is None


def test_no_cotangent_is_computed_for_a_constant() -> None:
    one = np.ones((2, 2))
    for rule in (ADD, MULTIPLY):
        _, residuals = rule.forward(one, one)
        assert rule.vjp(one, (True, False), *residuals)[1] is None
        assert rule.vjp(one, (False, True), *residuals)[0] is None
    assert len(TANH.forward(one)[1]) == 1


def test_zeroing_takes_no_memory_until_somebody_looks() -> None:
    layer = Linear(256, 512)
    layer.weight.grad = np.ones(layer.weight.shape)
    optimizer = SGD(layer.get_parameters())
    assert peak(optimizer.zero) < 10_000
    assert layer.weight.grad is not None
    assert not layer.weight.grad.data.any()
    assert layer.weight.grad.shape == (256, 512)


def test_a_step_sets_no_memory_aside_but_the_first_time() -> None:
    x = Tensor(np.ones((300, 300)), autograd=True)
    optimizer = SGD([x])
    needed = []
    for _ in range(2):
        x.grad = np.ones(x.shape)
        needed.append(peak(optimizer.step))
    assert needed[0] > x.data.nbytes > 20 * needed[1]
