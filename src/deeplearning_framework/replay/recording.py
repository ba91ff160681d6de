"""Writing down what a step asks of NumPy.

While a step is recorded, tensors hand out `Recorded` in the place of arrays. NumPy asks such an object what
to do whenever it is an operand; it does the same with the real array, and a `Tape` notes the call.

The numbers stay inside. A `Recorded` tells its shape, but won't tell its numbers to Python: no `if`, no
`item` and no `print` can depend on them.
"""

from __future__ import annotations

import copy
import operator
import os
import sys
import threading
import weakref
from collections.abc import Iterator
from types import BuiltinMethodType
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from deeplearning_framework import primitives
from deeplearning_framework.errors import ReplayError
from deeplearning_framework.optim import SGD
from deeplearning_framework.shapes import Array
from deeplearning_framework.tensor import Tensor

Thing: TypeAlias = Any  # an operand, a function of NumPy, or what it returns

_METHODS = (
    *("all", "any", "argmax", "argmin", "argsort", "astype", "clip", "copy", "cumprod", "cumsum", "dot"),
    *("fill", "flatten", "max", "mean", "min", "prod", "ravel", "reshape", "round", "squeeze", "std"),
    *("sum", "swapaxes", "take", "trace", "transpose", "var", "view"),
)
_ASKING = frozenset(
    (np.can_cast, np.may_share_memory, np.ndim, np.result_type, np.shape, np.shares_memory, np.size)
)
_EMPTY = (np.empty, np.empty_like)
_RAGGED = frozenset(
    (np.argwhere, np.compress, np.extract, np.flatnonzero, np.repeat, np.trim_zeros, np.unique, np.union1d)
)
_SAME = (np.array, np.asarray, np.ndarray.astype, np.atleast_1d, np.atleast_2d, np.atleast_3d)
_NO_ARRAYS = frozenset((bool, int, float, str, slice, type, type(None), type(...)))
FILL = np.ndarray.fill
_WRITING = frozenset((operator.setitem, operator.ipow, np.copyto, FILL))
IN_RANGE = primitives._in_range  # what the framework asks of numbers: recorded as a call, and asked again

# Whose `repr` says all there is to say. `np.add.at`, a method, is another object each time.
_TOLD = (float, str, slice, np.generic, np.dtype, BuiltinMethodType)

_OURS = (os.path.dirname(os.path.dirname(__file__)), os.path.dirname(np.__file__), copy.__file__)

local = threading.local()  # `tape`: the recording under way in this thread


def _refusing(convert: Thing) -> Thing:
    """A method that Python calls to learn a number."""
    return lambda self, *args: convert(self._read(f"{convert.__name__}()"), *args)


def _recording(function: Thing) -> Thing:
    return lambda self, *args, **options: call(function, self, *args, **options)


def _completed(kind: Thing) -> Thing:
    """Have a class tell what doesn't depend on numbers, and record the methods that are known."""
    for name in ("dtype", "flags", "itemsize", "nbytes", "ndim", "shape", "size", "strides"):
        setattr(kind, name, property(operator.attrgetter(f"array.{name}")))
    for name in _METHODS:
        setattr(kind, name, _recording(getattr(np.ndarray, name)))
    for name in ("getitem", "setitem", "pow", "ipow"):  # powers take short cuts which `np.power` doesn't
        setattr(kind, f"__{name}__", _recording(getattr(operator, name)))
    kind.__len__ = lambda self: len(self.array)
    kind.T = property(kind.transpose)
    return kind


