"""HIPS autograd (https://github.com/HIPS/autograd), which differentiates NumPy code: about ten lines of
plug.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

import autograd.numpy as np
import numpy
from autograd.core import make_vjp

from dlspec.implementation import Array, FunctionalImplementation

REDUCTIONS = {"mean": np.mean, "sum": np.sum, "none": lambda losses: losses}


def log_softmax(x: Any, dim: int = -1) -> Any:
    """As a user of autograd would write it: there is none in the library."""
    shifted = x - np.max(x, axis=dim, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=dim, keepdims=True))


def cross_entropy(logits: Any, targets: Array, reduction: str = "mean") -> Any:
    """Minus the log-probability of each target, found by integer indexing as NumPy has it."""
    logs = log_softmax(logits)
    return REDUCTIONS[reduction](-logs[(*numpy.indices(logs.shape[:-1], sparse=True), targets)])


class Autograd(FunctionalImplementation):
    """The ops by NumPy's own names; where autograd has none, none is claimed for it."""

    name, version, claims = "HIPS autograd", version("autograd"), ("ops", "autodiff")
    dtypes = ("float64", "float32")
    ops = {
        "add": operator.add,
        "subtract": operator.sub,
        "multiply": operator.mul,
        "divide": operator.truediv,
        "negative": operator.neg,
        "power": lambda x, exponent: x**exponent,
        "exp": np.exp,
        "log": np.log,
        "relu": lambda x: np.maximum(x, 0.0),
        "tanh": np.tanh,
        "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
        "sum": lambda x, dim=None, keepdims=False: np.sum(x, axis=dim, keepdims=keepdims),
        "mean": lambda x, dim=None, keepdims=False: np.mean(x, axis=dim, keepdims=keepdims),
        "max": lambda x, dim=None, keepdims=False: np.max(x, axis=dim, keepdims=keepdims),
        "mm": np.matmul,
        "transpose": lambda x, axes=None: np.transpose(x, axes),
        "reshape": lambda x, shape: np.reshape(x, shape),
        "expand": lambda x, dim, copies: np.repeat(np.expand_dims(x, dim), copies, axis=dim),
        "index_select": lambda x, indices: x[indices],
        "softmax": lambda x, dim=-1: np.exp(log_softmax(x, dim)),
        "log_softmax": log_softmax,
        "cross_entropy": cross_entropy,
    }

    def vjp(self, f: Callable[..., Any], *primals: Array) -> tuple[Any, Callable[[Array], Sequence[Array]]]:
        """autograd's own `make_vjp`, over all primals at once."""
        pullback, value = make_vjp(lambda xs: f(*xs), tuple(primals))
        return value, pullback
