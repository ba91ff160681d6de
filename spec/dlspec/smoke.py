"""Is the adapter itself in order?

This is asked before any clause, so that a broken plug is never booked as a broken implementation.

Each question is one that every implementation can answer, whatever it computes; its answer shows whether the
adapter keeps its contract. Plain modules need no adapter, so only their constants are tried.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec.implementation import INDEX_DTYPES, Implementation
from dlspec.implementations.module import ModuleImplementation
from dlspec.manifest import PROFILES

Array = NDArray[Any]


class BrokenAdapter(Exception):
    """The adapter breaks its own contract; `str` says which line of it."""


def smoke(impl: Implementation) -> None:
    """Try every verb that the adapter has to have.

    Raises:
        BrokenAdapter: One of them doesn't do what the contract in `dlspec.implementation` says.
    """
    if isinstance(impl, ModuleImplementation):
        return
    _declarations(impl)
    for dtype in impl.dtypes:
        for array in (np.array(1.5, dtype), np.array([[0.5, -2.0, 3.0]], dtype), np.zeros((0, 2), dtype)):
            _round_trip(impl, array)
        _identity(impl, np.array([[0.5, -2.0, 3.0]], dtype))


def _declarations(impl: Implementation) -> None:
    if not getattr(impl, "name", None):
        raise BrokenAdapter("name: the adapter has none; reports need one")
    if unknown := set(impl.claims) - set(PROFILES):
        raise BrokenAdapter(f"claims: {sorted(unknown)[0]!r} is no profile; there are {', '.join(PROFILES)}")
    if not impl.claims:
        raise BrokenAdapter("claims: nothing is claimed, so there is nothing to verify")
    if not impl.dtypes or set(impl.dtypes) - {"float64", "float32"}:
        raise BrokenAdapter(f"dtypes: {impl.dtypes!r} is not made of 'float64' and 'float32'")
    if not impl.index_dtypes or set(impl.index_dtypes) - set(INDEX_DTYPES):
        raise BrokenAdapter(f"index_dtypes: {impl.index_dtypes!r} is not made of {', '.join(INDEX_DTYPES)}")
    if not isinstance(getattr(impl, "ops", None), dict) or not all(callable(op) for op in impl.ops.values()):
        raise BrokenAdapter("ops: a dict from the catalogue's names to functions is wanted")


def _same(got: Any, array: Array, verb: str) -> None:
    if not isinstance(got, np.ndarray):
        raise BrokenAdapter(f"{verb}: gives a {type(got).__name__} where a NumPy array is wanted")
    if got.shape != array.shape:
        raise BrokenAdapter(f"{verb}: an array of shape {array.shape} comes back with shape {got.shape}")
    if got.dtype != array.dtype:
        raise BrokenAdapter(f"{verb}: an array of {array.dtype} comes back as {got.dtype}; see `dtypes`")
    if not np.array_equal(got, array):
        raise BrokenAdapter(f"{verb}: {array.tolist()} comes back as {got.tolist()}")


def _round_trip(impl: Implementation, array: Array) -> None:
    try:
        got = impl.numpy(impl.constant(array.copy()))
    except Exception as error:
        raise BrokenAdapter(f"numpy(constant(x)): raises {type(error).__name__}: {error}") from error
    _same(got, array, "numpy(constant(x))")


def _identity(impl: Implementation, x: Array) -> None:
    """The vjp of `f(x) = x`: whatever the ops do, the cotangent comes back as it went in."""
    cotangent = np.array([[2.0, -1.0, 0.25]], x.dtype)
    try:
        value, pullback = impl.vjp(lambda v: v, x.copy())
        value_array = impl.numpy(value)
        bars = list(pullback(cotangent.copy()))
    except Exception as error:
        raise BrokenAdapter(f"vjp(f, x) with f(x) = x: raises {type(error).__name__}: {error}") from error
    _same(value_array, x, "the value of vjp(f, x) with f(x) = x")
    if len(bars) != 1:
        raise BrokenAdapter(f"vjp: the pullback of a function of 1 primal gives {len(bars)} cotangents")
    if bars[0] is None:
        raise BrokenAdapter("vjp: the pullback gives None for f(x) = x, where the cotangent itself is right")
    _same(impl.numpy(bars[0]), cotangent, "the cotangent of vjp(f, x) with f(x) = x")
