"""Forward mode on dual numbers: an implementation that shares nothing with the reference.

A dual array carries a value and its derivative along one direction, `x + x_dot e` with `e * e = 0`, and each
op computes both by the chain rule. There is no tape and no backward pass: a pullback runs the program once
for every element of every primal, which is slow, simple, and as different from the reference as can be.
It has no mutable state to examine, so it doesn't claim `objects`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple
from numpy.typing import NDArray

from dlspec.implementation import FunctionalImplementation

Array = NDArray[Any]


class Dual:
    """A value, and its derivative along the direction of the pass."""

    def __init__(self, x: Array, dot: Array) -> None:
        """Pair them; both have the shape and type of the value."""
        self.x, self.dot = np.asarray(x), np.asarray(dot)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value."""
        return self.x.shape


def _dual(value: Any) -> Dual:
    if isinstance(value, Dual):
        return value
    # In C order whatever the value's is, so that a flat view of it can be written to.
    return Dual(value, np.zeros(np.shape(value), np.asarray(value).dtype))


def _pair(a: Any, b: Any) -> tuple[Dual, Dual]:
    """Two operands; a Python number takes the type of the array beside it, as it would in NumPy."""
    for number, other in ((a, b), (b, a)):
        if type(number) in (bool, int, float):
            beside = _dual(other)
            number_as_array = np.asarray(number, np.result_type(beside.x.dtype, number))
            return (_dual(number_as_array), beside) if number is a else (beside, _dual(number_as_array))
    return _dual(a), _dual(b)


def _float(x: Array) -> Array:
    """Functions of whole numbers are computed in float64; NumPy would take half precision for the
    smallest.
    """
    return x if x.dtype.kind == "f" else x.astype(np.float64)


def _along(slope: Array, dot: Array) -> Array:
    """The slope along the direction; where nothing moves, an infinite slope moves nothing."""
    return np.asarray(np.where(dot == 0, np.zeros_like(dot), slope * dot))


def _smooth(f: Callable[[Array], Array], derivative: Callable[[Array], Array]) -> Callable[[Any], Dual]:
    def op(value: Any) -> Dual:
        a = _dual(value)
        x = _float(a.x)
        return Dual(f(x), _along(derivative(x), a.dot))

    return op


def _linear(f: Callable[..., Array]) -> Callable[..., Dual]:
    """An op that is linear in its operand treats value and derivative alike."""

    def op(value: Any, **static: Any) -> Dual:
        a = _dual(value)
        return Dual(f(a.x, **static), f(a.dot, **static))

    return op


def add(a: Any, b: Any) -> Dual:
    """The derivative of a sum is the sum of the derivatives, broadcast as the values are."""
    a, b = _pair(a, b)
    value = a.x + b.x
    return Dual(value, np.broadcast_to(a.dot, value.shape) + np.broadcast_to(b.dot, value.shape))


def negative(a: Any) -> Dual:
    """Both change sign."""
    a = _dual(a)
    return Dual(-a.x, -a.dot)


def subtract(a: Any, b: Any) -> Dual:
    """As a sum with the negative, in one rounding."""
    a, b = _pair(a, b)
    value = a.x - b.x
    return Dual(value, np.broadcast_to(a.dot, value.shape) - np.broadcast_to(b.dot, value.shape))


def multiply(a: Any, b: Any) -> Dual:
    """Leibniz."""
    a, b = _pair(a, b)
    return Dual(a.x * b.x, a.dot * b.x + a.x * b.dot)


def divide(a: Any, b: Any) -> Dual:
    """The quotient rule, written so that no square can overflow."""
    a, b = _pair(a, b)
    value = a.x / b.x
    return Dual(value, (a.dot - value * b.dot) / b.x)


def power(a: Any, exponent: float) -> Dual:
    """A constant times its own power less one; the exponent 0 makes a constant."""
    a = _dual(a)
    slope = np.zeros_like(a.x) if exponent == 0 else exponent * a.x ** (exponent - 1)
    return Dual(a.x**exponent, _along(slope, a.dot))


def _sigmoid(x: Array) -> Array:
    tail = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1, tail).astype(x.dtype) / (1 + tail))


