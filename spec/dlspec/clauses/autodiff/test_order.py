"""The answer doesn't depend on the order in which a program names its operands or uses its values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec.clause import clause
from dlspec.implementation import Implementation
from dlspec.strategies import arrays_of, reals, whole
from dlspec.tolerance import assert_equal

DEPENDS = ("autodiff.fan_out.a_value_used_twice_receives_the_sum",)

Array = NDArray[Any]


@clause(
    cases=arrays_of(reals(-2, 2)),
    depends=("ops.tanh.gradient", "autodiff.fan_out.an_intermediate_value_used_by_unlike_ops"),
)
def test_operands_of_a_sum_may_change_places(impl: Implementation, x: Array) -> None:
    """`h + tanh(h)` and `tanh(h) + h` MUST pull the same cotangent back to what `h` was made of."""

    def after(F: Any, x: Any) -> Any:
        h = F.multiply(x, x)
        return F.add(h, F.tanh(h))

    def before(F: Any, x: Any) -> Any:
        h = F.multiply(x, x)
        return F.add(F.tanh(h), h)

    _, (one,) = impl.gradients(after, x)
    _, (other,) = impl.gradients(before, x)

    # Two terms: whichever comes first, their sum is the same number.
    assert_equal(other, one, "cotangent of x in tanh(h) + h")


@clause(cases=arrays_of(whole(-4, 4)), depends="autodiff.graphs.a_diamond_counts_both_paths")
def test_a_late_use_of_an_early_value_counts(impl: Implementation, x: Array) -> None:
    """A use of an early value after long detours MUST count like any other: nothing is sent on before
    all uses have reported.
    """

    def program(F: Any, x: Any) -> Any:
        early = F.multiply(x, x)
        detour = early
        for _ in range(5):
            detour = F.negative(detour)
        return F.add(F.multiply(detour, early), early)

    _, (bar,) = impl.gradients(program, x)

    assert_equal(bar, 2 * x - 4 * x**3, "cotangent of x in early - early*early where early = x*x")


@clause(cases=arrays_of(whole(-3, 3)), depends="autodiff.graphs.a_diamond_counts_both_paths")
def test_branches_of_any_length_in_any_order(impl: Implementation, x: Array) -> None:
    """Two branches from one value MUST send back the sum of both, whichever is longer and whichever was
    computed first.
    """
    for first, second in ((1, 1), (1, 2), (2, 1), (0, 3), (3, 0), (1, 4), (4, 1)):

        def program(F: Any, x: Any, first: int = first, second: int = second) -> Any:
            one = other = F.multiply(x, x)
            for _ in range(first):
                one = F.negative(one)
            for _ in range(second):
                other = F.negative(other)
            return F.add(F.multiply(one, x), other)

        _, (bar,) = impl.gradients(program, x)

        right = 3 * (-1) ** first * x**2 + 2 * (-1) ** second * x
        assert_equal(bar, right, f"cotangent of x through branches of {first} and {second} ops")


@clause(depends="ops.index_select.gradient")
def test_a_row_of_several_readers_in_any_order(impl: Implementation) -> None:
    """Rows of a table that two later ops read MUST send back the sum of what both say, not what the
    last one says.
    """
    table, rows = np.array([[1.0, 2.0], [3.0, -4.0], [5.0, 6.0]]), np.array([2, 0, 2])

    def program(F: Any, table: Any) -> Any:
        picked = F.index_select(table, indices=rows)
        return F.multiply(picked, picked)

    _, (bar,) = impl.gradients(program, table)

    assert_equal(bar, 2 * table * np.array([[1.0], [0.0], [2.0]]), "cotangent of the table")
