"""A recording as Python source: one call a line, with a place for every result."""

from __future__ import annotations

import contextvars
import operator
import re
import string
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count, groupby
from typing import Any

import numpy as np

from deeplearning_framework import tensor
from deeplearning_framework.errors import ReplayError
from deeplearning_framework.optim import SGD, sgd
from deeplearning_framework.replay import passes
from deeplearning_framework.replay.recording import (
    FILL,
    Alpha,
    Line,
    Recorded,
    Ref,
    Thing,
    flat,
    mapped,
    name_of,
)
from deeplearning_framework.replay.take import Out, Take
from deeplearning_framework.shapes import Array

_COPIES = (np.array, np.ndarray.copy, np.ndarray.astype)
_IN_PLACE = (operator.ipow, np.copyto)
_FILLED = {np.zeros: 0, np.zeros_like: 0, np.ones: 1, np.ones_like: 1}
_REDUCTIONS = {np.ndarray.sum: np.add.reduce, np.ndarray.max: np.maximum.reduce}  # what those end in


class Program:
    """A recording that can be run again.

    Attributes:
        take: The recording.
        source: The calls, as they are run.
        misfit: Says what is no longer as it was recorded; nothing if all is.
    """

    def __init__(self, take: Take) -> None:
        """Leave out what nobody reads, compute once what never changes, find places, and write it down."""
        self.take, tape = take, take.tape
        given = {number: x for number, x in enumerate(take.given) if type(x) is Recorded}
        places: dict[int, Array] = {x.ref: x.array for x in (*tape.outside.values(), *given.values())}
        ends: set[int] = {x.ref for x in flat([take.answer]) if type(x) is Out}
        self._names: dict[int, str] = {}
        self._things: dict[str, Thing] = {}  # which also keeps ids from being used again
        self._letters, self._numbers = count(), dict[Thing, Array]()
        self._values = values = passes.Values(tape, places, ends)
        once, lines = passes.optimized(values)
        for run in self._compiled([(line.errors, self._call(line)) for line in once]):
            run(())
        calls = [(line.errors, self._call(line)) for line in lines]
        usual: Thing = np.geterr()
        before = [(usual, text) for text in self._before(given)]
        after = [(usual, text) for text in self._after()]
        self.source = [text for _, text in (*before, *calls, *after)]
        self._runs = list(self._compiled([*before, *calls, *after]))
        # However many they are, one function: the first that fails says so, and returns.
        (self.misfit,) = self._compiled([(usual, text) for text in self._guards()], sys.maxsize)
        tape.forget()
        del self._values

    def run(self, args: tuple[Thing, ...]) -> Thing:
        """Do it again, with the numbers that are there now."""
        answer = None
        for run in self._runs:
            answer = run(args)
        return answer

    def _compiled(self, lines: list[tuple[Thing, str]], longest: int = 500) -> Iterator[Callable[..., Any]]:
        """Functions of lines under the same rules about floating-point errors, none of them too long.

        Names are bound once, as arguments with a default, which is where Python finds things fastest.
        """
        for errors, group in groupby(lines, lambda line: line[0]):
            texts = [text for _, text in group]
            for start in range(0, len(texts), longest):
                body = "\n    ".join(texts[start : start + longest])
                space = {
                    name: self._things[name] for name in re.findall(r"\w+", body) if name in self._things
                }
                exec(f"def run(given, {', '.join(f'{name}={name}' for name in space)}):\n    {body}", space)
                run = space["run"]
                if errors != np.geterr():
                    context = contextvars.copy_context()  # NumPy keeps there what it does about errors
                    context.run(np.seterr, **errors)
                    run = partial(context.run, run)
                yield run

    def _name(self, thing: Thing, wish: str = "") -> str:
        """What a thing is called in the source: a letter, if nothing else is wished for."""
        name = self._names.get(id(thing))
        if name is None:
            name = re.sub(r"\W", "_", wish)
            if not name:
                number = next(self._letters)
                name = f"{string.ascii_lowercase[number % 26]}{number // 26 or ''}"
            if name in self._things:
                name += f"_{len(self._things)}"
            self._names[id(thing)], self._things[name] = name, thing
        return name

    def _text(self, value: Thing) -> str:
        """The source of an operand."""
        if value is ... or type(value) in {bool, int, type(None)}:
            return "..." if value is ... else repr(value)
        return self._name(value, getattr(value, "__name__", "").strip("_"))

    def _told(self, function: Thing, *operands: Thing, **options: Thing) -> str:
        """The source of a call."""
        told = [*map(self._text, operands), *(f"{key}={self._text(x)}" for key, x in options.items())]
        name = name_of(function).replace(".", "_").strip("_")
        known = self._things.get(name)  # `np.add.at` is another object each time
        return f"{self._name(known if known == function else function, name)}({', '.join(told)})"

    def _call(self, line: Line) -> str:  # noqa: PLR0911 (kinds of calls)
        """A call that is told where to write."""
        function, text, told = line.function, self._text, self._told
        args, options = mapped(self._values.found, line.args), mapped(self._values.found, line.options)
        if function is operator.setitem:
            return f"{text(args[0])}[{text(args[1])}] = {text(args[2])}"
        if line.result is None or "out" in options or function in _IN_PLACE or function.__name__ == "at":
            return told(function, *args, **options)
        out = self._values.place(line.result)
        if function is FILL or function in _FILLED:
            return f"{text(out)}.fill({text(_FILLED.get(function, args[-1]))})"
        if isinstance(function, np.ufunc):
            args = args if options or function is np.ldexp else self._without_numbers(args)
            if function in {np.maximum, np.minimum}:  # which want to be told by name
                return told(function, *args, **options, out=out)
            return told(function, *args, out, **options)
        if function in _REDUCTIONS and len(args) == 1:
            return told(_REDUCTIONS[function], *args, **{"axis": None, **options}, out=out)
        if function is np.ndarray.dot:
            return told(function, *args, out)
        if function is np.ndarray.take:
            # Where numbers are checked there is nothing to clip, and to say so makes it six times as fast.
            asked = [self._values.tape.checked.get(x) for x in line.args[1:] if type(x) is Ref]
            checked = asked == [*args[0].shape[:1]] and options == {"axis": 0}
            return told(function, *args, **{"mode": "clip" if checked else "raise", **options}, out=out)
        if function in _COPIES and type(args[0]) is np.ndarray:
            return f"{text(out)}[...] = {text(args[0])}"
        return f"{told(_put, out)[:-1]}, {told(function, *args, **options)})"

    def _without_numbers(self, args: tuple[Thing, ...]) -> list[Thing]:
        """Operands with Python's numbers as arrays of no dimension, which NumPy takes in half the time."""
        dtypes = {x.dtype for x in args if type(x) is np.ndarray}
        if len(dtypes) != 1 or (dtype := dtypes.pop()).kind != "f":
            return list(args)
        made = []
        for x in args:
            if type(x) in {int, float, Alpha}:
                key = dtype, id(x.optimizer) if type(x) is Alpha else repr(x)
                made.append(self._numbers.setdefault(key, np.array(x, dtype)))
                self._name(made[-1], "alpha" if type(x) is Alpha else f"_{x!r}")
            else:
                made.append(x)
        return made

    def _before(self, given: dict[int, Recorded]) -> Iterator[str]:
        """Take over what may be other numbers now: arguments, learning rates, momentum."""
        for optimizer in self.take.tape.optimizers.values():
            name = self._name(optimizer, "optimizer")
            for (_, key), place in self._numbers.items():
                if key == id(optimizer):
                    yield f"{self._name(place)}[...] = {self._text(sgd._checked)}('alpha', {name}.alpha)"
            if optimizer.momentum:
                yield f"{self._text(_carried)}({name}, {self._name(list(optimizer._velocities))})"
        for number, x in given.items():
            yield f"{self._name(x.array)}[...] = given[{number}]{'._data' * self.take.tensors[number]}"

    def _after(self) -> Iterator[str]:
        """Date the updates, and copy what is returned."""
        clock, answer = self._name(tensor._Clock, "clock"), self.take.answer
        updated = [t for t, _, before in self.take.tape.tensors.values() if t._updated != before]
        if updated:
            yield f"{clock}.last_update = {self._name(tensor._tick, 'tick')}()"
        for t in updated:
            yield f"{self._name(t, 'tensor')}._updated = {clock}.last_update"
        if type(answer) is Out:
            yield f"return {self._name(self._copier(answer), 'copied')}()"
        else:
            yield f"return {self._told(mapped, _called, mapped(self._copier, answer))}"

    def _copier(self, value: Thing) -> Thing:
        if type(value) is not Out:
            return value
        return partial(value.made, self._values.place(value.ref))

    def _guards(self) -> Iterator[str]:
        """What was there must be there."""
        name, take = self._name, self.take
        what = f"it was recorded {'outside of' if take.mode else 'under'} no_grad()"
        yield f"if {name(tensor._mode, 'mode')}.recording is not {take.mode}: return {what!r}"
        for t, array, _ in take.tape.tensors.values():
            what = f"a tensor of shape {t.shape} has got another array: its .data was assigned to"
            yield f"if {name(t, 'tensor')}._data is not {name(array)}: return {what!r}"
        for t, gradient in take.leaves:
            what = f"the .grad of a tensor of shape {t.shape} was set, or looked at when it was zero"
            yield f"if {name(t)}._grad is not {self._text(gradient)}: return {what!r}"
        for o in take.tape.optimizers.values():
            what = f"the settings of {o!r} or its parameters have changed"
            followed = any(key == id(o) for _, key in self._numbers)
            now = f"{self._text(_settings)}({name(o, 'optimizer')}, {followed})"
            yield f"if {now} != {name(_settings(o, followed))}: return {what!r}"
        yield "return ''"


def _settings(optimizer: SGD, followed: bool) -> tuple[Thing, ...]:
    o = optimizer
    return o.momentum, o.weight_decay, o.nesterov, list(o.parameters), None if followed else o.alpha


def _carried(optimizer: SGD, velocities: list[Array | None]) -> None:
    """Take over the momentum of steps that were no replays."""
    for number, (own, now) in enumerate(zip(velocities, optimizer._velocities, strict=True)):
        if own is not None and now is not own:
            own[...] = 0.0 if now is None else now  # None: it has been made to start again
            optimizer._velocities[number] = own


def _put(out: Array, result: Thing) -> None:
    """Find a place for what comes of a function that can't be told where to write."""
    if np.shape(result) != out.shape:
        raise ReplayError(f"Replay: there was a result of shape {np.shape(result)}; recorded was {out.shape}")
    out[...] = result


def _called(value: Thing) -> Thing:
    return value() if type(value) is partial else value
