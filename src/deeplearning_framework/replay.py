"""Replay: a step is run, what it asks of NumPy is written down, and from then on that list is run instead.

A framework that decides everything while it runs pays for it in each step: tensors, nodes, a heap, checks.
In training all of that comes out the same each time; only the numbers are others. So `Replay` runs a step
with arrays that write down what is done with them (`Recorded`, `_Tape`), makes of it a list of calls with a
place for every result (`_Program`), and in later steps runs the list: no tensor, no graph, no new memory.

A list can only repeat. Whatever might have come out otherwise has to be refused, and three things see to it:

* **Numbers don't leave.** An array that is being recorded knows its shape, but won't tell its numbers to
  Python: no `if`, no `item` and no `print` can depend on them.
* **Two runs must agree.** A step is recorded whenever it is called, until two recordings in a row are the
  same, calls and constants alike. What changes from call to call without being an argument (a counter, a
  random draw, the next batch) would be a constant that differs.
* **What was there must be there.** Before each replay: arguments of the same shapes, parameters in the same
  arrays, gradients that nobody has touched, optimizers with the same settings.
"""

from __future__ import annotations

import contextvars
import math
import operator
import os
import sys
import threading
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import groupby
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from deeplearning_framework import primitives, tensor
from deeplearning_framework.errors import ArgumentError, ReplayError
from deeplearning_framework.optim import sgd
from deeplearning_framework.rows import Rows
from deeplearning_framework.shapes import Array
from deeplearning_framework.tensor import Tensor

__all__ = ["Replay"]

Thing: TypeAlias = Any  # an operand, a function of NumPy, or what it returns

_KNOWN = frozenset(("dtype", "flags", "itemsize", "nbytes", "ndim", "shape", "size", "strides"))
_METHODS = frozenset(
    (
        *("all", "any", "argmax", "argmin", "argsort", "astype", "clip", "copy", "cumprod", "cumsum", "dot"),
        *("fill", "flatten", "max", "mean", "min", "prod", "ravel", "reshape", "round", "squeeze", "std"),
        *("sum", "swapaxes", "take", "trace", "transpose", "var", "view"),
    )
)
_MAKERS = ("arange", "array", "asarray", "empty", "full", "ones", "zeros")  # no operand has them recorded
_ASKING = (np.can_cast, np.may_share_memory, np.ndim, np.result_type, np.shape, np.shares_memory, np.size)
_WRITING = (operator.setitem, np.ndarray.fill, np.copyto)
_RAGGED = (np.argwhere, np.compress, np.extract, np.flatnonzero, np.repeat, np.unique, np.union1d)
_COPIES = (np.array, np.ndarray.copy, np.ndarray.astype)
_IN_RANGE = primitives._in_range  # what the framework asks of numbers: recorded as a call, and asked again
_PLAIN = (bool, int, float, str, type(None))
_REDUCTIONS = {np.ndarray.sum: np.add.reduce, np.ndarray.max: np.maximum.reduce}  # what those end in
_LONGEST = 100_000  # numbers in a table that is written out for the sake of some rows
_MOST = 3  # recordings: the first one may differ from the rest, since momentum begins with nothing

_OURS = (os.path.dirname(__file__), os.path.dirname(np.__file__))
_DATA, _GRAD = vars(Tensor)["_data"].__get__, vars(Tensor)["_grad"].__get__

_local = threading.local()  # `tape`: the recording under way in this thread
_one_at_a_time = threading.Lock()


class Recorded(NDArrayOperatorsMixin):
    """An array that is being recorded. After the recording it is an array in a wrapper.

    Attributes:
        array: The real one.
        number: Which value of the recording it is.
        tape: The recording.
    """

    __slots__ = ("__weakref__", "array", "number", "tape")

    def __init__(self, array: Array, number: int, tape: _Tape) -> None:
        """Wrap an array."""
        self.array, self.number, self.tape = array, number, tape

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Thing, **options: Thing) -> Thing:
        """Record a function that goes element by element, or a method of one, such as `np.add.reduce`."""
        return _call(ufunc if method == "__call__" else getattr(ufunc, method), *args, **options)

    def __array_function__(self, function: Thing, _: Thing, args: Thing, options: Thing) -> Thing:
        """Record any other function of NumPy."""
        return _call(function, *args, **options)

    def __getattr__(self, name: str) -> Thing:
        """Record the methods that are known; tell what doesn't depend on the numbers; refuse the rest."""
        if name in _METHODS:
            return partial(_call, getattr(np.ndarray, name), self)
        if name.startswith("__"):
            raise AttributeError(name)  # one of NumPy's ways around `__array__`
        return getattr(self.array if name in _KNOWN else self._read(f".{name}"), name)

    @property
    def T(self) -> Thing:  # noqa: N802 (NumPy's name)
        """The axes reversed."""
        return self.transpose()

    def __getitem__(self, index: Thing) -> Thing:
        """Record a selection."""
        return _call(operator.getitem, self, index)

    def __setitem__(self, index: Thing, value: Thing) -> None:
        """Record an assignment."""
        _call(operator.setitem, self, index, value)

    def __pow__(self, exponent: Thing) -> Thing:
        """Record a power; that of an array takes short cuts which `np.power` doesn't."""
        return _call(operator.pow, self, exponent)

    def __len__(self) -> int:
        """The size of the first axis."""
        return len(self.array)

    def __array__(self, dtype: Thing = None, copy: bool | None = None) -> Array:
        """Refuse."""
        return self._read("a plain copy").astype(dtype or self.dtype, copy=bool(copy))

    def __bool__(self) -> bool:
        """Refuse."""
        return bool(self._read("bool()"))

    def __float__(self) -> float:
        """Refuse."""
        return float(self._read("float()"))

    def __int__(self) -> int:
        """Refuse."""
        return int(self._read("int()"))

    def __index__(self) -> int:
        """Refuse."""
        return operator.index(self._read("an index"))

    def __iter__(self) -> Iterator[Thing]:
        """Refuse."""
        return iter(self._read("iter()"))

    def __str__(self) -> str:
        """Refuse."""
        return str(self._read("str()"))

    def __repr__(self) -> str:
        """What may be known."""
        return f"Recorded(shape={self.shape}, dtype={self.dtype})"

    def _read(self, use: str) -> Array:
        if _tape() is self.tape:
            self.tape.refuse(f"{use} of an array of shape {self.shape}: next time its numbers will be others")
        return self.array


