"""Sums, means and products of matrices: long ones, large ones, and exact ones."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.numerics.helpers import LONG, LONG_SUM, assert_quiet
from dlspec.implementation import Implementation
from dlspec.tolerance import assert_equal, assert_within, rounding


@clause(depends="ops.sum.value")
def test_whole_numbers_are_added_exactly(impl: Implementation) -> None:
    """A sum of whole numbers MUST be exact as long as their magnitudes add up to no more than 2**24 in
    float32, and 2**53 in float64.
    """
    for dtype, size in (("float32", 2**10 - 1), ("float64", 2**39 - 1)):
        if dtype in impl.dtypes:
            x = np.full(LONG, size, dtype)
            x[::3] -= 1
            right = int(x.astype(np.int64).sum())
            assert_equal(impl.value("sum", x), np.array(float(right)), f"sum of whole numbers in {dtype}")


@clause(depends="ops.sum.gradient")
def test_the_cotangents_of_a_long_sum_are_exact(impl: Implementation) -> None:
    """Every addend of a long sum MUST receive the cotangent of the sum, to the last bit."""
    for dtype in impl.dtypes:
        program = (impl.pull(lambda F, x: F.sum(x, dim=0), np.ones((64, 3), dtype))).pullback
        (bar,) = program(np.array([0.1, -7.0, 1e30], dtype))
        right = np.tile(np.array([0.1, -7.0, 1e30], dtype), (64, 1))
        assert_equal(bar, right, f"cotangent of x in its sum in {dtype}")


@clause(depends="ops.sum.value")
def test_long_sums_keep_within_the_bound_of_any_order(impl: Implementation) -> None:
    """A sum of n numbers MUST be within n rounding errors of the sum of their magnitudes, in whatever order
    they are added.
    """
    for dtype in impl.dtypes:
        x = np.full(LONG, 0.1, dtype)
        x[1::2] = -0.3
        wide = [float(x[0]), float(x[1])]
        right, magnitude = LONG // 2 * (wide[0] + wide[1]), LONG // 2 * (wide[0] - wide[1])
        bound = rounding(LONG, magnitude, dtype)
        assert_within(impl.value("sum", x), np.array(right), bound, f"long sum in {dtype}")


@clause(depends="long_sums_keep_within_the_bound_of_any_order")
def test_long_sums_are_accurate(impl: Implementation) -> None:
    """A long sum SHOULD lose no more than a handful of rounding errors, as adding in pairs does and adding
    one after the other doesn't.
    """
    for dtype in impl.dtypes:
        x = np.full(LONG, 0.1, dtype)
        right = LONG * float(x[0])  # exact: the length is a power of two
        bound = rounding(LONG_SUM, right, dtype)
        assert_within(impl.value("sum", x), np.array(right), bound, f"long sum of 0.1 in {dtype}")


@clause(depends="ops.mean.value")
def test_long_means_are_accurate(impl: Implementation) -> None:
    """A long mean SHOULD lose no more than a handful of rounding errors."""
    for dtype in impl.dtypes:
        x = np.full(LONG, 0.1, dtype)
        bound = rounding(LONG_SUM, x[0], dtype)
        assert_within(impl.value("mean", x), np.asarray(x[0]), bound, f"long mean of 0.1 in {dtype}")


@clause(depends="ops.mean.value")
def test_means_of_large_numbers_are_exact(impl: Implementation) -> None:
    """The mean of equal powers of two MUST be that power, as long as their sum is representable: `mean`
    counts in its own type, and in none that is smaller.
    """
    for dtype in impl.dtypes:
        large = 2.0**1000 if dtype == "float64" else 2.0**110
        x = np.full((2**12, 2), large, dtype)
        x[:, 1] = -1 / large
        assert_equal(impl.value("mean", x, dim=0), np.array([large, -1 / large]), f"mean in {dtype}")


@clause(depends=("ops.sum.value", "ops.mean.value"))
def test_sums_of_large_numbers_are_quiet(impl: Implementation) -> None:
    """Sums and means MUST raise no floating-point warning where the sum of the magnitudes is
    representable.
    """
    for dtype in impl.dtypes:
        large = 2.0**1020 if dtype == "float64" else 2.0**124
        for op in ("sum", "mean"):
            assert_quiet(impl, op, np.array([large, -large, large, large / 2], dtype))


@clause(depends=("ops.sum.value", "ops.mean.value"))
def test_sums_with_infinities(impl: Implementation) -> None:
    """A sum or a mean with an infinity MUST be infinite, and NaN where there are infinities of both signs."""
    rows = np.array([[1.0, np.inf, -5.0], [-np.inf, 2.0, -np.inf], [np.inf, 3.0, -np.inf]])
    for dtype in impl.dtypes:
        for op in ("sum", "mean"):
            with np.errstate(all="ignore"):
                value = impl.value(op, rows.astype(dtype), dim=1)
            assert_equal(value, np.array([np.inf, -np.inf, np.nan]), f"{op} of rows with infinities")


@clause(depends="ops.sum.value")
def test_a_sum_that_overflows_is_infinite(impl: Implementation) -> None:
    """A sum beyond the largest number MUST be infinite, not clipped to it."""
    for dtype in impl.dtypes:
        x = np.full(4, np.finfo(dtype).max)
        with np.errstate(all="ignore"):
            value = impl.value("sum", np.stack([x, -x]), dim=1)
        assert_equal(value, np.array([np.inf, -np.inf]), f"sum of the largest numbers in {dtype}")


@clause(depends="ops.mm.value")
def test_products_of_matrices_are_exact_for_whole_numbers(impl: Implementation) -> None:
    """A product of matrices of whole numbers MUST be exact as long as no sum of magnitudes exceeds 2**24 in
    float32, and 2**53 in float64: no factor is rounded to a smaller type.
    """
    for dtype, size in (("float32", 2**11), ("float64", 2**25)):
        if dtype in impl.dtypes:
            x = np.array([[size + 1, 1 - size, 3], [-5, size - 3, 7]])
            w = np.array([[size - 1, 1], [size + 3, -size], [11, 13]])
            value = impl.value("mm", x.astype(dtype), w.astype(dtype))
            right = np.einsum("nk,km->nm", x, w)
            assert_equal(value, right.astype(np.float64), f"product of matrices in {dtype}")


@clause(depends="ops.mm.gradient")
def test_the_cotangents_of_a_product_are_exact_for_whole_numbers(impl: Implementation) -> None:
    """The cotangents of a product of matrices of whole numbers MUST be as exact as the product."""
    for dtype, size in (("float32", 2**11), ("float64", 2**25)):
        if dtype in impl.dtypes:
            x = np.array([[size + 1, 1 - size, 3], [-5, size - 3, 7]])
            w = np.array([[size - 1, 1], [size + 3, -size], [11, 13]])
            y_bar = np.array([[size + 1, -2], [3, size - 1]])
            _, (bar_of_x, bar_of_w) = impl.gradients(
                lambda F, x, w: F.mm(x, w), x.astype(dtype), w.astype(dtype), cotangent=y_bar.astype(dtype)
            )
            right = np.einsum("nm,km->nk", y_bar, w), np.einsum("nk,nm->km", x, y_bar)
            assert_equal(bar_of_x, right[0].astype(np.float64), f"cotangent of x in x w in {dtype}")
            assert_equal(bar_of_w, right[1].astype(np.float64), f"cotangent of w in x w in {dtype}")


@clause(depends="ops.mm.value")
def test_long_products_keep_within_the_bound_of_any_order(impl: Implementation) -> None:
    """A product of matrices MUST be within k rounding errors of the product of their magnitudes, where k is
    the inner size.
    """
    k = 2**10
    for dtype in impl.dtypes:
        x = np.tile(np.array([[0.1, -0.7], [0.3, 0.9]], dtype), (1, k // 2))
        w = np.tile(np.array([[1.1], [0.6]], dtype), (k // 2, 1))
        halves = np.einsum("nk,km->nm", x[:, :2].astype(np.float64), w[:2].astype(np.float64))
        sizes = np.einsum("nk,km->nm", np.abs(x[:, :2], dtype=np.float64), w[:2].astype(np.float64))
        bound = rounding(k + 1, sizes * (k // 2), dtype)
        assert_within(impl.value("mm", x, w), halves * (k // 2), bound, f"long product in {dtype}")
