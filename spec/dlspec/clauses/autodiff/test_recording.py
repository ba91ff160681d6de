"""Recording a program for its derivative changes nothing about the program."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec.clause import clause
from dlspec.clauses.autodiff.programs import network
from dlspec.implementation import Implementation
from dlspec.strategies import arrays_of, reals, shapes
from dlspec.tolerance import assert_equal

DEPENDS = ("ops.multiply.gradient", "ops.sigmoid.gradient", "ops.sum.gradient", "ops.tanh.gradient")

Array = NDArray[Any]


@clause(cases=arrays_of(reals(-3, 3), shapes(min_dims=1, min_side=1)))
def test_recording_changes_no_value(impl: Implementation, x: Array) -> None:
    """A program MUST give the same bits whether or not a gradient is wanted."""
    plain = impl.evaluate(network, x)
    recorded, _ = impl.gradients(network, x)

    assert_equal(recorded, plain, "value of the recorded program")


@clause(cases=arrays_of(reals(-3, 3), shapes(min_dims=1, min_side=1)))
def test_the_same_program_gives_the_same_bits(impl: Implementation, x: Array) -> None:
    """The same program on the same numbers MUST give the same bits every time, in its value and its
    cotangents.
    """
    value, (bar,) = impl.gradients(network, x)

    for _ in range(5):
        again, (bar_again,) = impl.gradients(network, x)
        assert_equal(again, value, "value when asked again")
        assert_equal(bar_again, bar, "cotangent when asked again")


@clause(
    cases=arrays_of(reals(-3, 3), shapes(min_dims=1, min_side=1)),
    depends="the_same_program_gives_the_same_bits",
)
def test_two_programs_at_once_keep_apart(impl: Implementation, x: Array) -> None:
    """Two programs that are recorded before either is pulled back MUST NOT see each other's cotangents."""
    y = 1 - x / 2  # other numbers: what one program keeps must not serve the other
    _, (x_alone,) = impl.gradients(network, x)
    _, (y_alone,) = impl.gradients(network, y)

    first, second = impl.pull(network, x), impl.pull(network, y)
    (of_second,) = second.pullback(np.ones_like(second.value))
    (of_first,) = first.pullback(np.ones_like(first.value))

    assert_equal(of_second, y_alone, "cotangent of the second program")
    assert_equal(of_first, x_alone, "cotangent of the first program")
