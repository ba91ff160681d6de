"""tinygrad (https://github.com/tinygrad/tinygrad) on the CPU, in float32.

It is lazy: an op only extends a graph, which is compiled when somebody asks for a number. Each new graph
costs a fifth of a second, half of it in Python and half in clang, so a value and its cotangents are asked for
once each, and the profiles claimed are those that one can wait for: the laws of `ops` alone ask for more than
twenty thousand pullbacks, `layers` and `losses` for five thousand.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

# Read when tinygrad is imported. A pool of compilers costs more than it saves where a graph is one kernel.
os.environ.setdefault("PARALLEL", "0")
os.environ.setdefault("DEV", "CPU")

import numpy as np
from numpy.typing import NDArray
from tinygrad import Tensor
from tinygrad.helpers import Context
from tinygrad.nn import Embedding
from tinygrad.nn.optim import SGD

from dlspec.implementation import FunctionalImplementation

Array = NDArray[Any]


def _transpose(x: Tensor, axes: Sequence[int] | None = None) -> Tensor:
    return x.permute(*(range(x.ndim)[::-1] if axes is None else axes))


def _expand(x: Tensor, dim: int, copies: int) -> Tensor:
    longer = x.unsqueeze(dim)
    shape = list(longer.shape)
    shape[dim] = copies
    return longer.expand(*shape)


def _cross_entropy(logits: Tensor, targets: Array, reduction: str = "mean") -> Tensor:
    """The one of tinygrad's two whose classes are the last axis."""
    return logits.sparse_categorical_crossentropy(Tensor(targets), reduction=reduction)


def _embedding(weight: Tensor, indices: Array) -> Tensor:
    layer = Embedding(*weight.shape)
    layer.weight = weight
    result: Tensor = layer(Tensor(indices))
    return result


def _single(array: Array) -> Array:
    """What tinygrad's optimizers take: their learning rate and their velocities are float32."""
    return array.astype(np.float32) if array.dtype == np.float64 else array


class Tinygrad(FunctionalImplementation):
    """The methods of `Tensor`, and `Tensor.gradient`."""

    name, version = "tinygrad", version("tinygrad")
    claims = ("autodiff", "optim", "numerics", "errors")
    dtypes = ("float32",)
    ops = {
        "add": operator.add,
        "subtract": operator.sub,
        "multiply": operator.mul,
        "divide": operator.truediv,
        "negative": operator.neg,
        "power": lambda x, exponent: x**exponent,
        "exp": Tensor.exp,
        "log": Tensor.log,
        "relu": Tensor.relu,
        "tanh": Tensor.tanh,
        "sigmoid": Tensor.sigmoid,
        "sum": lambda x, dim=None, keepdims=False: x.sum(dim, keepdim=keepdims),
        "mean": lambda x, dim=None, keepdims=False: x.mean(dim, keepdim=keepdims),
        "max": lambda x, dim=None, keepdims=False: x.max(dim, keepdim=keepdims),
        "mm": Tensor.matmul,
        "transpose": _transpose,
        "reshape": lambda x, shape: x.reshape(shape),
        "expand": _expand,
        "index_select": lambda x, indices: x[Tensor(indices)],
        "softmax": lambda x, dim=-1: x.softmax(dim),
        "log_softmax": lambda x, dim=-1: x.log_softmax(dim),
        "cross_entropy": _cross_entropy,
        "linear": Tensor.linear,
        "embedding": _embedding,
        "cross_entropy_loss": _cross_entropy,
    }

    def constant(self, array: Array) -> Tensor:
        """`Tensor(array)`; of a single number tinygrad makes a part of the program."""
        return Tensor(np.array(array))

    def _leaf(self, array: Array) -> Tensor:
        """A tensor with memory of its own: equal numbers without it would be one and the same."""
        return Tensor(np.array(array).reshape(-1)).reshape(array.shape)

    def numpy(self, value: Any) -> Array:
        """`Tensor.numpy()`, which compiles and runs what is needed for it."""
        return value.numpy() if isinstance(value, Tensor) else np.asarray(value)

    def vjp(self, f: Callable[..., Any], *primals: Array) -> tuple[Any, Callable[[Array], Sequence[Tensor]]]:
        """`Tensor.gradient`, of a graph that is built for it: a value that was computed has none any more."""
        leaves = [self._leaf(primal) for primal in primals]

        def pullback(cotangent: Array) -> Sequence[Tensor]:
            bars: list[Tensor] = f(*leaves).gradient(*leaves, gradient=self.constant(cotangent))
            return bars

        return f(*leaves), pullback

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
        """`tinygrad.nn.optim.SGD`, with `.grad` set before each step."""
        leaves = [self._leaf(_single(parameter)).realize() for parameter in parameters]
        optimizer = SGD(leaves, alphas[0], momentum, weight_decay, nesterov)
        history = []
        for alpha, step in zip(alphas, gradients, strict=True):
            optimizer.lr.assign(Tensor([alpha])).realize()
            for leaf, gradient in zip(leaves, step, strict=True):
                leaf.grad = None if gradient is None else self.constant(_single(gradient))
            with Context(TRAINING=1):
                optimizer.step()
            history.append([self.array(leaf) for leaf in leaves])
        return history
