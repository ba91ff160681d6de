"""What the clauses on objects have in common: public names that may be missing, and facts that are no arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec.failure import ConformanceFailure, NotProvided
from dlspec.implementation import TapeImplementation, Value
from dlspec.tolerance import assert_within

Array = NDArray[Any]

_MISSING = object()


def provided(owner: Any, name: str) -> Any:
    """A public attribute of a tensor, layer or optimizer; NotProvided where it hasn't got it."""
    found = getattr(owner, name, _MISSING)
    if found is _MISSING:
        raise NotProvided(f"{type(owner).__name__}.{name}")
    return found


def assert_fact(got: object, expected: object, what: str) -> None:
    """Fail unless a fact that is no array is as expected."""
    if got != expected:
        raise ConformanceFailure(
            f"{what} is {got!r} instead of {expected!r}", what=what, got=repr(got), expected=repr(expected)
        )


def assert_nothing_arrived(impl: TapeImplementation, value: Value, what: str) -> None:
    """Fail if a tensor has a gradient."""
    gradient = impl.gradient(value)
    if gradient is not None:
        raise ConformanceFailure(
            f"{what} is {gradient.tolist()}, but none should be there",
            what=what,
            got=str(gradient.tolist()),
            expected="None",
        )


def assert_right_or_refused(
    impl: TapeImplementation,
    value: Value,
    leaf: Value,
    right: Array,
    what: str,
    *,
    cotangent: Array | None = None,
    bound: Any = 0.0,
) -> None:
    """Pull back after a change of the data: the gradient of the values that were used, or an error and no gradient.

    What it must not be is a mixture of old and new values, which nobody would notice.
    """
    try:
        impl.backward(value, cotangent)
    except (NotImplementedError, RecursionError):
        raise
    except RuntimeError:
        assert_nothing_arrived(impl, leaf, f"{what}, after a refusal")
        return
    assert_within(impl.gradient(leaf), right, bound, what)


def parameters_of(layer: Any) -> list[Any]:
    """What `get_parameters()` of a layer gives."""
    return list(provided(layer, "get_parameters")())


def positions(found: list[Any], expected: list[Any]) -> list[int]:
    """Where each found object stands in the expected ones, by identity; -1 for one that isn't there.

    Tensors may define `==` element by element, so no list of them can be compared as such.
    """
    return [next((k for k, one in enumerate(expected) if one is item), -1) for item in found]


def assert_parameters(layer: Any, expected: list[Any], what: str) -> None:
    """Fail unless a layer's parameters are these very objects, in this order."""
    assert_fact(positions(parameters_of(layer), expected), list(range(len(expected))), what)


_X = np.array([[0.5, 2.0, 1.5], [3.0, 0.25, 1.0]])
_Y = np.array([[2.0, -1.0, 0.5], [1.5, 4.0, -2.0]])

SAMPLES: dict[str, tuple[tuple[Array, ...], dict[str, Any]]] = {
    **{op: ((_X, _Y), {}) for op in ("add", "subtract", "multiply", "divide")},
    **{op: ((_X,), {}) for op in ("negative", "exp", "log", "relu", "tanh", "sigmoid")},
    **{op: ((_X,), {}) for op in ("sum", "mean", "max", "transpose", "softmax", "log_softmax")},
    "power": ((_X,), {"exponent": 3}),
    "mm": ((_X, np.ascontiguousarray(_Y.T)), {}),
    "reshape": ((_X,), {"shape": (3, 2)}),
    "expand": ((_X,), {"dim": 1, "copies": 2}),
    "index_select": ((_X,), {"indices": np.array([1, 0, 1])}),
    "cross_entropy": ((_X,), {"targets": np.array([2, 0]), "reduction": "sum"}),
}
"""For each op of tensors small operands on which it is smooth, and its static arguments."""


def sampled_ops(impl: TapeImplementation) -> list[str]:
    """The ops of tensors that the implementation has."""
    found = [op for op in SAMPLES if op in impl.ops]
    if not found:
        raise NotProvided("ops of tensors")
    return found
