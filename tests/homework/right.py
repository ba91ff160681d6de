"""A small framework with the book's names and none of its defects: the positive control.

It has an engine, the ops that a small network needs, and gradient descent; everything else of the reference
is left out. It shares nothing with the reference: an op is a method that makes a closure, and the way back is
a sorted list. `defects` plants the book's mistakes in it, one at a time.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Vjp = Callable[[Array], tuple[Array, ...]]

number = itertools.count().__next__


def checked(data: Any) -> Array:
    """A copy of the data as an array of a type that a tensor may have."""
    array = np.array(data)
    if array.dtype.kind not in "fiub" or (array.dtype.kind == "f" and array.dtype.itemsize not in (4, 8)):
        raise TypeError(f"a tensor can't hold {array.dtype}")
    if array.dtype.char == "g":
        raise TypeError("a tensor can't hold extended precision")
    return array


def unbroadcast(bar: Array, shape: tuple[int, ...]) -> Array:
    """Sum a cotangent over what was broadcast."""
    if bar.shape == shape:
        return bar
    bar = bar.sum(axis=tuple(range(bar.ndim - len(shape))))
    stretched = tuple(axis for axis, side in enumerate(shape) if side == 1 and bar.shape[axis] != 1)
    return np.asarray(bar.sum(axis=stretched, keepdims=True))


def floating(x: Array) -> Array:
    """Numbers that functions can be computed on: integers in float64."""
    return x if x.dtype.kind == "f" else x.astype(np.float64)


def class_numbers(numbers: Any, count: int) -> Array:
    """Row or class numbers, each of which is there."""
    rows = np.array(numbers.data if isinstance(numbers, Tensor) else numbers)
    if isinstance(numbers, list) and not rows.size:
        rows = rows.astype(np.int64)
    if rows.dtype.kind not in "iu":
        raise TypeError(f"numbers of rows are integers, not {rows.dtype}")
    if rows.size and (rows.min() < 0 or rows.max() >= count):
        raise IndexError(f"a number lies outside [0, {count})")
    return rows.astype(np.int64)


class Tensor:
    """An array, where it came from, and how to get back there."""

    __array_ufunc__ = None

    def __init__(self, data: Any, autograd: bool = False) -> None:
        """Make a leaf or a constant."""
        self._data = checked(data)
        self.autograd = autograd
        self.parents: tuple[Tensor, ...] = ()
        self.vjp: Vjp | None = None
        self.freed = False
        self.version = 0
        self.seen: tuple[int, ...] = ()
        self.number = number()
        self._grad: Tensor | None = None

    @property
    def data(self) -> Array:
        """The array."""
        return self._data

    @data.setter
    def data(self, data: Any) -> None:
        array = checked(data)
        if array.shape != self._data.shape:
            raise ValueError(f"data of shape {array.shape} for a tensor of shape {self._data.shape}")
        self._data = array.astype(self._data.dtype)
        self.version += 1

    @property
    def grad(self) -> Tensor | None:
        """What has arrived."""
        return self._grad

    @grad.setter
    def grad(self, gradient: Any) -> None:
        self._grad = None if gradient is None else Tensor(self._cotangent(gradient))

    def _cotangent(self, value: Any) -> Array:
        array = np.array(value.data if isinstance(value, Tensor) else value)
        if array.shape != self._data.shape:
            raise ValueError(f"a gradient of shape {array.shape} for a tensor of shape {self._data.shape}")
        return array.astype(floating(self._data).dtype)

    def backward(self, grad: Any = None, retain_graph: bool = False) -> None:
        """Send a cotangent back to the leaves, from the latest tensor to the earliest."""
        if not self.autograd:
            raise RuntimeError("this tensor wants no gradient")
        if grad is None and self._data.size != 1:
            raise RuntimeError("a tensor of several elements needs a cotangent")
        bars = {self: self._cotangent(np.ones(self._data.shape) if grad is None else grad)}
        arrived = []
        path = latest_last(self)
        while path:
            tensor = path.pop()
            bar = bars.pop(tensor)
            if tensor.vjp is None:
                arrived.append((tensor, bar))
                continue
            for parent, piece in zip(tensor.parents, tensor.pull(bar), strict=True):
                if parent.autograd:
                    bars[parent] = bars[parent] + piece if parent in bars else piece
            if not retain_graph:
                tensor.parents, tensor.vjp, tensor.freed = (), None, True
        commit(arrived)

    def pull(self, bar: Array) -> tuple[Array, ...]:
        """The cotangents of the parents, unless one of them has changed."""
        if self.seen != tuple(parent.version for parent in self.parents):
            raise RuntimeError("an operand has changed since it was used")
        assert self.vjp is not None
        pieces = zip(self.parents, self.vjp(bar), strict=True)
        return tuple(
            unbroadcast(piece, parent.data.shape).astype(floating(parent.data).dtype, copy=False)
            for parent, piece in pieces
        )

    def _operand(self, other: Any) -> Tensor:
        if isinstance(other, Tensor):
            return other
        if type(other) in (bool, int, float):
            return Tensor(np.array(other, np.result_type(self._data.dtype, other)))
        return Tensor(other)

    def __add__(self, other: Any) -> Tensor:
        """Add."""
        other = self._operand(other)
        return result(self.data + other.data, (self, other), lambda bar: (bar, bar))

    def __sub__(self, other: Any) -> Tensor:
        """Subtract."""
        other = self._operand(other)
        return result(self.data - other.data, (self, other), lambda bar: (bar, -bar))

    def __mul__(self, other: Any) -> Tensor:
        """Multiply element by element."""
        other = self._operand(other)
        x, y = self.data, other.data
        return result(x * y, (self, other), lambda bar: (bar * y, bar * x))

    def __radd__(self, other: Any) -> Tensor:
        """Add."""
        return self._operand(other) + self

    def __rsub__(self, other: Any) -> Tensor:
        """Subtract."""
        return self._operand(other) - self

    def __rmul__(self, other: Any) -> Tensor:
        """Multiply element by element."""
        return self._operand(other) * self

    def __neg__(self) -> Tensor:
        """Change the sign."""
        return result(-self.data, (self,), lambda bar: (-bar,))

    def tanh(self) -> Tensor:
        """Squash to (-1, 1)."""
        x = floating(self.data)

        def vjp(bar: Array) -> tuple[Array]:
            tail = np.exp(-np.abs(x)) ** 2
            return (bar * (4 * tail / ((1 + tail) * (1 + tail))),)

        return result(np.tanh(x), (self,), vjp)

    def sum(self, dim: Any = None, keepdims: bool = False) -> Tensor:
        """Add up along some dims, or all."""
        shape = self.data.shape
        if dim is None:
            dims = tuple(range(len(shape)))
        else:
            dims = np.lib.array_utils.normalize_axis_tuple(dim, len(shape))

        def vjp(bar: Array) -> tuple[Array]:
            kept = bar if keepdims else np.expand_dims(bar, dims)
            return (np.broadcast_to(kept, shape),)

        return result(self.data.sum(axis=dims, keepdims=keepdims), (self,), vjp)

    def expand(self, dim: int, copies: int) -> Tensor:
        """Repeat along a new dim."""
        value = np.repeat(np.expand_dims(self.data, dim), copies, axis=dim)
        return result(value, (self,), lambda bar: (bar.sum(axis=dim),))

    def mm(self, other: Any) -> Tensor:
        """Multiply matrices, or batches of them; a vector is a row on the left and a column on the right."""
        other = self._operand(other)
        x, w = self.data, other.data
        rows, columns = x.ndim > 1, w.ndim > 1

        def vjp(bar: Array) -> tuple[Array, Array]:
            left, right = (x if rows else x[None, :]), (w if columns else w[:, None])
            bar = bar if columns else bar[..., None]
            bar = bar if rows else bar[..., None, :]
            of_left, of_right = bar @ right.swapaxes(-1, -2), left.swapaxes(-1, -2) @ bar
            return (of_left if rows else of_left[..., 0, :]), (of_right if columns else of_right[..., 0])

        return result(np.matmul(x, w), (self, other), vjp)

    def index_select(self, indices: Any) -> Tensor:
        """Choose rows."""
        shape, dtype = self.data.shape, floating(self.data).dtype
        if not shape:
            raise ValueError("a number has no rows")
        rows = class_numbers(indices, shape[0])

        def vjp(bar: Array) -> tuple[Array]:
            spread = np.zeros(shape, dtype)
            np.add.at(spread, rows, bar)
            return (spread,)

        return result(self.data[rows], (self,), vjp)

    def softmax(self, dim: int = -1) -> Tensor:
        """Probabilities along a dim."""
        np.lib.array_utils.normalize_axis_tuple(dim, self.data.ndim)
        p = probabilities(floating(self.data), dim)

        def vjp(bar: Array) -> tuple[Array]:
            return (p * (bar - (p * bar).sum(axis=dim, keepdims=True)),)

        return result(p, (self,), vjp)

    def cross_entropy(self, targets: Any, reduction: str = "mean") -> Tensor:
        """Compare logits with class numbers."""
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f"no reduction is called {reduction!r}")
        logits = floating(self.data)
        if not logits.ndim:
            raise ValueError("a number has no classes")
        classes = class_numbers(targets, logits.shape[-1])
        if classes.shape != logits.shape[:-1]:
            raise ValueError(f"targets of shape {classes.shape} for logits of shape {logits.shape}")
        if reduction == "mean" and not classes.size:
            raise ValueError("the mean of no losses")
        onehot = np.expand_dims(classes, -1) == np.arange(logits.shape[-1])
        losses = np.where(onehot, -log_probabilities(logits), 0).sum(axis=-1)
        count = classes.size if reduction == "mean" else 1

        def vjp(bar: Array) -> tuple[Array]:
            weight = np.expand_dims(bar, -1) if reduction == "none" else bar
            return (weight / count * (probabilities(logits, -1) - onehot),)

        return result(losses if reduction == "none" else losses.sum() / count, (self,), vjp)

    def __array__(self, *arguments: Any, **options: Any) -> Array:
        """Refuse to become an array, which has no gradient."""
        raise TypeError("pass .data where an array is wanted")

    def __str__(self) -> str:
        """The data."""
        return str(self.data)

    def __repr__(self) -> str:
        """The data, and that it is a tensor."""
        return f"Tensor({self.data.tolist()})"


def probabilities(logits: Array, dim: int) -> Array:
    """Softmax, of the distance to the largest."""
    powers = np.exp(logits - logits.max(axis=dim, keepdims=True, initial=-math.inf))
    return np.asarray(powers / powers.sum(axis=dim, keepdims=True))


def log_probabilities(logits: Array) -> Array:
    """The logarithm of softmax, without ever leaving logarithms."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def result(data: Any, parents: tuple[Tensor, ...], vjp: Vjp) -> Tensor:
    """What an op gives: it wants a gradient if any of its operands does."""
    made = Tensor(data, any(parent.autograd for parent in parents))
    if made.autograd:
        made.parents, made.vjp = parents, vjp
        made.seen = tuple(parent.version for parent in parents)
    return made


