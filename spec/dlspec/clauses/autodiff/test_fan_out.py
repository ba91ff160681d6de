"""A value that is used several times receives the sum of what its uses send back.

This is the one rule of the multivariate chain rule that a framework has to get right by bookkeeping rather
than by calculus, and where most small frameworks are wrong for some pattern of use.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec.clause import clause
from dlspec.implementation import Implementation
from dlspec.oracle import gradients
from dlspec.strategies import arrays_of, reals, shapes, whole
from dlspec.tolerance import assert_equal, assert_within, rounding

DEPENDS = ("a_value_used_twice_receives_the_sum", "ops.add.gradient", "ops.multiply.gradient")

Array = NDArray[Any]


@clause(cases=arrays_of(whole(-8, 8)), depends="ops.negative.gradient")
def test_a_value_used_twice_receives_the_sum(impl: Implementation, x: Array) -> None:
    """A value that is used twice MUST receive the sum of both cotangents."""
    _, (bar,) = impl.gradients(lambda F, x: F.add(F.negative(x), F.multiply(x, x)), x)

    assert_equal(bar, 2 * x - 1, "cotangent of x in x*x - x")


@clause(cases=arrays_of(whole(-8, 8), shapes(min_dims=1)))
def test_a_value_used_any_number_of_times_receives_the_sum(impl: Implementation, x: Array) -> None:
    """A value that is used k times MUST receive the sum of k cotangents, for every k from 1 to 13."""
    for k in range(1, 14):

        def program(F: Any, x: Any, k: int = k) -> Any:
            total = F.multiply(x, impl.constant(np.asarray(1.0, impl.dtypes[0])))
            for weight in range(2, k + 1):
                total = F.add(total, F.multiply(x, impl.constant(np.asarray(float(weight), impl.dtypes[0]))))
            return total

        _, (bar,) = impl.gradients(program, x)

        assert_equal(bar, np.full_like(x, k * (k + 1) // 2), f"cotangent of x used {k} times")


@clause(cases=arrays_of(whole(-8, 8)), depends="ops.subtract.gradient")
def test_both_operands_of_one_op(impl: Implementation, x: Array) -> None:
    """A value that is both operands of one op MUST receive both cotangents."""
    _, (of_sum,) = impl.gradients(lambda F, x: F.add(x, x), x)
    _, (of_product,) = impl.gradients(lambda F, x: F.multiply(x, x), x)
    _, (of_difference,) = impl.gradients(lambda F, x: F.subtract(x, x), x)

    assert_equal(of_sum, np.full_like(x, 2), "cotangent of x in x + x")
    assert_equal(of_product, 2 * x, "cotangent of x in x * x")
    assert_equal(of_difference, np.zeros_like(x), "cotangent of x in x - x")


@clause(cases=arrays_of(reals(-2, 2, away=0.25)), depends="ops.tanh.gradient")
def test_an_intermediate_value_used_by_unlike_ops(impl: Implementation, x: Array) -> None:
    """An intermediate value MUST receive the sum of what unlike ops send back, in whichever order they
    stand.
    """

    def unary_last(F: Any, x: Any) -> Any:
        h = F.multiply(x, x)
        return F.multiply(h, F.tanh(h))

    def unary_first(F: Any, x: Any) -> Any:
        h = F.multiply(x, x)
        return F.multiply(F.tanh(h), h)

    _, (right,) = gradients(unary_last, x)
    scale = np.abs(right) + 8  # h and its derivative are at most 4, and one of them times the other 8
    for program, name in ((unary_last, "h * tanh(h)"), (unary_first, "tanh(h) * h")):
        _, (bar,) = impl.gradients(program, x)

        assert_within(bar, right, rounding(16, scale, x.dtype), f"cotangent of x where h = x*x in {name}")


@clause(depends=("ops.mm.gradient", "an_intermediate_value_used_by_unlike_ops"))
def test_a_product_of_matrices_used_twice(impl: Implementation) -> None:
    """A product of matrices that two further products use MUST receive the sum of what both send back."""
    x = np.array([[1.0, 2.0], [3.0, -1.0]])
    w = np.array([[2.0, -1.0], [1.0, 3.0]])
    u = np.array([[1.0, -2.0], [0.0, 1.0]])

    def program(F: Any, x: Any, w: Any, u: Any) -> Any:
        h = F.mm(x, w)
        return F.add(F.mm(h, u), F.mm(u, h))

    cotangent = np.array([[1.0, -2.0], [3.0, 5.0]])
    _, right = gradients(program, x, w, u, cotangent=cotangent)
    _, bars = impl.gradients(program, x, w, u, cotangent=cotangent)

    for name, bar, expected in zip("xwu", bars, right, strict=True):
        assert_equal(bar, expected, f"cotangent of {name} where h = x w is used in h u + u h")
