"""Is the adapter itself in order?

This is asked before any clause, so that a broken plug is never booked as a broken implementation.

Each question is one that every implementation can answer, whatever it computes; its answer shows whether the
adapter keeps its contract. No op is called: what ops do is for the clauses. Plain modules need no adapter, so
nothing is asked of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from dlspec.catalogue import OPS
from dlspec.implementation import INDEX_DTYPES, Implementation, TapeImplementation
from dlspec.implementations.module import ModuleImplementation
from dlspec.manifest import PROFILES

Array = NDArray[Any]
T = TypeVar("T")

WITHOUT_OPS = frozenset({"optim"})
"""The profiles that need no table of ops."""


class BrokenAdapter(Exception):
    """The adapter breaks its own contract; `str` says which line of it.

    Where its own code raised, that exception is the `__cause__`.
    """


def smoke(impl: Implementation) -> None:
    """Try every verb that the adapter has to have.

    Raises:
        BrokenAdapter: One of them doesn't do what the contract in `dlspec.implementation` says.
    """
    if isinstance(impl, ModuleImplementation):
        return
    declarations(impl)
    for dtype in impl.dtypes:
        x = np.array([[0.5, -2.0, 3.0]], dtype)
        for array in (np.array(1.5, dtype), x, np.zeros((0, 2), dtype), np.arange(6, dtype=dtype)[::-2]):
            if isinstance(impl, TapeImplementation):
                # First, since a constant is a leaf unless the adapter says otherwise.
                _round_trip(impl, "leaf", impl.leaf, array)
            _round_trip(impl, "constant", impl.constant, array)
        _apart(impl, x)
        if isinstance(impl, TapeImplementation):
            _tape(impl, x)
        _identity(impl, x)
        _one_for_each(impl, x)


def declarations(impl: Implementation) -> None:
    """Look at what an implementation says of itself.

    Raises:
        BrokenAdapter: It isn't what `Implementation` asks for.
    """
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
    if not isinstance(getattr(impl, "ops", None), Mapping):
        raise BrokenAdapter("ops: a dict from the catalogue's names to functions is wanted")
    for name, op in impl.ops.items():
        if name not in OPS:
            near = get_close_matches(str(name), sorted(OPS), 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise BrokenAdapter(f"ops: the catalogue has no op {name!r}.{hint}")
        if not callable(op):
            raise BrokenAdapter(f"ops: a dict to functions is wanted, and {name!r} is a {type(op).__name__}")
    if not impl.ops and set(impl.claims) - WITHOUT_OPS:
        raise BrokenAdapter(f"ops: the table is empty, and {', '.join(impl.claims)} can't be asked without")


def _called(verb: str, call: Callable[[], T]) -> T:
    """What the adapter gives; broken where it raises."""
    try:
        return call()
    except NotImplementedError as error:
        raise BrokenAdapter(f"{verb}: is still blank: {error or 'not implemented'}") from error
    except Exception as error:
        raise BrokenAdapter(f"{verb}: raises {type(error).__name__}: {error}") from error


def _same(got: Any, array: Array, verb: str) -> None:
    if not isinstance(got, np.ndarray):
        raise BrokenAdapter(f"{verb}: gives a {type(got).__name__} where a NumPy array is wanted")
    if got.shape != array.shape:
        raise BrokenAdapter(f"{verb}: an array of shape {array.shape} comes back with shape {got.shape}")
    if got.dtype != array.dtype:
        raise BrokenAdapter(f"{verb}: an array of {array.dtype} comes back as {got.dtype}; see `dtypes`")
    if not np.array_equal(got, array):
        raise BrokenAdapter(f"{verb}: {array.tolist()} comes back as {got.tolist()}")


def _unchanged(given: Array, before: Array, verb: str, what: str) -> None:
    if not np.array_equal(given, before):
        raise BrokenAdapter(f"{verb}: writes into {what} that it was given: it is to be read, or copied")


def _round_trip(impl: Implementation, verb: str, make: Callable[[Array], Any], array: Array) -> None:
    given = array.copy()
    value = _called(f"{verb}(x)", lambda: make(given))
    _same(_called(f"numpy({verb}(x))", lambda: impl.numpy(value)), array, f"numpy({verb}(x))")
    _unchanged(given, array, f"{verb}(x)", "the array")


def _apart(impl: Implementation, x: Array) -> None:
    """One value is no other: a buffer that both use would show the second's numbers in the first."""
    first = impl.constant(x.copy())
    impl.numpy(impl.constant(2 * x))
    if not np.array_equal(impl.numpy(first), x):
        raise BrokenAdapter(
            "constant(x): a second constant changes the first: each value needs memory of its own"
        )


