"""Numbers at the extremes, and comparison with 60 digits there."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec.catalogue import BY_NAME
from dlspec.implementation import Implementation
from dlspec.oracle import Answer, answer_of
from dlspec.tolerance import assert_equal, assert_shape, assert_within, quiet, rounding

Array = NDArray[Any]

MAGNITUDES = (
    *(0.0, 1e-300, 1e-30, 1e-8, 1e-3, 0.25, 1.0, 3.0, 12.0, 20.0, 36.0, 40.0, 88.7, 104.0),
    *(700.0, 745.0, 1000.0, 5000.0, 1e30, 1e300),
)
"""Where exponentials fade, saturate, underflow and overflow, in either type, and what lies between."""

LONG = 2**14
"""How many terms a long sum has."""

LONG_SUM = 32
"""Units of the sum of magnitudes that a careful sum of `LONG` terms stays within; NumPy's pairwise sum of
0.1 in float32 is 1.2 off, adding one after the other 1295.
"""


def magnitudes(dtype: Any) -> Array:
    """Those of `MAGNITUDES` that are 0 or a normal number of the type, and its smallest and largest."""
    least, most = float(np.finfo(dtype).smallest_normal), float(np.finfo(dtype).max)
    kept = [x for x in MAGNITUDES if x == 0 or least <= x <= most]
    return np.array([*kept, least, most], dtype)


def signed(dtype: Any) -> Array:
    """The magnitudes with either sign, -0 included."""
    sizes = magnitudes(dtype)
    return np.concatenate([sizes, -sizes])


def uneven(shape: tuple[int, ...], dtype: Any) -> Array:
    """Cotangents of that shape, signed and not all alike, small enough that no product overflows."""
    return np.resize(np.array([0.75, -0.5, 0.625, -1.0, 0.875]), shape).astype(dtype)


def by_element(op: str, x: Array, cotangent: Array, **static: Any) -> Answer:
    """The answer for each element of an elementwise op's operand, found for each by itself."""
    found = [exactly(op, x[k : k + 1], cotangent=cotangent[k : k + 1], **static) for k in range(len(x))]
    return Answer(
        np.concatenate([one.value for one in found]),
        np.concatenate([one.value_scale for one in found]),
        (np.concatenate([one.cotangents[0] for one in found]),),
        (np.concatenate([one.cotangent_scales[0] for one in found]),),
    )


def exactly(op: str, *operands: Array, cotangent: Array, **static: Any) -> Answer:
    """The answer to one question about a row of the catalogue, in 60 digits.

    The catalogue's budgets are computed in float64, where their own intermediates may overflow without harm.
    """
    wide = [np.asarray(x, np.float64) for x in operands]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return answer_of(BY_NAME[op], wide, static, np.asarray(cotangent, np.float64), exact=True)


def assert_value(impl: Implementation, op: str, x: Array, **static: Any) -> None:
    """Fail unless an elementwise op is within its budget at every element of `x`."""
    right = by_element(op, x, np.ones_like(x), **static)
    with np.errstate(all="ignore"):
        value = impl.value(op, x, **static)
    assert_shape(value, x.shape, op)
    for k, number in enumerate(x):
        bound = rounding(BY_NAME[op].ulp, right.value_scale[k], x.dtype)
        assert_within(value[k], right.value[k], bound, f"{op} of {number} in {x.dtype}")


def assert_cotangent(impl: Implementation, op: str, x: Array, *, slack: bool = True, **static: Any) -> None:
    """Fail unless the cotangent of an elementwise op is within its budget at every element of `x`.

    Args:
        impl: The implementation.
        op: The op.
        x: Where.
        slack: Whether to allow what the catalogue says well-known formulas lose to cancellation.
        **static: The op's other arguments.
    """
    w = uneven(x.shape, x.dtype)
    right = by_element(op, x, w, **static)
    scales = right.cotangent_scales[0] if slack else np.abs(right.cotangents[0])
    with np.errstate(all="ignore"):
        _, (bar,) = impl.gradients(lambda F, x: getattr(F, op)(x, **static), x, cotangent=w)
    bar = assert_shape(bar, x.shape, f"cotangent of x in {op}")
    for k, number in enumerate(x):
        bound = rounding(BY_NAME[op].vjp_ulp, scales[k], x.dtype)
        assert_within(
            bar[k], right.cotangents[0][k], bound, f"cotangent of x = {number} in {op} in {x.dtype}"
        )


