"""What the spec asks of an implementation: its ops, and one question.

The spec sees an implementation through NumPy arrays alone. Every clause on values and gradients
comes down to the question *evaluate this program on these arrays, and pull back this cotangent*;
how the implementation finds the answer is its own business:

    FunctionalImplementation    answers `vjp(program, *primals)` itself (HIPS autograd, JAX)
    TapeImplementation          has tensors that remember: `leaf`, `backward`, `grad` (PyTorch, homework)

A program is a Python function `program(F, *values)`. `F.tanh(x)`, `F.add(x, y)` are the
implementation's own ops on its own values, so the same text also runs on the textbook
definitions of the catalogue (`dlspec.oracle.TEXTBOOK`), which is where the expected answer comes from.

The `objects` profile asks for more, since identity and mutable state can't be seen in arrays:
the optional verbs at the end of `TapeImplementation`. A verb that is missing raises `NotProvided`,
which the verdict counts and says; it never passes.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from dlspec.failure import NotProvided
from dlspec.memory import Memory, traced

Array = NDArray[Any]
Value = Any
"""Something of the implementation's own; the spec passes it around and never looks inside."""

Program = Callable[..., Value]
"""`program(F, *values)`."""

INDEX_DTYPES = ("int64", "int32", "int8", "uint8", "uint64", "int16", "uint16", "uint32")
"""The types of integers that indices and targets come in."""


@dataclass(frozen=True)
class Divergence:
    """A clause that an implementation is known, and meant, not to keep."""

    id: str
    category: str
    reason: str
    link: str | None = None


def taking(function: Any, name: str, *options: str) -> Any:
    """A function that takes certain options by keyword; NotProvided where it doesn't."""
    if options:
        parameters = inspect.signature(function).parameters
        anything = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
        for option in options:
            if option not in parameters and not anything:
                raise NotProvided(f"{name}({option}=...)")
    return function


class Ops:
    """`F`: the ops of an implementation, by the catalogue's names."""

    def __init__(self, implementation: Implementation) -> None:
        """Look names up in `implementation.ops` when they are used."""
        self._implementation = implementation

    def __getattr__(self, name: str) -> Callable[..., Value]:
        """The op of that name; NotProvided where the implementation hasn't got it."""
        try:
            return self._implementation.ops[name]
        except KeyError:
            raise NotProvided(f"op {name}") from None


@dataclass
class Pulled:
    """The value of a program and the way back from it, in arrays."""

    value: Array
    pullback: Callable[[Array], tuple[Array | None, ...]]


class Implementation(ABC):
    """An implementation as the spec sees it.

    Attributes:
        name: What reports call it.
        version: Its version, where it has one.
        claims: The profiles that the verdict is about.
        dtypes: The floating-point types it computes in: "float64", "float32" or both. Every frozen
            case is exact in float32, so both sit the same exam, each against its own bounds.
        index_dtypes: The types of integers that all of its ops take as indices and targets. Frozen cases
            come in every type; those in another one are put to it in the first of these, so that it can be
            seen whether the right rows are chosen. That it doesn't take the others is a clause by itself.
        ops: The table of ops: catalogue name to a function of native values. Static arguments
            (`dim=`, `indices=`, `reduction=`) arrive by keyword, as plain Python values or arrays.
        divergences: Clauses that it declares not to keep.
    """

    name: str
    version: str | None = None
    claims: tuple[str, ...] = ("ops", "autodiff")
    dtypes: tuple[str, ...] = ("float64",)
    index_dtypes: tuple[str, ...] = INDEX_DTYPES
    ops: Mapping[str, Callable[..., Value]]
    divergences: tuple[Divergence, ...] = ()

    @abstractmethod
    def vjp(
        self, f: Callable[..., Value], *primals: Array
    ) -> tuple[Value, Callable[[Array], Sequence[Value]]]:
        """Evaluate `f` at the primals, remembering the way back.

        Args:
            f: A function of native values.
            *primals: One array for each argument of `f`.

        Returns:
            The value of `f`, and the pullback: from a cotangent (an array of the value's shape) to
            one native cotangent, or None, for each primal. It may be called more than once.
        """

    def constant(self, array: Array) -> Value:
        """A native value that wants no gradient; by default the array itself."""
        return array

    def run(self, f: Callable[..., Value], *operands: Array) -> Value:
        """Evaluate `f`, a function of native values, on constants; by default by calling it."""
        return f(*(self.constant(operand) for operand in operands))

    def numpy(self, value: Value) -> Array:
        """The array behind a native value."""
        return np.asarray(value)

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
        """Take one step of gradient descent for each entry of `gradients`, in order, with one optimizer.

        Args:
            parameters: Where the descent starts.
            gradients: For each step one gradient per parameter, None where a parameter got none.
            alphas: The learning rate of each step.
            momentum: Fraction of the velocity that survives a step.
            weight_decay: What is added to a gradient for each unit of its parameter.
            nesterov: Whether to look ahead.

        Returns:
            The parameters after each step.
        """
        raise NotProvided("SGD")

    def train(
        self,
        program: Program,
        parameters: Sequence[Array],
        batches: Sequence[Sequence[Array]],
        *,
        alpha: float,
    ) -> list[tuple[Array, list[Array]]]:
        """Train on each batch in turn, by gradient descent on `program(F, *parameters, *batch)`.

        The default asks `pull` and `sgd`; an implementation with objects of its own overrides it
        to keep one set of parameters and one optimizer alive over all the steps.

        Returns:
            For each step the loss before it and the parameters after it.
        """
        current, history = list(parameters), []
        for batch in batches:
            loss, gradients = self.gradients(program, *current, *batch)
            current = self.sgd(current, [gradients[: len(current)]], alphas=[alpha])[-1]
            history.append((loss, current))
        return history

    @property
    def F(self) -> Any:  # noqa: N802 (programs read as F.tanh(x))
        """The ops by name, for programs."""
        return Ops(self)

    @final
    def value(self, op: str, *operands: Array, **static: Any) -> Array:
        """The value of one op on constants."""
        return self.evaluate(lambda F, *values: getattr(F, op)(*values, **static), *operands)

    @final
    def evaluate(self, program: Program, *operands: Array) -> Array:
        """The value of a program on constants."""
        return self.array(self.run(lambda *values: program(self.F, *values), *operands))

    @final
    def pull(self, program: Program, *primals: Array) -> Pulled:
        """The value of a program and its pullback, in arrays."""
        value, pullback = self.vjp(lambda *values: program(self.F, *values), *primals)
        return Pulled(
            self.array(value),
            lambda cotangent: tuple(None if bar is None else self.array(bar) for bar in pullback(cotangent)),
        )

    @final
    def gradients(
        self, program: Program, *primals: Array, cotangent: Array | None = None
    ) -> tuple[Array, tuple[Array | None, ...]]:
        """The value of a program, and the cotangent of every primal; ones where no cotangent is given."""
        pulled = self.pull(program, *primals)
        seed = np.ones_like(pulled.value) if cotangent is None else cotangent
        return pulled.value, pulled.pullback(seed)

    @final
    def array(self, value: Value) -> Array:
        """A copy of the array behind a native value: what the spec holds, nobody else can change."""
        return np.array(self.numpy(value))

    def named(self, name: str) -> Any:
        """A public class or function by the reference's name, such as `SGD`."""
        raise NotProvided(name)


