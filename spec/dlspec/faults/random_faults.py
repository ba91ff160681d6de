"""Faults that nobody thought of: a random change to a random operation, under a random condition.

A planted fault is caught by a clause that somebody wrote with it in mind. These are not. Each has a number,
from which everything about it follows: which rule of the reference it perturbs, whether in the value, in the
cotangent that arrives or in one that leaves, how, and when: for seven elements only, in float32 only, in the
second call, in another thread.

A change and a condition are paired only where the change can be seen: two elements of an array of one can't
be swapped, and no factor shows in what is 0 anyway.
"""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec import manifest
from dlspec.faults import reference
from dlspec.implementations.module import ModuleImplementation

Array = NDArray[Any]

OPERANDS: Mapping[str, tuple[str, ...]] = {
    # rule: its operands
    **dict.fromkeys(("add", "subtract", "multiply", "divide", "mm"), ("x", "y")),
    **dict.fromkeys(
        (
            *(
                "negative",
                "power",
                "exp",
                "log",
                "relu",
                "tanh",
                "sigmoid",
                "sum",
                "mean",
                "max",
                "transpose",
            ),
            *("reshape", "expand", "index_select", "softmax", "log_softmax", "cross_entropy"),
        ),
        ("x",),
    ),
    "affine": ("x", "w", "b"),
    "mse": ("prediction", "target"),
}


RESHAPED = frozenset({"sum", "mean", "max", "reshape", "cross_entropy"})
"""Rules whose vjp gives the cotangent that arrives another shape first, so that its own doesn't matter."""


OF_ONE_NUMBER = frozenset({"for all dims", "for the sum of losses", "for the mean of losses"})
"""Conditions under which the result is one number, and so is the cotangent that arrives."""

EVEN = frozenset({"for all dims", "in 1 dimension"})
"""Conditions under which every addend receives the same cotangent, so that their order doesn't matter."""

CERTAIN = frozenset({"softmax", "log_softmax", "cross_entropy"})
"""Rules that give a single class the probability 1, whose logarithm and derivative are 0."""


@dataclass(frozen=True)
class Call:
    """One call of a rule's forward, or what its vjp knows of it.

    Attributes:
        operands: The arrays.
        static: The keywords.
        number: How many there were before, and this one.
        y_bar: The cotangent that arrived, in a vjp.
    """

    operands: tuple[Array, ...]
    static: Mapping[str, Any]
    number: int
    y_bar: Array | None = None


@dataclass(frozen=True)
class Condition:
    """When a fault shows.

    Attributes:
        holds: Whether it does in a call.
        most: How many elements there are at most, so that changes which need more can be left out.
        zero: Whether what is computed then is 0 throughout.
        rules: The rules that it makes sense for; None for all.
        parts: The parts that it makes sense for.
        dtype: The only type in which it holds.
    """

    holds: Callable[[Call], bool]
    most: int | None = None
    zero: bool = False
    rules: frozenset[str] | None = None
    parts: frozenset[str] = frozenset({"value", "cotangent", "upstream"})
    dtype: str | None = None


@dataclass(frozen=True)
class Perturbation:
    """What a fault does to an array.

    Attributes:
        applied: The wrong array for a right one; the second argument is the last right one of that shape.
        least: How many elements it needs to be seen.
        adds: Whether it is seen where all is 0.
        parts: Which arrays it is for.
        dtype: A type in which it does nothing.
    """

    applied: Callable[[Array, Array | None], Array]
    least: int = 1
    adds: bool = False
    parts: frozenset[str] = frozenset({"value", "cotangent", "upstream"})
    nothing_in: str | None = None


def _raise(x: Array, last: Array | None) -> Array:
    raise FloatingPointError("a random fault")


def _set(x: Array, index: int, value: Callable[[Any], Any]) -> Array:
    wrong = np.array(x)
    wrong.flat[index] = value(wrong.flat[index])
    return wrong


def _swapped(x: Array, last: Array | None) -> Array:
    wrong = np.array(x).reshape(-1)
    wrong[[0, -1]] = wrong[[-1, 0]]
    return wrong.reshape(x.shape)


def _other_type(x: Array) -> Array:
    return x.astype(np.float32 if x.dtype == np.float64 else np.float64)


