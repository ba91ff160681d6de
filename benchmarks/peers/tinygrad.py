"""tinygrad on the CPU: a whole step, captured and replayed by `TinyJit`."""

from __future__ import annotations

import os
from importlib.metadata import version
from typing import Any

import numpy as np

os.environ["DEV"] = "CPU"
os.environ["CPU_COUNT"] = os.environ["OMP_NUM_THREADS"]

from tinygrad import Tensor, TinyJit

from benchmarks.pairs import CannotDoError
from benchmarks.peers.functional import operands
from benchmarks.workloads import Array, Doing, Workload

VERSIONS = {"tinygrad": version("tinygrad")}

UNROLLED = 100
"""Steps of a loop that are captured in about a minute."""


def xor(p: list[Any], x: Any, y: Any, workload: Workload) -> Any:
    """tanh, sigmoid, summed squared error."""
    w1, b1, w2, b2 = p
    return (((x @ w1 + b1).tanh() @ w2 + b2).sigmoid() - y).square().sum()


def mlp(p: list[Any], x: Any, y: Any, workload: Workload) -> Any:
    """tanh between layers, mean cross-entropy at the end."""
    w1, b1, w2, b2, w3, b3 = p
    return (((x @ w1 + b1).tanh() @ w2 + b2).tanh() @ w3 + b3).sparse_categorical_crossentropy(y)


def rnn(p: list[Any], x: Any, y: Any, workload: Workload) -> Any:
    """The cell gives an output at every step; the last one is scored."""
    table, w_i, b_i, w_h, b_h, w_o, b_o = p
    h = Tensor.zeros(len(workload.inputs), w_h.shape[0], dtype=table.dtype)
    for t in range(workload.inputs.shape[1]):
        h = ((table[x[:, t]] @ w_i + b_i) + (h @ w_h + b_h)).sigmoid()
        output = h @ w_o + b_o
    return output.sparse_categorical_crossentropy(y)


LOSSES: dict[str, Any] = {
    "xor": xor,
    "mlp": mlp,
    "rnn": rnn,
    "embedding": lambda p, x, y, workload: p[0][x].square().sum(),
    "sigmoid": lambda p, x, y, workload: p[0].sigmoid().sum(),
    "tanh": lambda p, x, y, workload: p[0].tanh().sum(),
    "product": lambda p, x, y, workload: (p[0] * p[1]).sum(),
}


class Work:
    """A workload under way."""

    def __init__(self, workload: Workload) -> None:
        """Set up a step."""
        self.workload = workload
        self.leaves = [Tensor(x.copy()).is_param_() for x in operands(workload)]
        self.x: Any = Tensor(workload.inputs) if workload.parameters else None
        self.y: Any = Tensor(workload.targets) if workload.parameters else None
        self.last = float("nan")
        self.function = TinyJit(self.trained if workload.parameters else self.differentiated)

    def trained(self) -> Any:
        """Forward, backward, update; tinygrad's own SGD keeps its learning rate in float32."""
        loss = LOSSES[self.workload.kind](self.leaves, self.x, self.y, self.workload)
        gradients = loss.gradient(*self.leaves)
        for p, g in zip(self.leaves, gradients, strict=True):
            p.assign(p.detach() - self.workload.alpha * g)
        return loss.realize(*self.leaves)

    def differentiated(self) -> Any:
        """Forward, backward."""
        loss = LOSSES[self.workload.kind](self.leaves, self.x, self.y, self.workload)
        gradients = loss.gradient(*self.leaves)
        return loss.realize(*gradients), *gradients

    def step(self) -> None:
        """Forward, backward, and an update where something is trained."""
        if self.workload.parameters:
            self.last = self.function().item()
        else:
            loss, *self.gradients = self.function()
            self.last = loss.item()

    def results(self) -> list[Array]:
        """The last loss and the parameters, or the gradients."""
        if self.workload.parameters:
            return [np.array(self.last), *(leaf.numpy() for leaf in self.leaves)]
        return [g.numpy() for g in self.gradients]


def start(workload: Workload) -> Doing:
    """Begin a workload."""
    if max(workload.length, workload.inputs.shape[-1] if workload.kind == "rnn" else 0) > UNROLLED:
        raise CannotDoError("unrolls the loop: thousands of kernels to compile")
    return Work(workload)