def _sigmoid_slope(x: Array) -> Array:
    tail = np.exp(-np.abs(x))
    return np.asarray(tail / ((1 + tail) * (1 + tail)))


def _tanh_slope(x: Array) -> Array:
    with np.errstate(over="ignore"):  # twice the largest number is infinite, and the tail 0 either way
        tail = np.exp(-2 * np.abs(x))
    return np.asarray(4 * tail / ((1 + tail) * (1 + tail)))


sigmoid = _smooth(_sigmoid, _sigmoid_slope)
tanh = _smooth(np.tanh, _tanh_slope)
exp = _smooth(np.exp, np.exp)
log = _smooth(np.log, lambda x: 1 / x)


def relu(value: Any) -> Dual:
    """Both where the value is positive; integers stay integers."""
    a = _dual(value)
    return Dual(np.maximum(a.x, np.zeros_like(a.x)), _along((a.x > 0).astype(a.x.dtype), a.dot))


def _axes(x: Array, dim: Any) -> tuple[int, ...] | None:
    """The dims to reduce; NumPy itself would let a number without dims be reduced over its first."""
    return None if dim is None else normalize_axis_tuple(dim, x.ndim)


@_linear
def sum_(x: Array, dim: Any = None, keepdims: bool = False) -> Array:
    """The sum of the derivatives."""
    return np.asarray(np.sum(x, axis=_axes(x, dim), keepdims=keepdims))


@_linear
def mean(x: Array, dim: Any = None, keepdims: bool = False) -> Array:
    """The sum, divided by how many were summed; of nothing, NaN."""
    total = np.sum(_float(x), axis=_axes(x, dim), keepdims=keepdims)
    count = x.size // max(total.size, 1)
    return np.asarray(total / count if x.size else total * np.nan)


transpose = _linear(lambda x, axes=None: np.transpose(x, axes))


@_linear
def reshape(x: Array, shape: tuple[int, ...]) -> Array:
    """The elements of both in another shape; NumPy itself would take any negative side for an unknown one."""
    if min(shape, default=0) < -1:
        raise ValueError(f"reshape: {shape} is no shape")
    return np.reshape(x, shape)


@_linear
def expand(x: Array, dim: int, copies: int) -> Array:
    """Copies along a new axis."""
    return np.repeat(np.expand_dims(x, dim), copies, axis=dim)


def maximum(a: Any, dim: Any = None, keepdims: bool = False) -> Dual:
    """The derivative of those that are largest, in equal shares."""
    a = _dual(a)
    dim = _axes(a.x, dim)
    largest = a.x == np.max(a.x, axis=dim, keepdims=True)
    share = (largest / np.sum(largest, axis=dim, keepdims=True)).astype(a.x.dtype)
    return Dual(np.max(a.x, axis=dim, keepdims=keepdims), np.sum(a.dot * share, axis=dim, keepdims=keepdims))


def mm(a: Any, b: Any) -> Dual:
    """Leibniz for products of matrices."""
    a, b = _dual(a), _dual(b)
    return Dual(np.matmul(a.x, b.x), np.matmul(a.dot, b.x) + np.matmul(a.x, b.dot))


def _rows(indices: Array, count: int, what: str) -> Array:
    rows = np.asarray(indices)
    if rows.dtype.kind not in "iu":
        raise TypeError(f"{what}: indices are {rows.dtype}, not integers")
    # Compared before the cast: an unsigned index may be too large for a signed one.
    if rows.size and (rows.min() < 0 or rows.max() >= count):
        raise IndexError(f"{what}: an index lies outside [0, {count})")
    return rows.astype(np.intp)


def index_select(a: Any, indices: Array) -> Dual:
    """Rows of both."""
    a = _dual(a)
    rows = _rows(indices, a.x.shape[0], "index_select")
    return Dual(a.x[rows], a.dot[rows])


def _below_largest(x: Array, dim: int) -> Array:
    """The distance to the largest along a dim that may have no elements."""
    return np.asarray(x - np.max(x, axis=_axes(x, dim), keepdims=True, initial=-np.inf))


def softmax(a: Any, dim: int = -1) -> Dual:
    """Exponentials of the distance to the largest, over their sum."""
    a = _dual(a)
    weights = np.exp(_below_largest(_float(a.x), dim))
    p = weights / np.sum(weights, axis=dim, keepdims=True)
    return Dual(p, p * (a.dot - np.sum(p * a.dot, axis=dim, keepdims=True)))


