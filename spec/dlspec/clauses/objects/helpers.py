"""What the clauses on objects share: public names that may be missing, and facts that are no arrays."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec.failure import ConformanceFailure, NotProvided
from dlspec.implementation import TapeImplementation, Value, taking
from dlspec.tolerance import assert_equal, assert_within

Array = NDArray[Any]

_MISSING = object()


def provided(owner: Any, name: str, *options: str) -> Any:
    """A public attribute of a tensor, layer or optimizer; NotProvided where it hasn't got it, or its
    options.
    """
    found, home = getattr(owner, name, _MISSING), owner if isinstance(owner, type) else type(owner)
    if found is _MISSING:
        raise NotProvided(f"{home.__name__}.{name}")
    return taking(found, f"{home.__name__}.{name}", *options)


def new(impl: TapeImplementation, name: str, *sizes: Any, **options: Any) -> Any:
    """An object of a public class, whose random numbers are the same every time and nobody else's.

    NumPy's global generator is left as it was found.
    """
    made = taking(impl.named(name), name, *options)
    with undisturbed_generator():
        np.random.seed(7)
        return made(*sizes, **options)


@contextlib.contextmanager
def undisturbed_generator() -> Iterator[None]:
    """Put NumPy's global generator back to where it stands now when the block ends."""
    before = np.random.get_state()
    try:
        yield
    finally:
        np.random.set_state(before)


@contextlib.contextmanager
def assert_undrawn(what: str) -> Iterator[None]:
    """Fail if the block draws from NumPy's global generator."""
    with undisturbed_generator():
        np.random.seed(7)
        before = np.random.get_state(legacy=False)
        yield
        after = np.random.get_state(legacy=False)
    if str(after) != str(before) or not np.array_equal(after["state"]["key"], before["state"]["key"]):
        raise ConformanceFailure(
            f"{what} draws from NumPy's global generator",
            what="state of NumPy's global generator",
            got="changed",
            expected="as it was before",
        )


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
    cotangent: Array,
    expected: Sequence[tuple[Value, Array, Any]],
    what: str,
) -> None:
    """Pull back after a change of data: fail unless the gradient is that of the data used, or is refused.

    What it must not be is a mixture of old and new values, which nobody would notice.

    Args:
        impl: The implementation.
        value: What is pulled back from.
        cotangent: What is pulled back.
        expected: Leaves, the gradient of each before the change, and its bound.
        what: What was changed, for the message.
    """
    try:
        impl.backward(value, cotangent)
    except (NotImplementedError, RecursionError):  # RuntimeErrors too, but no refusals
        raise
    except RuntimeError:
        for number, (leaf, _, _) in enumerate(expected):
            assert_nothing_arrived(impl, leaf, f"gradient of operand {number} after a refusal, {what}")
        return
    for number, (leaf, right, bound) in enumerate(expected):
        assert_within(impl.gradient(leaf), right, bound, f"gradient of operand {number}, {what}")


def uneven(shape: tuple[int, ...]) -> Array:
    """A cotangent with signs, and no two neighbours alike."""
    return np.resize(np.array([1.0, -2.0, 3.0, -0.5, 4.0]), shape)


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


def state_of(layer: Any) -> dict[str, Array]:
    """What `state_dict()` of a layer gives."""
    return dict(provided(layer, "state_dict")())


def assert_state(layer: Any, expected: dict[str, Array], what: str) -> None:
    """Fail unless the state of a layer is the expected one, to the last bit."""
    state = state_of(layer)
    assert_fact(list(state), list(expected), f"names in the {what}")
    for name, array in expected.items():
        assert_equal(state[name], array, f"{name} in the {what}")


def filled(impl: TapeImplementation, layer: Any, number: float) -> None:
    """Set every parameter of a layer to one number."""
    for parameter in parameters_of(layer):
        impl.set_data(parameter, np.full_like(impl.array(parameter), number))


@contextlib.contextmanager
def file_limit(size: int) -> Iterator[None]:
    """No file can grow beyond that many bytes inside the block, as on a disk that is full."""
    try:
        import resource
    except ImportError:
        raise NotProvided("a platform on which a full disk can be had") from None
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


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