PERTURBATIONS: Mapping[str, Perturbation] = {
    "is doubled": Perturbation(lambda x, last: 2 * x),
    "is too large by a thousandth": Perturbation(lambda x, last: np.asarray(x * x.dtype.type(1 + 2**-10))),
    "has the wrong sign": Perturbation(lambda x, last: np.negative(x)),
    "is 0": Perturbation(lambda x, last: np.zeros_like(x)),
    "is absolute": Perturbation(lambda x, last: np.abs(x), parts=frozenset({"cotangent", "upstream"})),
    "lacks its first element": Perturbation(lambda x, last: _set(x, 0, lambda e: 0)),
    "lacks its last element": Perturbation(lambda x, last: _set(x, -1, lambda e: 0)),
    "is off by one in its last element": Perturbation(
        lambda x, last: _set(x, -1, lambda e: e + 1), adds=True
    ),
    "is nan in its first element": Perturbation(lambda x, last: _set(x, 0, lambda e: np.nan), adds=True),
    "has its first and last element swapped": Perturbation(_swapped, least=2),
    "is reversed along the last axis": Perturbation(lambda x, last: np.array(x[..., ::-1]), least=2),
    "is rolled by one": Perturbation(lambda x, last: np.roll(x, 1), least=2),
    "is rounded to float32": Perturbation(
        lambda x, last: x.astype(np.float32).astype(x.dtype), nothing_in="float32"
    ),
    "is stale": Perturbation(lambda x, last: x if last is None else last),
    "has lost its shape": Perturbation(lambda x, last: x.reshape(-1, 1, 1, 1, 1), least=0, adds=True),
    "is of the other type": Perturbation(
        lambda x, last: _other_type(x), least=0, adds=True, parts=frozenset({"value"})
    ),
    "is all ones": Perturbation(lambda x, last: np.ones_like(x), parts=frozenset({"upstream"})),
    "is its mean": Perturbation(
        lambda x, last: np.full_like(x, x.mean()), least=2, parts=frozenset({"upstream", "cotangent"})
    ),
    "raises": Perturbation(_raise, least=0, adds=True),
}


def _size(call: Call) -> int:
    return call.operands[0].size


def _static(name: str, holds: Callable[[Any], bool]) -> Callable[[Call], bool]:
    return lambda call: name in call.static and holds(call.static[name])


def _strided(x: Array | None) -> bool:
    return x is not None and x.size > 1 and not x.flags.c_contiguous


REDUCTIONS = frozenset({"sum", "mean", "max"})
ALONG = REDUCTIONS | {"softmax", "log_softmax"}
BROADCAST = frozenset({"add", "subtract", "multiply", "divide"})
LOSSES = frozenset({"cross_entropy", "mse"})
VJP = frozenset({"cotangent", "upstream"})

