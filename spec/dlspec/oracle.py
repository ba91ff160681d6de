"""Independent answers.

Three oracles, none of which looks at an implementation's own derivative:

    exact          the definition in 60 digits, differentiated by a complex step of 1e-200: the answers
                   of frozen cases. They are right to the last bit, so all of a bound is left to the
                   implementation
    complex_step   the same in float64 (Squire and Trapp 1998): `Im f(x + ih) / h` subtracts nothing, so
                   h = 2**-540 costs no accuracy. Fast enough to explore with
    ridders        extrapolated central differences (Ridders 1982), with an error estimate, for programs
                   that the spec can only call
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
from numpy.typing import NDArray

from dlspec import textbook
from dlspec.catalogue import BY_NAME, Op

Array = NDArray[Any]
Function = Callable[..., Array]

STEP = 2.0**-540
EXACT_STEP = mpmath.mpf(10) ** -200
"""Both so small that their squares, which are what a complex step leaves out, are 0 in float64."""

AGREEMENT = 16
"""Units of the scale, as in a budget, by which float64 complex steps may miss 60 digits."""


class _Textbook:
    """`F` for programs that run on definitions."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        try:
            return BY_NAME[name].definition
        except KeyError:
            raise AttributeError(f"the catalogue has no op {name!r}") from None


TEXTBOOK: Any = _Textbook()
"""The definitions as a namespace: `program(TEXTBOOK, *arrays)` is what a program should give."""


@dataclass(frozen=True)
class Answer:
    """What is right, and what rounding errors are relative to.

    Attributes:
        value: The value of the function.
        value_scale: For each element of the value the magnitude of what went into it.
        cotangents: For each operand its cotangent; None for an operand of integers.
        cotangent_scales: For each operand the sum of the magnitudes of the terms of its cotangent.
    """

    value: Array
    value_scale: Array
    cotangents: tuple[Array, ...]
    cotangent_scales: tuple[Array, ...]


def _columns(f: Function, operands: Sequence[Array], k: int, *, exact: bool) -> list[Array]:
    """The derivative of the value with respect to each element of operand `k`, in float64."""
    columns = []
    for j in range(operands[k].size):
        if exact:
            stepped = textbook.to_exact(operands[k]).reshape(-1).copy()
            stepped[j] = mpmath.mpc(stepped[j], EXACT_STEP)
            others = [textbook.to_exact(x) for x in operands]
            others[k] = stepped.reshape(operands[k].shape)
            column = np.asarray(f(*others), dtype=object)
            imaginary = np.frompyfunc(lambda y: float(mpmath.im(y) / EXACT_STEP), 1, 1)(column)
            columns.append(np.asarray(imaginary, dtype=np.float64))
        else:
            complex_operand = operands[k].astype(np.complex128)
            complex_operand.reshape(-1)[j] += 1j * STEP
            others = [*operands[:k], complex_operand, *operands[k + 1 :]]
            columns.append(np.asarray(np.imag(f(*others)) / STEP, dtype=np.float64))
    return columns


def answer(
    f: Function,
    operands: Sequence[Array],
    cotangent: Array,
    *,
    exact: bool,
    conditioned: bool = True,
    offset: float = 0.0,
    slack: Array | float = 0.0,
) -> Answer:
    """The value of `f`, the cotangents of its operands, and the scale of each.

    Args:
        f: A function on any kind of number, such as a definition with its static arguments filled in.
        operands: Where it is evaluated, in float64.
        cotangent: What is pulled back.
        exact: Whether to work in 60 digits (slow) rather than in float64.
        conditioned: Whether the value's scale includes what a relative change of each input does to it.
        offset: Added to the scale of the value.
        slack: Added to the scale of the cotangents.
    """
    # In float32 the step would be 0; the numbers themselves are the same in float64.
    operands = [x.astype(np.float64) if x.dtype.kind == "f" else x for x in operands]
    with mpmath.workdps(textbook.DIGITS):
        if exact:
            value = textbook.to_float64(
                np.asarray(f(*(textbook.to_exact(x) for x in operands)), dtype=object)
            )
        else:
            value = np.asarray(f(*operands), dtype=np.float64)
        scale = np.abs(value) + offset
        weights = np.abs(cotangent)
        cotangents, scales = [], []
        for k, x in enumerate(operands):
            columns = _columns(f, operands, k, exact=exact)
            bars = np.array([np.sum(cotangent * column) for column in columns], dtype=np.float64)
            sizes = np.array([np.sum(weights * np.abs(column)) for column in columns], dtype=np.float64)
            cotangents.append(bars.reshape(x.shape))
            scales.append(sizes.reshape(x.shape) + slack)
            if conditioned:
                for size, column in zip(np.abs(x).reshape(-1), columns, strict=True):
                    scale = scale + size * np.abs(column)
    return Answer(value, scale, tuple(cotangents), tuple(scales))


def answer_of(
    op: Op, operands: Sequence[Array], static: dict[str, Any], cotangent: Array, *, exact: bool
) -> Answer:
    """The answer to a case of a row of the catalogue."""
    slack = 0.0 if op.slack is None else op.slack(cotangent, *operands, **static)
    return answer(
        lambda *xs: op.define(*xs, **static),
        operands,
        cotangent,
        exact=exact,
        conditioned=op.conditioned,
        offset=op.offset,
        slack=slack,
    )


def gradients(
    program: Callable[..., Any], *primals: Array, cotangent: Array | None = None
) -> tuple[Array, list[Array]]:
    """The value of `program(F, *primals)` on the definitions, and its cotangents by complex step."""
    value = np.asarray(program(TEXTBOOK, *primals), dtype=np.float64)
    seed = np.ones_like(value) if cotangent is None else cotangent
    found = answer(
        lambda *xs: np.asarray(program(TEXTBOOK, *xs)), primals, seed, exact=False, conditioned=False
    )
    return found.value, list(found.cotangents)


@dataclass(frozen=True)
class Estimate:
    """A derivative along a direction, and how far it may be off."""

    slope: float
    error: float


def ridders(
    f: Callable[[float], float], *, start: float = 0.4, halvings: int = 7, magnitude: float | None = None
) -> Estimate:
    """The derivative of `f` at 0, by central differences extrapolated to a step of zero.

    The tableau of Ridders: central differences at steps that shrink by half, each column removing the
    next even power of the step. The estimate that moved least from its neighbours is taken; the size of
    that move, and what rounding in `f` does at its step, bound the error.

    Args:
        f: A smooth function of one number.
        start: The first step.
        halvings: How often it is halved.
        magnitude: Of the terms that `f` adds up, where they may cancel; by default that of its values.
    """
    best = Estimate(float("nan"), float("inf"))
    previous: list[float] = []
    step = start
    for _ in range(halvings + 1):
        high, low = f(step), f(-step)
        size = max(abs(high) + abs(low), 2 * (magnitude or 0.0))
        noise = float(np.finfo(np.float64).eps) * size / step
        row = [(high - low) / (2 * step)]
        for m, older in enumerate(previous, start=1):
            factor = 4.0**m
            row.append((factor * row[m - 1] - older) / (factor - 1))
            error = max(abs(row[m] - row[m - 1]), abs(row[m] - older)) + noise
            if error < best.error:
                best = Estimate(row[m], error)
        previous = row
        step /= 2
    return best
