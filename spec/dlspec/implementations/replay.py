"""The reference by replay: every program is recorded on other numbers; the answer is that of the list.

So what is judged is the recording: which calls it has kept, in which places, and what it takes for constant.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

import deeplearning_framework
from deeplearning_framework import SGD, Tensor
from deeplearning_framework.replay import Replay
from dlspec.implementation import Array, FunctionalImplementation, Program
from dlspec.implementations.module import NAMES, ModuleImplementation

CALLS = 3
"""After so many a step is recorded: after two, and one more where the first one is different."""


class Replayed(FunctionalImplementation):
    """Values, gradients, steps and training, each repeated from a recording."""

    name, version = "replay", deeplearning_framework.__version__
    claims = ("ops", "autodiff", "layers", "losses", "optim", "training", "numerics")
    dtypes = ("float64", "float32")

    def __init__(self) -> None:
        """Take the ops as the reference's users write them."""
        module = ModuleType("replay")
        vars(module).update({name: getattr(deeplearning_framework, name) for name in NAMES})
        for name in ("Linear", "Embedding", "RNNCell", "LSTMCell"):
            # A program makes a layer for every call of `linear`, draws weights, and replaces them.
            vars(module)[name] = from_a_generator(getattr(deeplearning_framework, name))
        self.ops = ModuleImplementation(module).ops

    def constant(self, array: Array) -> Tensor:
        """`Tensor(array)`."""
        return Tensor(array)

    def numpy(self, value: Any) -> Array:
        """The array in a tensor."""
        return np.asarray(value.data if isinstance(value, Tensor) else value)

    def run(self, f: Callable[..., Any], *operands: Array) -> Any:
        """The value, from a recording on other operands."""
        return replayed(lambda *arrays: f(*map(Tensor, arrays)), *operands)

    def vjp(self, f: Callable[..., Any], *primals: Array) -> tuple[Any, Callable[[Array], Sequence[Any]]]:
        """The value and the gradients, from recordings on other primals and cotangents."""

        def forward(*arrays: Array) -> Any:
            return f(*(Tensor(array, autograd=True) for array in arrays))

        def back(cotangent: Array, *arrays: Array) -> list[Any]:
            leaves = [Tensor(array, autograd=True) for array in arrays]
            f(*leaves).backward(cotangent)
            return [leaf.grad for leaf in leaves]

        return replayed(forward, *primals), lambda cotangent: replayed(back, cotangent, *primals)

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
        """One optimizer, whose steps are recorded with other gradients before the first one that counts."""
        leaves = [Tensor(parameter, autograd=True) for parameter in parameters]
        optimizer = SGD(leaves, alphas[0], momentum, weight_decay, nesterov)

        def step(*given: Array | None) -> None:
            for leaf, gradient in zip(leaves, given, strict=True):
                leaf.grad = None if gradient is None else Tensor(gradient)
            optimizer.step()
            # Whatever pattern of gradients comes next, it finds what it was recorded with.
            for leaf in leaves:
                leaf.grad = None

        replay = Replay(step, fallback="record")
        for given in gradients:
            recorded(replay, *given)
        start_again(optimizer, parameters)
        history = []
        for alpha, given in zip(alphas, gradients, strict=True):
            optimizer.alpha = alpha
            repeated(replay, *given)
            history.append([self.array(leaf) for leaf in leaves])
        return history

    def train(
        self,
        program: Program,
        parameters: Sequence[Array],
        batches: Sequence[Sequence[Array]],
        *,
        alpha: float,
    ) -> list[tuple[Array, list[Array]]]:
        """One set of leaves and one `SGD`, recorded on other batches before the first one that counts."""
        leaves = [Tensor(parameter, autograd=True) for parameter in parameters]
        optimizer = SGD(leaves, alpha)

        def step(*batch: Array) -> Any:
            loss = program(self.F, *leaves, *map(Tensor, batch))
            loss.backward(np.ones(loss.shape, loss.dtype))
            optimizer.step()
            return loss

        replay = Replay(step, fallback="record")
        for batch in batches:
            recorded(replay, *batch)
        start_again(optimizer, parameters)
        history = []
        for batch in batches:
            loss = self.array(repeated(replay, *batch))
            history.append((loss, [self.array(leaf) for leaf in leaves]))
        return history

    def named(self, name: str) -> Any:
        """A public name of the reference, which is what it is: what a constructor refuses, nobody records."""
        return getattr(deeplearning_framework, name)


def from_a_generator(layer: Callable[..., Any]) -> Callable[..., Any]:
    """A layer that leaves NumPy's global generator alone, without which a step can't be recorded."""
    return lambda *sizes, **options: layer(*sizes, rng=np.random.default_rng(0), **options)


def other(array: Any) -> Any:
    """Other numbers of the same kind: the same ones elsewhere, and nearer to 0."""
    if not isinstance(array, np.ndarray):
        return array
    elsewhere = np.flip(array)
    scaled = elsewhere * array.dtype.type(0.875) if array.dtype.kind == "f" else elsewhere
    return np.array(scaled, array.dtype).reshape(array.shape)


def recorded(replay: Replay, *args: Any) -> None:
    """Record with other numbers than these; what NumPy has to say to those is nobody's business."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(CALLS):
            replay(*map(other, args))


def repeated(replay: Replay, *args: Any) -> Any:
    """Replay with these numbers.

    Raises:
        AssertionError: It was no replay.
    """
    result = replay(*args)
    if replay.reason:
        raise AssertionError(f"this was no replay: {replay.reason}")
    return result


def replayed(step: Callable[..., Any], *args: Array) -> Any:
    """What a step returns for these arguments, from a recording with others."""
    replay = Replay(step)
    arrays = [np.array(array) for array in args]
    recorded(replay, *arrays)
    return repeated(replay, *arrays)


def start_again(optimizer: SGD, parameters: Sequence[Array]) -> None:
    """Undo what the recorded steps have done, in the arrays that they have done it in."""
    for leaf, parameter in zip(optimizer.parameters, parameters, strict=True):
        leaf.data[...] = parameter
    optimizer._velocities = [None] * len(optimizer.parameters)
