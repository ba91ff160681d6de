"""MyGrad (https://github.com/rsokl/MyGrad), which records NumPy's functions on tensors."""

from __future__ import annotations

import operator
from contextlib import AbstractContextManager
from importlib.metadata import version
from typing import Any

import mygrad
import numpy as np
from mygrad import nnet

from dlspec.failure import NotProvided
from dlspec.implementation import Array, TapeImplementation

Tensor = Any
"""A `mygrad.Tensor`; types are checked without MyGrad."""


def _cross_entropy(logits: Tensor, targets: Any, reduction: str = "mean") -> Tensor:
    if reduction in ("sum", "none"):
        raise NotProvided(f"cross_entropy(reduction={reduction!r})")
    return nnet.losses.softmax_crossentropy(logits, targets)


class MyGrad(TapeImplementation):
    """Tensors that aren't `constant`, and `Tensor.backward`."""

    name, version = "MyGrad", version("mygrad")
    claims = ("ops", "autodiff", "numerics", "errors")
    dtypes = ("float64", "float32")
    ops = {
        "add": operator.add,
        "subtract": operator.sub,
        "multiply": operator.mul,
        "divide": operator.truediv,
        "negative": operator.neg,
        "power": lambda x, exponent: x**exponent,
        "exp": mygrad.exp,
        "log": mygrad.log,
        "relu": nnet.activations.relu,
        "tanh": mygrad.tanh,
        "sigmoid": nnet.activations.sigmoid,
        "sum": lambda x, dim=None, keepdims=False: mygrad.sum(x, axis=dim, keepdims=keepdims),
        "mean": lambda x, dim=None, keepdims=False: mygrad.mean(x, axis=dim, keepdims=keepdims),
        "max": lambda x, dim=None, keepdims=False: mygrad.max(x, axis=dim, keepdims=keepdims),
        "mm": mygrad.matmul,
        "transpose": lambda x, axes=None: mygrad.transpose(x) if axes is None else mygrad.transpose(x, axes),
        "reshape": lambda x, shape: mygrad.reshape(x, shape),
        "expand": lambda x, dim, copies: mygrad.repeat(mygrad.expand_dims(x, dim), copies, axis=dim),
        "index_select": lambda x, indices: x[indices],
        "softmax": lambda x, dim=-1: nnet.activations.softmax(x, axis=dim),
        "log_softmax": lambda x, dim=-1: nnet.activations.logsoftmax(x, axis=dim),
        "cross_entropy": _cross_entropy,
        "cross_entropy_loss": _cross_entropy,
    }

    def leaf(self, array: Array) -> Tensor:
        """A tensor that wants a gradient, if it holds real numbers; integers are always constant."""
        return mygrad.tensor(array)

    def constant(self, array: Array) -> Tensor:
        """A tensor that is constant."""
        return mygrad.tensor(array, constant=True)

    def numpy(self, value: Tensor) -> Array:
        """`value.data`."""
        return np.asarray(value.data if isinstance(value, mygrad.Tensor) else value)

    def backward(self, value: Tensor, cotangent: Array | None = None, *, retain_graph: bool = False) -> None:
        """`value.backward(cotangent)`, which always clears the graph."""
        value.backward(cotangent)

    def grad(self, leaf: Tensor) -> Array | None:
        """`leaf.grad`, an array."""
        gradient: Array | None = leaf.grad
        return gradient

    def wants_gradient(self, value: Tensor) -> bool:
        """Whether it isn't `constant`."""
        return not value.constant

    def set_grad(self, leaf: Tensor, array: Array | None) -> None:
        """`leaf.null_grad()`; gradients can be taken away, not given."""
        if array is not None:
            raise NotProvided("assigning to .grad")
        leaf.null_grad()

    def no_grad(self) -> AbstractContextManager[Any]:
        """`mygrad.no_autodiff`."""
        context: AbstractContextManager[Any] = mygrad.no_autodiff
        return context
