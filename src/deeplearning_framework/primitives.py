r"""The calculus: every operation and its derivative, arrays in and arrays out.

An operation is two neighbouring functions. The first computes the value, and says what its derivative will
need (the *residuals*); the second, its *vjp* (vector-Jacobian product), pulls a cotangent back::

    y, residuals = tanh(x)
    (x_bar,) = tanh_vjp(y_bar, *residuals)

For a scalar loss $L$, the cotangent of any value $v$ is $\bar v = \partial L / \partial v$;
it has the shape of $v$ and is written `v_bar`. A vjp is a linear function of `y_bar`. Nothing here
knows of tensors, graphs or loops over them: that is `tensor.py`, which in turn knows no operation by name.

Conventions:

* A vjp gets exactly the residuals of its forward, in their order, and returns a tuple with one cotangent
  for each operand. It never writes into an array it was given.
* With one operand the vjp is ``vjp(y_bar, *residuals)``, called only if its cotangent is wanted. With
  several it is ``vjp(y_bar, needs, *residuals)``, where `needs` holds one bool for each operand; what is
  not needed is not computed, and None takes its place.
* Arguments that are no operands (`dim`, `indices`, `reduction`) are keywords of the forward. They have no
  cotangent, and reach the vjp only as residuals.
* Integers and bools may be operands. Where the result is real, they are computed in float64.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from deeplearning_framework.errors import ArgumentError, DTypeError, IndexRangeError, ShapeError
from deeplearning_framework.rows import Rows
from deeplearning_framework.shapes import (
    Array,
    Shape,
    broadcast_error,
    check_count,
    contract_error,
    normalise_dim,
    normalise_dims,
    normalise_shape,
    unbroadcast,
)

Residuals = tuple[Any, ...]
Needs = tuple[bool, ...]
Cotangents = tuple[Array | None, ...]
Dims = int | tuple[int, ...] | None

MATRIX = 2  # dimensions

LONG = 1 << 16  # numbers: half a megabyte, which is about what a processor has of fast memory for itself
PIECE = 1 << 16  # bytes: several arrays of that length fit


class Rule(NamedTuple):
    """An operation: how to compute it, and how to pull a cotangent back through it.

    Attributes:
        forward: Operands (arrays) and static keywords to the value and a tuple of residuals.
        vjp: The cotangent of the value and the residuals to a tuple with a cotangent for each operand: an
            array, or `Rows` of one.
        fresh: Whether the vjp gives its cotangents away: each is an array of its own, which no one else
            holds. Then it may become a gradient as it is; otherwise it is copied first.
    """

    forward: Callable[..., tuple[Any, Residuals]]
    vjp: Callable[..., tuple[Array | Rows | None, ...]]
    fresh: bool = False

    @property
    def name(self) -> str:
        """The operation's name, for messages."""
        return getattr(self.forward, "__name__", repr(self.forward))


def floating(x: Array) -> Array:
    """The array itself if it holds floats, else a copy of it in float64.

    NumPy would take the exponential of an int8 in float16.
    """
    return x if x.dtype.kind == "f" else x.astype(np.float64)


