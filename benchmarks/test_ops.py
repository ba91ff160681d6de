"""Every op of the catalogue, there and back, at three sizes. A new row is timed from the day it is added."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.conftest import Session
from benchmarks.operands import SIDES, prepare
from deeplearning_framework import Tensor
from dlspec.catalogue import CATALOGUE, Op

SECONDS = 0.05
sides = pytest.mark.parametrize("side", SIDES, ids="{0}x{0}".format)
ops = pytest.mark.parametrize("op", CATALOGUE, ids=lambda op: op.name)


@sides
@ops
def test_forward(session: Session, benchmark: BenchmarkFixture, op: Op, side: int) -> None:
    call = prepare(op, side)
    np.testing.assert_allclose(call.run().data, call.expected, rtol=1e-9)
    benchmark.group = f"{op.name}, {side}x{side}"
    benchmark(call.run)
    session.note("forward", op.name, side, benchmark)


@sides
@ops
def test_pullback(session: Session, benchmark: BenchmarkFixture, op: Op, side: int) -> None:
    call = prepare(op, side)
    seed = np.ones(call.expected.shape)

    def graph() -> tuple[tuple[Any, ...], dict[str, Any]]:
        for leaf in call.leaves:
            leaf.grad = None
        return (call.run(), seed), {}

    arguments, _ = graph()
    began = perf_counter()
    Tensor.backward(*arguments)
    took = perf_counter() - began
    assert all(leaf.grad is not None for leaf in call.leaves)
    benchmark.group = f"{op.name}, {side}x{side}"
    # A graph serves once, so each round builds its own, and that isn't counted.
    benchmark.pedantic(Tensor.backward, setup=graph, rounds=max(5, min(500, round(SECONDS / took))))
    session.note("pullback", op.name, side, benchmark)
