"""A step that is run under a tape.

How does the tape get into the framework? For the time of a recording, some names stand for something else: a
tensor's array, the `np` of the framework's own modules, `SGD.step`. Eager code neither pays for it nor knows.
"""

from __future__ import annotations

import math
import operator
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import numpy as np

from deeplearning_framework import primitives, tensor
from deeplearning_framework.errors import ReplayError
from deeplearning_framework.optim import sgd
from deeplearning_framework.replay.recording import (
    IN_RANGE,
    Alpha,
    Recorded,
    Ref,
    Tape,
    Thing,
    call,
    current,
    flat,
    local,
    mapped,
    real,
    same,
)
from deeplearning_framework.rows import Rows
from deeplearning_framework.shapes import Array
from deeplearning_framework.tensor import Tensor

# Functions that have no operand to ask.
_MAKERS = ("arange", "array", "asarray", "empty", "full", "ones", "zeros")
_LONGEST = 100_000  # numbers in a table that is written out for the sake of some rows
_copy = np.ndarray.copy
_number = operator.itemgetter(())
_PLAIN = (bool, int, float, str, type(None))

# What is there without a recording.
_SLOT = vars(Tensor)["_data"]
_GRAD = vars(Tensor)["_grad"]
_STEP = sgd.SGD.step
_CHECKED = sgd._checked
_SHORTEST = Rows.shortest

_one_at_a_time = threading.Lock()


class _NumPy:
    """What a module of the framework sees as `np` during a recording."""

    def __init__(self, **others: Thing) -> None:
        """Take some names from elsewhere."""
        vars(self).update({name: partial(call, getattr(np, name)) for name in _MAKERS}, **others)

    def __getattr__(self, name: str) -> Thing:
        """The rest is NumPy's."""
        return getattr(np, name)


def _get(self: Tensor) -> Thing:
    array, tape = _SLOT.__get__(self), current()
    if tape is None or type(array) is not np.ndarray:
        return array
    tape.tensors.setdefault(id(self), (self, array, self._updated))
    return tape.handle(array, writable=True)


def _set(self: Tensor, array: Thing) -> None:
    _SLOT.__set__(self, array)
    tape = current()
    if tape is not None and type(array) is Recorded:
        array.number = False  # a tensor holds arrays
        tape.holders.append(weakref.ref(self))


def _get_grad(self: Tensor) -> Thing:
    _get(self)  # so that the gradient is looked at before each replay
    return _GRAD.__get__(self)


def _set_grad(self: Tensor, grad: Thing) -> None:
    _get(self)
    _GRAD.__set__(self, grad)


def _step(self: sgd.SGD, *args: Thing, **options: Thing) -> None:
    tape = current()
    if tape is None:
        _STEP(self, *args, **options)
        return
    tape.optimizers[id(self)] = tape.stepping = self
    old = [v if v is None else tape.handle(v, writable=True) for v in self._velocities]
    self._velocities = list(old)
    try:
        _STEP(self, *args, **options)
    finally:
        tape.stepping = None
    for number, (velocity, now) in enumerate(zip(old, self._velocities, strict=True)):
        if velocity is not None and now is not None:
            # It is a new array in every step; a replay has to find it where it was.
            velocity[...] = now
            self._velocities[number] = velocity


def _checked(name: str, value: object) -> float:
    number, tape = _CHECKED(name, value), current()
    if name != "alpha" or tape is None or tape.stepping is None:
        return number
    alpha = Alpha(number)
    alpha.optimizer = tape.stepping
    return alpha


def _shortest(self: Rows) -> Thing:
    tape = current()
    if tape is None:
        return _SHORTEST(self)
    if math.prod(self.shape) > _LONGEST:
        tape.refuse(f"a few rows of a table of shape {self.shape}: how many depends on the numbers")
    return tape.handle(self.__array__())


@contextmanager
def watched(tape: Tape) -> Iterator[None]:
    """Have whatever the framework does in this thread go through a tape."""
    package = __name__.removesuffix(".replay.take")
    changes: list[tuple[Thing, str, Thing]] = [
        (Tensor, "_data", property(_get, _set)),
        (Tensor, "_grad", property(_get_grad, _set_grad)),
        (primitives, "_in_range", partial(call, IN_RANGE)),
        (sgd.SGD, "step", _step),
        (sgd.SGD, "_room", lambda _, number, data: np.empty_like(data)),
        (sgd, "_checked", _checked),
        (Rows, "shortest", _shortest),
    ]
    with _one_at_a_time:
        changes += [
            # The engine asks whether something is an array yet; there these are.
            (module, "np", _NumPy(ndarray=Recorded) if module is tensor else _NumPy())
            for name, module in list(sys.modules.items())
            if name.startswith(package) and ".replay" not in name and getattr(module, "np", None) is np
        ]
        before = [(owner, name, vars(owner)[name]) for owner, name, _ in changes]
        try:
            for owner, name, value in changes:
                setattr(owner, name, value)
            local.tape = tape
            yield
        finally:
            local.tape, tape.over = None, True
            for owner, name, value in before:
                setattr(owner, name, value)
            for holder in [t for ref in tape.holders if (t := ref()) is not None]:
                holder._data = real(holder._data)
            for optimizer in tape.optimizers.values():
                optimizer._velocities = mapped(real, optimizer._velocities)


class Out(NamedTuple):
    """An array in what a step returned, and what makes of it a tensor, a number of NumPy's or a copy."""

    ref: Ref
    made: Callable[[Array], Thing]


