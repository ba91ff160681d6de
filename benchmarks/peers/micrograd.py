"""micrograd: every number an object with a gradient."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
from micrograd.engine import Value

from benchmarks.pairs import CannotDoError
from benchmarks.workloads import Array, Doing, Workload

VERSIONS = {"micrograd": version("micrograd")}

Row = list[Value]


def tanh(x: Value) -> Value:
    """It has powers and products, so an exponential of the user's own and a quotient."""
    return 1 - 2 / (1 + exp(2 * x))


def sigmoid(x: Value) -> Value:
    """Likewise."""
    return 1 / (1 + exp(-x))


def exp(x: Value) -> Value:
    """An op of one's own, written as its own are."""
    out = Value(float(np.exp(x.data)), (x,), "exp")

    def _backward() -> None:
        x.grad += out.data * out.grad

    out._backward = _backward
    return out


class Xor:
    """tanh, sigmoid, summed squared error."""

    def __init__(self, workload: Workload) -> None:
        """Make an object of every parameter."""
        self.workload = workload
        self.p = [np.vectorize(Value, otypes=[object])(x) for x in workload.parameters]
        self.last = float("nan")

    def step(self) -> None:
        """Forward, backward, update."""
        w1, b1, w2, b2 = self.p
        loss = Value(0.0)
        for x, y in zip(self.workload.inputs.tolist(), self.workload.targets.tolist(), strict=True):
            hidden = [
                tanh(sum((w * v for w, v in zip(column, x, strict=True)), b))
                for column, b in zip(w1.T, b1, strict=True)
            ]
            d = sigmoid(sum((w * h for w, h in zip(w2[:, 0], hidden, strict=True)), b2[0])) - y[0]
            loss = loss + d * d
        self.last = loss.data
        leaves = [leaf for x in self.p for leaf in x.flat]
        for leaf in leaves:
            leaf.grad = 0
        loss.backward()
        for leaf in leaves:
            leaf.data -= self.workload.alpha * leaf.grad

    def results(self) -> list[Array]:
        """The last loss, and where training has got to."""
        return [np.array(self.last), *(np.vectorize(lambda v: v.data, otypes=[float])(x) for x in self.p)]


class Chain:
    """y = x, and then y = y + x again and again."""

    def __init__(self, workload: Workload) -> None:
        """Make leaves."""
        self.length, self.inputs = workload.length, workload.inputs
        self.leaves: Row = []

    def step(self) -> None:
        """Forward, backward."""
        self.leaves = [Value(x) for x in self.inputs.tolist()]
        total = Value(0.0)
        for x in self.leaves:
            y = x
            for _ in range(self.length):
                y = y + x
            total = total + y
        total.backward()

    def results(self) -> list[Array]:
        """The gradients."""
        return [np.array([leaf.grad for leaf in self.leaves])]


def start(workload: Workload) -> Doing:
    """Begin a workload."""
    if workload.inputs.dtype == np.float32:
        raise CannotDoError("has Python's floats alone")
    if workload.kind == "xor":
        return Xor(workload)
    if workload.kind == "chain":
        return Chain(workload)
    raise CannotDoError("every number is an object: millions of them")
