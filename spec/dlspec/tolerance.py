"""How far from the right answer is still right, and the comparisons that say where it isn't.

No tolerance in the spec is a literal. A bound is always

    units x eps x scale

where eps is the spacing of the dtype's numbers at 1 (`np.finfo(dtype).eps`), `scale` is the magnitude
that rounding errors are relative to, element by element, and `units` is how many of them a careful
implementation may commit: the budget, which stands in the catalogue beside its op.

Where integers stay below 2**24 every order of operations gives the same bits, and the bound is 0.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec.failure import ConformanceFailure, NotProvided, ProgramError

Array = NDArray[Any]


@cache
def eps(dtype: Any) -> float:
    """The spacing of the dtype's numbers at 1; that of float64 for integers, which compute there."""
    dtype = np.dtype(dtype)
    return float(np.finfo(dtype if dtype.kind == "f" else np.float64).eps)


@cache
def smallest(dtype: Any) -> float:
    """The smallest normal number of a dtype: below it a result may round to zero."""
    dtype = np.dtype(dtype)
    return float(np.finfo(dtype if dtype.kind == "f" else np.float64).smallest_normal)


def rounding(units: float, scale: Any, dtype: Any) -> Array:
    """The bound `units x eps x scale`, and never less than the smallest normal number."""
    return np.asarray(units * eps(dtype) * np.abs(scale) + smallest(dtype), dtype=np.float64)


def assert_shape(got: Array | None, shape: tuple[int, ...], what: str) -> Array:
    """Fail unless `got` is an array of that shape; gives it back, known to be there."""
    if got is None:
        raise ConformanceFailure(
            f"{what} is missing: nothing arrived", what=what, got=None, expected=str(shape)
        )
    if got.shape != shape:
        raise ConformanceFailure(
            f"{what} has shape {got.shape} instead of {shape}",
            what=what,
            got=str(got.shape),
            expected=str(shape),
        )
    return got


def assert_dtype(got: Array | None, dtype: Any, what: str) -> None:
    """Fail unless `got` is an array of that dtype."""
    expected = np.dtype(dtype)
    if got is None:
        raise ConformanceFailure(f"{what} is missing: nothing arrived", what=what, expected=str(expected))
    if got.dtype != expected:
        raise ConformanceFailure(
            f"{what} is {got.dtype} instead of {expected}",
            what=what,
            got=str(got.dtype),
            expected=str(expected),
        )


def assert_equal(got: Array | None, expected: Any, what: str) -> None:
    """Fail unless both are the same numbers to the last bit (NaN equals NaN, -0 equals 0)."""
    assert_within(got, expected, 0.0, what)


def assert_within(got: Array | None, expected: Any, bound: Any, what: str) -> None:
    """Fail unless `|got - expected| <= bound` everywhere, naming the worst element.

    Infinities and NaN have to stand where they should: no finite bound makes up for one.
    """
    wanted = np.asarray(expected)
    got = assert_shape(got, wanted.shape, what)
    if wanted.size == 0:
        return
    if got.dtype.kind not in "fiub":
        raise ConformanceFailure(f"{what} has dtype {got.dtype}, which holds no real numbers", what=what)
    same = got == wanted
    if same.all():  # as most are, being made of whole numbers
        return
    got64, wanted64 = got.astype(np.float64), wanted.astype(np.float64)
    limit = np.asarray(bound, dtype=np.float64)
    if limit.shape != wanted.shape:
        limit = np.broadcast_to(limit, wanted.shape)
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs(got64 - wanted64)
    same |= np.isnan(got64) & np.isnan(wanted64)
    # NaN compares as false, so an error that is NaN counts as too large unless both sides agree.
    wrong = ~same & ~(error <= limit)
    if not wrong.any():
        return
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        excess = np.where(
            wrong, np.where(np.isnan(error), np.inf, error / np.where(limit == 0, 1e-300, limit)), -1.0
        )
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(excess)), excess.shape))
    place = f"{what}[{', '.join(map(str, index))}]" if index else what
    raise ConformanceFailure(
        f"{place} is {got[index]!s}, expected {wanted[index]!s} "
        f"({int(wrong.sum())} of {wrong.size} elements wrong)",
        what=what,
        index=index,
        got=got[index].item(),
        expected=wanted[index].item(),
        bound=float(limit[index]),
    )


@contextlib.contextmanager
def refused(*standard: type[BaseException], what: str) -> Iterator[None]:
    """Fail unless the block raises one of the standard classes: anything else is not a refusal.

    An implementation that crashes with some other exception has not said no, it has stumbled; and
    `NotImplementedError` under a claimed profile says that the work was never done.
    """
    names = " or ".join(exception.__name__ for exception in standard)
    try:
        yield
    except (NotProvided, ConformanceFailure):
        raise
    except Exception as raised:
        # Python counts these two among the RuntimeErrors, but neither says no.
        stumbled = isinstance(raised, (NotImplementedError, RecursionError))
        if isinstance(raised, standard) and not stumbled:
            return
        kind = type(raised).__name__
        came = f"{kind} instead of {names}"
        if isinstance(raised, ProgramError):
            came = raised.instead_of(*standard)
        raise ConformanceFailure(f"{what}: {came}", what=what, got=kind, expected=names) from raised
    raise ConformanceFailure(
        f"{what}: accepted instead of {names}", what=what, got="no exception", expected=names
    )


@contextlib.contextmanager
def may_refuse(*standard: type[BaseException]) -> Iterator[None]:
    """Leave the block without a failure where it raises one of the standard classes: of what nobody has to
    offer, a refusal is as right as the right answer.
    """
    try:
        yield
    except (NotImplementedError, RecursionError):  # RuntimeErrors too, but no refusals
        raise
    except standard:
        return


@contextlib.contextmanager
def quiet(what: str) -> Iterator[None]:
    """Fail if the block raises a floating-point warning other than underflow, which is harmless."""
    import warnings

    try:
        with (
            np.errstate(over="raise", divide="raise", invalid="raise", under="ignore"),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("error", RuntimeWarning)
            yield
    except (FloatingPointError, RuntimeWarning) as raised:
        raise ConformanceFailure(
            f"{what}: {raised}", what=what, got=str(raised), expected="no warning"
        ) from raised