class _Ref(int):
    """The number of a value, where a call has an array."""

    def __repr__(self) -> str:
        return f"v{int(self)}"


class _Alpha(float):
    """A learning rate that knows whose it is, so that it can be followed."""

    optimizer: sgd.SGD

    def __repr__(self) -> str:
        return "alpha"


class _Line:
    """One call of a recording.

    Attributes:
        function, args, options: What was called with what; a `_Ref` for each array.
        reads: The values among these.
        out: The value that came of it, if any.
        target: The value that it changed in place, if any.
        view: Whether what came of it is memory of an operand.
        where: The line of the user's program.
        errors: How NumPy was to treat floating-point errors.
    """

    def __init__(self, function: Thing, args: Thing, options: dict[str, Thing]) -> None:
        self.function, self.args, self.options = function, args, options
        self.reads = [ref for ref in _flat([args, list(options.values())]) if type(ref) is _Ref]
        self.out: int | None = None
        self.target: int | None = None
        self.view = False
        self.where, self.errors = _where(), np.geterr()

    @property
    def written(self) -> int | None:
        return self.target if self.out is None else self.out

    def __repr__(self) -> str:
        args = [*map(repr, self.args), *(f"{key}={value!r}" for key, value in self.options.items())]
        return f"v{self.written} = {_name(self.function)}({', '.join(args)})"


class _Tape:
    """What is written down while a step runs.

    Attributes:
        lines: What was called, in order.
        layouts: Shape, dtype and strides of each value.
        roots: For each value the one whose memory it is: itself, unless it is a view.
        outside: The arrays that were there before, by id.
        tensors: The tensors that were there before, by id; their arrays, and when they had been updated.
        handles: What `Recorded` is left of each value: one that is alive afterwards, somebody keeps.
        optimizers: Those that took a step.
        refused: What couldn't be recorded, if anything.
    """

    def __init__(self, strict: bool) -> None:
        self.strict, self.refused = strict, ""
        self.lines: list[_Line] = []
        self.layouts: list[tuple[Any, ...]] = []
        self.roots: list[int] = []
        self.viewed: set[int] = set()
        self.outside: dict[int, Recorded] = {}
        self.tensors: dict[int, tuple[Tensor, Array, int]] = {}
        self.handles: list[weakref.ref[Recorded]] = []
        self.optimizers: dict[int, sgd.SGD] = {}
        self.stepping: sgd.SGD | None = None

    def refuse(self, what: str) -> None:
        """Give up: with an error, or quietly, so that the step goes on without being recorded."""
        self.refused = self.refused or f"can't record {what} ({_where()})"
        if self.strict:
            raise ReplayError(f"replay: {self.refused}")

    def forget(self) -> None:
        """Let go of what nobody needs any more."""
        for held in (self.lines, self.layouts, self.roots, self.handles, self.viewed, self.outside):
            held.clear()

    def new(self, array: Array, root: int | None = None) -> Recorded:
        """Number a value."""
        made = Recorded(array, len(self.layouts), self)
        self.layouts.append((array.shape, array.dtype, array.strides))
        self.roots.append(made.number if root is None else root)
        self.handles.append(weakref.ref(made))
        return made

    def operand(self, value: Thing) -> Thing:
        """The `Recorded` for anything that is an array; what isn't stays what it is."""
        if type(value) is Recorded:
            if value.tape is self:
                return value
            value = value.array  # of a recording that is over
        if type(value) is np.ndarray:
            if id(value) not in self.outside:
                self.outside[id(value)] = self.new(value)
            return self.outside[id(value)]
        if hasattr(value, "__array__") and not isinstance(value, (type, np.generic)):
            return self.operand(value.__array__())  # a tensor, or rows
        return value

    def call(self, function: Thing, args: Thing, options: dict[str, Thing]) -> Thing:
        """Call a function with real arrays, write it down, and give what it returned as a `Recorded`."""
        args, options = _mapped(self.operand, args), _mapped(self.operand, options)
        if function is np.copyto and len(args) == 2:  # noqa: PLR2004 (where to, and what)
            function, args = operator.setitem, (args[0], ..., args[1])
        real, real_options = _mapped(_real, args), _mapped(_real, options)
        if function in _ASKING:
            return function(*real, **real_options)
        if "out" in options or "where" in options:
            return self._call_into(function, args, options)
        line = _Line(function, _mapped(_ref, args), _mapped(_ref, options))
        operands = [x for x in _flat([args, list(options.values())]) if type(x) is Recorded]
        if function in _RAGGED or (
            function is operator.getitem and any(x.dtype == np.bool_ for x in operands[1:])
        ):
            self.refuse(f"{_name(function)} that picks by number how many to take")
        result = function(*real, **real_options)
        if function in _WRITING or _name(function).endswith(".at"):
            line.target = line.args[0]
            self.lines.append(line)
            return None
        if isinstance(result, (np.generic, bool, int, float)):
            result = np.asarray(result)
        if type(result) is not np.ndarray:
            self.refuse(f"{_name(function)}, which returns a {type(result).__name__}")
            return result
        same = next((x for x in operands if x.array is result), None)
        if same is None or function is _IN_RANGE:
            self.lines.append(line)
        if same is not None:
            if function is not _IN_RANGE and same is not args[0]:
                self.refuse(f"{_name(function)} into an array")
            return same
        owner = next((self.roots[x.number] for x in operands if np.may_share_memory(x.array, result)), None)
        if owner is not None:
            line.view = True
            self.viewed.add(owner)
        made = self.new(result, owner)
        line.out = made.number
        return made

    def _call_into(self, function: Thing, args: Thing, options: dict[str, Thing]) -> Thing:
        real, real_options = _mapped(_real, args), _mapped(_real, options)
        (out,) = out if type(out := options.pop("out", None)) is tuple and len(out) == 1 else (out,)
        if type(out) is not Recorded or "where" in options:
            self.refuse(f"{_name(function)} into a part of an array, or into several")
            return function(*real, **real_options)
        line = _Line(function, _mapped(_ref, args), _mapped(_ref, options))
        self.lines.append(line)
        if out.number in self.viewed or self.roots[out.number] != out.number or id(out.array) in self.outside:
            function(*real, **real_options)
            line.target = out.number
        else:
            # Nobody else sees what was there: this is a new value, under the old name.
            out.array = np.empty_like(out.array)
            function(*real, **{**real_options, "out": out.array})
            line.out = out.number = self.new(out.array).number
            self.handles[-1] = weakref.ref(out)
        return out

    def answered(self, value: Thing) -> Thing:
        """What a replay will know of something that the step returned."""
        if isinstance(value, Tensor):
            handle = self.operand(value._data)
            there_before = tensor.is_leaf(value) and id(value) in self.tensors
            return value if there_before else _Out(handle.number, in_tensor=True)
        if type(value) in (Recorded, np.ndarray):
            return _Out(self.operand(value).number, in_tensor=False)
        if type(value) not in _PLAIN:
            self.refuse(f"a {type(value).__name__} that the step returns")
        return value


