"""Long arrays: beyond the sizes at which loops are unrolled, blocked, or handed to other code.

NumPy changes its loops at 8, 128 and 8192 elements, others elsewhere; no length here is a multiple of those.
Few numbers are repeated many times, so that the right answer is known for each.
"""

from __future__ import annotations

import numpy as np

from dlspec.catalogue import BY_NAME
from dlspec.clause import clause
from dlspec.clauses.numerics.helpers import by_element, uneven
from dlspec.implementation import Implementation
from dlspec.programs import lattice
from dlspec.tolerance import assert_equal, assert_within, rounding

LENGTHS = (1, 5, 7, 9, 17, 65, 131, 259)
LONG = 8195
ELEMENTWISE = ("negative", "exp", "log", "relu", "tanh", "sigmoid")


@clause(
    depends=(
        "ops.exp.long_arrays",
        "ops.log.long_arrays",
        "ops.negative.long_arrays",
        "ops.relu.long_arrays",
        "ops.sigmoid.long_arrays",
        "ops.tanh.long_arrays",
    )
)
def test_functions_of_long_arrays(impl: Implementation) -> None:
    """A function of each element MUST give the same for a number, and pull back the same to it, wherever in
    an array of whatever length it stands.
    """
    few = np.array([0.5, -1.25, 3.0, -0.125, 2.0, -2.75, 1.5])
    for op in ELEMENTWISE:
        numbers = np.abs(few) if op == "log" else few
        for dtype in impl.dtypes:
            right = by_element(op, numbers.astype(dtype), uneven(few.shape, dtype))
            for length in LENGTHS:
                tile = np.arange(length) % len(few)
                value, (bar,) = impl.gradients(
                    lambda F, x, op=op: getattr(F, op)(x),
                    numbers[tile].astype(dtype),
                    cotangent=uneven(few.shape, dtype)[tile],
                )
                bound = rounding(BY_NAME[op].vjp_ulp, right.cotangent_scales[0][tile], dtype)
                what = f"{length} numbers in {op} in {dtype}"
                assert_within(bar, right.cotangents[0][tile], bound, f"cotangent of {what}")
                bound = rounding(BY_NAME[op].ulp, right.value_scale[tile], dtype)
                assert_within(value, right.value[tile], bound, what)
            tile = np.arange(LONG) % len(few)
            value = impl.value(op, numbers[tile].astype(dtype))
            bound = rounding(BY_NAME[op].ulp, right.value_scale[tile], dtype)
            assert_within(value, right.value[tile], bound, f"{op} of {LONG} numbers in {dtype}")


@clause(
    depends=(
        "ops.add.long_arrays",
        "ops.subtract.long_arrays",
        "ops.multiply.long_arrays",
        "ops.divide.long_arrays",
    )
)
def test_arithmetic_of_long_arrays(impl: Implementation) -> None:
    """Sums, differences, products and quotients MUST be right in every element of arrays of any length."""
    for dtype in impl.dtypes:
        x = (np.arange(LONG) % 13 - 6).astype(dtype)
        y = np.ldexp(1.0, np.arange(LONG) % 5 - 2).astype(dtype)
        for op, right in (("add", x + y), ("subtract", x - y), ("multiply", x * y), ("divide", x / y)):
            assert_equal(impl.value(op, x, y), right, f"{op} of {LONG} numbers in {dtype}")
        w = (np.arange(259) % 7 - 3).astype(dtype)
        _, (bar_of_x, bar_of_y) = impl.gradients(
            lambda F, x, y: F.multiply(x, y), x[:259], y[:259], cotangent=w
        )
        assert_equal(bar_of_x, w * y[:259], f"cotangent of x in x * y in {dtype}")
        assert_equal(bar_of_y, w * x[:259], f"cotangent of y in x * y in {dtype}")


@clause(depends=("ops.max.gradient", "ops.mean.gradient", "ops.sum.gradient"))
def test_reductions_of_long_arrays(impl: Implementation) -> None:
    """Sums, means and maxima MUST count every element of arrays of any length, along either axis."""
    for dtype in impl.dtypes:
        x = (np.arange(2 * LONG).reshape(LONG, 2) * 7 % 11 - 5).astype(dtype)
        wide = x.astype(np.int64)
        for dim in (None, 0, 1):
            total, count = wide.sum(axis=dim), x.size // wide.sum(axis=dim).size
            static = {} if dim is None else {"dim": dim}
            assert_equal(impl.value("sum", x, **static), total, f"sum over {dim} in {dtype}")
            assert_equal(impl.value("max", x, **static), wide.max(axis=dim), f"max over {dim} in {dtype}")
            # In units of the magnitudes: where the numbers cancel, what dividing each of them rounds is left.
            bound = rounding(BY_NAME["mean"].ulp, np.abs(wide).sum(axis=dim) / count, dtype)
            mean = impl.value("mean", x, **static)
            assert_within(mean, total / count, bound, f"mean over {dim} in {dtype}")


