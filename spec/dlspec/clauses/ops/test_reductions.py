"""Sums, means and maxima over all dims, one, or several; negative dims count from the end."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec.clause import clause
from dlspec.implementation import Implementation
from dlspec.strategies import arrays_of, shapes, whole
from dlspec.tolerance import assert_equal

Array = NDArray[Any]


@clause(cases=arrays_of(whole(-8, 8), shapes(min_dims=1)), depends="ops.sum.gradient")
def test_a_negative_dim_counts_from_the_end(impl: Implementation, x: Array) -> None:
    """Summing over a negative `dim` MUST be summing over that many dims from the end, and pull the
    cotangent back along it.
    """
    for dim in range(x.ndim):
        value = x.sum(dim)
        cotangent = np.arange(1.0, value.size + 1, dtype=x.dtype).reshape(value.shape)
        got, (bar,) = impl.gradients(lambda F, x, d=dim - x.ndim: F.sum(x, dim=d), x, cotangent=cotangent)

        assert_equal(got, value, f"sum over dim {dim - x.ndim}")
        right = np.broadcast_to(np.expand_dims(cotangent, dim), x.shape)
        assert_equal(bar, right, f"cotangent of x in the sum over dim {dim - x.ndim}")


@clause(cases=arrays_of(whole(-8, 8), shapes(min_dims=2)), depends="ops.sum.gradient")
def test_several_dims_at_once(impl: Implementation, x: Array) -> None:
    """Summing over a tuple of dims MUST be summing over each of them."""
    assert_equal(impl.value("sum", x, dim=(0, -1)), x.sum((0, x.ndim - 1)), "sum over the first and last dim")


@clause(
    cases=arrays_of(whole(-8, 8), shapes(min_dims=1, min_side=1)),
    depends=("ops.max.gradient", "ops.sum.gradient"),
)
def test_keepdims_leaves_sides_of_one(impl: Implementation, x: Array) -> None:
    """With `keepdims=True` a reduced dim MUST stay, with a side of 1, and without it MUST go."""
    for op, right in (("sum", np.sum), ("max", np.max)):
        kept = impl.value(op, x, dim=-1, keepdims=True)
        assert_equal(kept, right(x, axis=-1, keepdims=True), f"{op} with keepdims")
        assert_equal(impl.value(op, x, dim=-1), right(x, axis=-1), f"{op} without keepdims")


@clause(depends="ops.sum.gradient")
def test_a_sum_of_nothing_is_zero(impl: Implementation) -> None:
    """The sum of no elements MUST be 0, and its cotangent has no elements either."""
    x = np.zeros((0, 3), impl.dtypes[0])
    value, (bar,) = impl.gradients(lambda F, x: F.sum(x, dim=0), x, cotangent=np.ones(3, impl.dtypes[0]))

    assert_equal(value, np.zeros(3), "sum over no rows")
    assert_equal(bar, np.zeros((0, 3)), "cotangent of x in the sum over no rows")


@clause(depends="ops.mean.value")
def test_a_mean_of_nothing_is_nan(impl: Implementation) -> None:
    """The mean of no elements MUST be NaN, not an exception."""
    assert_equal(
        impl.value("mean", np.zeros((0, 2), impl.dtypes[0]), dim=0), np.full(2, np.nan), "mean over no rows"
    )
    assert_equal(impl.value("mean", np.zeros(0, impl.dtypes[0])), np.array(np.nan), "mean of nothing")


@clause(depends=("ops.max.gradient", "ops.mean.gradient", "ops.sum.gradient"))
def test_no_elements_receive_no_cotangents(impl: Implementation) -> None:
    """Where there are no rows, sums, means and maxima of each MUST be none, and so are the cotangents."""
    for op in ("sum", "mean", "max"):
        for dtype in impl.dtypes:
            x, none = np.zeros((0, 3), dtype), np.zeros(0, dtype)
            value, (bar,) = impl.gradients(lambda F, x, op=op: getattr(F, op)(x, dim=1), x, cotangent=none)
            assert_equal(value, none, f"{op} of each of no rows in {dtype}")
            assert_equal(bar, x, f"cotangent of x in {op} in {dtype}")


@clause(depends="ops.max.gradient")
def test_the_largest_of_several_dims_wherever_it_stands(impl: Implementation) -> None:
    """The cotangent of a maximum over several dims MUST arrive at the largest element, wherever it stands."""
    for dtype in impl.dtypes:
        for place in range(12):
            x = -1.0 - np.arange(12.0)
            x[place] = 0.5
            right = np.where(x == x.max(), 3.0, 0.0)
            value, (bar,) = impl.gradients(
                lambda F, x: F.max(x, dim=(0, 2)),
                x.reshape(2, 1, 6).astype(dtype),
                cotangent=np.array([3.0], dtype),
            )
            assert_equal(value, np.array([0.5]), f"maximum at place {place} in {dtype}")
            assert_equal(bar, right.reshape(2, 1, 6), f"cotangent of x for place {place} in {dtype}")
