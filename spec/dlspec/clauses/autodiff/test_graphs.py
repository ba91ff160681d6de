"""Graphs that aren't trees: diamonds, ladders, dead branches, inputs nobody uses."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from dlspec.clause import clause
from dlspec.clauses.autodiff.programs import Steps, arrived, run, straight_line_programs
from dlspec.implementation import Implementation
from dlspec.oracle import gradients
from dlspec.strategies import arrays_of, whole
from dlspec.tolerance import assert_equal

Array = NDArray[Any]


@clause(
    cases=arrays_of(whole(-4, 4)),
    depends=(
        "autodiff.fan_out.a_value_used_twice_receives_the_sum",
        "autodiff.fan_out.an_intermediate_value_used_by_unlike_ops",
    ),
)
def test_a_diamond_counts_both_paths(impl: Implementation, x: Array) -> None:
    """Where two paths lead from a value to the result, its cotangent MUST count each of them once."""

    def program(F: Any, x: Any) -> Any:
        top = F.multiply(x, x)
        return F.add(F.negative(top), F.multiply(top, top))

    _, (bar,) = impl.gradients(program, x)

    assert_equal(bar, 4 * x**3 - 2 * x, "cotangent of x in top*top - top where top = x*x")


@clause(cases=arrays_of(whole(-4, 4)), depends="autodiff.fan_out.a_value_used_twice_receives_the_sum")
def test_a_ladder_counts_every_path(impl: Implementation, x: Array) -> None:
    """In a ladder of n doublings, where 2**n paths lead to the result, the cotangent MUST be 2**n."""
    for rungs in (1, 2, 3, 10):

        def program(F: Any, x: Any, rungs: int = rungs) -> Any:
            for _ in range(rungs):
                x = F.add(x, x)
            return x

        _, (bar,) = impl.gradients(program, x)

        assert_equal(bar, np.full_like(x, 2**rungs), f"cotangent of x after {rungs} doublings")


@clause(depends="a_diamond_counts_both_paths")
def test_a_skip_connection_adds_its_path(impl: Implementation) -> None:
    """A value that skips several steps and is added again MUST receive what comes through the steps and
    what skips them.
    """
    x = np.array([1.0, -2.0, 3.0])

    def program(F: Any, x: Any) -> Any:
        h = F.multiply(x, x)
        h = F.multiply(h, x)
        h = F.negative(h)
        return F.add(x, F.add(h, x))

    _, (bar,) = impl.gradients(program, x)

    assert_equal(bar, 2 - 3 * x**2, "cotangent of x in x + (-x**3 + x)")


@clause(depends=("ops.add.gradient", "ops.multiply.gradient", "ops.tanh.gradient"))
def test_dead_branches_change_nothing(impl: Implementation) -> None:
    """What is computed from a value but never used in the result MUST NOT change its cotangent."""
    x, p = np.array([2.0, -3.0]), np.array([5.0, 7.0])

    def program(F: Any, x: Any, p: Any) -> Any:
        h = F.multiply(x, x)
        F.multiply(h, p)
        F.tanh(h)
        F.add(h, h)
        return F.add(h, h)

    _, bars = impl.gradients(program, x, p)
    bar_of_x, bar_of_p = arrived(bars, (x, p))

    assert_equal(bar_of_x, 4 * x, "cotangent of x beside dead branches")
    assert_equal(bar_of_p, np.zeros(2), "cotangent of p, which only a dead branch uses")


@clause(depends="ops.multiply.gradient")
def test_an_unused_input_receives_nothing(impl: Implementation) -> None:
    """An input that the result doesn't depend on MUST receive zeros, or nothing at all."""
    x, unused = np.array([1.0, 2.0]), np.array([[3.0]])

    _, bars = impl.gradients(lambda F, x, unused: F.multiply(x, x), x, unused)
    bar_of_x, bar_of_unused = arrived(bars, (x, unused))

    assert_equal(bar_of_x, 2 * x, "cotangent of x")
    assert_equal(bar_of_unused, np.zeros((1, 1)), "cotangent of the unused input")


@clause()
def test_an_input_that_is_the_result_receives_the_cotangent(impl: Implementation) -> None:
    """Where an input itself is the result, it MUST receive the cotangent as it is."""
    x, cotangent = np.array([1.0, 2.0, 3.0]), np.array([5.0, -1.0, 0.5])

    _, (bar,) = impl.gradients(lambda F, x: x, x, cotangent=cotangent)

    assert_equal(bar, cotangent, "cotangent of x in the program that gives x back")


@clause(depends=("ops.add.gradient", "ops.multiply.gradient"))
def test_equal_inputs_are_kept_apart(impl: Implementation) -> None:
    """Inputs that hold equal numbers MUST each receive their own cotangent."""
    zeros = np.zeros(2)

    def program(F: Any, a: Any, b: Any, c: Any) -> Any:
        three, five = (impl.constant(np.array(weight)) for weight in (3.0, 5.0))
        return F.add(a, F.add(F.multiply(b, three), F.multiply(c, five)))

    _, bars = impl.gradients(program, zeros, zeros, zeros)

    for name, bar, weight in zip("abc", bars, (1.0, 3.0, 5.0), strict=True):
        assert_equal(bar, np.full(2, weight), f"cotangent of {name} in a + 3b + 5c, where all are 0")


@clause(
    cases={
        "steps": straight_line_programs(3),
        "primals": st.tuples(*[arrays_of(whole(-2, 2), (2,))] * 3),
        "cotangent": arrays_of(whole(-2, 2, away=1), (2,)),
    },
    depends=(
        "a_diamond_counts_both_paths",
        "a_ladder_counts_every_path",
        "autodiff.fan_out.*",
        "ops.relu.gradient",
        "ops.subtract.gradient",
    ),
)
def test_any_straight_line_program(
    impl: Implementation, steps: Steps, primals: tuple[Array, ...], cotangent: Array
) -> None:
    """The cotangents of any program of sums, differences, products and kinks on whole numbers MUST be
    exact.
    """
    _, right = gradients(lambda F, *values: run(F, steps, *values), *primals, cotangent=cotangent)

    _value, bars = impl.gradients(lambda F, *values: run(F, steps, *values), *primals, cotangent=cotangent)

    for k, (bar, expected) in enumerate(zip(arrived(bars, primals), right, strict=True)):
        assert_equal(bar, expected, f"cotangent of input {k}")