CONDITIONS: Mapping[str, Condition] = {
    "always": Condition(lambda call: True),
    "for no element": Condition(
        lambda call: _size(call) == 0, most=0, rules=frozenset(OPERANDS) - LOSSES - {"max"}
    ),
    "for one element": Condition(lambda call: _size(call) == 1, most=1),
    "for 5 to 7 elements": Condition(lambda call: 5 <= _size(call) <= 7),
    "for more than 8 elements": Condition(lambda call: _size(call) > 8),
    "for more than 128 elements": Condition(lambda call: _size(call) > 128),
    "for a thousand elements and more": Condition(lambda call: _size(call) >= 1000),
    "in 0 dimensions": Condition(
        lambda call: call.operands[0].ndim == 0,
        most=1,
        rules=frozenset(OPERANDS)
        - {"mm", "affine", "index_select", "softmax", "log_softmax", "cross_entropy", "transpose"},
    ),
    "in 1 dimension": Condition(lambda call: call.operands[0].ndim == 1),
    "in 3 dimensions": Condition(lambda call: call.operands[0].ndim == 3),
    "for an operand that is not contiguous": Condition(lambda call: any(map(_strided, call.operands))),
    "for a cotangent that is not contiguous": Condition(lambda call: _strided(call.y_bar), parts=VJP),
    "for a cotangent with a 0": Condition(
        lambda call: call.y_bar is not None and bool((call.y_bar == 0).any() and (call.y_bar != 0).any()),
        parts=VJP,
    ),
    "in float32": Condition(lambda call: call.operands[0].dtype == np.float32, dtype="float32"),
    "in float64": Condition(lambda call: call.operands[0].dtype == np.float64, dtype="float64"),
    "from the second call on": Condition(lambda call: call.number > 1),
    "in every third call": Condition(lambda call: call.number % 3 == 0),
    "in another thread": Condition(lambda call: threading.current_thread() is not threading.main_thread()),
    "for an operand with a 0": Condition(
        lambda call: bool((call.operands[0] == 0).any()), rules=frozenset(OPERANDS) - {"log"}
    ),
    "for an operand that is all negative": Condition(
        lambda call: _size(call) > 0 and bool((call.operands[0] < 0).all()),
        rules=frozenset(OPERANDS) - {"log", "relu"},
    ),
    "for large operands": Condition(
        lambda call: bool((np.abs(call.operands[0]) > 30).any()), rules=frozenset(OPERANDS) - {"log"}
    ),
    "where operands are broadcast": Condition(
        lambda call: call.operands[0].shape != call.operands[1].shape, rules=BROADCAST
    ),
    "where both operands are one": Condition(
        lambda call: call.operands[0] is call.operands[1], rules=BROADCAST - {"subtract", "divide"}
    ),
    "for vectors": Condition(lambda call: call.operands[1].ndim == 1, rules=frozenset({"mm"})),
    "for batches": Condition(lambda call: call.operands[0].ndim > 2, rules=frozenset({"mm", "affine"})),
    "for square matrices": Condition(
        lambda call: call.operands[0].ndim == 2 and call.operands[0].shape[0] == call.operands[0].shape[1],
        rules=frozenset({"mm", "transpose", "expand", "sum", "reshape"}),
    ),
    "for a negative dim": Condition(
        _static("dim", lambda dim: isinstance(dim, int) and dim < 0), rules=ALONG | {"expand"}
    ),
    "for several dims": Condition(
        _static("dim", lambda dim: isinstance(dim, tuple) and len(dim) > 1), rules=REDUCTIONS
    ),
    "for all dims": Condition(_static("dim", lambda dim: dim is None), rules=REDUCTIONS),
    "with keepdims": Condition(_static("keepdims", lambda keep: bool(keep)), rules=REDUCTIONS),
    "along the first of several dims": Condition(
        lambda call: call.static.get("dim") == 0 and call.operands[0].ndim > 1, rules=ALONG | {"expand"}
    ),
    "for several copies": Condition(
        _static("copies", lambda copies: copies > 2), rules=frozenset({"expand"})
    ),
    "for one copy": Condition(_static("copies", lambda copies: copies == 1), rules=frozenset({"expand"})),
    "for no copies": Condition(
        _static("copies", lambda copies: copies == 0),
        most=0,
        rules=frozenset({"expand"}),
        parts=frozenset({"value"}),
    ),
    "for axes in an order": Condition(
        _static("axes", lambda axes: axes is not None), rules=frozenset({"transpose"})
    ),
    "for the axes reversed": Condition(
        lambda call: call.static.get("axes") is None and call.operands[0].ndim > 1,
        rules=frozenset({"transpose"}),
    ),
    "for a shape with -1": Condition(
        _static("shape", lambda shape: -1 in tuple(shape)), rules=frozenset({"reshape"})
    ),
    "for repeated indices": Condition(
        _static("indices", lambda indices: np.unique(indices).size < np.size(indices)),
        rules=frozenset({"index_select"}),
    ),
    "for int8 indices": Condition(
        _static("indices", lambda indices: np.asarray(indices).dtype == np.int8),
        rules=frozenset({"index_select"}),
    ),
    "for uint64 indices": Condition(
        _static("indices", lambda indices: np.asarray(indices).dtype == np.uint64),
        rules=frozenset({"index_select"}),
    ),
    "for a single index": Condition(
        _static("indices", lambda indices: np.ndim(indices) == 0), rules=frozenset({"index_select"})
    ),
    "for a table of indices": Condition(
        _static("indices", lambda indices: np.ndim(indices) > 1), rules=frozenset({"index_select"})
    ),
    "for no indices": Condition(
        _static("indices", lambda indices: np.size(indices) == 0),
        most=0,
        rules=frozenset({"index_select"}),
        parts=frozenset({"value"}),
    ),
    "for uint8 targets": Condition(
        _static("targets", lambda targets: np.asarray(targets).dtype == np.uint8),
        rules=frozenset({"cross_entropy"}),
    ),
    "for the sum of losses": Condition(_static("reduction", lambda r: r == "sum"), rules=LOSSES),
    "for the mean of losses": Condition(_static("reduction", lambda r: r == "mean"), rules=LOSSES),
    "for losses one by one": Condition(_static("reduction", lambda r: r == "none"), rules=LOSSES),
    "for an odd exponent": Condition(_static("exponent", lambda c: c % 2 == 1), rules=frozenset({"power"})),
    "for a negative exponent": Condition(_static("exponent", lambda c: c < 0), rules=frozenset({"power"})),
    "for a fractional exponent": Condition(
        _static("exponent", lambda c: c % 1 != 0), rules=frozenset({"power"})
    ),
}


@dataclass(frozen=True)
class RandomFault:
    """What a number stands for."""

    rule: str
    part: str
    operand: int
    perturbation: str
    condition: str

    def __str__(self) -> str:
        """The fault in words."""
        what = {
            "value": "the value",
            "upstream": "the cotangent that arrives",
            "cotangent": f"the cotangent of {OPERANDS[self.rule][self.operand]}",
        }[self.part]
        return f"{self.rule}: {what} {self.perturbation} {self.condition}"