class FunctionalImplementation(Implementation):
    """An implementation whose derivative is a function of a function: give `ops` and `vjp`."""


class TapeImplementation(Implementation):
    """An implementation whose tensors remember how they were made: give `ops` and four verbs.

    `leaf`, `backward`, `grad` and `numpy` are asked of everyone. The verbs after them belong to the
    `objects` profile; leave out what the implementation hasn't got.
    """

    @abstractmethod
    def leaf(self, array: Array) -> Value:
        """A tensor that wants a gradient, holding a copy of the array."""

    @abstractmethod
    def backward(self, value: Value, cotangent: Array | None = None, *, retain_graph: bool = False) -> None:
        """Send a cotangent back from `value` to the leaves; None stands for 1."""

    @abstractmethod
    def grad(self, leaf: Value) -> Value | None:
        """What has arrived at a leaf, as a native value; None where nothing has."""

    @abstractmethod
    def numpy(self, value: Value) -> Array:
        """The array behind a native value."""

    def constant(self, array: Array) -> Value:
        """A tensor that wants no gradient; by default a leaf like any other."""
        return self.leaf(array)

    def vjp(
        self, f: Callable[..., Value], *primals: Array
    ) -> tuple[Value, Callable[[Array], Sequence[Value]]]:
        """Build the graph on fresh leaves; every call of the pullback builds it anew."""
        leaves = [self.leaf(primal) for primal in primals]
        value = f(*leaves)
        pending = [(leaves, value)]

        def pullback(cotangent: Array) -> Sequence[Value]:
            if pending:
                inputs, output = pending.pop()
            else:
                inputs = [self.leaf(primal) for primal in primals]
                output = f(*inputs)
            self.backward(output, cotangent)
            return [self.grad(leaf) for leaf in inputs]

        return value, pullback

    @final
    def gradient(self, leaf: Value) -> Array | None:
        """What has arrived at a leaf, as an array of the spec's own."""
        native = self.grad(leaf)
        return None if native is None else self.array(native)

    def memory(self) -> AbstractContextManager[Memory]:
        """Count the memory in use inside a block: by default what Python and NumPy allocate."""
        return traced()

    def wants_gradient(self, value: Value) -> bool:
        """Whether a gradient would flow through `value` to some leaf."""
        raise NotProvided("the autograd flag")

    def set_grad(self, leaf: Value, array: Array | None) -> None:
        """Replace what has arrived at a leaf."""
        raise NotProvided("assigning to .grad")

    def retain_grad(self, value: Value) -> None:
        """Ask an intermediate result to keep its gradient."""
        raise NotProvided("retain_grad")

    def detach(self, value: Value) -> Value:
        """The same data without its history."""
        raise NotProvided("detach")

    def no_grad(self) -> AbstractContextManager[Any]:
        """A context in which nothing is recorded."""
        raise NotProvided("no_grad")

    def set_data(self, leaf: Value, array: Array) -> None:
        """Give a leaf other data, as the implementation would have its users do it."""
        raise NotProvided("assigning to .data")

    def change_data(self, leaf: Value, difference: Array) -> None:
        """Subtract from a leaf's data in place, as the implementation would have its users do it."""
        raise NotProvided("changing .data in place")