@_completed
class Recorded(NDArrayOperatorsMixin):
    """An array that is being recorded. After the recording it is an array in a wrapper.

    Attributes:
        array: The real one.
        ref: Which value of the recording it is.
        tape: The recording.
        number: Whether it stands for a number, such as NumPy returns for a sum: nobody can write into one.
    """

    __slots__ = ("__weakref__", "array", "number", "ref", "tape")

    # To `isinstance` it is what it stands for.
    __class__ = property(lambda self: type(self.array[()]) if self.number else np.ndarray)

    def __init__(self, array: Array, ref: Ref, tape: Tape) -> None:
        """Wrap an array."""
        self.array, self.ref, self.tape, self.number = array, ref, tape, False

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Thing, **options: Thing) -> Thing:
        """Record a function that goes element by element, or a method of one, such as `np.add.reduce`."""
        return call(ufunc if method == "__call__" else getattr(ufunc, method), *args, **options)

    def __array_function__(self, function: Thing, _: Thing, args: Thing, options: Thing) -> Thing:
        """Record any other function of NumPy."""
        return call(function, *args, **options)

    def __getattr__(self, name: str) -> Thing:
        """Refuse what isn't known to be harmless."""
        if name.startswith("__"):
            raise AttributeError(name)  # one of NumPy's ways around `__array__`
        return getattr(self._read(f".{name}"), name)

    def __array__(self, dtype: Thing = None, copy: bool | None = None) -> Array:
        """Refuse."""
        return self._read("a plain copy").astype(dtype or self.dtype, copy=bool(copy))

    __bool__, __float__, __int__, __iter__, __str__ = map(_refusing, (bool, float, int, iter, str))
    __contains__, __format__, __index__ = map(_refusing, (operator.contains, format, operator.index))
    __reduce_ex__ = _refusing(np.ndarray.__reduce_ex__)  # what `copy` and `pickle` ask for

    def __repr__(self) -> str:
        """What may be known."""
        return f"Recorded(shape={self.shape}, dtype={self.dtype})"

    def _read(self, use: str) -> Array:
        if not self.tape.over:
            self.tape.refuse(f"{use} of an array of shape {self.shape}: next time its numbers will be others")
        return self.array


class Ref(int):
    """The number of a value, where a call has an array."""

    def __repr__(self) -> str:
        """As in a listing."""
        return f"v{int(self)}"


class Alpha(float):
    """A learning rate that knows whose it is, so that it can be followed."""

    optimizer: SGD

    def __repr__(self) -> str:
        """As in a listing."""
        return f"alpha of {self.optimizer!r}"


class Line(NamedTuple):
    """One call of a recording.

    Attributes:
        function, args, options: What was called with what; a `Ref` for each array.
        errors: How NumPy was to treat floating-point errors.
        result: The value that came of it, or that it changed in place, if any.
        reads: The values whose memory it reads; never views.
        writes: The value whose memory it writes to, likewise; -1 if it only looks.
    """

    function: Thing
    args: tuple[Thing, ...]
    options: dict[str, Thing]
    errors: Thing
    result: int | None
    reads: tuple[int, ...]
    writes: int

    def __repr__(self) -> str:
        """As in a listing."""
        args = [*map(repr, self.args), *(f"{key}={value!r}" for key, value in self.options.items())]
        return f"{self.result} = {name_of(self.function)}({', '.join(args)})"


