"""PyTorch (https://pytorch.org): eager mode, on the CPU, in one thread.

Each op is PyTorch's own, under the name that its documentation gives it. What is translated is how the
arguments are told, and nothing else:

    dims             `dim` and `keepdims` are PyTorch's `dim` and `keepdim`; no dims at all are all of them
    max              `torch.amax`, which takes several dims; `torch.max` along one takes one of the ties
    transpose        `torch.permute`, whose order of axes is never left out
    expand           `unsqueeze` makes the new axis, and `expand` repeats along it
    index_select     takes a vector of indices, so theirs are lined up, and the rows put into their shape
    cross_entropy    has the classes in the second axis, not in the last
    weights          `nn.Linear` and the cells keep them as (outputs, inputs), the spec as (inputs, outputs)
    rnn_cell         `nn.RNNCell` has no sigmoid and no output layer, so those are written out
    lstm_cell        `nn.LSTMCell` stacks the gates i, f, g, o, and has a second bias, here 0

`objects` is not claimed. Two of three clauses there ask for classes with the reference's constructors and
attributes (`Tensor(data, autograd=True)`, `Linear.weight`, `Layer.get_parameters`, `Sequential.layers`), and
PyTorch's API is another one, so there is nothing to ask. The verbs of tapes are given nonetheless, for the
clauses of other profiles that use them. Where they suffice to ask `objects`, too, most of it holds, and this
doesn't: a sum, which saves nothing, may be pulled back twice; a `backward` that is refused half-way has
changed some gradients by then; `detach` shares the memory of its tensor.
"""

from __future__ import annotations

import contextlib
import operator
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.autograd.profiler import profile
from torch.nn import functional

from dlspec.failure import NotProvided
from dlspec.implementation import Array, Program, TapeImplementation
from dlspec.memory import Memory, TracedMemory, traced

Tensor = Any
"""A `torch.Tensor`; types are checked without PyTorch."""


def _tensor(array: Array) -> Tensor:
    """A tensor of its own memory, in which the elements lie as they do in the array."""
    return torch.from_numpy(np.array(array, order="K"))