class _NumPy:
    """What a module of the framework sees as `np` during a recording."""

    def __init__(self, **others: Thing) -> None:
        """Take some names from elsewhere."""
        vars(self).update({name: partial(_call, getattr(np, name)) for name in _MAKERS}, **others)

    def __getattr__(self, name: str) -> Thing:
        """The rest is NumPy's."""
        return getattr(np, name)


@contextmanager
def _watched(tape: _Tape) -> Iterator[None]:
    """Have whatever the framework does in this thread go through a tape."""
    slot = vars(Tensor)["_data"]
    step, checked, shortest = sgd.SGD.step, sgd._checked, Rows.shortest
    wrapped: list[weakref.ref[Tensor]] = []

    def get(self: Tensor) -> Thing:
        array = slot.__get__(self)
        if _tape() is not tape or type(array) is not np.ndarray:
            return array
        tape.tensors.setdefault(id(self), (self, array, self._updated))
        return tape.operand(array)

    def put(self: Tensor, array: Thing) -> None:
        slot.__set__(self, array)
        if type(array) is Recorded:
            wrapped.append(weakref.ref(self))

    def noted_step(self: sgd.SGD, *args: Thing, **options: Thing) -> None:
        if _tape() is not tape:
            step(self, *args, **options)
            return
        tape.optimizers[id(self)] = tape.stepping = self
        old = _mapped(tape.operand, self._velocities)
        self._velocities = list(old)
        try:
            step(self, *args, **options)
        finally:
            tape.stepping = None
        for number, velocity in enumerate(old):
            if velocity is not None and self._velocities[number] is not None:
                # It is a new array in every step; a replay has to find it where it was.
                velocity[...] = self._velocities[number]
                self._velocities[number] = velocity

    def followed(name: str, value: object) -> float:
        number = checked(name, value)
        if name != "alpha" or _tape() is not tape or tape.stepping is None:
            return number
        alpha = _Alpha(number)
        alpha.optimizer = tape.stepping
        return alpha

    def written_out(self: Rows) -> Thing:
        if _tape() is not tape:
            return shortest(self)
        if math.prod(self.shape) > _LONGEST:
            tape.refuse(f"a few rows of a table of shape {self.shape}: how many depends on the numbers")
        return tape.operand(self.__array__())

    package = __name__.rpartition(".")[0]
    changes: list[tuple[Any, str, Any]] = [
        # The engine asks whether something is an array yet; there these are.
        (module, "np", _NumPy(ndarray=Recorded) if module is tensor else _NumPy())
        for name, module in list(sys.modules.items())
        if name.startswith(package) and name != __name__ and getattr(module, "np", None) is np
    ]
    changes += [
        (Tensor, "_data", property(get, put)),
        (primitives, "_in_range", partial(_call, _IN_RANGE)),
        (sgd.SGD, "step", noted_step),
        (sgd.SGD, "_room", lambda _, number, data: np.empty_like(data)),
        (sgd, "_checked", followed),
        (Rows, "shortest", written_out),
    ]
    before = [(owner, name, vars(owner)[name]) for owner, name, _ in changes]
    with _one_at_a_time:
        try:
            for owner, name, value in changes:
                setattr(owner, name, value)
            _local.tape = tape
            yield
        finally:
            _local.tape = None
            for owner, name, value in before:
                setattr(owner, name, value)
            for kept in [t for ref in wrapped if (t := ref()) is not None]:
                kept._data = _real(kept._data)
            for optimizer in tape.optimizers.values():
                optimizer._velocities = _mapped(_real, optimizer._velocities)


