"""A submission in another process, asked for arrays: what judges it shares no memory with it.

    python -P -m dlspec.grading.boundary SOCKET < ORDER

is the process with the submission. The other end is an adapter like any other, whose values are numbers
under which the submission's process keeps its own. Requests and answers are lines of JSON; of what comes
back nothing is trusted but numbers, shapes and text.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec.failure import NotProvided
from dlspec.grading.confined import confine, environment, read_order
from dlspec.grading.examiner import UNREACHED
from dlspec.implementation import TapeImplementation, Value
from dlspec.implementations import load

Array = NDArray[Any]

ORDER: dict[str, Any] = {}
"""Where the submission is and what it may use: set by the process that audits, before it loads this."""

KINDS = "fiub"
"""Kinds of numbers that cross."""

VERBS = (
    *("leaf", "constant", "backward", "grad", "numpy", "sgd", "wants_gradient", "set_grad", "retain_grad"),
    *("detach", "set_data", "change_data"),
)

RAISED = (
    TypeError,
    IndexError,
    KeyError,
    ValueError,
    ArithmeticError,
    RuntimeError,
    AttributeError,
    MemoryError,
)
"""What an exception of the submission's is on this side: the first of these that it is, so that a clause sees
whether it is of the standard kind.
"""


class Handle:
    """A value of the submission's, on this side."""

    def __init__(self, number: int, unused: list[int]) -> None:
        """Stand for what has that number."""
        self.number = number
        self._unused = unused

    def __del__(self) -> None:
        """Nobody asks for it any more."""
        self._unused.append(self.number)


class _Broken(Exception):
    """The other side is gone, or talks nonsense."""


