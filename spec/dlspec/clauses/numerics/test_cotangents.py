"""Cotangents of any size: they are never clipped, rescaled, flushed or replaced."""

from __future__ import annotations

from typing import Any

import numpy as np

from dlspec.clause import clause
from dlspec.implementation import Implementation
from dlspec.tolerance import assert_equal, assert_shape

INF = np.inf


@clause(depends=("ops.mm.gradient", "ops.tanh.gradient"))
def test_they_are_scaled_exactly(impl: Implementation) -> None:
    """A cotangent that is 2**40 times as large, or as small, MUST pull back exactly 2**40 times as much, or
    as little.
    """
    x, w = (
        np.array([[0.5, -1.25, 0.75], [1.5, 0.25, -0.5]]),
        np.array([[1.0, -0.5], [0.75, 2.0], [-1.5, 0.25]]),
    )
    y_bar = np.array([[3.0, -0.5], [-1.25, 2.0]])
    for dtype in impl.dtypes:
        pulled = impl.pull(lambda F, x, w: F.tanh(F.mm(x, w)), x.astype(dtype), w.astype(dtype))
        once = pulled.pullback(y_bar.astype(dtype))
        for factor in (2.0**40, 2.0**-40):
            scaled = pulled.pullback((factor * y_bar).astype(dtype))
            for name, one, other in zip("xw", once, scaled, strict=True):
                unscaled = assert_shape(one, (2, 3) if name == "x" else (3, 2), f"cotangent of {name}")
                assert_equal(
                    other, factor * unscaled, f"cotangent of {name} for {factor} times the cotangent"
                )


@clause(depends=("ops.multiply.gradient", "ops.sum.gradient"))
def test_huge_gradients_are_not_clipped(impl: Implementation) -> None:
    """A gradient MUST keep its size, however large or small, alone and beside others."""
    for dtype in impl.dtypes:
        reach = 1000 if dtype == "float64" else 120
        c = np.ldexp(np.array([1.0, -1.0, 1.0, -1.0]), np.array([reach, 40, -40, -reach])).astype(dtype)
        _, (bar,) = impl.gradients(
            lambda F, x, c=c: F.sum(F.multiply(x, impl.constant(c))), np.array([1, 2, 3, 4], dtype)
        )
        assert_equal(bar, c, f"gradient of a weighted sum in {dtype}")


@clause(depends="ops.multiply.gradient")
def test_a_gradient_that_overflows_is_infinite(impl: Implementation) -> None:
    """A gradient beyond the largest number MUST be infinite with its sign, and leave the gradients beside it
    as they are.
    """
    for dtype in impl.dtypes:
        c = np.array([np.finfo(dtype).max, 3.0, -np.finfo(dtype).max], dtype)
        with np.errstate(all="ignore"):
            _, (bar,) = impl.gradients(
                lambda F, x, c=c: F.multiply(x, impl.constant(c)),
                np.zeros(3, dtype),
                cotangent=np.full(3, 4, dtype),
            )
        assert_equal(bar, np.array([INF, 12.0, -INF]), f"gradient that overflows in {dtype}")


@clause(depends=("ops.add.gradient", "ops.multiply.gradient", "ops.negative.gradient"))
def test_an_infinite_cotangent_flows_back(impl: Implementation) -> None:
    """An infinite cotangent MUST be pulled back as infinite where the derivative is positive, to its own
    element alone.
    """
    x, y_bar = np.array([1.0, 2.0, 0.5]), np.array([INF, 2.0, -INF])
    for dtype in impl.dtypes:
        for what, program, right in (
            ("x + x", lambda F, x: F.add(x, x), [INF, 4.0, -INF]),
            ("x * 4", lambda F, x: F.multiply(x, 4), [INF, 8.0, -INF]),
            ("-x", lambda F, x: F.negative(x), [-INF, -2.0, INF]),
        ):
            with np.errstate(all="ignore"):
                _, (bar,) = impl.gradients(program, x.astype(dtype), cotangent=y_bar.astype(dtype))
            assert_equal(bar, np.array(right), f"cotangent of x in {what} in {dtype}")


@clause(
    depends=(
        "ops.multiply.gradient",
        "ops.subtract.gradient",
        "autodiff.fan_out.a_value_used_twice_receives_the_sum",
    )
)
def test_infinite_contributions_of_both_signs_are_nan(impl: Implementation) -> None:
    """Where a value receives infinities of both signs, their sum MUST be NaN: nothing hides that the gradient
    is undefined.
    """
    for dtype in impl.dtypes:
        infinite = impl.constant(np.array([INF], dtype))
        with np.errstate(all="ignore"):
            _, (bar,) = impl.gradients(
                lambda F, x, c=infinite: F.subtract(F.multiply(x, c), F.multiply(x, c)),
                np.ones(1, dtype),
            )
        assert_equal(bar, np.array([np.nan]), f"gradient of inf x - inf x in {dtype}")


@clause(depends="ops.multiply.gradient")
def test_a_long_chain_keeps_its_scale(impl: Implementation) -> None:
    """The gradient of a chain of 64 products MUST be the product of the factors, exactly for powers of two,
    however large or small on the way.
    """
    for dtype in impl.dtypes:
        step = 15 if dtype == "float64" else 1

        def chain(F: Any, x: Any, step: int = step) -> Any:
            for k in range(64):
                x = F.multiply(x, 2.0**step if k < 32 else 2.0**-step)
            return x

        value, (bar,) = impl.gradients(
            chain, np.array([3.0, -0.5], dtype), cotangent=np.array([5.0, 7.0], dtype)
        )
        assert_equal(value, np.array([3.0, -0.5]), f"chain of products in {dtype}")
        assert_equal(bar, np.array([5.0, 7.0]), f"cotangent of x in a chain of products in {dtype}")