class _Out:
    """An array in what a step returned, in a tensor or not."""

    place: Array  # where its numbers will be

    def __init__(self, number: int, in_tensor: bool) -> None:
        self.number, self.in_tensor = number, in_tensor

    def copy(self, array: Array) -> Tensor | Array:
        """The same, in memory that nobody else holds."""
        return tensor._constant(array.copy()) if self.in_tensor else array.copy()

    def again(self) -> Tensor | Array:
        """The same with the numbers that are there now."""
        return self.copy(self.place)

    def __repr__(self) -> str:
        return f"{'tensor' if self.in_tensor else 'array'} v{self.number}"


def _again(value: Thing) -> Thing:
    return value.again() if type(value) is _Out else value


class _Recording:
    """A step that has run under a tape, and what was there before and after.

    Attributes:
        tape: What was called.
        runs: How many calls in a row have been recorded, with this one.
        given: What the step was given; arrays as `Recorded`.
        answer: What it returned; arrays as `_Out`.
        result: The same with copies of the arrays.
        kept: The arrays, by value, that somebody keeps: gradients, mostly.
        leaves: The parameters, and the gradients that they were left with.
        mode: Whether it was outside of `no_grad`.
    """

    def __init__(self, step: Callable[..., Thing], args: tuple[Thing, ...], strict: bool) -> None:
        """Run it."""
        self.tape, self.runs, self.mode = (tape := _Tape(strict)), 1, tensor._mode.recording
        self.tensors = [isinstance(arg, Tensor) for arg in args]
        self.given = [x if (array := _array(x)) is None else tape.new(np.array(array)) for x in args]
        draws = _random_state()
        with _watched(tape):
            result = step(
                *(
                    tensor._constant(x) if wrapped and type(x) is Recorded else x  # type: ignore[arg-type] # stands for one
                    for x, wrapped in zip(self.given, self.tensors, strict=True)
                )
            )
            if _random_state() != draws:
                tape.refuse("random numbers that the step draws: draw them before, and pass them")
            self.answer = _mapped(tape.answered, result)
            returned = [_mapped(_array_in, result)]
            arrays = {x.number: x.array for x in map(tape.operand, _flat(returned)) if type(x) is Recorded}
            if not tape.refused:
                result = _mapped(lambda x: x.copy(arrays[x.number]) if type(x) is _Out else x, self.answer)
            del returned
            taken = {x.number for x in (*tape.outside.values(), *self.given) if type(x) is Recorded}
            alive = [x for ref in tape.handles if (x := ref()) is not None]
            self.kept = {x.number: x.array for x in alive if tape.roots[x.number] not in taken}
        self.result = result
        self.leaves = [(t, t._grad) for t, *_ in tape.tensors.values() if tensor.is_leaf(t)]

    def difference(self, before: _Recording, made: set[int]) -> str:
        """How it differs from the recording before, if it does.

        Args:
            before: That recording.
            made: Where to put the arrays from outside that are made anew in every call, always the same.
        """
        old, new = before.tape, self.tape
        for x, y in zip(old.lines, new.lines, strict=False):
            if (repr(x), x.function, x.errors) != (repr(y), y.function, y.errors):
                return f"the call before did {x!r} where this one did {y!r} ({y.where})"
        if (len(old.lines), repr(before.answer)) != (len(new.lines), repr(self.answer)):
            return f"the call before returned {before.answer!r}, and this one {self.answer!r}"
        for a, b in zip(old.outside.values(), new.outside.values(), strict=True):
            if a.array.__array_interface__ == b.array.__array_interface__:
                continue
            line = next((line for line in new.lines if b.number in line.reads), None)
            what = f"an array of shape {b.shape} ({'only returned' if line is None else line.where})"
            if any(b.array is array for array in before.kept.values()):
                return f"{what} is left over from the call before: return it, and pass it"
            if a.array.tobytes() != b.array.tobytes():
                return f"{what} has other numbers than in the call before: if it is to change, pass it"
            made.add(b.number)
        return "" if old.layouts == new.layouts else "shapes are others than in the call before"

    def other_arguments(self, args: tuple[Thing, ...]) -> str:
        """How these differ from those that were recorded, if they do."""
        if len(args) != len(self.given):
            return f"there are {len(args)} arguments; recorded were {len(self.given)}"
        for number, (x, arg) in enumerate(zip(self.given, args, strict=True)):
            array = _array(arg)
            if type(x) is not Recorded or array is None:
                if x is not arg and (type(arg) not in _PLAIN or type(x) is not type(arg) or x != arg):
                    return f"argument {number} is not what was recorded"
            elif isinstance(arg, Tensor) != self.tensors[number]:
                return f"argument {number} is a {type(arg).__name__}, which it wasn't when it was recorded"
            elif array.shape != x.array.shape or array.dtype != x.array.dtype:
                return (
                    f"argument {number} has shape {array.shape} and dtype {array.dtype}; "
                    f"recorded were {x.array.shape} and {x.array.dtype}"
                )
            elif array.strides != x.array.strides and np.empty_like(array).strides != x.array.strides:
                return f"argument {number} has its axes in another order in memory than was recorded"
        return ""


