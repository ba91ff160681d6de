"""Whole steps: the reference beside hand-written NumPy, on the same work."""

from __future__ import annotations

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import instructions, pairs, tracking
from benchmarks.conftest import Session
from benchmarks.workloads import WORKLOADS

workloads = pytest.mark.parametrize("name", WORKLOADS)


@workloads
def test_all_get_the_same(name: str) -> None:
    expected = pairs.by_hand(name)
    for side, module in pairs.SIDES.items():
        doing = pairs.begin(module, name)
        for _ in range(pairs.STEPS):
            doing.step()
        pairs.assert_same(name, doing.results(), expected, side)


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
    benchmark.group = name
    benchmark(work.step)
    assert all(np.isfinite(result).all() for result in work.results())