def _tape(impl: TapeImplementation, x: Array) -> None:
    """A leaf that is the result itself: whatever the ops do, its gradient is what was sent back."""
    given, w = x.copy(), np.array([[2.0, -1.0, 0.25]], x.dtype)
    leaf, other = impl.leaf(given), impl.leaf(x.copy())
    given += 1
    if not np.array_equal(impl.numpy(leaf), x):
        raise BrokenAdapter(
            "leaf(x): holds the array that it was given, and changes with it; a copy is wanted"
        )
    cotangent = w.copy()
    _called("backward(leaf, w)", lambda: impl.backward(leaf, cotangent))
    _unchanged(cotangent, w, "backward(leaf, w)", "the cotangent")
    arrived = _called("grad(leaf)", lambda: impl.grad(leaf))
    if arrived is None:
        raise BrokenAdapter(
            "grad(leaf): gives None after backward(leaf, w), where w is right; either nothing is sent back, "
            "or it is looked for in the wrong place"
        )
    _same(_called("numpy(grad(leaf))", lambda: impl.numpy(arrived)), w, "numpy(grad(leaf)) after backward")
    beside = _called("grad(leaf)", lambda: impl.grad(other))
    if beside is not None and np.any(impl.numpy(beside)):
        raise BrokenAdapter("grad(leaf): a leaf that had no part in it has a gradient after backward, too")


def _identity(impl: Implementation, x: Array) -> None:
    """The vjp of `f(x) = x`: whatever the ops do, the cotangent comes back as it went in."""
    verb = "vjp(f, x) with f(x) = x"
    w = np.array([[2.0, -1.0, 0.25]], x.dtype)
    given, cotangent = x.copy(), w.copy()
    answer = _called(verb, lambda: impl.vjp(lambda v: v, given))
    if not isinstance(answer, Sequence) or len(answer) != 2 or not callable(answer[1]):  # noqa: PLR2004 -- a pair
        raise BrokenAdapter(f"{verb}: a pair of value and pullback is wanted, not a {type(answer).__name__}")
    value, pullback = answer
    _same(_called(verb, lambda: impl.numpy(value)), x, f"the value of {verb}")
    for call in ("", " a second time"):
        when = f"the pullback of {verb}, called{call}" if call else f"the pullback of {verb}"
        (bar,) = _cotangents(when, pullback, cotangent, 1)
        if bar is None:
            raise BrokenAdapter(f"{when}: gives None, where the cotangent itself is right")
        _same(_called(when, partial(impl.numpy, bar)), w, f"numpy of what {when} gives")
        _unchanged(cotangent, w, when, "the cotangent")
    _unchanged(given, x, verb, "the primal")


def _cotangents(
    when: str, pullback: Callable[[Array], Sequence[Any]], cotangent: Array, count: int
) -> Sequence[Any]:
    bars = _called(when, lambda: pullback(cotangent))
    wanted = "a sequence of one cotangent" + (f" for each of {count} primals" if count > 1 else "")
    if not isinstance(bars, Sequence):
        raise BrokenAdapter(f"{when}: gives a {type(bars).__name__} where {wanted} is wanted")
    if len(bars) != count:
        raise BrokenAdapter(f"{when}: gives {len(bars)} cotangents where {wanted} is wanted")
    return bars


def _one_for_each(impl: Implementation, x: Array) -> None:
    """The vjp of `f(x, y) = y`: the cotangent belongs to `y`, and `x` gets zeros or None."""
    y, w = np.array([4.0, -1.0], x.dtype), np.array([3.0, 0.5], x.dtype)
    verb = "vjp(f, x, y) with f(x, y) = y"
    value, pullback = _called(verb, lambda: impl.vjp(lambda _, v: v, x.copy(), y.copy()))
    when = f"the pullback of {verb}"
    _same(impl.numpy(value), y, f"the value of {verb}")
    of_x, of_y = _cotangents(when, pullback, w.copy(), 2)
    if of_y is None:
        raise BrokenAdapter(f"{when}: gives None for y, where the cotangent itself is right")
    _same(_called(when, lambda: impl.numpy(of_y)), w, f"numpy of what {when} gives for y")
    if of_x is not None:
        _same(_called(when, lambda: impl.numpy(of_x)), 0 * x, f"numpy of what {when} gives for x, zeros,")