class _Program:
    """A recording as a list of calls, each bound to the places of its operands and of its result."""

    def __init__(self, recording: _Recording, made: set[int]) -> None:
        """Leave out what nobody reads, compute once what never changes, and find places for the rest."""
        self.recording, self.tape = recording, (tape := recording.tape)
        self.views = {line.out: line for line in tape.lines if line.view}
        inputs = [(position, x) for position, x in enumerate(recording.given) if type(x) is Recorded]
        self.inputs = [(position, x.array) for position, x in inputs]
        self.places = {x.number: x.array for x in (*tape.outside.values(), *(x for _, x in inputs))}
        self.checked = {
            line.args[2] if line.out is None else line.out: line.args[3]
            for line in tape.lines
            if line.function is _IN_RANGE
        }
        self.optimizers = {key: _Optimizer(optimizer) for key, optimizer in tape.optimizers.items()}
        self.constants: dict[Thing, Array] = {}
        self.written: set[int] = set()
        lines = [line for line in tape.lines if not line.view]
        for number, array in recording.kept.items():
            kept = _Line(operator.setitem, [_Ref(tape.new(array).number), ..., _Ref(number)], {})
            kept.target = kept.args[0]
            self.places[kept.args[0]] = array
            lines.append(kept)
        self.lasting = set(self.places)
        self.ends = {tape.roots[x.number] for x in _flat([recording.answer]) if type(x) is _Out}

        for line in lines:
            if self._owns(line) & made:
                raise ReplayError(f"Replay: {line.where} writes into an array made out of sight: return it")
        lines = self._needed(lines)
        self.varying = varying = self._varying(lines, self.lasting - made)
        moving = [bool((self._owns(line) | self._uses(line)) & varying) for line in lines]
        fixed = [line for line, moves in zip(lines, moving, strict=True) if not moves]
        for line in fixed:
            if line.out is not None:
                self.places[line.out] = _room(tape.layouts[line.out])
            for call in self._bound(line):
                call()
        lines = self._checks_first([line for line, moves in zip(lines, moving, strict=True) if moves])
        lines = self._direct(lines)
        self._find_places(lines)
        self.calls: list[Callable[[], object]] = []
        usual = np.geterr()
        for errors, group in groupby(lines, lambda line: line.errors):
            calls = []
            for line in group:
                calls += self._bound(line)
                self.written |= self._owns(line)
            if errors != usual:
                context = contextvars.copy_context()  # NumPy keeps there what it does about errors
                context.run(np.seterr, **errors)
                calls = [partial(context.run, call) for call in calls]
            self.calls += calls

        tensors = tape.tensors.values()
        self.tensors, self.arrays = [t for t, *_ in tensors], [array for _, array, _ in tensors]
        self.updated = [t for t, _, before in tensors if t._updated != before]
        self.leaves, self.gradients = [t for t, _ in recording.leaves], [g for _, g in recording.leaves]
        self.answer = _mapped(self._outgoing, recording.answer)
        tape.forget()
        del self.views, self.places, self.checked, self.varying, self.written

    def _outgoing(self, value: Thing) -> Thing:
        if type(value) is _Out:
            value.place = self._place(value.number)
        return value

    def _owns(self, line: _Line) -> set[int]:
        """The memory that a call writes to."""
        return set() if line.written is None else {self.tape.roots[line.written]}

    def _uses(self, line: _Line) -> set[int]:
        """The memory that a call reads."""
        return self._roots_of(*line.reads)

    def _roots_of(self, *numbers: int) -> set[int]:
        """The memory of values; of a view also what it was chosen by."""
        found, waiting = set(), list(numbers)
        while waiting:
            number = waiting.pop()
            if number in self.views:
                waiting += self.views[number].reads
            else:
                found.add(int(number))
        return found

    def _needed(self, lines: list[_Line]) -> list[_Line]:
        """What leads to a result, to a parameter or to an error; backwards, as in a walk through a graph."""
        wanted, found = self.lasting | self.ends, []
        for line in reversed(lines):
            if line.function is _IN_RANGE or self._owns(line) & wanted:
                found.append(line)
                wanted |= self._uses(line)
        return found[::-1]

    def _varying(self, lines: list[_Line], varying: set[int]) -> set[int]:
        """The memory whose numbers may be others in each replay."""
        before = -1
        while before != len(varying):
            before = len(varying)
            used: set[int] = set()
            for line in lines:
                owned, uses = self._owns(line), self._uses(line)
                # So does a constant that is written to once something that varies has read it.
                if uses & varying or (line.target is not None and owned & used):
                    varying |= owned
                if owned & varying:
                    used |= uses
        return varying

    def _checks_first(self, lines: list[_Line]) -> list[_Line]:
        """Have errors raised before anything has changed."""
        checks: list[_Line] = []
        rest: list[_Line] = []
        wanted: set[int] = set()
        for line in reversed(lines):
            if line.function is _IN_RANGE or self._owns(line) & wanted:
                checks.append(line)
                wanted |= self._uses(line)
            else:
                rest.append(line)
        others = set().union(*map(self._uses, rest))
        for line in checks:
            if self._owns(line) & self.lasting or (line.target is not None and self._owns(line) & others):
                raise ReplayError(f"Replay: {line.where} computes indices from what the step has changed")
        return checks[::-1] + rest[::-1]

    def _direct(self, lines: list[_Line]) -> list[_Line]:
        """Leave out copies: of what doesn't change meanwhile, and of what could be computed in its place."""
        layouts, roots = self.tape.layouts, self.tape.roots
        touched: dict[int, list[int]] = defaultdict(list)
        changed: dict[int, int] = defaultdict(int)
        for position, line in enumerate(lines):
            for root in self._owns(line) | self._uses(line):
                touched[root].append(position)
            for root in self._owns(line):
                changed[root] += 1
        left = []
        for position, line in enumerate(lines):
            if line.function in _COPIES and line.out is not None and type(line.args[0]) is _Ref:
                source = roots[line.args[0]]
                steady = source in self.lasting and not changed[source] and changed[line.out] == 1
                if steady and layouts[line.args[0]] == layouts[line.out]:
                    self.places[line.out] = self._place(line.args[0])
                    continue
            if line.function is operator.setitem and line.args[1] is ... and line.args[2] in touched:
                target, _, source = line.args
                first, last = touched[source][0], touched[source][-1]
                maker = lines[first]
                if (
                    len(touched[source]) == 2  # noqa: PLR2004 (when it is made, and when it is copied)
                    and last == position  # made, then copied
                    and maker.out == source
                    and source not in self.ends
                    and layouts[source] == layouts[target]
                    and roots[target] in self.places
                    and not any(first < k < position for k in touched[roots[target]])
                    and (
                        _elementwise(maker)
                        or (maker.function is np.ndarray.dot and roots[target] not in self._uses(maker))
                    )
                ):
                    self.places[source] = self._place(target)
                    continue
            left.append(line)
        return left

    def _find_places(self, lines: list[_Line]) -> None:
        """Give every result memory: that of an operand nobody reads any more, if there is one alike."""
        layouts = self.tape.layouts
        last: dict[int, int] = {}
        for position, line in enumerate(lines):
            last.update(dict.fromkeys(self._owns(line) | self._uses(line), position))
        free: dict[Thing, list[Array]] = defaultdict(list)
        mine: set[int] = set()
        for position, line in enumerate(lines):
            over = [root for root in self._uses(line) & mine if last[root] == position]
            if line.out is not None and line.out not in self.places:
                layout = layouts[line.out]
                sizes = {layouts[ref][0] for ref in line.reads} - {()}
                alike = [x for x in over if x in line.reads and layouts[x] == layout and sizes == {layout[0]}]
                if line.out in self.ends:
                    self.places[line.out] = _room(layout)
                elif alike and _elementwise(line):
                    self.places[line.out] = self.places[alike[0]]
                    over.remove(alike[0])
                else:
                    self.places[line.out] = free[layout].pop() if free[layout] else _room(layout)
                if line.out not in self.ends:
                    mine.add(line.out)
            for root in over:
                free[layouts[root]].append(self.places[root])

    def _place(self, number: int) -> Array:
        """The memory of a value; that of a view is found as it was when it was recorded."""
        if number not in self.places:
            line = self.views[number]
            args, options = _mapped(self._found, line.args), _mapped(self._found, line.options)
            self.places[number] = line.function(*args, **options)
        return self.places[number]

    def _found(self, value: Thing) -> Thing:
        return self._place(value) if type(value) is _Ref else value

    def _bound(self, line: _Line) -> list[Callable[[], object]]:  # noqa: PLR0911 (kinds of calls)
        """A call that needs no arguments any more; or two."""
        function = line.function
        args, options = _mapped(self._found, line.args), _mapped(self._found, line.options)
        if function is operator.setitem:
            return [partial(args[0].__setitem__, *args[1:])]
        if line.written is None or _in_place(function):
            return [partial(function, *args, **options)]
        out = self._place(line.written)
        if isinstance(function, np.ufunc) and not any(isinstance(x, (tuple, list)) for x in args):
            args = self._numbers(args)
            first: list[Callable[[], object]] = []
            if _elementwise(line) and not options and out.size == 1:
                single = out.reshape(())
                args = [single if x is out else x.reshape(()) if type(x) is np.ndarray else x for x in args]
                out = single
            elif _elementwise(line) and not options:
                args = [self._stretched(line, number, x, out, first) for number, x in enumerate(args)]
            if function in (np.maximum, np.minimum):  # which want to be told by name where to write
                return [*first, partial(function, *args, **options, out=out)]
            return [*first, partial(function, *args, out, **options)]
        if function is np.ndarray.dot:
            return [partial(args[0].dot, args[1], out)]
        if function in _REDUCTIONS and len(args) == 1:
            return [partial(_REDUCTIONS[function], args[0], **{"axis": None, **options}, out=out)]
        if function is np.ndarray.take:
            # Where numbers are checked there is nothing to clip, and to say so makes it six times as fast.
            number = line.args[1] if type(line.args[1]) is _Ref else None
            checked = self.checked.get(number) == len(args[0]) and options == {"axis": 0}
            return [partial(args[0].take, *args[1:], **options, out=out, mode="clip" if checked else "raise")]
        if function in _COPIES and type(args[0]) is np.ndarray:
            return [partial(out.__setitem__, ..., args[0])]
        if function in (np.zeros, np.ones):
            return [partial(out.fill, int(function is np.ones))]
        return [partial(_copied, out, function, args, options)]

    def _stretched(self, line: _Line, number: int, x: Thing, out: Array, first: list[Thing]) -> Thing:
        """An operand in the size of the result: NumPy copies it so three times as fast as it adds it so.

        A constant is copied once and for all; what isn't written to before, once in each replay.
        """
        ref = line.args[number]
        if type(ref) is not _Ref or x.ndim == 0 or x.shape == out.shape or out.size > _LONGEST:
            return x
        roots = self._roots_of(ref)
        if not roots & self.varying:
            key = x.shape, x.dtype, x.tobytes(), out.shape
            return self.constants.setdefault(key, np.array(np.broadcast_to(x, out.shape), order="C"))
        if not roots <= self.lasting - self.written:
            return x
        if (ref, out.shape) not in self.constants:
            place = self.constants[ref, out.shape] = np.empty(out.shape, x.dtype)
            first.append(partial(place.__setitem__, ..., x))
        return self.constants[ref, out.shape]

    def _numbers(self, args: list[Thing]) -> list[Thing]:
        """Operands with Python's numbers as arrays of no dimension, which NumPy takes in half the time."""
        dtypes = {x.dtype for x in args if type(x) is np.ndarray}
        dtype = dtypes.pop() if len(dtypes) == 1 else None
        if dtype is None or dtype.kind != "f":
            return args
        made = [np.array(x, dtype) if type(x) in (int, float, _Alpha) else x for x in args]
        for x, place in zip(args, made, strict=True):
            if type(x) is _Alpha:
                self.optimizers[id(x.optimizer)].rates.append(place)
            elif place is not x:
                place.flags.writeable = False
        return made

    def misfit(self, args: tuple[Thing, ...]) -> str:
        """What differs from the recording; nothing if nothing does."""
        if (args or self.recording.given) and (reason := self.recording.other_arguments(args)):
            return reason
        if tensor._mode.recording is not self.recording.mode:
            return "it was recorded " + ("outside of" if self.recording.mode else "under") + " no_grad()"
        if not all(map(operator.is_, map(_DATA, self.tensors), self.arrays)):
            (t, *_) = [t for t, x in zip(self.tensors, self.arrays, strict=True) if t._data is not x]
            return f"a tensor of shape {t.shape} has got another array: its .data was assigned to"
        if not all(map(operator.is_, map(_GRAD, self.leaves), self.gradients)):
            (t, *_) = [t for t, x in zip(self.leaves, self.gradients, strict=True) if t._grad is not x]
            return f"the .grad of a tensor of shape {t.shape} was set, or looked at when it was zero"
        for own in self.optimizers.values():
            if own.changed:
                return f"the settings of {own.optimizer!r} or its parameters have changed"
        return ""

    def run(self, args: tuple[Thing, ...]) -> Thing:
        """Do it again, with the numbers that are there now."""
        for own in self.optimizers.values():
            own.follow()
        for position, place in self.inputs:
            place[...] = _array(args[position])
        for call in self.calls:
            call()
        if self.updated:
            now = tensor._Clock.last_update = tensor._tick()
            for t in self.updated:
                t._updated = now
        answer = self.answer
        return answer.again() if type(answer) is _Out else _mapped(_again, answer)


