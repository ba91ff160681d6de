"""Graphs of any depth and width: no stack, no limit."""

from __future__ import annotations

from typing import Any

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.scale.helpers import chain, however_deep
from dlspec.implementation import Implementation
from dlspec.tolerance import assert_equal


@clause()
def test_a_hundred_thousand_chained_ops(impl: Implementation) -> None:
    """A program of 100,000 ops one after another MUST be evaluated and pulled back, without running out of
    stack.
    """
    x, cotangent = np.array([3.0, -5.0]), np.array([2.0, -1.0])

    def program(F: Any, x: Any) -> Any:
        return chain(F, x, impl.constant(np.ones(2)), 100_000)

    with however_deep("a program of 100,000 chained ops"):
        value, (bar,) = impl.gradients(program, x, cotangent=cotangent)

    assert_equal(value, x, "value after 100,000 ops that change nothing")
    assert_equal(bar, cotangent, "cotangent of x after 100,000 ops that change nothing")


@clause()
def test_a_long_chain_may_be_dropped(impl: Implementation) -> None:
    """A recorded program of 50,000 chained ops MUST be allowed to go without ever being pulled back."""
    x = np.array([3.0, -5.0])
    with however_deep("dropping a program of 50,000 chained ops"):
        pulled = impl.pull(lambda F, x: chain(F, x, impl.constant(np.ones(2)), 50_000), x)
        value = pulled.value
        del pulled

    assert_equal(value, x, "value after 50,000 ops that change nothing")


@clause()
def test_ten_thousand_uses_of_one_value(impl: Implementation) -> None:
    """A value that is used 10,000 times MUST receive the sum of all its uses."""

    def program(F: Any, x: Any) -> Any:
        total = x
        for _ in range(9_999):
            total = F.add(total, x)
        return total

    with however_deep("10,000 uses of one value"):
        value, (bar,) = impl.gradients(program, np.array([3.0, -5.0]), cotangent=np.array([2.0, -1.0]))

    assert_equal(value, np.array([30_000.0, -50_000.0]), "x added up 10,000 times")
    assert_equal(bar, np.array([20_000.0, -10_000.0]), "cotangent of x in it")


@clause()
def test_a_thousand_inputs(impl: Implementation) -> None:
    """A program of 1,000 inputs MUST send each of them its own cotangent."""
    primals = [np.array([float(k)]) for k in range(1_000)]

    def program(F: Any, *values: Any) -> Any:
        total = values[0]
        for k, value in enumerate(values[1:], start=1):
            total = F.add(total, F.multiply(value, impl.constant(np.array([float(k % 7)]))))
        return total

    with however_deep("a program of 1,000 inputs"):
        _, bars = impl.gradients(program, *primals)

    weights = np.array([1.0, *(float(k % 7) for k in range(1, 1_000))])
    for k, bar in enumerate(bars):
        assert_equal(bar, weights[k : k + 1], f"cotangent of input {k}")