def latest_last(root: Tensor) -> list[Tensor]:
    """Whatever wants a gradient and led to a result, what was used before its users."""
    found, waiting = {root}, [root]
    while waiting:
        tensor = waiting.pop()
        if tensor.freed:
            raise RuntimeError("this part of the graph was freed by an earlier backward")
        fresh = {parent for parent in tensor.parents if parent.autograd} - found
        found |= fresh
        waiting += fresh
    return sorted(found, key=lambda tensor: tensor.number)


def commit(arrived: Iterable[tuple[Tensor, Array]]) -> None:
    """Add what has arrived to the gradients of the leaves."""
    for leaf, bar in arrived:
        old = leaf.grad
        leaf.grad = bar if old is None else old.data + bar


class CrossEntropyLoss:
    """The cross-entropy as an object."""

    def __init__(self, reduction: str = "mean") -> None:
        """Keep what is to be done with the single losses."""
        self.reduction = reduction

    def forward(self, logits: Tensor, targets: Any) -> Tensor:
        """Compare."""
        return logits.cross_entropy(targets, self.reduction)


class SGD:
    """Steps against the gradient."""

    def __init__(self, parameters: Iterable[Tensor], alpha: float = 0.1) -> None:
        """Keep each parameter once."""
        self.parameters = list(dict.fromkeys(parameters))
        self.alpha = alpha
        if not self.parameters:
            raise ValueError("there are no parameters")
        if not all(isinstance(parameter, Tensor) for parameter in self.parameters):
            raise TypeError("a parameter is no tensor")
        if any(parameter.parents for parameter in self.parameters):
            raise ValueError("a parameter is the result of an op")
        if any(parameter.data.dtype.kind != "f" for parameter in self.parameters):
            raise TypeError("a parameter holds integers")
        if not 0 <= alpha < math.inf:
            raise ValueError(f"alpha is {alpha}")

    def step(self, zero: bool = True) -> None:
        """Move every parameter that has a gradient."""
        if not 0 <= self.alpha < math.inf:
            raise ValueError(f"alpha is {self.alpha}")
        moving = [parameter for parameter in self.parameters if parameter.grad is not None]
        if not moving:
            raise RuntimeError("no parameter has a gradient")
        if not all(parameter.data.flags.writeable for parameter in moving):
            raise ValueError("a parameter is read-only")
        for parameter in moving:
            assert parameter.grad is not None
            parameter.data[...] -= self.alpha * parameter.grad.data
            parameter.version += 1
        if zero:
            self.zero()

    def zero(self) -> None:
        """Replace every gradient by zeros."""
        for parameter in self.parameters:
            if parameter.grad is not None:
                parameter.grad = np.zeros(parameter.data.shape)
