"""Whole steps: the reference beside hand-written NumPy, on the same work."""

from __future__ import annotations

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import pairs
from benchmarks.workloads import WORKLOADS

STEPS = 3
workloads = pytest.mark.parametrize("name", WORKLOADS)

# The same sums, of up to some ten thousand terms, in another order.
CLOSE = {"float64": (1e-9, 1e-12), "float32": (1e-3, 1e-6)}


@workloads
def test_all_get_the_same(name: str) -> None:
    workload = WORKLOADS[name]()
    doing = {side: start(workload) for side, start in pairs.STARTERS.items()}
    rtol, atol = CLOSE[name.rpartition(", ")[2]]
    for _ in range(STEPS if workload.parameters else 1):
        for work in doing.values():
            work.step()
        expected = doing["hand"].results()
        for side, work in doing.items():
            for got, wanted in zip(work.results(), expected, strict=True):
                np.testing.assert_allclose(got, wanted, rtol, atol, err_msg=side)
                assert got.dtype == wanted.dtype or got.ndim == 0


@workloads
def test_ratio(ratios: dict[str, dict[str, float]], name: str) -> None:
    ratios[name] = pairs.ratios(name)
    assert min(ratios[name].values()) > 0


@pytest.mark.parametrize("side", pairs.STARTERS)
@workloads
def test_step(benchmark: BenchmarkFixture, name: str, side: str) -> None:
    work = pairs.STARTERS[side](WORKLOADS[name]())
    benchmark.group = name
    benchmark(work.step)
    assert all(np.isfinite(result).all() for result in work.results())