@clause(depends=("ops.max.gradient", "ops.mean.gradient"))
def test_shares_of_many(impl: Implementation) -> None:
    """Of a mean over 4099 numbers, and of a maximum that 4099 numbers share, each MUST receive its 4099th
    part.
    """
    for dtype in impl.dtypes:
        for op in ("mean", "max"):
            _, (bar,) = impl.gradients(lambda F, x, op=op: getattr(F, op)(x), np.full(4099, 2.0, dtype))
            bound = rounding(BY_NAME[op].vjp_ulp, 1 / 4099, dtype)
            assert_within(bar, np.full(4099, 1 / 4099), bound, f"cotangent of each in {op} in {dtype}")


@clause(depends="ops.mm.gradient")
def test_products_of_long_matrices(impl: Implementation) -> None:
    """A product of matrices MUST count every term of a long inner side, and send each factor its part."""
    for k in LENGTHS:
        for dtype in impl.dtypes:
            x = (np.arange(3 * k).reshape(3, k) * 5 % 7 - 3).astype(dtype)
            w = (np.arange(2 * k).reshape(k, 2) * 3 % 5 - 2).astype(dtype)
            y_bar = np.array([[1, -2], [3, 0.5], [-1, 4]], dtype)
            value, (bar_of_x, bar_of_w) = impl.gradients(lambda F, x, w: F.mm(x, w), x, w, cotangent=y_bar)
            place = f"in a product with the inner side {k} in {dtype}"
            assert_equal(value, np.einsum("nk,km->nm", x, w), f"the sums {place}")
            assert_equal(bar_of_x, np.einsum("nm,km->nk", y_bar, w), f"cotangent of x {place}")
            assert_equal(bar_of_w, np.einsum("nk,nm->km", x, y_bar), f"cotangent of w {place}")


@clause(depends="ops.index_select.gradient")
def test_long_lists_of_indices(impl: Implementation) -> None:
    """`index_select` MUST take every row of a long list, and send every cotangent back."""
    indices = np.arange(LONG) * 5 % 7
    for dtype in impl.dtypes:
        table = np.arange(14).reshape(7, 2).astype(dtype)
        w = (np.arange(2 * LONG).reshape(LONG, 2) % 9 - 4).astype(dtype)
        value, (bar,) = impl.gradients(lambda F, t: F.index_select(t, indices=indices), table, cotangent=w)
        right = np.stack([w[indices == row].sum(0) for row in range(7)])
        assert_equal(value, table[indices], f"{LONG} rows in {dtype}")
        assert_equal(bar, right, f"cotangent of the table in {dtype}")


@clause(depends=("ops.softmax.gradient", "ops.log_softmax.gradient", "ops.cross_entropy.gradient"))
def test_long_batches_of_logits(impl: Implementation) -> None:
    """Softmax, its logarithm and cross-entropy MUST give the same for a row, and pull back the same to it,
    wherever in a batch of whatever length it stands.
    """
    few, w = lattice(1, 3, 4), lattice(2, 3, 4)
    tile = np.arange(131) % 3
    for op, static, weights in (
        ("softmax", {}, w),
        ("log_softmax", {}, w),
        ("cross_entropy", {"targets": np.array([3, 0, 2]), "reduction": "none"}, w[:, 0]),
    ):
        many = {name: x[tile] if isinstance(x, np.ndarray) else x for name, x in static.items()}
        for dtype in impl.dtypes:
            answers = [
                impl.gradients(
                    lambda F, x, op=op, s=s: getattr(F, op)(x, **s),
                    x.astype(dtype),
                    cotangent=c.astype(dtype),
                )
                for x, c, s in ((few, weights, static), (few[tile], weights[tile], many))
            ]
            (value, (bar,)), (values, (bars,)) = answers
            # Both are within the bound of what is right, so they are within two of each other.
            units = 2 * (BY_NAME[op].ulp + BY_NAME[op].vjp_ulp)
            bound = rounding(units, 1 + np.abs(few).max() + np.abs(w).sum(), dtype)
            assert_within(values, value[tile], bound, f"{op} of 131 rows in {dtype}")
            assert bar is not None
            assert_within(bars, bar[tile], bound, f"cotangent of 131 rows in {op} in {dtype}")