def assert_quiet(impl: Implementation, op: str, *operands: Array, **static: Any) -> None:
    """Fail if an op raises a floating-point warning, forward or backward."""
    with quiet(f"{op} of numbers with a finite answer"):
        value, _ = impl.gradients(lambda F, *xs: getattr(F, op)(*xs, **static), *operands)
    assert_finite(value, op)


def assert_finite(value: Array, what: str) -> None:
    """Fail where a number is infinite or NaN."""
    assert_within(np.where(np.isfinite(value), 0.0, value), np.zeros(value.shape), 0.0, what)


def assert_rows(impl: Implementation, op: str, rows: Array, **static: Any) -> None:
    """Fail unless the value and the cotangent of an op of rows of logits are within their budgets.

    The budgets are those of the logits less their row's largest, for which the answer is the same: no formula
    needs to pass through numbers of the size of what the logits have in common.

    Args:
        impl: The implementation.
        op: The op.
        rows: Logits (rows, classes).
        **static: The op's other arguments; an array has an entry for each row.
    """
    row = BY_NAME[op]
    w = uneven(row.define(np.zeros(rows.shape), **static).shape, rows.dtype)
    with np.errstate(all="ignore"):
        value, (bar,) = impl.gradients(lambda F, x: getattr(F, op)(x, **static), rows, cotangent=w)
    assert_shape(value, w.shape, op)
    bar = assert_shape(bar, rows.shape, f"cotangent of the logits in {op}")
    for k, logits in enumerate(rows.astype(np.float64)):
        own = {name: item[k] if isinstance(item, np.ndarray) else item for name, item in static.items()}
        right = exactly(op, logits - logits.max(), cotangent=w[k], **own)
        place = f"{op} of {logits.tolist()} in {rows.dtype}"
        assert_within(value[k], right.value, rounding(row.ulp, right.value_scale, rows.dtype), place)
        bound = rounding(row.vjp_ulp, right.cotangent_scales[0], rows.dtype)
        assert_within(bar[k], right.cotangents[0], bound, f"cotangent of the logits in {place}")


def far_logits(dtype: Any) -> Array:
    """Rows of finite logits whose exponentials overflow, or underflow, or leave one class alone."""
    rows = [
        (1000.0, 0.0, -1000.0),
        (1000.0, 1000.0, 999.0),
        (-1000.0, -1001.5, -1000.0),
        (-5000.0, -5000.0, -5000.0),
        (710.0, 708.0, 709.5),
        (-745.0, 88.75, 40.0),
        (0.0, -36.0, -104.0),
    ]
    return np.array(rows, dtype)


def huge_logits(dtype: Any) -> Array:
    """Rows of logits near the largest numbers: powers of two whose double is a number, too."""
    h = 2.0**1000 if np.dtype(dtype) == np.float64 else 2.0**120
    return np.array([(h, -h, 0.0, 0.0), (h, h, -h, 0.0), (-h, -h, -h, -h)], dtype)


def powers_of_two(dtype: Any) -> Array:
    """Powers of two far apart, whose reciprocals are numbers of the type, too."""
    most = 1000 if np.dtype(dtype) == np.float64 else 120
    return np.array([2.0**k for k in np.linspace(-most, most, 9)], dtype)


def assert_mask_receives_nothing(impl: Implementation, op: str, rows: Array, w: Array) -> None:
    """Fail unless masked logits receive 0, and the others what they receive in a row without the masked ones.

    Args:
        impl: The implementation.
        op: `softmax` or `log_softmax`.
        rows: Logits, in which the same columns are minus infinity in every row.
        w: The cotangent.
    """
    kept = np.isfinite(rows).all(axis=0)
    right = exactly(op, rows[:, kept], cotangent=w[:, kept])
    for dtype in impl.dtypes:
        with np.errstate(all="ignore"):
            _, (bar,) = impl.gradients(
                lambda F, x: getattr(F, op)(x), rows.astype(dtype), cotangent=w.astype(dtype)
            )
        bar = assert_shape(bar, rows.shape, "cotangent of the logits")
        assert_equal(bar[:, ~kept], np.zeros((len(rows), int(np.sum(~kept)))), "cotangent of a masked logit")
        bound = rounding(BY_NAME[op].vjp_ulp, right.cotangent_scales[0], dtype)
        assert_within(bar[:, kept], right.cotangents[0], bound, "cotangent beside a masked logit")