class _Optimizer:
    """What a recording has taken from an optimizer, and whether that is still so.

    Attributes:
        optimizer: The optimizer.
        rates: Where calls read its learning rate.
        velocities: The arrays of its momentum.
    """

    def __init__(self, optimizer: sgd.SGD) -> None:
        self.optimizer, self.seen = optimizer, optimizer.alpha
        self.rates: list[Array] = []
        self.velocities = list(optimizer._velocities)
        self.settings = self._settings(list(optimizer.parameters))

    def _settings(self, parameters: list[Tensor]) -> tuple[Any, ...]:
        optimizer = self.optimizer
        return optimizer.momentum, optimizer.weight_decay, optimizer.nesterov, parameters

    @property
    def changed(self) -> bool:
        """Whether something is different that can't be followed."""
        frozen = not self.rates and self.optimizer.alpha != self.seen
        return frozen or self._settings(self.optimizer.parameters) != self.settings

    def follow(self) -> None:
        """Take over the learning rate, and the momentum of steps that were no replays."""
        optimizer = self.optimizer
        if optimizer.alpha is not self.seen:
            alpha = sgd._checked("alpha", optimizer.alpha)
            for place in self.rates:
                place[...] = alpha
            self.seen = optimizer.alpha
        if optimizer.momentum:
            for number, (own, now) in enumerate(zip(self.velocities, optimizer._velocities, strict=True)):
                if own is not None and now is not own:
                    own[...] = 0.0 if now is None else now
                    optimizer._velocities[number] = own