def _reduction(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def reduce(x: Tensor, dim: Any = None, keepdims: bool = False) -> Tensor:
        return function(x, keepdim=keepdims) if dim is None else function(x, dim=dim, keepdim=keepdims)

    return reduce


def _transpose(x: Tensor, axes: Sequence[int] | None = None) -> Tensor:
    return torch.permute(x, tuple(reversed(range(x.ndim))) if axes is None else tuple(axes))


def _expand(x: Tensor, dim: int, copies: int) -> Tensor:
    widened = torch.unsqueeze(x, dim)
    sides = [-1] * widened.ndim  # which leaves a side as it is
    sides[dim] = copies
    return widened.expand(sides)


def _index_select(x: Tensor, indices: Any) -> Tensor:
    rows = torch.as_tensor(indices)
    return torch.index_select(x, 0, rows.reshape(-1)).reshape((*rows.shape, *x.shape[1:]))


def _cross_entropy(logits: Tensor, targets: Any, reduction: str = "mean") -> Tensor:
    classes_second = torch.movedim(logits, -1, 1) if logits.ndim > 2 else logits  # noqa: PLR2004 (batch, classes)
    return functional.cross_entropy(classes_second, torch.as_tensor(targets), reduction=reduction)


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return functional.linear(x, weight.T, bias)


def _rnn_cell(
    x: Tensor,
    h: Tensor,
    w_ih: Tensor,
    b_ih: Tensor,
    w_hh: Tensor,
    b_hh: Tensor,
    w_ho: Tensor,
    b_ho: Tensor,
    activation: str = "sigmoid",
) -> tuple[Tensor, Tensor]:
    if activation == "sigmoid":
        new = torch.sigmoid(_linear(x, w_ih, b_ih) + _linear(h, w_hh, b_hh))
    else:
        cell = torch.nn.RNNCell(*w_ih.shape, nonlinearity=activation, device="meta")
        weights = {"weight_ih": w_ih.T, "weight_hh": w_hh.T, "bias_ih": b_ih, "bias_hh": b_hh}
        new = torch.func.functional_call(cell, weights, (x, h))
    return _linear(new, w_ho, b_ho), new


def _lstm_cell(x: Tensor, h: Tensor, c: Tensor, *parameters: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    w_xf, b_xf, w_xi, b_xi, w_xo, b_xo, w_xc, b_xc, w_hf, w_hi, w_ho, w_hc, w_out = parameters
    bias = torch.cat([b_xi, b_xf, b_xc, b_xo])
    weights = {
        "weight_ih": torch.cat([w_xi.T, w_xf.T, w_xc.T, w_xo.T]),
        "weight_hh": torch.cat([w_hi.T, w_hf.T, w_hc.T, w_ho.T]),
        "bias_ih": bias,
        "bias_hh": torch.zeros_like(bias),
    }
    cell = torch.nn.LSTMCell(*w_xf.shape, device="meta")
    new_h, new_c = torch.func.functional_call(cell, weights, (x, (h, c)))
    return functional.linear(new_h, w_out.T), new_h, new_c


class SGD:
    """`torch.optim.SGD`: its `lr` is `alpha`, and `zero_grad(set_to_none=False)` is `zero`."""

    def __init__(self, parameters: Sequence[Tensor], alpha: float, **options: Any) -> None:
        """Hand everything on."""
        self._optimizer = torch.optim.SGD(parameters, lr=alpha, **options)

    def step(self, alpha: float | None = None) -> None:
        """Take a step, from now on with another learning rate where one is given."""
        if alpha is not None:
            for group in self._optimizer.param_groups:
                group["lr"] = alpha
        self._optimizer.step()

    def zero(self) -> None:
        """Make zeros of the gradients."""
        self._optimizer.zero_grad(set_to_none=False)


class ProfiledMemory:
    """The bytes of all allocations that PyTorch's profiler tells of, beside the rest that Python counts.

    The profiler tells of what it saw when it is stopped, so it is stopped and started again at every count.
    """

    def __init__(self, rest: TracedMemory) -> None:
        """Begin with nothing in use."""
        self._rest, self._bytes = rest, 0
        self._start()

    def _start(self) -> None:
        self._profile = profile(profile_memory=True)
        self._profile.__enter__()

    def stop(self) -> list[int]:
        """The bytes in use after each allocation and each release since the start, in order."""
        self._profile.__exit__(None, None, None)
        events = [event for event in self._profile.kineto_results.events() if event.name() == "[memory]"]
        del self._profile
        events.sort(key=lambda event: event.start_ns())
        course = []
        for event in events:
            self._bytes += event.nbytes()
            course.append(self._bytes)
        return course

    def in_use(self) -> int:
        """The bytes in use."""
        self.stop()
        rest = self._rest.in_use()  # while there is no profile, which is no memory of the implementation's
        self._start()
        return self._bytes + rest

    def most(self, work: Callable[[], Any]) -> int:
        """The most of both kinds, which need not have been at the same moment."""
        before = self.in_use() - self._rest.in_use()
        rest = self._rest.most(work)
        course = self.stop()
        self._start()
        return rest + max([0, *(now - before for now in course)])

    def course(self, work: Callable[[], Any]) -> list[int]:
        """The bytes in use at every allocation and release of PyTorch's, with the rest as it was before."""
        self.in_use()
        rest = self._rest.in_use()
        work()
        course = self.stop()
        self._start()
        return [now + rest for now in course]


class Torch(TapeImplementation):
    """Tensors with `requires_grad`, and `Tensor.backward`."""

    name, version = "PyTorch", str(torch.__version__)
    claims = ("ops", "autodiff", "layers", "losses", "optim", "training", "numerics", "scale", "errors")
    dtypes = ("float64", "float32")
    index_dtypes = ("int64",)  # `index_select` takes int32 beside it, and `cross_entropy` uint8
    ops = {
        "add": operator.add,
        "subtract": operator.sub,
        "multiply": operator.mul,
        "divide": operator.truediv,
        "negative": operator.neg,
        "power": lambda x, exponent: x**exponent,
        "exp": torch.exp,
        "log": torch.log,
        "relu": torch.relu,
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
        "sum": _reduction(partial(torch.sum, dim=None)),
        "mean": _reduction(partial(torch.mean, dim=None)),
        "max": _reduction(partial(torch.amax, dim=())),
        "mm": torch.matmul,
        "transpose": _transpose,
        "reshape": lambda x, shape: torch.reshape(x, tuple(shape)),
        "expand": _expand,
        "index_select": _index_select,
        "softmax": lambda x, dim=-1: torch.softmax(x, dim),
        "log_softmax": lambda x, dim=-1: torch.log_softmax(x, dim),
        "cross_entropy": _cross_entropy,
        "linear": _linear,
        "linear_without_bias": _linear,
        "embedding": lambda weight, indices: functional.embedding(torch.as_tensor(indices), weight),
        "rnn_cell": _rnn_cell,
        "lstm_cell": _lstm_cell,
        "mse_loss": lambda prediction, target, reduction="mean": functional.mse_loss(
            prediction, target, reduction=reduction
        ),
        "cross_entropy_loss": _cross_entropy,
    }

    def __init__(self) -> None:
        """Keep PyTorch to one thread, so that every order of summation is the same in each run."""
        torch.set_num_threads(1)
        os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # or the profiler says so each time it starts

    def leaf(self, array: Array) -> Tensor:
        """A tensor that requires a gradient."""
        return _tensor(array).requires_grad_()

    def constant(self, array: Array) -> Tensor:
        """A tensor as it is made."""
        return _tensor(array)

    def numpy(self, value: Tensor) -> Array:
        """The memory of a tensor as an array."""
        array: Array = value.detach().numpy()
        return array

    def backward(self, value: Tensor, cotangent: Array | None = None, *, retain_graph: bool = False) -> None:
        """`value.backward(cotangent, retain_graph=...)`."""
        value.backward(None if cotangent is None else _tensor(cotangent), retain_graph=retain_graph)

    def grad(self, leaf: Tensor) -> Tensor | None:
        """`leaf.grad`."""
        return leaf.grad

    @contextlib.contextmanager
    def memory(self) -> Iterator[Memory]:
        """What Python and NumPy allocate, and what PyTorch's profiler sees PyTorch allocate."""
        with traced() as rest:
            profiled = ProfiledMemory(rest)
            try:
                yield profiled
            finally:
                profiled.stop()

    def wants_gradient(self, value: Tensor) -> bool:
        """`value.requires_grad`."""
        return bool(value.requires_grad)

    def set_grad(self, leaf: Tensor, array: Array | None) -> None:
        """`leaf.grad = ...`."""
        leaf.grad = None if array is None else _tensor(array)

    def retain_grad(self, value: Tensor) -> None:
        """`value.retain_grad()`."""
        value.retain_grad()

    def detach(self, value: Tensor) -> Tensor:
        """`value.detach()`."""
        return value.detach()

    def no_grad(self) -> AbstractContextManager[Any]:
        """`torch.no_grad()`."""
        context: AbstractContextManager[Any] = torch.no_grad()
        return context

    def set_data(self, leaf: Tensor, array: Array) -> None:
        """`leaf.copy_(...)` where nothing is recorded, as `load_state_dict` does it."""
        with torch.no_grad():
            leaf.copy_(_tensor(array))

    def change_data(self, leaf: Tensor, difference: Array) -> None:
        """`leaf -= difference` where nothing is recorded, as optimizers do it."""
        with torch.no_grad():
            leaf -= _tensor(difference)

    def named(self, name: str) -> Any:
        """`SGD`; no other class is made as the reference's is."""
        if name == "SGD":
            return SGD
        raise NotProvided(name)

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
        """One `torch.optim.SGD` over leaves whose `.grad` is set before each `step()`."""
        leaves = [self.leaf(parameter) for parameter in parameters]
        optimizer = SGD(leaves, alphas[0], momentum=momentum, weight_decay=weight_decay, nesterov=nesterov)
        history = []
        for alpha, step in zip(alphas, gradients, strict=True):
            for leaf, gradient in zip(leaves, step, strict=True):
                self.set_grad(leaf, gradient)
            optimizer.step(alpha)
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
        """One set of leaves and one `torch.optim.SGD`, alive over all the steps."""
        leaves = [self.leaf(parameter) for parameter in parameters]
        optimizer = SGD(leaves, alpha)
        history = []
        for batch in batches:
            for leaf in leaves:
                self.set_grad(leaf, None)
            loss = program(self.F, *leaves, *(self.constant(array) for array in batch))
            value = self.array(loss)
            self.backward(loss, np.ones_like(value))
            optimizer.step()
            history.append((value, [self.array(leaf) for leaf in leaves]))
        return history