def fault(number: int) -> RandomFault:
    """The fault of that number."""
    draw = random.Random(number)
    while True:
        rule = draw.choice(list(OPERANDS))
        part = draw.choice(["value", "cotangent", "cotangent", "upstream"])
        operand = draw.randrange(len(OPERANDS[rule]))
        made = RandomFault(
            rule, part, operand, draw.choice(list(PERTURBATIONS)), draw.choice(list(CONDITIONS))
        )
        if _can_be_seen(made):
            return made


def _can_be_seen(made: RandomFault) -> bool:
    change, condition = PERTURBATIONS[made.perturbation], CONDITIONS[made.condition]
    if made.part not in change.parts & condition.parts:
        return False
    if condition.rules is not None and made.rule not in condition.rules:
        return False
    if condition.most is not None and change.least > condition.most:
        return False
    if made.perturbation == "has lost its shape" and made.part == "upstream" and made.rule in RESHAPED:
        return False
    if made.condition in OF_ONE_NUMBER and made.part != "cotangent" and change.least > 1:
        return False
    if (
        made.rule in ("sum", "mean")
        and made.condition in EVEN
        and made.part == "cotangent"
        and change.least > 1
    ):
        return False
    if made.rule in CERTAIN and made.condition == "for one element" and not change.adds:
        return False
    if change.nothing_in is not None and change.nothing_in == condition.dtype:
        return False
    return change.adds or not condition.zero


def clauses_for(number: int) -> list[str]:
    """Every clause, those about the perturbed op first: most faults are caught by them."""
    rule = fault(number).rule
    ids = [clause.id for clause in manifest.clauses()]
    return sorted(ids, key=lambda id: (rule not in id, id.startswith("scale.")))


def implementation(number: int) -> ModuleImplementation:
    """The reference with that fault.

    Raises:
        RuntimeError: The reference has been imported in this process before.
    """
    module = reference.changed((), f"random-fault:{number}")
    _put_in_place(fault(number))
    made = ModuleImplementation(module, f"random-fault:{number}")
    made.claims, made.dtypes = manifest.PROFILES, ("float64", "float32")
    return made


def _put_in_place(made: RandomFault) -> None:
    """Replace a rule wherever the package has it."""
    modules = [m for name, m in sys.modules.items() if name.partition(".")[0] == reference.PACKAGE]
    primitives = sys.modules[f"{reference.PACKAGE}.primitives"]
    right = getattr(primitives, made.rule.upper())
    wrong = _Perturbed(made, right.forward, right.vjp)
    rule = type(right)(wrong.forward, wrong.vjp)
    for module in modules:
        for name, value in list(vars(module).items()):
            if value is right:
                setattr(module, name, rule)


@dataclass
class _Perturbed:
    """A rule that is wrong now and then."""

    fault: RandomFault
    right_forward: Callable[..., Any]
    right_vjp: Callable[..., Any]
    calls: int = 0
    pulls: int = 0
    last: dict[tuple[Any, ...], Array] = field(default_factory=dict)

    def forward(self, *operands: Array, **static: Any) -> tuple[Any, tuple[Any, ...]]:
        """The op, with what the vjp has to know of the call among the residuals."""
        self.calls += 1
        call = Call(operands, static, self.calls)
        y, residuals = self.right_forward(*operands, **static)
        if self.fault.part == "value":
            y = self._wrong(np.asarray(y), call)
        return y, (call, *residuals)

    def vjp(self, y_bar: Array, *rest: Any) -> tuple[Array | None, ...]:
        """The pullback."""
        several = len(OPERANDS[self.fault.rule]) > 1
        needs, (call, *residuals) = ((rest[0],), rest[1:]) if several else ((), rest)
        self.pulls += 1
        call = Call(call.operands, call.static, self.pulls, y_bar)
        if self.fault.part == "upstream":
            y_bar = self._wrong(y_bar, call)
        cotangents = list(self.right_vjp(y_bar, *needs, *residuals))
        x_bar = cotangents[self.fault.operand]
        if self.fault.part == "cotangent" and x_bar is not None:
            cotangents[self.fault.operand] = self._wrong(np.asarray(x_bar), call)
        return tuple(cotangents)

    def _wrong(self, x: Array, call: Call) -> Array:
        key = (x.shape, x.dtype)
        last, self.last[key] = self.last.get(key), np.array(x)
        change = PERTURBATIONS[self.fault.perturbation]
        if x.dtype.kind != "f" or x.size < change.least or not CONDITIONS[self.fault.condition].holds(call):
            return x
        return change.applied(x, last)