class Replay:
    """A step that is recorded once and then repeated, without building anything anew.

    It is called as the step is::

        def step(x, y):
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        step = Replay(step)
        for x, y in batches:
            print(step(x, y))

    The first two calls (three with momentum) run the step and record it; each of the next ones repeats what
    was recorded, with the same result to the last bit. Arrays, and tensors without autograd, may hold other
    numbers in every call. So may the parameters, and `alpha` may change. All else is as it was: numbers that
    are no arrays, what the step reads from elsewhere in Python, what it does besides computing.

    What a replay returns are copies: constants in the place of tensors. Gradients that the step leaves in
    `grad` are written over by the next one.

    Args:
        step: A function of any number of arguments. It may read and train whatever it finds.
        fallback: What to do with a call that no recording serves: ``"raise"`` an error, ``"record"`` the step
            for these shapes too, or run it as it is (``"eager"``), also if it can't be recorded at all.

    Attributes:
        reason: Why the last call was no replay; empty if it was one.

    Raises:
        ArgumentError: The fallback is none of the three.
    """

    def __init__(self, step: Callable[..., Thing], fallback: str = "raise") -> None:
        """Wait for the first call."""
        if fallback not in ("raise", "record", "eager"):
            raise ArgumentError(f"Replay: fallback is 'raise', 'record' or 'eager', not {fallback!r}")
        self.fallback, self.reason = fallback, ""
        self._step = step
        self._programs: list[_Program] = []
        self._recordings: list[_Recording] = []
        self._refused = ""

    def __call__(self, *args: Thing) -> Thing:
        """Take the step.

        Raises:
            ReplayError: It can't be recorded, or the recording doesn't serve, and there is no fallback.
        """
        if _tape() is not None:
            return self._step(*args)  # inside another step that is being recorded
        self.reason = ""
        for program in self._programs:
            misfit = program.misfit(args)
            if not misfit:
                self.reason = ""
                return program.run(args)
            self.reason = self.reason or misfit
        if self._programs and self.fallback == "raise":
            raise ReplayError(f"Replay: {self.reason}")
        if self._refused or (self._programs and self.fallback == "eager"):
            self.reason = self._refused or self.reason
            return self._step(*args)
        # Where not even the arguments are others, a program will never fit again.
        self._programs = [program for program in self._programs if program.recording.other_arguments(args)]
        return self._record(args)

    def __str__(self) -> str:
        """The calls of the newest recording, with a letter for each place that they read or write."""
        if not self._programs:
            return "nothing recorded yet"
        letters: dict[int, str] = {}
        return "\n".join(_told(call, letters) for call in self._programs[-1].calls)

    def _record(self, args: tuple[Thing, ...]) -> Thing:
        new = _Recording(self._step, args, self.fallback != "eager")
        self.reason = "recorded"
        before = next((old for old in self._recordings if not old.other_arguments(args)), None)
        if before is None:
            self._recordings.append(new)
        else:
            self._recordings.remove(before)
            new.runs = before.runs + 1
            made: set[int] = set()
            difference = new.difference(before, made)
            if not difference:
                self._programs.append(_Program(new, made))
            elif new.runs < _MOST:
                self._recordings.append(new)
            else:
                new.tape.refuse(f"what changes from call to call: {difference}")
        self._refused = new.tape.refused
        self.reason = self._refused or "this call was recorded"
        return new.result


