"""Shapes: what an operation asks of them, and how to say so when it does not get it.

The contract of an operation is written as NumPy writes the signature of a generalised ufunc:
``(n,k),(k,m)->(n,m)`` says that the last axis of the first operand and the last but one of the second are
the same `k`. Axes further left broadcast. Operations compare shapes themselves, which costs nothing when
all is well; the text of an error is built here, and only once there is one.
"""

from __future__ import annotations

import math
import operator
import re
from typing import Any

import numpy as np

from deeplearning_framework.errors import ArgumentError, ShapeError

Array = np.ndarray[Any, np.dtype[Any]]
Shape = tuple[int, ...]


def contract_error(op: str, contract: str, *, reason: str = "", **shapes: Shape) -> ShapeError:
    """The error for operands that break an operation's contract.

    Args:
        op: The operation, as its users call it.
        contract: Its gufunc signature, for instance ``(n,k),(k,m)->(n,m)``.
        reason: What is wrong, in words; found by reading the contract where it is left out.
        **shapes: The shape received for each operand, in the order of the contract.

    Returns:
        The error, for the caller to raise.
    """
    received = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
    reason = reason or _first_mismatch(contract, shapes)
    return ShapeError(f"{op}: {reason}\n  contract  {contract}\n  received  {received}")


def _first_mismatch(contract: str, shapes: dict[str, Shape]) -> str:
    """Bind the letters of a contract from left to right until one of them has two sizes."""
    cores = re.findall(r"\(([^)]*)\)", contract.partition("->")[0])
    bound: dict[str, tuple[int, str]] = {}
    for core, (name, shape) in zip(cores, shapes.items(), strict=True):
        letters = [letter for letter in core.split(",") if letter]
        if len(shape) < len(letters):
            return (
                f"{name} has {_count(len(shape), 'dimension')}, the contract asks for {len(letters)} or more"
            )
        for axis, letter in enumerate(letters, start=len(shape) - len(letters)):
            size, place = bound.setdefault(letter, (shape[axis], f"{name}.shape[{axis}]"))
            if size != shape[axis]:
                return f"{letter} is {size} in {place} but {shape[axis]} in {name}.shape[{axis}]"
    leading = [
        shape[: len(shape) - len([letter for letter in core.split(",") if letter])]
        for core, shape in zip(cores, shapes.values(), strict=True)
    ]
    return "the leading axes " + " and ".join(map(str, leading)) + " do not broadcast together"


def broadcast_error(op: str, x: Shape, y: Shape) -> ShapeError:
    """The error for two operands that NumPy cannot broadcast to a common shape."""
    sizes = zip(reversed(x), reversed(y), strict=False)
    axis, a, b = next((-i, a, b) for i, (a, b) in enumerate(sizes, 1) if a != b and 1 not in (a, b))
    reason = f"axis {axis} is {a} in x but {b} in y, and neither is 1"
    return contract_error(op, "(),()->()", reason=reason, x=x, y=y)


def unbroadcast(y_bar: Array, shape: Shape) -> Array:
    r"""Undo a broadcast: the transpose of copying is adding up.

    An operand that was stretched from `shape` acted on the result through every copy, so its cotangent
    is the sum over the copies.

    Args:
        y_bar: The cotangent of the stretched operand.
        shape: The operand's own shape.

    Returns:
        A cotangent of that shape; `y_bar` itself where nothing was stretched.
    """
    if y_bar.shape == shape:
        return y_bar
    added = y_bar.ndim - len(shape)
    sizes = zip(y_bar.shape, (None,) * added + shape, strict=True)
    stretched = tuple(axis for axis, (size, own) in enumerate(sizes) if size != own)
    return np.asarray(y_bar.sum(axis=stretched)).reshape(shape)


def normalise_dim(op: str, dim: object, ndim: int) -> int:
    """Turn a dim that may count from the end into one that counts from the front.

    Raises:
        ShapeError: It is no integer, or there is no such dim.
    """
    axis = _integer(dim)
    if axis is None:
        raise ShapeError(f"{op}: a dim is an integer, not {dim!r}")
    if not -ndim <= axis < ndim:
        valid = f"valid are {-ndim}..{ndim - 1}" if ndim else "it has none to choose from"
        raise ShapeError(
            f"{op}: dim {axis} is out of range for a tensor of {_count(ndim, 'dimension')}; {valid}"
        )
    return axis % ndim


def normalise_dims(op: str, dim: object, ndim: int) -> Shape:
    """Turn None (every dim), one dim or a tuple of dims into a tuple of dims that count from the front.

    Raises:
        ShapeError: One of them does not exist, or is named twice.
    """
    if dim is None:
        return tuple(range(ndim))
    dims = tuple(normalise_dim(op, d, ndim) for d in (dim if isinstance(dim, (tuple, list)) else (dim,)))
    if len(set(dims)) < len(dims):
        raise ShapeError(f"{op}: dim {dim} names a dim twice")
    return dims


def normalise_shape(op: str, shape: tuple[object, ...], size: int) -> Shape:
    """Check a shape for `size` elements and work out the one -1 it may hold.

    Raises:
        ShapeError: It is no shape, or not one for that many elements.
    """
    sizes = tuple(-2 if (n := _integer(entry)) is None else n for entry in shape)
    if min(sizes, default=0) < -1 or sizes.count(-1) > 1:
        raise ShapeError(f"{op}: {shape} is no shape; sizes are integers from 0, and one of them may be -1")
    known = math.prod(n for n in sizes if n != -1)
    if -1 in sizes and known and size % known == 0:
        return tuple(size // known if n == -1 else n for n in sizes)
    if -1 in sizes or known != size:
        raise ShapeError(f"{op}: {_count(size, 'element')} cannot take the shape {shape}")
    return sizes


def check_count(op: str, name: str, value: object, minimum: int) -> int:
    """Check that a number of things is an integer of at least `minimum`.

    Raises:
        ArgumentError: It is not.
    """
    count = _integer(value)
    if count is None or count < minimum:
        raise ArgumentError(f"{op}: {name} is an integer from {minimum}, not {value!r}")
    return count


def _integer(value: object) -> int | None:
    # bool is an int to Python, but dim=True is a slip of the pen and never the second axis.
    if isinstance(value, (bool, np.bool_)):
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return None


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