class Take:
    """A step that has run under a tape, and what was there before and after.

    Attributes:
        tape: What was called.
        runs: How many calls in a row have been recorded, with this one.
        given: What the step was given; arrays as `Recorded`.
        tensors: For each argument, whether it is a tensor.
        answer: What it returned; arrays as `Out`.
        result: The same with copies of the arrays.
        leaves: The parameters, and the gradients that they were left with.
        mode: Whether it was outside of `no_grad`.
        difference: What was other than in the call before, if anything.
    """

    def __init__(
        self, step: Callable[..., Thing], args: tuple[Thing, ...], strict: bool, before: Take | None
    ) -> None:
        """Run it."""
        self.tape: Tape = (tape := Tape(strict, before.tape if before else None))
        self.runs: int = 1 + (before.runs if before else 0)
        self.mode = tensor._mode.recording
        self.tensors = [isinstance(arg, Tensor) for arg in args]
        for number, x in enumerate(args):
            if any(isinstance(item, np.ndarray) and array_of(x) is not item for item in flat(x)):
                kind = type(x).__name__
                tape.refuse(f"argument {number}, a {kind}: pass each array by itself, as a plain one")
        # A list is copied, since it may be another one by the next call.
        self.given = [
            mapped(lambda item: item, x) if array_of(x) is None else tape.given(np.array(array_of(x)))
            for x in args
        ]
        passed = [
            tensor._constant(x) if wrapped and type(x) is Recorded else x  # type: ignore[arg-type] # stands for one
            for x, wrapped in zip(self.given, self.tensors, strict=True)
        ]
        optimizers = list(before.tape.optimizers.values()) if before else []
        rates = [optimizer.alpha for optimizer in optimizers]
        arrays: dict[Ref, Array] = {}
        draws = _random_state()
        with watched(tape):
            result = step(*passed)
            if _random_state() != draws:
                tape.refuse("random numbers that the step draws: draw them before, and pass them")
            if [optimizer.alpha for optimizer in optimizers] != rates:
                tape.refuse("a learning rate that the step changes: change it between the calls")
            if any(t is not x and t._data is not x for t, x in zip(passed, self.given, strict=True)):
                tape.refuse("an argument whose data the step replaces: return them")
            self.answer = mapped(partial(_answered, tape, arrays), result)
            if not tape.refused:
                del result  # which isn't kept, then, when the step is over
            tape.close()
        if tape.refused and strict:
            raise ReplayError(f"Replay: {tape.refused}")  # which the step has caught
        if tape.refused:
            _give_back(args, passed)
        self.result = mapped(real, result) if tape.refused else mapped(partial(_copied, arrays), self.answer)
        self.leaves = [(t, t._grad) for t, *_ in tape.tensors.values() if tensor.is_leaf(t)]
        self.difference = tape.difference
        if before is not None and not self.difference and not same(before.answer, self.answer):
            self.difference = f"the call before returned {before.answer!r}, and this one {self.answer!r}"

    def other(self, args: tuple[Thing, ...]) -> str:
        """How arguments differ from those that were recorded, if they do."""
        if len(args) != len(self.given):
            return f"there are {len(args)} arguments; recorded were {len(self.given)}"
        for number, (x, arg) in enumerate(zip(self.given, args, strict=True)):
            array = array_of(arg)
            if type(x) is not Recorded or array is None:
                if not same(x, arg):
                    return f"argument {number} is not what was recorded"
            elif isinstance(arg, Tensor) != self.tensors[number]:
                return f"argument {number} is a {type(arg).__name__}, which it wasn't when it was recorded"
            elif array.shape != x.array.shape or array.dtype != x.array.dtype:
                return (
                    f"argument {number} has shape {array.shape} and dtype {array.dtype}; "
                    f"recorded were {x.array.shape} and {x.array.dtype}"
                )
            # It is copied, so what matters is the order of its axes, and no steps between them.
            elif array.strides != x.array.strides and np.empty_like(array).strides != x.array.strides:
                return f"argument {number} has its axes in another order in memory than was recorded"
        return ""


def array_of(value: Thing) -> Array | None:
    """The array of an argument that may differ from call to call."""
    if isinstance(value, Tensor):
        return None if value._autograd else value._data
    return value if type(value) is np.ndarray else None


def _give_back(args: tuple[Thing, ...], passed: list[Thing]) -> None:
    """Write into arguments what a step, refused but not stopped, has written into the copies of them."""
    for array, copy in zip(map(array_of, args), map(array_of, map(real, passed)), strict=True):
        if array is not None and copy is not None and array.tobytes() != copy.tobytes():
            array[...] = copy


def _answered(tape: Tape, arrays: dict[Ref, Array], value: Thing) -> Thing:
    """What a replay will know of something that the step returned."""
    if isinstance(value, Tensor):
        handle = tape.handle(value._data)
        if tensor.is_leaf(value) and id(value) in tape.tensors:
            return value
    elif type(value) in {Recorded, np.ndarray}:
        handle = tape.handle(value)
    else:
        if type(value) not in _PLAIN:
            tape.refuse(f"a {type(value).__name__} that the step returns")
        return value
    arrays[handle.ref] = handle.array
    return Out(handle.ref, _tensor if isinstance(value, Tensor) else _number if handle.number else _copy)


def _copied(arrays: dict[Ref, Array], value: Thing) -> Thing:
    return value.made(arrays[value.ref]) if type(value) is Out else value


def _tensor(array: Array) -> Tensor:
    return tensor._constant(array.copy())


def _random_state() -> tuple[Thing, ...]:
    state: Thing = np.random.get_state()
    return state[1].tobytes(), state[2:]