class Tape:
    """What is written down while a step runs, and held against what was written down in the call before.

    Attributes:
        strict: Whether what can't be recorded is an error.
        before: The recording of the call before, if any, until this one is over.
        lines: What was called, in order.
        layouts: Shape, dtype and strides of each value.
        roots: For each value the one whose memory it is: itself, unless it is a view.
        views: The calls that gave views, by value.
        outside: The arrays that were there before, or were made out of sight, by id.
        writable: For each value from outside, whether a step may write into it: a tensor's array, that is.
        constants: The values from outside that are made anew in every call, always the same.
        found: The arrays from outside, by value, when the step is over.
        checked: For values that were found to be in range, where that ends.
        tensors: The tensors that were there before, by id; their arrays, and when they had been updated.
        holders: The tensors that were given something recorded.
        optimizers: Those that took a step, by id.
        stepping: The one that is taking a step.
        kept: The arrays, by value, that somebody keeps when the step is over: gradients, mostly.
        difference: What was other than in the call before, if anything.
        refused: What couldn't be recorded, if anything.
        over: Whether the step has ended; from then on what was recorded is an array in a wrapper.
    """

    def __init__(self, strict: bool, before: Tape | None) -> None:
        """Begin with nothing."""
        self.strict, self.before, self.refused = strict, before, ""
        self.over = False
        self.difference = "" if before else "there was no call before"
        self.lines: list[Line] = []
        self.layouts: list[tuple[Any, ...]] = []
        self.roots: list[int] = []
        self.views: dict[int, Line] = {}
        self.outside: dict[int, Recorded] = {}
        self.writable: dict[int, bool] = {}
        self.constants: set[int] = set()
        self.tensors: dict[int, tuple[Tensor, Array, int]] = {}
        self.holders: list[weakref.ref[Tensor]] = []
        self.optimizers: dict[int, SGD] = {}
        self.stepping: SGD | None = None
        self.kept: dict[int, Array] = {}
        self._handles: list[weakref.ref[Recorded]] = []
        self._viewed: set[int] = set()
        self.checked: dict[int, int] = {}
        found: dict[Ref, Array] = before.found if before else {}
        self._digests: dict[int, int] = {number: _digest(array) for number, array in found.items()}
        self._errors: Thing = {}

    def refuse(self, what: str) -> None:
        """Give up: with an error, or quietly, so that the step goes on without being recorded."""
        self.refused = self.refused or f"can't record {what} ({_where()})"
        if self.strict:
            raise ReplayError(f"Replay: {self.refused}")

    def new(self, array: Array, root: int | None = None) -> Recorded:
        """Number a value."""
        made = Recorded(array, Ref(len(self.layouts)), self)
        self.layouts.append((array.shape, array.dtype, array.strides))
        self.roots.append(made.ref if root is None else root)
        self._handles.append(weakref.ref(made))
        return made

    def given(self, array: Array) -> Recorded:
        """An argument."""
        made = self.new(array)
        self.writable[made.ref] = False
        return made

    def handle(self, value: Thing, writable: bool = False) -> Thing:
        """The `Recorded` for anything that is an array; what isn't stays what it is."""
        if type(value) is Recorded:
            return value if value.tape is self else self.handle(value.array)  # of a recording that is over
        if type(value) is np.ndarray:
            made = self.outside.get(id(value))
            if made is None:
                made = self.outside[id(value)] = self.new(value)
                self.writable[made.ref] = writable
                self._compare(made)
            return made
        if hasattr(value, "__array__") and not isinstance(value, (type, np.generic)):
            return self.handle(value.__array__())  # a tensor, or rows
        return value

    def call(self, function: Thing, args: Thing, options: dict[str, Thing]) -> Thing:
        """Call a function with real arrays, write it down, and give what it returned as a `Recorded`."""
        operands: list[Recorded] = []
        real, noted = self._noted(args, operands)
        real_options, named = self._noted(options, operands) if options else ({}, {})
        if function in _ASKING:
            return function(*real, **real_options)
        self._check_known(function, operands)
        if function in _WRITING or "out" in options or "where" in options or function.__name__ == "at":
            out = options.get("out", args[0])
            target = self.handle(out[0] if type(out) is tuple else out)
            if not (type(target) is Recorded and target.number):
                return self._write(function, target, real, real_options, noted, named)
            # `total += x`, where `total` is a number: that makes another one.
            real_options, named = ({k: x for k, x in o.items() if k != "out"} for o in (real_options, named))
        result = function(*real, **real_options)
        if number := isinstance(result, (np.generic, bool, int, float)):
            result = np.asarray(result)
        elif operands and operands[0].number and np.ndim(result) == 0:
            number = getattr(np.ndarray, function.__name__, None) is function  # as numbers have it, too
        if type(result) is not np.ndarray:
            self.refuse(f"{name_of(function)}, which returns a {type(result).__name__}")
            return result
        made = next((x for x in operands if x.array is result), None)
        if made is None:
            seen = operands if result.base is not None else []
            owner = next((self.roots[x.ref] for x in seen if np.may_share_memory(x.array, result)), None)
            made = self.new(result, owner)
            made.number = number
            if function not in _EMPTY:
                line = self._note(function, noted, named, [x.ref for x in operands], made.ref)
                if owner is not None:
                    self._viewed.add(owner)
                    self.views[made.ref] = line
        elif function is IN_RANGE:
            self._note(function, noted, named, [x.ref for x in operands])
        elif function not in _SAME:
            self.refuse(f"{name_of(function)} into one of its operands")
        if function is IN_RANGE:
            self.checked[made.ref] = args[3]
        return made

    def _check_known(self, function: Thing, operands: list[Recorded]) -> None:
        """Refuse what wouldn't come out the same from arrays with other numbers, or in a place."""
        masked = function is operator.getitem and any(x.dtype == np.bool_ for x in operands[1:])
        if masked or function in _RAGGED:
            self.refuse(f"{name_of(function)} that picks by number how many to take")
        elif function is operator.getitem:
            if operands[0].ndim > 1 and any(x.number for x in operands[1:]):
                self.refuse("a view that is picked by number: write x.take(number, axis=0) for a copy")
        elif function in {operator.pow, operator.ipow} and any(x.number for x in operands):
            self.refuse("a power of a number, which is rounded as no array's is: use np.power or np.sqrt")

    def _write(  # noqa: PLR0913, PLR0917 (a call in both forms)
        self, function: Thing, target: Thing, real: Thing, options: Thing, noted: Thing, named: Thing
    ) -> Thing:
        """Call a function that changes an array."""
        if type(target) is not Recorded or "where" in options:
            self.refuse(f"{name_of(function)} into a part of an array, or into several")
            return function(*real, **options)
        root = self.roots[target.ref]
        if not self.writable.get(root, True):
            self.refuse(f"{name_of(function)} into an array that no tensor holds: return the result")
        # Of other functions the type of `out` decides how they compute: a sum, for one, is rounded in it.
        whole = function is FILL or isinstance(function, np.ufunc)
        if whole:
            named = {key: x for key, x in named.items() if key != "out"}
        if whole and root == target.ref and root not in self._viewed and root not in self.writable:
            # Nobody else sees what was there: this is a new value, under the old name.
            array = np.empty_like(target.array)
            if function is FILL:
                real, noted = (array, *real[1:]), noted[1:]
            else:
                options["out"] = array
            function(*real, **options)
            target.array, target.ref = array, self.new(array).ref
            self._handles[-1] = weakref.ref(target)
        else:
            function(*real, **options)
        self._note(function, noted, named, [x for x in flat([noted, named]) if type(x) is Ref], target.ref)
        return target

    def _noted(self, value: Thing, operands: list[Recorded]) -> tuple[Thing, Thing]:
        """An operand as NumPy is to see it, and as it is written down."""
        kind = type(value)
        if kind is Recorded and value.tape is self:
            operands.append(value)
            return value.array, value.ref
        if kind in _NO_ARRAYS:
            return value, value
        if kind is tuple or kind is list:
            pairs = [self._noted(item, operands) for item in value]
            return kind([real for real, _ in pairs]), kind([noted for _, noted in pairs])
        if kind is dict:
            real, noted = self._noted(tuple(value.values()), operands)
            return dict(zip(value, real, strict=True)), dict(zip(value, noted, strict=True))
        if kind is Alpha:  # to NumPy a subclass would be a number of its own, that widens float32
            return float(value), value
        handle = self.handle(value)
        return self._noted(handle, operands) if type(handle) is Recorded else (value, value)

    def _note(
        self, function: Thing, args: Thing, options: Thing, refs: list[Ref], written: Ref | None = None
    ) -> Line:
        """Write a line down, and see whether the call before had the same in this place."""
        if (errors := np.geterr()) != self._errors:  # else all lines share one dict
            self._errors = errors
        reads, writes = tuple([self.roots[x] for x in refs]), -1 if written is None else self.roots[written]
        line = Line(function, args, options, self._errors, written, reads, writes)
        if self.before is not None and not self.difference:
            number = len(self.lines)
            old = self.before.lines[number] if number < len(self.before.lines) else None
            if old is not None and old[3:] == line[3:] and same(old[:3], line[:3]):
                line = old  # so that there is one in memory
            else:
                self.difference = f"the call before did {old!r} where this one did {line!r} ({_where()})"
        self.lines.append(line)
        return line

    def _compare(self, new: Recorded) -> None:
        """See whether the call before found the same array here, or one with the same numbers."""
        if self.before is None or self.difference:
            return
        array, old = new.array, self.before.found.get(new.ref)
        if old is array or (old is not None and old.__array_interface__ == array.__array_interface__):
            self._check_untouched(new.ref, array)
            return
        what = f"an array of shape {new.shape} ({_where()})"
        if any(array is kept for kept in self.before.kept.values()):
            self.difference = f"{what} is left over from the call before: return it, and pass it"
        elif old is None or (old.shape, old.dtype, old.tobytes()) != (
            array.shape,
            array.dtype,
            array.tobytes(),
        ):
            self.difference = f"{what} has other numbers than in the call before: if it is to change, pass it"
        if not self.writable[new.ref]:
            self.constants.add(new.ref)

    def _check_untouched(self, number: int, array: Array) -> None:
        """See that an array is as it was before the step: plain NumPy works on plain arrays unrecorded."""
        was = self._digests.get(number)
        if was is not None and was != _digest(array):
            self.refuse(f"an array of shape {array.shape} that the step changes unseen: let a tensor hold it")

    def close(self) -> None:
        """End the recording."""
        self.found = {x.ref: x.array for x in self.outside.values()}
        alive = [x for handle in self._handles if (x := handle()) is not None]
        self.kept = {x.ref: x.array for x in alive if self.roots[x.ref] not in self.writable}
        self._handles.clear()
        if not all(array.flags.writeable for array in self.kept.values()):
            self.refuse("what is kept of a tensor that was expanded, which can't be written to: keep a copy")
        written = self.found.keys() & {line.writes for line in self.lines}
        for number, array in self.found.items():
            if any(number != n and np.may_share_memory(array, self.found[Ref(n)]) for n in written):
                self.refuse(f"an array of shape {array.shape} that shares memory with one that is changed")
            if number not in written and not self.difference:
                self._check_untouched(number, array)
        old = self.before
        if old and not self.difference and (len(old.lines), old.layouts) != (len(self.lines), self.layouts):
            self.difference = "the call before did more, or with other shapes"
        self.before = None

    def forget(self) -> None:
        """Let go of what nobody needs any more."""
        for held in (self.lines, self.layouts, self.roots, self.views, self.outside, self.found, self.kept):
            held.clear()