def log_softmax(a: Any, dim: int = -1) -> Dual:
    """The distance to the largest, less the logarithm of the sum of exponentials.

    Where one class is all but certain, that sum is 1 and a little, and its own probability 1 less a little.
    So the 1 of the largest stays out of the sum, and the derivative of a logarithm is a sum over pairs of
    classes: of how much the one grows faster than the other.
    """
    a = _dual(a)
    x, dot = (np.moveaxis(part, dim, -1) for part in (_float(a.x), a.dot))
    shifted = _below_largest(x, -1)
    weights = np.exp(shifted)
    first = np.arange(x.shape[-1]) == np.argmax(weights, -1)[..., None] if x.size else weights == 1
    value = shifted - np.log1p(np.sum(np.where(first, 0, weights), -1, keepdims=True, dtype=x.dtype))
    p = softmax(x).x
    pairs = p[..., None, :] * (dot[..., :, None] - dot[..., None, :])
    return Dual(*(np.moveaxis(part, -1, dim) for part in (value, np.sum(pairs, -1))))


def _reduced(losses: Dual, reduction: str) -> Dual:
    if reduction == "none":
        return losses
    if reduction == "mean":
        if not losses.x.size:
            raise ValueError("the mean of no losses")
        return mean(losses)
    if reduction == "sum":
        return sum_(losses)
    raise ValueError(f"reduction {reduction!r} is none of mean, sum, none")


def cross_entropy(a: Any, targets: Array, reduction: str = "mean") -> Dual:
    """Minus the log-probability of each target."""
    logs = log_softmax(a)
    rows = _rows(targets, logs.shape[-1], "cross_entropy")
    if rows.shape != logs.shape[:-1]:
        raise ValueError(f"cross_entropy: {rows.shape} targets for logits {logs.shape}")
    chosen = np.expand_dims(rows, -1)
    value, dot = (-np.take_along_axis(part, chosen, -1)[..., 0] for part in (logs.x, logs.dot))
    return _reduced(Dual(value, dot), reduction)


def mse_loss(a: Any, b: Any, reduction: str = "mean") -> Dual:
    """The squared difference of arrays of one shape."""
    a, b = _dual(a), _dual(b)
    if a.shape != b.shape:
        raise ValueError(f"mse: shapes {a.shape} and {b.shape} differ")
    # Among unsigned integers 3 - 5 is no negative number.
    difference = subtract(*(Dual(_float(side.x), _float(side.dot)) for side in (a, b)))
    return _reduced(multiply(difference, difference), reduction)


def linear(x: Any, weight: Any, bias: Any) -> Dual:
    """A product and a sum."""
    return add(mm(x, weight), bias)


def rnn_cell(
    x: Any,
    h: Any,
    w_ih: Any,
    b_ih: Any,
    w_hh: Any,
    b_hh: Any,
    w_ho: Any,
    b_ho: Any,
    activation: str = "sigmoid",
) -> tuple[Dual, Dual]:
    """Two products into an activation, one out of it."""
    activations = {"sigmoid": sigmoid, "tanh": tanh}
    if activation not in activations:
        raise ValueError(f"rnn_cell: activation {activation!r} is none of {', '.join(activations)}")
    act = activations[activation]
    new = act(add(linear(x, w_ih, b_ih), linear(h, w_hh, b_hh)))
    return linear(new, w_ho, b_ho), new


def lstm_cell(x: Any, h: Any, c: Any, *weights: Any) -> tuple[Dual, Dual, Dual]:
    """Three gates and a candidate."""
    w_xf, b_xf, w_xi, b_xi, w_xo, b_xo, w_xc, b_xc, w_hf, w_hi, w_ho, w_hc, w_out = weights
    f = sigmoid(add(linear(x, w_xf, b_xf), mm(h, w_hf)))
    i = sigmoid(add(linear(x, w_xi, b_xi), mm(h, w_hi)))
    o = sigmoid(add(linear(x, w_xo, b_xo), mm(h, w_ho)))
    g = tanh(add(linear(x, w_xc, b_xc), mm(h, w_hc)))
    new_c = add(multiply(f, c), multiply(i, g))
    new_h = multiply(o, tanh(new_c))
    return mm(new_h, w_out), new_h, new_c


