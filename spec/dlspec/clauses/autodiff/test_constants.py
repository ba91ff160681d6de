"""Values that want no gradient take part in a program without cutting it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec.clause import clause
from dlspec.implementation import Implementation
from dlspec.strategies import arrays_of, whole
from dlspec.tolerance import assert_equal

DEPENDS = ("ops.add.gradient", "ops.multiply.gradient")

Array = NDArray[Any]


@clause(cases=arrays_of(whole(-8, 8)), depends="ops.subtract.gradient")
def test_a_constant_operand_never_cuts_the_graph(impl: Implementation, x: Array) -> None:
    """A gradient MUST flow through an op whose other operand is a constant, on either side of it."""
    seven = np.asarray(7.0, x.dtype)

    _, (right_side,) = impl.gradients(lambda F, x: F.multiply(x, impl.constant(seven)), x)
    _, (left_side,) = impl.gradients(lambda F, x: F.multiply(impl.constant(seven), x), x)
    _, (added,) = impl.gradients(lambda F, x: F.add(impl.constant(seven), x), x)
    _, (taken,) = impl.gradients(lambda F, x: F.subtract(impl.constant(seven), x), x)

    assert_equal(right_side, np.full_like(x, 7), "cotangent of x in x * 7")
    assert_equal(left_side, np.full_like(x, 7), "cotangent of x in 7 * x")
    assert_equal(added, np.full_like(x, 1), "cotangent of x in 7 + x")
    assert_equal(taken, np.full_like(x, -1), "cotangent of x in 7 - x")


@clause(depends=("ops.mm.gradient", "ops.mm.constants"))
def test_a_constant_matrix_never_cuts_the_graph(impl: Implementation) -> None:
    """A gradient MUST reach the weights of a product whose inputs are data, and the inputs of one whose
    weights are fixed.
    """
    x, w = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), np.array([[1.0, -1.0], [2.0, 0.0], [3.0, 5.0]])
    cotangent = np.array([[1.0, 2.0], [-3.0, 4.0]])

    _, (bar_of_w,) = impl.gradients(lambda F, w: F.mm(impl.constant(x), w), w, cotangent=cotangent)
    _, (bar_of_x,) = impl.gradients(lambda F, x: F.mm(x, impl.constant(w)), x, cotangent=cotangent)

    assert_equal(
        bar_of_w, np.array([[-11.0, 18.0], [-13.0, 24.0], [-15.0, 30.0]]), "cotangent of w in data w"
    )
    assert_equal(bar_of_x, np.array([[-1.0, 2.0, 13.0], [-7.0, -6.0, 11.0]]), "cotangent of x in x fixed")


@clause(depends=("ops.negative.gradient", "a_constant_operand_never_cuts_the_graph"))
def test_constants_deep_in_a_program(impl: Implementation) -> None:
    """A value that is computed from constants alone MUST act as a constant wherever it is used."""
    x = np.array([2.0, -3.0])

    def program(F: Any, x: Any) -> Any:
        six = F.multiply(impl.constant(np.array(2.0)), impl.constant(np.array(3.0)))
        return F.add(F.multiply(x, six), F.negative(six))

    value, (bar,) = impl.gradients(program, x)

    assert_equal(value, np.array([6.0, -24.0]), "6x - 6")
    assert_equal(bar, np.full(2, 6.0), "cotangent of x in 6x - 6")