def pack(value: Any, keep: Any) -> Any:
    """A value as it crosses. What is no number, text or array is kept on its own side, by `keep`."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
        if array.dtype.kind in KINDS:
            data = base64.b64encode(array.tobytes()).decode()
            return {"array": [array.dtype.str, list(array.shape), data]}
    if isinstance(value, (tuple, list)):
        return {"tuple" if isinstance(value, tuple) else "list": [pack(item, keep) for item in value]}
    return {"kept": keep(value)}


def unpack(sent: Any, kept: Any) -> Any:
    """The inverse of `pack`; `kept` finds what stays on its side."""
    if not isinstance(sent, dict):
        return sent
    (kind, content), *_ = sent.items()
    if kind == "array":
        dtype, shape, data = content
        if np.dtype(dtype).kind not in KINDS:
            raise ValueError(f"an array of {dtype}")
        return np.frombuffer(base64.b64decode(data), dtype).reshape(shape).copy()
    if kind == "kept":
        return kept(content)
    items = [unpack(item, kept) for item in content]
    return tuple(items) if kind == "tuple" else items


class AcrossTheBoundary(TapeImplementation):
    """The adapter on the side that judges."""

    def __init__(self) -> None:
        """Start the submission's process, and ask what it is."""
        self._unused: list[int] = []
        self._connect()
        about = self._ask("about")
        self.name, self.claims, self.dtypes = "the submission", tuple(about[0]), tuple(about[1])
        self.ops = {str(op): self._op(str(op)) for op in about[2]}

    def _connect(self) -> None:
        ours, theirs = socket.socketpair()
        home = Path(ORDER["home"])
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "dlspec.grading.boundary", str(theirs.fileno())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment(home),
            cwd=home,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        theirs.close()
        assert process.stdin is not None
        with process.stdin as pipe:
            pipe.write(json.dumps(ORDER).encode())
        self._process = process
        self._stream = ours.makefile("rwb")

    def _ask(self, verb: str, *arguments: Any, **options: Any) -> Any:
        unused, self._unused[:] = list(self._unused), []
        question = {
            "verb": verb,
            "arguments": [pack(argument, _number_of) for argument in arguments],
            "options": {key: pack(option, _number_of) for key, option in options.items()},
            "unused": unused,
        }
        try:
            self._stream.write(json.dumps(question).encode() + b"\n")
            self._stream.flush()
            answer = self._stream.readline()
        except OSError as error:
            raise _Broken("the submission's process has ended") from error
        if not answer:
            # Another one for the next clause; this one pays for it.
            self._process.kill()
            self._process.wait()
            self._connect()
            raise _Broken("the submission's process has ended")
        try:
            return self._understood(json.loads(answer))
        except (LookupError, TypeError, ValueError) as error:
            if isinstance(error, _FROM_THERE):
                raise
            raise _Broken(f"the submission's process gives no proper answer: {error}") from error

    def _understood(self, answer: Any) -> Any:
        if "absent" in answer:
            raise NotProvided(str(answer["absent"]))
        if "raised" in answer:
            kind, message = answer["raised"]
            raise _there(str(kind), str(message))
        return unpack(answer["value"], lambda number: Handle(int(number), self._unused))

    def _op(self, op: str) -> Any:
        return lambda *operands, **static: self._ask("op", op, *operands, **static)

    def leaf(self, array: Array) -> Value:
        """A leaf over there."""
        return self._ask("leaf", array)

    def constant(self, array: Array) -> Value:
        """A constant over there."""
        return self._ask("constant", array)

    def backward(self, value: Value, cotangent: Array | None = None, *, retain_graph: bool = False) -> None:
        """Send a cotangent back over there."""
        self._ask("backward", value, cotangent, retain_graph=retain_graph)

    def grad(self, leaf: Value) -> Value | None:
        """What has arrived."""
        return self._ask("grad", leaf)

    def numpy(self, value: Value) -> Array:
        """The array behind a value over there."""
        if not isinstance(value, Handle):
            return np.asarray(value)
        array = self._ask("numpy", value)
        if not isinstance(array, np.ndarray):
            raise _Broken("the submission's process gives no array")
        return array

    def wants_gradient(self, value: Value) -> bool:
        """Whether a gradient would flow."""
        return bool(self._ask("wants_gradient", value))

    def set_grad(self, leaf: Value, array: Array | None) -> None:
        """Replace what has arrived."""
        self._ask("set_grad", leaf, array)

    def retain_grad(self, value: Value) -> None:
        """Ask a result to keep its gradient."""
        self._ask("retain_grad", value)

    def detach(self, value: Value) -> Value:
        """The same data without its history."""
        return self._ask("detach", value)

    @contextmanager
    def no_grad(self) -> Iterator[None]:
        """A context over there."""
        self._ask("enter")
        try:
            yield
        finally:
            self._ask("leave")

    def set_data(self, leaf: Value, array: Array) -> None:
        """Give a leaf other data."""
        self._ask("set_data", leaf, array)

    def change_data(self, leaf: Value, difference: Array) -> None:
        """Subtract from a leaf's data."""
        self._ask("change_data", leaf, difference)

    def sgd(
        self,
        parameters: Sequence[Array],
        gradients: Sequence[Sequence[Array | None]],
        *,
        alphas: Sequence[float],
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> list[list[Array]]:
        """Steps over there."""
        options = {"momentum": momentum, "weight_decay": weight_decay, "nesterov": nesterov}
        steps: list[list[Array]] = self._ask(
            "sgd", list(parameters), [list(step) for step in gradients], alphas=list(alphas), **options
        )
        return steps

    def named(self, name: str) -> Any:
        """Nothing: an object can't cross."""
        raise NotProvided(f"{UNREACHED}: {name}")


def _number_of(value: Any) -> int:
    if not isinstance(value, Handle):
        raise TypeError(f"{UNREACHED}: a {type(value).__name__}")
    return value.number


_FROM_THERE: tuple[type[Exception], ...] = tuple(type(kind.__name__, (kind,), {}) for kind in RAISED)
"""Exceptions that come from there, each of a standard kind and told from those of this side."""


def _there(kind: str, message: str) -> Exception:
    for made in _FROM_THERE:
        if made.__name__ == kind:
            return made(message)
    return _Broken(message)


class _Serving:
    """The side with the submission."""

    def __init__(self, target: str) -> None:
        self.impl = load(target)
        self.kept: dict[int, Any] = {}
        self.count = 0
        self.contexts: list[Any] = []

    def keep(self, value: Any) -> int:
        self.count += 1
        self.kept[self.count] = value
        return self.count

    def answer(self, line: bytes) -> dict[str, Any]:
        question = json.loads(line)
        for number in question["unused"]:
            self.kept.pop(number, None)
        arguments = [unpack(argument, self.kept.__getitem__) for argument in question["arguments"]]
        options = {key: unpack(option, self.kept.__getitem__) for key, option in question["options"].items()}
        try:
            return {"value": pack(self.perform(question["verb"], arguments, options), self.keep)}
        except NotProvided as absent:
            return {"absent": str(absent)}
        except BaseException as raised:  # whatever it is, it is the answer
            kind = next((kind.__name__ for kind in RAISED if isinstance(raised, kind)), "")
            return {"raised": [kind, f"{type(raised).__name__}: {raised}"[:2000]]}

    def perform(self, verb: str, arguments: list[Any], options: dict[str, Any]) -> Any:
        impl: Any = self.impl
        if verb == "about":
            return [list(impl.claims), list(impl.dtypes), list(impl.ops)]
        if verb == "op":
            return getattr(impl.F, arguments[0])(*arguments[1:], **options)
        if verb == "enter":
            context = impl.no_grad()
            context.__enter__()
            self.contexts.append(context)
            return None
        if verb == "leave":
            return self.contexts.pop().__exit__(None, None, None)
        assert verb in VERBS
        return getattr(impl, verb)(*arguments, **options)


def main() -> None:
    """Serve the submission's values."""
    order = read_order()
    confine(order)
    stream = socket.socket(fileno=int(sys.argv[1])).makefile("rwb")
    sys.argv = [order["target"]]
    try:
        serving = _Serving(order["target"])
        for line in stream:
            stream.write(json.dumps(serving.answer(line)).encode() + b"\n")
            stream.flush()
    finally:
        with contextlib.suppress(OSError):
            stream.close()
        os._exit(0)


if __name__ == "__main__":
    main()
