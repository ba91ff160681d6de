"""Whole training steps: the reference beside hand-written NumPy, on the same work."""

from __future__ import annotations

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import framework, hand, pairs
from benchmarks.workloads import WORKLOADS

STEPS = 3
workloads = pytest.mark.parametrize("name", WORKLOADS)


@workloads
def test_both_train_alike(name: str) -> None:
    ours, by_hand = framework.start(WORKLOADS[name]()), hand.start(WORKLOADS[name]())
    for _ in range(STEPS):
        ours.step()
        by_hand.step()
        # The same sums, of up to some thousand terms, in another order.
        assert ours.loss() == pytest.approx(by_hand.loss(), rel=1e-10)
        for p, q in zip(ours.parameters(), by_hand.parameters(), strict=True):
            np.testing.assert_allclose(p, q, rtol=1e-9, atol=1e-12)


@workloads
def test_ratio(ratios: dict[str, float], name: str) -> None:
    ratios[name] = pairs.ratio(name)
    assert ratios[name] > 0


@pytest.mark.parametrize("side", pairs.STARTERS)
@workloads
def test_step(benchmark: BenchmarkFixture, name: str, side: str) -> None:
    training = pairs.STARTERS[side](WORKLOADS[name]())
    training.step()
    first = training.loss()
    benchmark.group = name
    benchmark(training.step)
    assert training.loss() < first
