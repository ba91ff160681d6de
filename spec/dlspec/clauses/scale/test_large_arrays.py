"""Arrays of many elements: each of them receives its own cotangent."""

from __future__ import annotations

import numpy as np

from dlspec.catalogue import BY_NAME
from dlspec.clause import clause
from dlspec.clauses.numerics.helpers import by_element, uneven
from dlspec.implementation import Implementation
from dlspec.tolerance import assert_equal, assert_within, rounding

LONG = 10_007
"""A prime, so that no length of a block divides it; and beyond 8192, where NumPy begins to work in blocks."""


@clause()
def test_functions_of_ten_thousand_numbers(impl: Implementation) -> None:
    """A function of each of 10,007 numbers MUST send each of them its own cotangent."""
    few = np.array([0.5, 1.25, 3.0, 0.125, 2.0, 2.75, 1.5])
    tile = np.arange(LONG) % len(few)
    for op in ("exp", "log", "relu", "tanh", "sigmoid", "negative"):
        for dtype in impl.dtypes:
            w = uneven(few.shape, dtype)
            right = by_element(op, few.astype(dtype), w)
            _, (bar,) = impl.gradients(
                lambda F, x, op=op: getattr(F, op)(x), few[tile].astype(dtype), cotangent=w[tile]
            )
            bound = rounding(BY_NAME[op].vjp_ulp, right.cotangent_scales[0][tile], dtype)
            assert_within(bar, right.cotangents[0][tile], bound, f"cotangent of x in {op} in {dtype}")


@clause()
def test_arithmetic_of_ten_thousand_numbers(impl: Implementation) -> None:
    """Each of 10,007 operands of a sum, a difference, a product or a quotient MUST receive its own
    cotangent, and a single one beside them the sum.
    """
    for dtype in impl.dtypes:
        x, w = ((np.arange(LONG) % n - n // 2).astype(dtype) for n in (13, 7))
        y = np.ldexp(1.0, np.arange(LONG) % 5 - 2).astype(dtype)
        for op, of_x, of_y in (
            ("add", w, w),
            ("subtract", w, -w),
            ("multiply", w * y, w * x),
            ("divide", w / y, -w * x / y / y),
        ):
            _, bars = impl.gradients(lambda F, x, y, op=op: getattr(F, op)(x, y), x, y, cotangent=w)
            for name, bar, right in zip("xy", bars, (of_x, of_y), strict=True):
                assert_equal(bar, right, f"cotangent of {name} in {op} in {dtype}")
        # A sum that has no room in a smaller type, but in its own.
        counts = np.arange(LONG) % 13 + (2**30 if dtype == "float64" else 1000)
        _, (_, bar) = impl.gradients(
            lambda F, x, y: F.multiply(x, y), counts.astype(dtype), np.array(2.0, dtype)
        )
        assert_equal(bar, np.array(float(counts.sum())), f"cotangent of a single y in {dtype}")


@clause()
def test_reductions_of_ten_thousand_numbers(impl: Implementation) -> None:
    """Each of 10,007 numbers in a sum, a mean or a maximum MUST receive its share."""
    for dtype in impl.dtypes:
        x = (np.arange(2 * LONG).reshape(LONG, 2) % 11).astype(dtype)
        w = np.array([3.0, -5.0], dtype)
        for op, shares in (
            ("sum", np.ones_like(x)),
            ("mean", np.full_like(x, 1 / LONG)),
            ("max", (x == 10) / np.sum(x == 10, axis=0, dtype=np.float64)),
        ):
            _, (bar,) = impl.gradients(lambda F, x, op=op: getattr(F, op)(x, dim=0), x, cotangent=w)
            right = shares.astype(np.float64) * w
            assert_within(bar, right, rounding(BY_NAME[op].vjp_ulp, right, dtype), f"{op} in {dtype}")
