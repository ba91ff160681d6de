"""A gradient check for one's own op, layer or loss, to be called from one's own test.

from dlspec import check_gradient

def test_softsign():
    check_gradient(softsign, np.array([-2.0, 0.5, 3.0]), definition=lambda x: x / (1 + abs(x)))
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec.failure import ConformanceFailure
from dlspec.implementation import Implementation
from dlspec.oracle import answer, ridders
from dlspec.tolerance import assert_dtype, assert_equal, assert_shape, assert_within, rounding

Array = NDArray[Any]

UNITS = 64
"""The budget: a program of a dozen ops, each with a handful of rounding errors, stays well within it."""

ELEMENTWISE_UP_TO = 32
DIRECTIONS = 8


def check_gradient(
    f: Callable[..., Any],
    *primals: Array,
    definition: Callable[..., Array] | None = None,
    implementation: str | Implementation = "deeplearning_framework",
    seed: int = 0,
) -> None:
    """Check that the gradient of `f` is the derivative of its value.

    With a `definition`, the value of `f` is compared with it, and the gradient with its derivative by complex
    step, to within rounding. Without one, the gradient is compared with extrapolated differences of
    `f` itself (Ridders): a relative error of 1e-6 in one element is found, but a value that is wrong in the
    same way as its derivative is not. Either way the pullback has to be linear, repeatable, and of the
    shapes and types of the primals, and nothing that `f` was given may change.

    Args:
        f: A function of the implementation's own values: for the reference, of Tensors.
        *primals: Where it is checked, in float64; small arrays, away from kinks by a tenth or more.
        definition: The same function in NumPy, that also works on complex numbers (no `abs`, no
            comparison of complex numbers).
        implementation: What `f` is written for; anything that `dlspec verify` takes.
        seed: Of the random cotangent and directions.

    Raises:
        ConformanceFailure: The gradient, or the value, is wrong; the message says where and by how much.
    """
    impl = implementation
    if isinstance(impl, str):
        from dlspec.implementations import load

        impl = load(impl)
    rng = np.random.default_rng(seed)
    arrays = [np.array(primal, dtype=np.float64) for primal in primals]
    given = [array.copy() for array in arrays]

    def program(F: Any, *values: Any) -> Any:
        return f(*values)

    pulled = impl.pull(program, *arrays)
    value = pulled.value
    cotangent = rng.choice([-1.0, 1.0], value.shape) * rng.uniform(0.5, 2.0, value.shape)
    kept = cotangent.copy()
    bars = pulled.pullback(cotangent)
    for k, (bar, primal) in enumerate(zip(bars, given, strict=True)):
        assert_shape(bar, primal.shape, _name(k))
        assert_dtype(bar, np.float64, _name(k))
    for k, (bar, again) in enumerate(zip(bars, pulled.pullback(cotangent), strict=True)):
        assert_equal(again, bar, f"{_name(k)}, asked a second time,")
    for k, (bar, scaled) in enumerate(zip(bars, pulled.pullback(4 * cotangent), strict=True)):
        assert bar is not None
        assert_equal(scaled, 4 * bar, f"{_name(k)} for 4 times the cotangent")
    for k, (array, copy) in enumerate(zip([*arrays, cotangent], [*given, kept], strict=True)):
        assert_equal(array, copy, f"array {k} that f was given")
    if definition is not None:
        _against_definition(definition, given, value, cotangent, bars)
    else:
        _against_differences(impl, program, given, value, cotangent, bars, rng)


def _name(k: int) -> str:
    return f"cotangent of argument {k}"


def _against_definition(
    definition: Callable[..., Array],
    primals: list[Array],
    value: Array,
    cotangent: Array,
    bars: tuple[Array | None, ...],
) -> None:
    try:
        with warnings.catch_warnings():
            # A definition that drops the imaginary part would have a derivative of zero everywhere.
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            right = answer(definition, primals, cotangent, exact=False)
    except (TypeError, np.exceptions.ComplexWarning) as error:
        raise TypeError(f"the definition has to work on complex arrays: {error}") from error
    assert_within(value, right.value, rounding(UNITS, right.value_scale, np.float64), "value")
    for k, (bar, expected, scale) in enumerate(
        zip(bars, right.cotangents, right.cotangent_scales, strict=True)
    ):
        # Terms of the size of the cotangent may cancel inside a composition, out of sight.
        bound = rounding(UNITS, scale + np.max(scale, initial=0.0) + np.sum(np.abs(cotangent)), np.float64)
        assert_within(bar, expected, bound, _name(k))


def _against_differences(
    impl: Implementation,
    program: Callable[..., Any],
    primals: list[Array],
    value: Array,
    cotangent: Array,
    bars: tuple[Array | None, ...],
    rng: np.random.Generator,
) -> None:
    for k, (primal, bar) in enumerate(zip(primals, bars, strict=True)):
        assert bar is not None
        for direction, place in _directions(primal, rng):

            def along(t: float, k: int = k, direction: Array = direction) -> float:
                moved = [*primals[:k], primals[k] + t * direction, *primals[k + 1 :]]
                return float(np.sum(cotangent * impl.evaluate(program, *moved)))

            magnitude = float(np.sum(np.abs(cotangent * value)))
            # The first step stays within a tenth, so that kinks a tenth away are not stepped over.
            estimate = ridders(along, start=0.1 / float(np.max(np.abs(direction))), magnitude=magnitude)
            got = float(np.sum(bar * direction))
            bound = 4 * estimate.error + float(rounding(16, np.sum(np.abs(bar * direction)), np.float64))
            if not abs(got - estimate.slope) <= bound:
                what = _name(k) if place is not None else f"{_name(k)}, along a direction,"
                where = "" if place is None else f"[{', '.join(map(str, place))}]"
                raise ConformanceFailure(
                    f"{what}{where} is {got!r}, but the value changes at a rate of {estimate.slope!r}",
                    what=what,
                    index=place,
                    got=got,
                    expected=estimate.slope,
                    bound=bound,
                )


def _directions(primal: Array, rng: np.random.Generator) -> list[tuple[Array, tuple[int, ...] | None]]:
    """Each element by itself where there are few; else random directions in which no element is masked."""
    if primal.size <= ELEMENTWISE_UP_TO:
        found: list[tuple[Array, tuple[int, ...] | None]] = []
        for index in np.ndindex(primal.shape):
            direction = np.zeros_like(primal)
            direction[index] = 1.0
            found.append((direction, index))
        return found
    signs = (rng.choice([-1.0, 1.0], primal.shape) for _ in range(DIRECTIONS))
    return [(sign * rng.uniform(0.5, 1.0, primal.shape), None) for sign in signs]
