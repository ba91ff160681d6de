"""Whole steps: the reference beside hand-written NumPy, on the same work."""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import instructions, pairs, tracking
from benchmarks.conftest import Session
from benchmarks.workloads import WORKLOADS

workloads = pytest.mark.parametrize("name", WORKLOADS)


@pytest.fixture(scope="session")
def checks(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[None]]]:
    """The workloads that are asked for, each done in every way, on all cores: nothing is timed yet.

    Half the time of recording 5,000 steps would be the collector's, which finds nothing.
    """
    collected = {item.name for item in request.session.items}
    asked = [name for name in WORKLOADS if f"test_all_get_the_same[{name}]" in collected]
    longest_first = sorted(asked, key=lambda name: "5000" not in name)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context, initializer=gc.disable) as pool:
        yield {name: pool.submit(pairs.assert_all_get_the_same, name) for name in longest_first}


@workloads
def test_all_get_the_same(checks: dict[str, Future[None]], name: str) -> None:
    checks[name].result()


@workloads
def test_ratio(session: Session, name: str) -> None:
    if session.quick:
        session.found[name] = tracking.measured(name, 1, tracking.QUICK)
        return
    figures = tracking.measured(name)
    if session.before:
        figures = tracking.confirmed(name, figures, session.before)
    session.found[name] = figures
    worse = tracking.regressions(name, figures, session.before)
    assert not worse, "\n".join(worse)


@pytest.mark.parametrize("name", instructions.WORKLOADS)
def test_instructions(session: Session, name: str) -> None:
    session.counts[name] = tracking.counted(name)
    more = tracking.more_instructions(name, session.counts[name], session.before)
    assert not more, "\n".join(more)


@pytest.mark.parametrize("side", pairs.SIDES)
@workloads
def test_step(benchmark: BenchmarkFixture, name: str, side: str) -> None:
    work = pairs.begin(pairs.SIDES[side], name)
    for _ in range(pairs.STEPS):
        work.step()
    benchmark.group = name
    benchmark(work.step)
    assert all(np.isfinite(result).all() for result in work.results())