def in_pieces(formula: Callable[..., tuple[Array, ...]], *arrays: Array) -> tuple[Array, ...]:
    """Apply a formula that goes element by element to long arrays piece by piece.

    Each operation of a formula reads arrays and writes another. A long one is new memory every time, which
    the system hands out page by page, each filled with zeros first. Pieces are short enough for the memory of
    one to be used again for the next, and to be in the processor's cache still.

    Args:
        formula: Arrays of one shape to a tuple of arrays of that shape.
        *arrays: The arrays, each of at least `LONG` numbers.

    Returns:
        What the formula would have returned for the whole arrays.
    """
    shape = arrays[0].shape
    axis = shape.index(n := builtins.max(shape))
    step = builtins.max(1, PIECE * n // arrays[0].nbytes)
    results: list[Array] = []
    for start in range(0, n, step):
        piece = (slice(None),) * axis + (slice(start, start + step),)
        parts = formula(*[x[piece] for x in arrays])
        results = results or [np.empty(shape, part.dtype) for part in parts]
        for result, part in zip(results, parts, strict=True):
            result[piece] = part
    return tuple(results)


def add(x: Array, y: Array) -> tuple[Array, Residuals]:
    r"""Sum of two arrays, broadcast against each other.

    $$ z = x + y, \qquad \bar x = \bar z, \quad \bar y = \bar z $$

    Shape:
        ``(),()->()``

    Source:
        NIST Digital Library of Mathematical Functions, 1.4(iii).
    """
    try:
        return x + y, (x.shape, y.shape)
    except ValueError:
        raise broadcast_error("add", x.shape, y.shape) from None


def add_vjp(z_bar: Array, needs: Needs, x_shape: Shape, y_shape: Shape) -> Cotangents:
    """Hand the cotangent to both operands."""
    return (
        unbroadcast(z_bar, x_shape) if needs[0] else None,
        unbroadcast(z_bar, y_shape) if needs[1] else None,
    )


ADD = Rule(add, add_vjp)


def subtract(x: Array, y: Array) -> tuple[Array, Residuals]:
    r"""Difference of two arrays, broadcast against each other.

    $$ z = x - y, \qquad \bar x = \bar z, \quad \bar y = -\bar z $$

    Shape:
        ``(),()->()``

    Source:
        NIST Digital Library of Mathematical Functions, 1.4(iii).
    """
    try:
        return x - y, (x.shape, y.shape)
    except ValueError:
        raise broadcast_error("subtract", x.shape, y.shape) from None
    except TypeError:
        raise DTypeError("subtract: bools have no difference; convert one operand to numbers") from None


def subtract_vjp(z_bar: Array, needs: Needs, x_shape: Shape, y_shape: Shape) -> Cotangents:
    """Hand the cotangent on, with its sign changed for the second operand."""
    return (
        unbroadcast(z_bar, x_shape) if needs[0] else None,
        unbroadcast(-z_bar, y_shape) if needs[1] else None,
    )


SUBTRACT = Rule(subtract, subtract_vjp)


def multiply(x: Array, y: Array) -> tuple[Array, Residuals]:
    r"""Product of two arrays element by element, broadcast against each other.

    $$ z = x\,y, \qquad \bar x = \bar z\,y, \quad \bar y = \bar z\,x $$

    Shape:
        ``(),()->()``

    Source:
        NIST Digital Library of Mathematical Functions, 1.4(iii).
    """
    try:
        return x * y, (x, y)
    except ValueError:
        raise broadcast_error("multiply", x.shape, y.shape) from None


def multiply_vjp(z_bar: Array, needs: Needs, x: Array, y: Array) -> Cotangents:
    """Weigh the cotangent with the other factor."""
    return (
        unbroadcast(z_bar * y, x.shape) if needs[0] else None,
        unbroadcast(z_bar * x, y.shape) if needs[1] else None,
    )


MULTIPLY = Rule(multiply, multiply_vjp, fresh=True)


def divide(x: Array, y: Array) -> tuple[Array, Residuals]:
    r"""Quotient of two arrays element by element, broadcast against each other.

    $$ z = x / y, \qquad \bar x = \bar z / y, \quad \bar y = -(\bar z / y)\,z $$

    The textbook's $-\bar z x / y^2$ overflows or vanishes with $y^2$ long before the derivative
    does.

    Shape:
        ``(),()->()``

    Source:
        NIST Digital Library of Mathematical Functions, 1.4(iii).
    """
    try:
        z = x / y
    except ValueError:
        raise broadcast_error("divide", x.shape, y.shape) from None
    return z, (x.shape, y, z)


def divide_vjp(z_bar: Array, needs: Needs, x_shape: Shape, y: Array, z: Array) -> Cotangents:
    """Divide the cotangent, and let the divisor's share oppose the quotient."""
    x_bar = z_bar / y
    return (
        unbroadcast(x_bar, x_shape) if needs[0] else None,
        unbroadcast(-x_bar * z, y.shape) if needs[1] else None,
    )


DIVIDE = Rule(divide, divide_vjp, fresh=True)


def negative(x: Array) -> tuple[Array, Residuals]:
    r"""The array with its sign changed.

    $$ y = -x, \qquad \bar x = -\bar y $$

    Shape:
        ``()->()``

    Source:
        NIST Digital Library of Mathematical Functions, 1.4(iii).
    """
    try:
        return -x, ()
    except TypeError:
        raise DTypeError("negative: bools have no negative; convert them to numbers") from None


def negative_vjp(y_bar: Array) -> tuple[Array]:
    """Change the cotangent's sign."""
    return (-y_bar,)


NEGATIVE = Rule(negative, negative_vjp, fresh=True)


def power(x: Array, *, exponent: float) -> tuple[Array, Residuals]:
    r"""The array to a constant power, element by element.

    $$ y = x^c, \qquad \bar x = c\,x^{c-1}\,\bar y $$

    The derivative of $x^0$ is 0 and that of $x^1$ is 1 everywhere, at 0 as well, where
    $x^{c-1}$ would be a division by zero.

    Args:
        x: The base.
        exponent: A number. A Python number leaves the base's dtype alone, as in any other arithmetic.

    Raises:
        ArgumentError: The exponent is no real number, or too big for a float.

    Shape:
        ``()->()``

    Source:
        NIST Digital Library of Mathematical Functions, 4.7(ii).
    """
    if isinstance(exponent, bool) or not isinstance(exponent, (int, float, np.integer, np.floating)):
        raise ArgumentError(
            f"power: the exponent is a constant number, not {type(exponent).__name__}; "
            "for a varying exponent and a positive base write (y * x.log()).exp()"
        )
    try:
        if x.dtype.kind != "f" or type(exponent) not in (int, float):
            dtype = np.result_type(x.dtype, exponent)
            # Integers have no reciprocals among themselves.
            x = x.astype(np.float64 if dtype.kind != "f" and exponent < 0 else dtype)
        c = float(exponent) if x.dtype.kind == "f" else int(exponent)
        return _raised(x, c), (x, c)
    except OverflowError:
        raise ArgumentError(f"power: the exponent {exponent} is too big") from None


def power_vjp(y_bar: Array, x: Array, c: float) -> tuple[Array]:
    """Weigh the cotangent with the power one lower."""
    if c == 0:
        return (np.zeros_like(y_bar),)
    if c == 1:
        return (y_bar,)
    return (y_bar * (c * _raised(floating(x), c - 1)),)


POWER = Rule(power, power_vjp)


def _raised(x: Array, c: float) -> Array:
    # The general power costs fifty multiplications, and 1 and 2 are the exponents people write.
    if c == 2:  # noqa: PLR2004 (a square is a square)
        return x * x
    return x.copy() if c == 1 else np.power(x, c)


def exp(x: Array) -> tuple[Array, Residuals]:
    r"""Exponential, element by element.

    $$ y = e^x, \qquad \bar x = \bar y\,y $$

    Shape:
        ``()->()``

    Source:
        NIST Digital Library of Mathematical Functions, 4.7(ii).
    """
    y = np.exp(floating(x))
    return y, (y,)


def exp_vjp(y_bar: Array, y: Array) -> tuple[Array]:
    """Weigh the cotangent with the exponential itself."""
    return (y_bar * y,)


EXP = Rule(exp, exp_vjp, fresh=True)


def log(x: Array) -> tuple[Array, Residuals]:
    r"""Natural logarithm, element by element.

    $$ y = \ln x, \qquad \bar x = \bar y / x $$

    Shape:
        ``()->()``

    Source:
        NIST Digital Library of Mathematical Functions, 4.7(i).
    """
    x = floating(x)
    return np.log(x), (x,)


def log_vjp(y_bar: Array, x: Array) -> tuple[Array]:
    """Divide the cotangent by the operand."""
    return (y_bar / x,)


LOG = Rule(log, log_vjp, fresh=True)


def relu(x: Array) -> tuple[Array, Residuals]:
    r"""The positive part, element by element.

    $$ y = \max(x, 0), \qquad \bar x = \bar y \,[x > 0] $$

    There is no derivative at 0; this takes 0, the left one.

    Shape:
        ``()->()``

    Source:
        X. Glorot, A. Bordes, Y. Bengio, "Deep sparse rectifier neural networks" (2011).
    """
    y = np.maximum(x, 0)
    return y, (y,)


def relu_vjp(y_bar: Array, y: Array) -> tuple[Array]:
    """Let the cotangent through where the result is positive."""
    # Chosen, not multiplied: an infinite cotangent times 0 would be NaN. The result tells as much as the
    # operand, which need not be kept for this; a NaN lets the cotangent through.
    return (np.where(y <= 0, 0, y_bar),)


RELU = Rule(relu, relu_vjp, fresh=True)


def tanh(x: Array) -> tuple[Array, Residuals]:
    r"""Hyperbolic tangent, element by element.

    $$ y = \tanh x, \qquad \bar x = \bar y / \cosh^2 x $$

    The derivative is $1 - y^2$ as well, on paper. On a computer $y$ is so close to 1 at $x = 15$
    that the difference has lost all but four digits, and at 20 it is 0.

    Shape:
        ``()->()``

    Source:
        NIST Digital Library of Mathematical Functions, 4.28 and 4.34.
    """
    x = floating(x)
    return np.tanh(x), (x,)


def tanh_vjp(y_bar: Array, x: Array) -> tuple[Array, ...]:
    """Divide the cotangent by the squared hyperbolic cosine."""
    if x.size >= LONG:
        return in_pieces(tanh_vjp, y_bar, x)
    # Where cosh is infinite the quotient is 0, as it should be: not worth a warning. The square would be
    # infinite too soon. In float32 cosh is off by three units, which would count twice.
    with np.errstate(over="ignore"):
        c = np.cosh(x, dtype=np.float64).astype(x.dtype, copy=False)
    return (y_bar / c / c,)


TANH = Rule(tanh, tanh_vjp, fresh=True)


def sigmoid(x: Array) -> tuple[Array, Residuals]:
    r"""Logistic function, element by element.

    $$
    y = \frac{1}{1 + e^{-x}}, \qquad
    \bar x = \bar y\,\frac{z}{(1+z)^2} \quad\text{with } z = e^{-|x|}
    $$

    $z$ never overflows, where $e^{-x}$ would be infinite from $x = -710$ on, and is at most 1. So it serves
    both signs: $y = \max(z, \operatorname{sgn} x) / (1+z)$. The derivative $y(1-y)$ would lose its digits
    where $y$ is near 1.

    Shape:
        ``()->()``

    Source:
        I. Goodfellow, Y. Bengio, A. Courville, "Deep Learning" (2016), section 3.10.
    """
    y, z = _logistic(floating(x))
    return y, (z,)


def _logistic(x: Array) -> tuple[Array, ...]:
    if x.size >= LONG:
        return in_pieces(_logistic, x)
    z = np.exp(-np.abs(x))
    return np.maximum(z, np.sign(x)) / (1.0 + z), z


def sigmoid_vjp(y_bar: Array, z: Array) -> tuple[Array, ...]:
    """Weigh the cotangent with the logistic density."""
    if z.size >= LONG:
        return in_pieces(sigmoid_vjp, y_bar, z)
    # (1 + z)^2 is multiplied out: where z is small, this rounds once in place of three times.
    return (y_bar * (z / (1.0 + z * (2.0 + z))),)


SIGMOID = Rule(sigmoid, sigmoid_vjp, fresh=True)


def sum(x: Array, *, dim: Dims = None, keepdims: bool = False) -> tuple[Array, Residuals]:
    r"""Sum over the given dims.

    $$ y = \sum_i x_i, \qquad \bar x_i = \bar y $$

    Args:
        x: What to add up.
        dim: One dim, a tuple of them, or None for all.
        keepdims: Whether a summed dim stays, with size 1.

    Shape:
        ``(i)->()``, for every dim summed over.

    Source:
        A. Griewank, A. Walther, "Evaluating Derivatives", 2nd edition (2008), chapter 3.
    """
    dims = normalise_dims("sum", dim, x.ndim)
    return x.sum(axis=dims, keepdims=keepdims), (x.shape, dims)


def sum_vjp(y_bar: Array, shape: Shape, dims: Shape) -> tuple[Array]:
    """Give every addend the cotangent of the sum."""
    return (np.broadcast_to(_with_dims(y_bar, shape, dims), shape),)


SUM = Rule(sum, sum_vjp)


def _with_dims(y: Array, shape: Shape, dims: Shape) -> Array:
    """Give the reduced dims back to the result of a reduction, each with size 1."""
    return np.reshape(y, tuple(1 if axis in dims else size for axis, size in enumerate(shape)))


def mean(x: Array, *, dim: Dims = None, keepdims: bool = False) -> tuple[Array, Residuals]:
    r"""Arithmetic mean over the given dims; of nothing it is NaN.

    $$ y = \frac 1n \sum_i x_i, \qquad \bar x_i = \bar y / n $$

    Args:
        x: What to average.
        dim: One dim, a tuple of them, or None for all.
        keepdims: Whether an averaged dim stays, with size 1.

    Shape:
        ``(i)->()``, for every dim averaged over.

    Source:
        A. Griewank, A. Walther, "Evaluating Derivatives", 2nd edition (2008), chapter 3.
    """
    dims = normalise_dims("mean", dim, x.ndim)
    n = math.prod([x.shape[axis] for axis in dims])
    total = floating(x).sum(axis=dims, keepdims=keepdims)
    return total / n if n else total * np.nan, (x.shape, dims, n)


def mean_vjp(y_bar: Array, shape: Shape, dims: Shape, n: int) -> tuple[Array]:
    """Give every element its share of the cotangent."""
    if n == 0:
        return (np.zeros(shape, y_bar.dtype),)
    return (np.broadcast_to(_with_dims(y_bar / n, shape, dims), shape),)


MEAN = Rule(mean, mean_vjp)


def max(x: Array, *, dim: Dims = None, keepdims: bool = False) -> tuple[Array, Residuals]:
    r"""Largest element over the given dims.

    $$ y = \max_i x_i, \qquad \bar x_i = \bar y \,\frac{[x_i = y]}{\sum_j [x_j = y]} $$

    Where several elements are the largest there is no derivative. Equal shares are the one choice that
    doesn't depend on the order of the elements; as all of them are subgradients, so is their mean.
    A NaN counts as largest.

    Args:
        x: Where to look.
        dim: One dim, a tuple of them, or None for all.
        keepdims: Whether a reduced dim stays, with size 1.

    Raises:
        ArgumentError: There is nothing to choose from.

    Shape:
        ``(i)->()``, for every dim reduced.

    Source:
        R. T. Rockafellar, "Convex Analysis" (1970), part V.
    """
    dims = normalise_dims("max", dim, x.ndim)
    if 0 in [x.shape[axis] for axis in dims]:
        raise ArgumentError(f"max: nothing has no largest element; dim {dim} of shape {x.shape} is empty")
    y = x.max(axis=dims, keepdims=True)
    largest = (x == y) | ((x != x) & (y != y))  # noqa: PLR0124 (NaN alone differs from itself)
    return y if keepdims else y.reshape([n for i, n in enumerate(x.shape) if i not in dims]), (largest, dims)


def max_vjp(y_bar: Array, largest: Array, dims: Shape) -> tuple[Array]:
    """Divide the cotangent among the largest elements."""
    sharers = largest.sum(axis=dims, keepdims=True).astype(y_bar.dtype)
    share = _with_dims(y_bar, largest.shape, dims) / sharers
    # Chosen, not multiplied: an infinite share times 0 would be NaN.
    return (np.where(largest, share, 0),)


MAX = Rule(max, max_vjp)


def mm(x: Array, w: Array) -> tuple[Array, Residuals]:
    r"""Matrix product; a vector is a row on the left and a column on the right, batches are broadcast.

    $$ Y = X W, \qquad \bar X = \bar Y W^\top, \quad \bar W = X^\top \bar Y $$

    Raises:
        ShapeError: The inner sizes differ, the batches do not broadcast, or an operand has no dimension.

    Shape:
        ``(n,k),(k,m)->(n,m)``, and the same without n or without m for a vector.

    Source:
        M. B. Giles, "An extended collection of matrix derivative results for forward and reverse mode
        automatic differentiation" (2008), section 2.2.
    """
    if x.ndim == w.ndim == MATRIX and x.shape[1] == w.shape[0]:
        return x.dot(w), (x, w)  # a third of the overhead of np.matmul, which small matrices would notice
    try:
        return np.matmul(x, w), (x, w)
    except ValueError:
        n, m = ["n"] * (x.ndim >= MATRIX), ["m"] * (w.ndim >= MATRIX)
        contract = f"({','.join([*n, 'k'])}),({','.join(['k', *m])})->({','.join([*n, *m])})"
        raise contract_error("mm", contract, x=x.shape, w=w.shape) from None


def mm_vjp(y_bar: Array, needs: Needs, x: Array, w: Array) -> Cotangents:
    """Multiply the cotangent with the other factor, transposed, from the side where it stood."""
    if x.ndim == w.ndim == MATRIX:
        return y_bar.dot(w.T) if needs[0] else None, x.T.dot(y_bar) if needs[1] else None
    rows = x if x.ndim >= MATRIX else x[np.newaxis, :]  # (..., n, k)
    columns = w if w.ndim >= MATRIX else w[:, np.newaxis]  # (..., k, m)
    if w.ndim < MATRIX:
        y_bar = y_bar[..., np.newaxis]
    if x.ndim < MATRIX:
        y_bar = y_bar[..., np.newaxis, :]  # (..., n, m) from here on
    x_bar = w_bar = None
    if needs[0]:
        x_bar = unbroadcast(np.matmul(y_bar, columns.swapaxes(-1, -2)), rows.shape).reshape(x.shape)
    if needs[1] and columns.ndim == MATRIX:
        # One product of long matrices, in place of one small product for each member of the batch.
        w_bar = _as_rows(rows).T.dot(_as_rows(y_bar)).reshape(w.shape)
    elif needs[1]:
        w_bar = unbroadcast(np.matmul(rows.swapaxes(-1, -2), y_bar), columns.shape).reshape(w.shape)
    return x_bar, w_bar


MM = Rule(mm, mm_vjp, fresh=True)


def _as_rows(x: Array) -> Array:
    """Merge all axes but the last one."""
    return x if x.ndim == MATRIX else x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def affine(x: Array, w: Array, b: Array) -> tuple[Array, Residuals]:
    r"""Matrix product plus a bias, as one operation.

    $$
    Y = X W + b, \qquad \bar X = \bar Y W^\top, \quad \bar W = X^\top \bar Y, \quad
    \bar b = \sum_n \bar Y_n
    $$

    A layer does this so often that the second node, and the array between the two, would be felt.

    Raises:
        ShapeError: The sizes do not fit.

    Shape:
        ``(k),(k,m),(m)->(m)``, for every row along the leading axes of x.

    Source:
        I. Goodfellow, Y. Bengio, A. Courville, "Deep Learning" (2016), section 6.5.6.
    """
    if x.ndim == 0 or w.ndim != MATRIX or b.shape != w.shape[1:] or x.shape[-1] != w.shape[0]:
        reason = "" if w.ndim <= MATRIX and b.ndim <= 1 else "w is one matrix, and b one vector"
        raise contract_error("affine", "(k),(k,m),(m)->(m)", reason=reason, x=x.shape, w=w.shape, b=b.shape)
    y = _as_rows(x).dot(w) + b
    return y if x.ndim == MATRIX else y.reshape(x.shape[:-1] + b.shape), (x, w)


def affine_vjp(y_bar: Array, needs: Needs, x: Array, w: Array) -> Cotangents:
    """Multiply the cotangent with the other factor, transposed; add up its rows for the bias."""
    rows = _as_rows(y_bar)
    return (
        rows.dot(w.T).reshape(x.shape) if needs[0] else None,
        _as_rows(x).T.dot(rows) if needs[1] else None,
        _ones(len(rows), rows.dtype).dot(rows) if needs[2] else None,  # sum(axis=0), several times as fast
    )


def _ones(n: int, dtype: np.dtype[Any]) -> Array:
    ones = np.empty(n, dtype)  # np.ones is no better, and slower
    ones.fill(1)
    return ones


AFFINE = Rule(affine, affine_vjp, fresh=True)


def transpose(x: Array, *, axes: tuple[int, ...] | None = None) -> tuple[Array, Residuals]:
    r"""The array with its axes in another order; reversed where none is given.

    $$ Y = X^\top, \qquad \bar X = \bar Y^\top $$

    The result is a view: it shares memory with the operand.

    Args:
        x: An array.
        axes: Every axis once, in the order wanted.

    Raises:
        ShapeError: The axes are not a permutation.

    Shape:
        ``(i,j)->(j,i)``, for any number of axes.

    Source:
        M. B. Giles, "An extended collection of matrix derivative results for forward and reverse mode
        automatic differentiation" (2008), section 2.2.
    """
    if axes is None:
        return x.T, (None,)
    order = normalise_dims("transpose", axes, x.ndim)
    if len(order) != x.ndim:
        raise ShapeError(f"transpose: {axes} does not name every dim of shape {x.shape} once")
    return x.transpose(order), (order,)


def transpose_vjp(y_bar: Array, order: Shape | None) -> tuple[Array]:
    """Put the axes of the cotangent back where they came from."""
    return (y_bar.T if order is None else y_bar.transpose(np.argsort(order)),)


TRANSPOSE = Rule(transpose, transpose_vjp)


def reshape(x: Array, *, shape: tuple[int, ...]) -> tuple[Array, Residuals]:
    r"""The same elements, last axis fastest, in another shape.

    $$ y = \mathrm{reshape}(x), \qquad \bar x = \mathrm{reshape}^{-1}(\bar y) $$

    The result shares memory with the operand where NumPy can arrange it.

    Args:
        x: An array.
        shape: The new sizes; one of them may be -1, which stands for what is left.

    Raises:
        ShapeError: That shape does not hold that many elements.

    Shape:
        ``()->()``, element by element, in row-major order.

    Source:
        A. Griewank, A. Walther, "Evaluating Derivatives", 2nd edition (2008), chapter 3.
    """
    return x.reshape(normalise_shape("reshape", shape, x.size)), (x.shape,)


def reshape_vjp(y_bar: Array, shape: Shape) -> tuple[Array]:
    """Give the cotangent the operand's shape."""
    return (y_bar.reshape(shape),)


RESHAPE = Rule(reshape, reshape_vjp)


def expand(x: Array, *, dim: int, copies: int) -> tuple[Array, Residuals]:
    r"""Copies of the array, side by side along a new axis.

    $$ y_{\ldots c \ldots} = x, \qquad \bar x = \sum_c \bar y_{\ldots c \ldots} $$

    The result is a view: all copies are one piece of memory.

    Args:
        x: An array.
        dim: Where the new axis is to stand in the result; a negative one counts from the result's end.
        copies: How many; none at all is allowed.

    Raises:
        ShapeError: The result has no such axis.
        ArgumentError: The number of copies is no integer from 0.

    Shape:
        ``()->(c)``, with the new axis at `dim`.

    Source:
        A. Griewank, A. Walther, "Evaluating Derivatives", 2nd edition (2008), chapter 3.
    """
    axis = normalise_dim("expand", dim, x.ndim + 1)
    copies = check_count("expand", "copies", copies, 0)
    y = np.broadcast_to(np.expand_dims(x, axis), (*x.shape[:axis], copies, *x.shape[axis:]))
    return y, (axis,)


def expand_vjp(y_bar: Array, axis: int) -> tuple[Array]:
    """Add up the cotangents of the copies."""
    return (y_bar.sum(axis=axis),)


EXPAND = Rule(expand, expand_vjp)


def index_select(x: Array, *, indices: object) -> tuple[Array, Residuals]:
    r"""Rows of the array, by number, as often and in the order asked for.

    $$ y_j = x_{i_j}, \qquad \bar x_r = \sum_{j:\, i_j = r} \bar y_j $$

    A row that was taken twice receives both cotangents, which is why the vjp adds where it could write.

    Args:
        x: An array of rows.
        indices: Integers of any type in an array or list of any shape, or a single one.

    Raises:
        DTypeError: The indices are no integers.
        IndexRangeError: A row does not exist; -1 is no way to say last.
        ShapeError: The array has no rows.

    Shape:
        ``(n,...),(j)->(j,...)``

    Source:
        A. Griewank, A. Walther, "Evaluating Derivatives", 2nd edition (2008), chapter 3.
    """
    if x.ndim == 0:
        raise ShapeError("index_select: a tensor of 0 dimensions has no rows")
    rows = _in_range("index_select", "index", _integers("index_select", "indices", indices), len(x))
    return x.take(rows, axis=0), (rows, x.shape)


def index_select_vjp(y_bar: Array, rows: Array, shape: Shape) -> tuple[Array | Rows]:
    """Send every cotangent to the row it was taken from."""
    x_bar = Rows(shape, (rows.reshape(-1), y_bar.reshape(rows.size, *shape[1:])))
    return (x_bar.shortest(),)


INDEX_SELECT = Rule(index_select, index_select_vjp)


def _integers(op: str, name: str, values: object) -> Array:
    """Copy integers into an array of their own, so that the caller may change theirs."""
    try:
        array = np.array(values)
    except ValueError as error:
        raise ShapeError(f"{op}: {name} are ragged: {error}") from None
    if array.size == 0 and not isinstance(values, np.ndarray):
        return array.astype(np.intp)  # an empty list has no type of its own
    if array.dtype.kind not in "iu":
        raise DTypeError(f"{op}: {name} are integers, not {array.dtype}")
    return array


def _in_range(op: str, name: str, values: Array, n: int) -> Array:
    """Check that integers are in [0, n), and return them ready for indexing."""
    indices = values.astype(np.int64, copy=False)
    bad = indices.view(np.uint64) >= n  # as unsigned numbers, the negative ones are far out of range as well
    if np.count_nonzero(bad):
        position = tuple(int(i) for i in np.argwhere(bad)[0])
        where = f" at position {position[0] if len(position) == 1 else position}" if position else ""
        raise IndexRangeError(f"{op}: {name} {values[position]}{where} is outside [0, {n})")
    return indices


def softmax(x: Array, *, dim: int = -1) -> tuple[Array, Residuals]:
    r"""Exponentials along a dim, scaled to add up to 1.

    $$
    y_i = \frac{e^{x_i - m}}{\sum_j e^{x_j - m}} \ \text{with } m = \max_j x_j, \qquad
    \bar x_i = y_i \Bigl(\bar y_i - \sum_j \bar y_j y_j\Bigr)
    $$

    Without the shift by $m$, which changes nothing on paper, $e^{x}$ overflows from 710 on.
    A logit of -inf is a mask: its probability is 0, and its cotangent too.

    Args:
        x: Logits.
        dim: The dim along which the result adds up to 1.

    Shape:
        ``(c)->(c)``

    Source:
        P. Blanchard, D. J. Higham, N. J. Higham, "Accurately computing the log-sum-exp and softmax
        functions", IMA Journal of Numerical Analysis 41 (2021).
    """
    axis = normalise_dim("softmax", dim, x.ndim)
    x = floating(x)
    z = np.exp(_shifted(x, x.max(axis=axis, keepdims=True, initial=-np.inf)))
    y = z / z.sum(axis=axis, keepdims=True)
    return y, (y, axis)


def softmax_vjp(y_bar: Array, y: Array, axis: int) -> tuple[Array]:
    """Take from every cotangent their mean, weighted with the probabilities."""
    return (y * (y_bar - (y_bar * y).sum(axis=axis, keepdims=True)),)


SOFTMAX = Rule(softmax, softmax_vjp)


def log_softmax(x: Array, *, dim: int = -1) -> tuple[Array, Residuals]:
    r"""Logarithms of the softmax along a dim, in nats.

    $$
    y_i = (x_i - m) - \ln\Bigl(1 + \sum_{j \ne k} e^{x_j - m}\Bigr)
    \ \text{with } m = x_k = \max_j x_j, \qquad
    \bar x_i = \bar y_i - p_i \sum_j \bar y_j
    $$

    The largest logit's own 1 is left out of the sum: where the others are small, adding it would drown them,
    and $y_k$ would be 0 where it is -1e-20. The probabilities $p$ are those of the softmax; taken as
    $e^{y}$, they would be off by as many more units as $y$ is long.

    Args:
        x: Logits; -inf is a mask.
        dim: The dim along which the probabilities add up to 1.

    Shape:
        ``(c)->(c)``

    Source:
        P. Blanchard, D. J. Higham, N. J. Higham, "Accurately computing the log-sum-exp and softmax
        functions", IMA Journal of Numerical Analysis 41 (2021).
    """
    axis = normalise_dim("log_softmax", dim, x.ndim)
    classes_last = floating(x).swapaxes(axis, -1)
    shifted, z, others, _ = _exponentials(_as_rows(classes_last))  # (n, c), (n, c), (n, 1)
    y = (shifted - np.log1p(others)).reshape(classes_last.shape).swapaxes(axis, -1)
    return y, (z, others, axis)


def log_softmax_vjp(y_bar: Array, z: Array, others: Array, axis: int) -> tuple[Array]:
    """Take from every cotangent the sum of all, in proportion to the probabilities."""
    classes_last = y_bar.swapaxes(axis, -1)
    rows = classes_last.reshape(z.shape)
    x_bar = rows - z * (rows.sum(axis=1, keepdims=True) / (1 + others))
    return (x_bar.reshape(classes_last.shape).swapaxes(axis, -1),)


LOG_SOFTMAX = Rule(log_softmax, log_softmax_vjp)


def _shifted(x: Array, m: Array) -> Array:
    # An infinite m has no finite answer, and a difference beyond -1e308 has the exponential 0 either way:
    # neither is worth a warning.
    with np.errstate(over="ignore", invalid="ignore"):
        return x - m


def _exponentials(x: Array) -> tuple[Array, Array, Array, Array]:
    """Exponentials of rows of logits, and their sums without the largest one's 1.

    Args:
        x: Logits (n, c).

    Returns:
        The logits less their row's largest one (n, c); the exponentials of these (n, c); their sums but
        for the largest one (n, 1); the column of the largest (n,).
    """
    if x.size == 0:
        return x, x, x.sum(axis=1, keepdims=True), np.zeros(len(x), np.intp)
    top = x.argmax(axis=1)
    at_top = np.arange(0, x.size, x.shape[1]) + top  # positions, row after row
    shifted = _shifted(x, x.take(at_top)[:, np.newaxis])
    z = np.exp(shifted, order="C")  # so that reshape is a view
    flat = z.reshape(-1)
    largest = flat.take(at_top)  # 1, or NaN where the logit is infinite
    flat[at_top] = 0
    others = z.sum(axis=1, keepdims=True)
    flat[at_top] = largest
    return shifted, z, others, top


def check_reduction(op: str, reduction: object) -> None:
    """Check the name of a loss's reduction.

    Raises:
        ArgumentError: It is none of the three.
    """
    if reduction not in ("mean", "sum", "none"):
        raise ArgumentError(f"{op}: reduction is 'mean', 'sum' or 'none', not {reduction!r}")


def _divisor(op: str, reduction: str, n: int) -> int:
    """What the sum of n losses is divided by."""
    if reduction != "mean":
        return 1
    if n == 0:
        raise ArgumentError(f"{op}: there is no mean loss over nothing; reduction='sum' gives 0")
    return n


def cross_entropy(x: Array, *, targets: object, reduction: str = "mean") -> tuple[Array, Residuals]:
    r"""Cross-entropy, in nats, of the softmax of logits against classes given by number.

    $$
    \ell_n = \ln\Bigl(1 + \sum_{j \ne k} e^{x_{nj} - m_n}\Bigr) - (x_{nt} - m_n)
    \ \text{with } m_n = x_{nk} = \max_j x_{nj}, \ t = t_n, \qquad
    \bar x_{nj} = \bar\ell_n\,(p_{nj} - [j = t_n])
    $$

    As one operation it is exact where its parts are not: the probability of a confident answer is 1 to the
    last digit, but neither its loss nor its gradient is 0. So the derivative at the target is computed as
    minus the sum of the other probabilities, never as $p - 1$.

    Args:
        x: Logits, classes along the last axis; -inf is a mask.
        targets: The right class of each row, as integers.
        reduction: ``"mean"`` over the targets, ``"sum"``, or ``"none"`` for one loss per target.

    Raises:
        DTypeError: The targets are no integers.
        ShapeError: There is not one target for each row of logits.
        IndexRangeError: A target is no class.
        ArgumentError: The reduction is unknown, or there is nothing to take the mean of.

    Shape:
        ``(c),()->()``, then reduced.

    Source:
        P. Blanchard, D. J. Higham, N. J. Higham, "Accurately computing the log-sum-exp and softmax
        functions", IMA Journal of Numerical Analysis 41 (2021).
    """
    check_reduction("cross_entropy", reduction)
    classes = _integers("cross_entropy", "targets", targets)
    if x.ndim == 0 or classes.shape != x.shape[:-1]:
        reason = "" if x.ndim == 0 else f"the logits ask for targets of shape {x.shape[:-1]}"
        raise contract_error(
            "cross_entropy", "(c),()->()", reason=reason, logits=x.shape, targets=classes.shape
        )
    classes = _in_range("cross_entropy", "target", classes, x.shape[-1]).reshape(-1)  # (n,)
    divisor = _divisor("cross_entropy", reduction, classes.size)
    shifted, z, others, top = _exponentials(_as_rows(floating(x)))  # (n, c), (n, c), (n, 1), (n,)
    row = np.arange(classes.size)
    losses = np.log1p(others[:, 0]) - shifted[row, classes]  # (n,)
    not_target = np.where(classes == top, others[:, 0], 1 + (others[:, 0] - z[row, classes]))  # (n,)
    y = losses.reshape(x.shape[:-1]) if reduction == "none" else losses.sum() / divisor
    return y, (z, others, not_target, classes, x.shape, divisor)


def cross_entropy_vjp(  # noqa: PLR0913, PLR0917 (one for each residual)
    y_bar: Array, z: Array, others: Array, not_target: Array, classes: Array, shape: Shape, divisor: int
) -> tuple[Array]:
    """Weigh the distance between the probabilities and the truth."""
    scale = y_bar.reshape(-1, 1) / divisor / (1 + others)  # (n, 1)
    x_bar = z * scale  # (n, c)
    x_bar[np.arange(len(z)), classes] = -not_target * scale[:, 0]
    return (x_bar.reshape(shape),)


CROSS_ENTROPY = Rule(cross_entropy, cross_entropy_vjp, fresh=True)


def mse(prediction: Array, target: Array, *, reduction: str = "mean") -> tuple[Array, Residuals]:
    r"""Squared error.

    $$
    \ell = \frac 1n \sum_i (p_i - t_i)^2, \qquad
    \bar p = \frac 2n (p - t)\,\bar\ell, \quad \bar t = -\bar p
    $$

    Args:
        prediction: What was said.
        target: What is true. It is an operand like the other one, and gets a cotangent if it wants one.
        reduction: ``"mean"`` over every element, ``"sum"``, or ``"none"`` for one loss per element.

    Raises:
        ShapeError: The shapes differ. Broadcasting (n,) against (n, 1) would compare everything with
            everything else and train towards the mean, without a word.
        ArgumentError: The reduction is unknown, or there is nothing to take the mean of.

    Shape:
        ``(),()->()`` without broadcasting, then reduced.

    Source:
        I. Goodfellow, Y. Bengio, A. Courville, "Deep Learning" (2016), section 5.1.4.
    """
    check_reduction("mse", reduction)
    if prediction.shape != target.shape:
        raise contract_error(
            "mse",
            "(),()->()",
            reason="prediction and target have different shapes, and a loss does not broadcast",
            prediction=prediction.shape,
            target=target.shape,
        )
    divisor = _divisor("mse", reduction, prediction.size)
    error = floating(prediction) - floating(target)
    squares = error * error
    return squares if reduction == "none" else squares.sum() / divisor, (error, divisor)


def mse_vjp(y_bar: Array, needs: Needs, error: Array, divisor: int) -> Cotangents:
    """Weigh the error, with opposite signs for the two sides."""
    prediction_bar = error * (y_bar * (2 / divisor))
    return prediction_bar if needs[0] else None, -prediction_bar if needs[1] else None


MSE = Rule(mse, mse_vjp, fresh=True)
