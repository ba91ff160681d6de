"""Softmax and its logarithm: logits may be of any size, and minus infinity is a mask."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec.catalogue import BY_NAME
from dlspec.clause import clause
from dlspec.clauses.numerics.helpers import (
    LONG,
    LONG_SUM,
    assert_mask_receives_nothing,
    assert_quiet,
    assert_rows,
    exactly,
    far_logits,
    huge_logits,
)
from dlspec.failure import ConformanceFailure
from dlspec.implementation import Implementation
from dlspec.strategies import arrays_of, reals, shapes
from dlspec.tolerance import assert_equal, assert_shape, assert_within, rounding

Array = NDArray[Any]

INF = np.inf


@clause(depends="ops.softmax.gradient")
def test_softmax_of_far_logits_is_accurate(impl: Implementation) -> None:
    """`softmax` and its cotangent MUST stay within their budgets for logits of any size, as if the largest
    had first been taken from all.
    """
    for dtype in impl.dtypes:
        assert_rows(impl, "softmax", far_logits(dtype))


@clause(depends="ops.log_softmax.gradient")
def test_log_softmax_of_far_logits_is_accurate(impl: Implementation) -> None:
    """`log_softmax` and its cotangent MUST stay within their budgets for logits of any size, also where the
    probability itself is too small for a number.
    """
    for dtype in impl.dtypes:
        assert_rows(impl, "log_softmax", far_logits(dtype))


@clause(depends="ops.softmax.gradient")
def test_softmax_of_huge_logits_is_certain(impl: Implementation) -> None:
    """Among logits near the largest numbers the largest MUST share the probability 1 equally, and the others
    have 0.
    """
    right = np.array([[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25, 0.25, 0.25, 0.25]])
    for dtype in impl.dtypes:
        with np.errstate(all="ignore"):
            value = impl.value("softmax", huge_logits(dtype))
        bound = rounding(BY_NAME["softmax"].ulp, right, dtype)
        assert_within(value, right, bound, f"softmax of huge logits in {dtype}")


@clause(depends="ops.log_softmax.gradient")
def test_log_softmax_of_huge_logits_is_their_distance(impl: Implementation) -> None:
    """Among logits near the largest numbers `log_softmax` MUST be the distance to the largest, less the
    logarithm of how many are as large.
    """
    for dtype in impl.dtypes:
        rows = huge_logits(dtype).astype(np.float64)
        right = rows - rows.max(1, keepdims=True) - np.log([[1.0], [2.0], [4.0]])
        with np.errstate(all="ignore"):
            value = impl.value("log_softmax", rows.astype(dtype))
        bound = rounding(BY_NAME["log_softmax"].ulp, right, dtype)
        assert_within(value, right, bound, f"log_softmax of huge logits in {dtype}")


@clause(depends="ops.softmax.gradient")
def test_softmax_of_far_logits_is_quiet(impl: Implementation) -> None:
    """`softmax` MUST raise no floating-point warning for finite logits, forward or backward."""
    for dtype in impl.dtypes:
        assert_quiet(impl, "softmax", far_logits(dtype))
        assert_quiet(impl, "softmax", huge_logits(dtype))


@clause(depends="ops.log_softmax.gradient")
def test_log_softmax_of_far_logits_is_quiet(impl: Implementation) -> None:
    """`log_softmax` MUST raise no floating-point warning for finite logits, forward or backward."""
    for dtype in impl.dtypes:
        assert_quiet(impl, "log_softmax", far_logits(dtype))
        assert_quiet(impl, "log_softmax", huge_logits(dtype))


@clause(cases=arrays_of(reals(-30, 30), shapes(min_dims=1, min_side=1)), depends="ops.softmax.gradient")
def test_probabilities_add_up_to_one(impl: Implementation, x: Array) -> None:
    """The probabilities of a row MUST add up to 1."""
    total = impl.value("softmax", x).sum(-1, dtype=np.float64)
    bound = rounding(BY_NAME["softmax"].ulp + x.shape[-1], 1.0, x.dtype)
    assert_within(total, np.ones(x.shape[:-1]), bound, "sum of a row of softmax")


@clause(cases=arrays_of(reals(-30, 30), shapes(min_dims=1, min_side=1)), depends="ops.softmax.gradient")
def test_probabilities_are_from_zero_to_one(impl: Implementation, x: Array) -> None:
    """A probability MUST NOT be below 0 or above 1, not even by a rounding error."""
    p = impl.value("softmax", x)
    outside = p[(p < 0) | (p > 1)]
    if outside.size:
        worst = float(outside[0])
        raise ConformanceFailure(
            f"a probability is {worst!r}", what="softmax", got=worst, expected="from 0 to 1"
        )


@clause(
    cases=arrays_of(reals(-8, 8), shapes(min_dims=1, max_dims=1, min_side=1)), depends="ops.softmax.gradient"
)
def test_a_shift_of_softmax_changes_nothing(impl: Implementation, x: Array) -> None:
    """Adding 1024 to all logits of a row MUST leave their probabilities as they are."""
    right = exactly("softmax", x, cotangent=np.ones_like(x))
    bound = rounding(BY_NAME["softmax"].ulp, right.value_scale, x.dtype)
    with np.errstate(all="ignore"):
        for shift in (1024, -1024):
            # Multiples of 1/64 stay exact under the shift, in float32 too.
            value = impl.value("softmax", x + x.dtype.type(shift))
            assert_within(value, right.value, bound, f"softmax of logits {shift:+}")


@clause(
    cases=arrays_of(reals(-8, 8), shapes(min_dims=1, max_dims=1, min_side=1)),
    depends="ops.log_softmax.gradient",
)
def test_a_shift_of_log_softmax_changes_nothing(impl: Implementation, x: Array) -> None:
    """Adding 1024 to all logits of a row MUST leave their log-probabilities as they are."""
    right = exactly("log_softmax", x, cotangent=np.ones_like(x))
    bound = rounding(BY_NAME["log_softmax"].ulp, right.value_scale, x.dtype)
    with np.errstate(all="ignore"):
        for shift in (1024, -1024):
            value = impl.value("log_softmax", x + x.dtype.type(shift))
            assert_within(value, right.value, bound, f"log_softmax of logits {shift:+}")


@clause(depends="ops.softmax.gradient")
def test_a_masked_class_has_no_probability(impl: Implementation) -> None:
    """A logit of minus infinity MUST have the probability 0, and leave the others what they are
    without it.
    """
    rows = np.array([[1.0, -INF, 3.0, 2.0], [500.0, -INF, -500.0, 500.0]])
    right = exactly("softmax", rows[:, [0, 2, 3]], cotangent=np.ones((2, 3)))
    for dtype in impl.dtypes:
        with np.errstate(all="ignore"):
            value = impl.value("softmax", rows.astype(dtype))
        assert_shape(value, rows.shape, "softmax")
        assert_equal(value[:, 1], np.zeros(2), "probability of a masked class")
        bound = rounding(BY_NAME["softmax"].ulp, right.value_scale, dtype)
        assert_within(value[:, [0, 2, 3]], right.value, bound, "probability beside a masked class")


@clause(depends="ops.softmax.gradient")
def test_a_masked_class_receives_nothing(impl: Implementation) -> None:
    """`softmax` MUST pull back 0 to a logit of minus infinity, and to the others what they receive without
    it.
    """
    rows, w = np.array([[1.0, -INF, 3.0, 2.0]]), np.array([[2.0, 5.0, -1.0, 0.5]])

    assert_mask_receives_nothing(impl, "softmax", rows, w)


@clause(depends="ops.softmax.gradient")
def test_masks_are_quiet(impl: Implementation) -> None:
    """`softmax` MUST raise no floating-point warning for a row with masked classes and others, forward or
    backward.
    """
    for dtype in impl.dtypes:
        assert_quiet(impl, "softmax", np.array([[1.0, -INF, 3.0], [-INF, -INF, 0.0]], dtype))


@clause(depends="ops.log_softmax.gradient")
def test_the_logarithm_of_a_mask_is_minus_infinity(impl: Implementation) -> None:
    """`log_softmax` of a logit of minus infinity MUST be minus infinity, and of the others what it is without
    it.
    """
    rows, kept = np.array([[1.0, -INF, 3.0, 2.0]]), [0, 2, 3]
    right = exactly("log_softmax", rows[:, kept], cotangent=np.ones((1, 3)))
    for dtype in impl.dtypes:
        with np.errstate(all="ignore"):
            value = impl.value("log_softmax", rows.astype(dtype))
        assert_shape(value, rows.shape, "log_softmax")
        assert_equal(value[:, 1], np.full(1, -INF), "log-probability of a masked class")
        bound = rounding(BY_NAME["log_softmax"].ulp, right.value_scale, dtype)
        assert_within(value[:, kept], right.value, bound, "log-probability beside a masked class")


@clause(depends="ops.log_softmax.gradient")
def test_the_logarithm_of_a_mask_receives_nothing(impl: Implementation) -> None:
    """Where only classes that aren't masked have a cotangent, `log_softmax` MUST pull back 0 to a masked
    logit, and to the others what they receive without it.
    """
    rows, w = np.array([[1.0, -INF, 3.0, 2.0]]), np.array([[2.0, 0.0, -1.0, 0.5]])

    assert_mask_receives_nothing(impl, "log_softmax", rows, w)


@clause(depends="ops.softmax.gradient")
def test_a_row_of_masks_is_nan(impl: Implementation) -> None:
    """The probabilities of a row of only minus infinities MUST be NaN, and those of other rows be what they
    are.
    """
    for dtype in impl.dtypes:
        with np.errstate(all="ignore"):
            value = impl.value("softmax", np.array([[-INF, -INF], [0.0, -INF]], dtype))
        assert_equal(value, np.array([[np.nan, np.nan], [1.0, 0.0]]), "softmax of a row of masks and another")


@clause(depends="ops.softmax.gradient")
def test_a_long_row_is_accurate(impl: Implementation) -> None:
    """The probabilities of a row of 16384 logits MUST be accurate to a handful of rounding errors."""
    few = np.array([0.5, -1.25, 2.0, -0.125])
    right = exactly("softmax", few, cotangent=np.ones(4))
    times = LONG // len(few)  # a power of two, so the probabilities of the few are divided exactly
    units = BY_NAME["softmax"].ulp + LONG_SUM
    for dtype in impl.dtypes:
        value = impl.value("softmax", np.tile(few, times).astype(dtype))
        bound = rounding(units, np.tile(right.value_scale / times, times), dtype)
        assert_within(value, np.tile(right.value / times, times), bound, f"softmax of a long row in {dtype}")