def current() -> Tape | None:
    """The recording that is going on in this thread."""
    return getattr(local, "tape", None)


def call(function: Thing, /, *args: Thing, **options: Thing) -> Thing:
    """Call a function of NumPy, under the recording that is going on in this thread, if one is."""
    tape = current()
    if tape is None:
        return function(*mapped(real, args), **mapped(real, options))
    return tape.call(function, args, options)


def mapped(f: Thing, value: Thing) -> Thing:
    """The same tuples, lists and dicts with `f` of what is in them."""
    if type(value) in (tuple, list):
        return type(value)([mapped(f, item) for item in value])
    if type(value) is dict:
        return {key: mapped(f, item) for key, item in value.items()}
    return f(value)


def real(value: Thing) -> Thing:
    """An array out of its wrapper, when the recording is over."""
    if type(value) is not Recorded:
        return value
    array = value._read("the use in another thread")
    return array[()] if value.number else array


def name_of(function: Thing) -> str:
    """What NumPy calls a function."""
    owner = getattr(function, "__self__", None)
    return f"{owner.__name__}.{function.__name__}" if isinstance(owner, np.ufunc) else str(function.__name__)


def flat(value: Thing) -> Iterator[Thing]:
    """What is in tuples, lists and dicts."""
    if type(value) in {tuple, list, dict}:
        for item in value.values() if type(value) is dict else value:
            yield from flat(item)
    else:
        yield value


def same(x: Thing, y: Thing) -> bool:
    """Whether two things are the same in every call, to the type and the sign of 0; objects by identity."""
    kind = type(x)
    if kind is not type(y):
        return False
    if kind is Ref or kind is int:
        return bool(x == y)
    if kind is tuple or kind is list or kind.__base__ is tuple:  # which is then one with names
        return len(x) == len(y) and all(map(same, x, y))
    if kind is dict:
        return x is y or same(tuple(x.items()), tuple(y.items()))
    if kind is Alpha:
        return x.optimizer is y.optimizer
    return x is y or (isinstance(x, _TOLD) and repr(x) == repr(y))


def _digest(array: Array) -> int:
    return hash(array.tobytes())


def _where() -> str:
    """The line of the user's program that is being run."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