def _tape() -> _Tape | None:
    return getattr(_local, "tape", None)


def _call(function: Thing, /, *args: Thing, **options: Thing) -> Thing:
    """Call a function of NumPy, under the recording that is going on in this thread, if one is."""
    tape = _tape()
    if tape is None:
        return function(*_mapped(_real, args), **_mapped(_real, options))
    return tape.call(function, args, options)


def _mapped(f: Callable[[Thing], Thing], value: Thing) -> Thing:
    """The same tuples, lists and dicts with `f` of what is in them."""
    if type(value) in (tuple, list):
        return type(value)(_mapped(f, item) for item in value)
    if type(value) is dict:
        return {key: _mapped(f, item) for key, item in value.items()}
    return f(value)


def _flat(values: Iterable[Thing]) -> Iterator[Thing]:
    for value in values:
        if type(value) in (tuple, list, dict):
            yield from _flat(value.values() if type(value) is dict else value)
        else:
            yield value


def _real(value: Thing) -> Thing:
    if type(value) is _Alpha:
        return float(value)  # to NumPy a subclass would be a number of its own, that widens float32
    return value.array if type(value) is Recorded else value


def _ref(value: Thing) -> Thing:
    return _Ref(value.number) if type(value) is Recorded else value


def _told(call: Thing, letters: dict[int, str]) -> str:
    """A call in words, such as ``multiply(a 4x3, 0.5, a 4x3)``."""
    if call.func.__name__ == "run":  # under other rules for errors
        call = call.args[0]
    owner = getattr(call.func, "__self__", None)
    args = [*([owner] if type(owner) is np.ndarray else []), *call.args, *call.keywords.values()]
    words = []
    for x in args:
        if type(x) is np.ndarray and (x.ndim or x.flags.writeable):
            letter = letters.setdefault(x.__array_interface__["data"][0], _letter(len(letters)))
            words.append(f"{letter} {'x'.join(map(str, x.shape)) or '()'}")
        else:
            words.append("..." if x is ... else str(x))
    return f"{call.func.__name__.strip('_')}({', '.join(words)})"


def _letter(number: int) -> str:
    """a to z, and then aa, ab."""
    return (_letter(number // 26 - 1) if number >= 26 else "") + chr(ord("a") + number % 26)  # noqa: PLR2004 (letters)


def _array(value: Thing) -> Array | None:
    """The array of an argument that may differ from call to call."""
    if isinstance(value, Tensor):
        return None if value._autograd else value._data
    return value if type(value) is np.ndarray else None


def _array_in(value: Thing) -> Thing:
    return value._data if isinstance(value, Tensor) else value


def _name(function: Thing) -> str:
    owner = getattr(function, "__self__", None)
    return f"{owner.__name__}.{function.__name__}" if isinstance(owner, np.ufunc) else str(function.__name__)


def _random_state() -> tuple[Any, ...]:
    state: Thing = np.random.get_state()
    return state[1].tobytes(), state[2:]


def _where() -> str:
    """The line of the user's program that is being run."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"


def _elementwise(line: _Line) -> bool:
    """Whether each number that comes of a call depends on the numbers in the same place only."""
    return isinstance(line.function, np.ufunc) and line.function.signature is None and line.out is not None


def _overlaps(out: Array, args: Iterable[Thing]) -> bool:
    return any(type(x) is np.ndarray and np.may_share_memory(out, x) for x in args)


def _in_place(function: Thing) -> bool:
    return function in _WRITING or _name(function).endswith(".at")


def _room(layout: tuple[Any, ...]) -> Array:
    """Memory for an array of that shape, with its axes in that order."""
    shape, dtype, strides = layout
    size = dtype.itemsize * math.prod(shape)
    return np.ndarray(shape, dtype, np.empty(size, np.uint8), 0, strides) if size else np.empty(shape, dtype)


def _copied(out: Array, function: Thing, args: Thing, options: Thing) -> None:
    """Call a function that can't be told where to write."""
    result = function(*args, **options)
    if np.shape(result) != out.shape:
        raise ReplayError(
            f"Replay: {_name(function)} gave shape {np.shape(result)}; recorded was {out.shape}"
        )
    out[...] = result