def _check_not_negative(**options: float) -> None:
    for name, value in options.items():
        if not 0 <= value < np.inf:
            raise ValueError(f"SGD: {name} is {value}, which is no finite number from 0")


def _check_options(parameters: Sequence[Array], momentum: float, weight_decay: float, nesterov: bool) -> None:
    _check_not_negative(momentum=momentum, weight_decay=weight_decay)
    if not parameters:
        raise ValueError("SGD: there are no parameters")
    if nesterov and not momentum:
        raise ValueError("SGD: without momentum there is nothing to look ahead with")
    if any(parameter.dtype.kind != "f" for parameter in parameters):
        raise TypeError("SGD: a parameter holds integers, which can't take small steps")


class DualNumbers(FunctionalImplementation):
    """Forward mode, plugged in as a function of functions."""

    name, version = "dual numbers", "1"
    claims = ("ops", "autodiff", "layers", "losses", "optim", "training", "numerics", "errors")
    dtypes: tuple[str, ...] = ("float64", "float32")
    ops = {
        "add": add,
        "subtract": subtract,
        "multiply": multiply,
        "divide": divide,
        "negative": negative,
        "power": power,
        "exp": exp,
        "log": log,
        "relu": relu,
        "tanh": tanh,
        "sigmoid": sigmoid,
        "sum": sum_,
        "mean": mean,
        "max": maximum,
        "mm": mm,
        "transpose": transpose,
        "reshape": reshape,
        "expand": expand,
        "index_select": index_select,
        "softmax": softmax,
        "log_softmax": log_softmax,
        "cross_entropy": cross_entropy,
        "linear": linear,
        "linear_without_bias": mm,
        "embedding": index_select,
        "rnn_cell": rnn_cell,
        "lstm_cell": lstm_cell,
        "mse_loss": mse_loss,
        "cross_entropy_loss": cross_entropy,
    }

    def constant(self, array: Array) -> Dual:
        """A dual number whose derivative is zero."""
        return _dual(np.array(array))

    def numpy(self, value: Any) -> Array:
        """The value of a dual number, without its derivative."""
        return value.x if isinstance(value, Dual) else np.asarray(value)

    def vjp(self, f: Callable[..., Any], *primals: Array) -> tuple[Any, Callable[[Array], Sequence[Array]]]:
        """Run `f` once for each element of each primal, along that element."""
        primals = tuple(np.array(primal, order="C") for primal in primals)

        def derivative(k: int, j: int) -> Array:
            """The value's derivative with respect to one element of one primal: a pass of the program."""
            duals = [_dual(primal) for primal in primals]
            duals[k].dot.reshape(-1)[j] = 1
            return _dual(f(*duals)).dot

        @cache
        def derivatives() -> list[list[Array]]:
            return [[derivative(k, j) for j in range(primal.size)] for k, primal in enumerate(primals)]

        def pullback(cotangent: Array) -> list[Array]:
            bars = [np.zeros_like(primal) for primal in primals]
            for bar, dots in zip(bars, derivatives(), strict=True):
                for j, dot in enumerate(dots):
                    # Where the derivative is 0 no path leads, and a cotangent of NaN there is nobody's.
                    bar.reshape(-1)[j] = np.sum(np.where(dot == 0, np.zeros_like(dot), cotangent * dot))
            return bars

        return f(*(_dual(primal) for primal in primals)), pullback

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
        """The update rule, a pure function of its history."""
        _check_options(parameters, momentum, weight_decay, nesterov)
        current, velocities = list(parameters), [np.zeros_like(p) for p in parameters]
        history = []
        for alpha, step in zip(alphas, gradients, strict=True):
            _check_not_negative(alpha=alpha)
            if all(gradient is None for gradient in step):
                raise RuntimeError("SGD: no parameter has a gradient")
            current = list(current)
            for k, gradient in enumerate(step):
                if gradient is None:
                    continue
                g = gradient + weight_decay * current[k]
                velocities[k] = momentum * velocities[k] + g
                current[k] = current[k] - alpha * (
                    g + momentum * velocities[k] if nesterov else velocities[k]
                )
            history.append(current)
        return history
