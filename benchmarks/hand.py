"""The work in clear NumPy without any framework: what a good programmer would write.

Every line allocates its result. Preallocated buffers, stacked time steps and other tricks are in `limit.py`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.workloads import Array, Doing, Workload


def sigmoid(x: Array) -> Array:
    """Good enough for the small numbers here."""
    return np.asarray(1 / (1 + np.exp(-x)))


def cross_entropy(logits: Array, targets: Array) -> tuple[float, Array]:
    """The mean cross-entropy, and its gradient in the logits."""
    rows = np.arange(len(targets))
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    total = p.sum(axis=1)
    loss = float(np.mean(np.log(total) - np.log(p[rows, targets])))
    p /= total[:, np.newaxis]
    p[rows, targets] -= 1
    return loss, p / len(targets)


class ByHand:
    """What all have in common: the parameters, and where they go from here."""

    def __init__(self, workload: Workload) -> None:
        """Start where the workload says."""
        self.workload = workload
        self.p = [parameter.copy() for parameter in workload.parameters]
        self.last = float("nan")

    def results(self) -> list[Array]:
        """The last loss, and where training has got to."""
        return [np.array(self.last), *self.p]

    def update(self, *gradients: Array) -> None:
        """Gradient descent."""
        for p, g in zip(self.p, gradients, strict=True):
            p -= self.workload.alpha * g


class Xor(ByHand):
    """tanh, sigmoid, summed squared error."""

    def step(self) -> None:
        """Forward, backward, update."""
        x, y = self.workload.inputs, self.workload.targets
        w1, b1, w2, b2 = self.p
        h = np.tanh(x @ w1 + b1)
        p = sigmoid(h @ w2 + b2)
        d = p - y
        self.last = float((d * d).sum())
        z2 = 2 * d * p * (1 - p)
        z1 = (z2 @ w2.T) * (1 - h * h)
        self.update(x.T @ z1, z1.sum(axis=0), h.T @ z2, z2.sum(axis=0))


class Mlp(ByHand):
    """tanh between layers, mean cross-entropy at the end."""

    def step(self) -> None:
        """Forward, backward, update."""
        w1, b1, w2, b2, w3, b3 = self.p
        x = self.workload.inputs
        h1 = np.tanh(x @ w1 + b1)
        h2 = np.tanh(h1 @ w2 + b2)
        self.last, g = cross_entropy(h2 @ w3 + b3, self.workload.targets)
        g2 = (g @ w3.T) * (1 - h2 * h2)
        g1 = (g2 @ w2.T) * (1 - h1 * h1)
        self.update(x.T @ g1, g1.sum(axis=0), h1.T @ g2, g2.sum(axis=0), h2.T @ g, g.sum(axis=0))


class Rnn(ByHand):
    """The cell gives an output at every step, as its API has it; the last one is scored."""

    def step(self) -> None:
        """Forward, backward through time, update."""
        table, w_i, b_i, w_h, b_h, w_o, b_o = self.p
        ids = self.workload.inputs
        h = np.zeros((len(ids), len(w_h)), w_h.dtype)
        xs, hs = [], [h]
        for t in range(ids.shape[1]):
            x = table[ids[:, t]]
            h = sigmoid((x @ w_i + b_i) + (h @ w_h + b_h))
            output = h @ w_o + b_o
            xs.append(x)
            hs.append(h)
        self.last, g = cross_entropy(output, self.workload.targets)
        d_w_o, d_b_o, dh = h.T @ g, g.sum(axis=0), g @ w_o.T
        d_table, d_w_i, d_b, d_w_h = (np.zeros_like(p) for p in (table, w_i, b_i, w_h))
        for t in reversed(range(ids.shape[1])):
            h = hs[t + 1]
            z = dh * h * (1 - h)
            d_w_i += xs[t].T @ z
            d_w_h += hs[t].T @ z
            d_b += z.sum(axis=0)
            np.add.at(d_table, ids[:, t], z @ w_i.T)
            dh = z @ w_h.T
        self.update(d_table, d_w_i, d_b, d_w_h, d_b, d_w_o, d_b_o)


class Embedding(ByHand):
    """Summed squares of rows; the gradient is a table."""

    def step(self) -> None:
        """Look up, backward, update."""
        (table,) = self.p
        e = table[self.workload.inputs]
        self.last = float((e * e).sum())
        d_table = np.zeros_like(table)
        np.add.at(d_table, self.workload.inputs, 2 * e)
        self.update(d_table)


class Function:
    """What is common to the rest: nothing is trained, and the gradients are what it is about."""

    def __init__(self, workload: Workload) -> None:
        """Take the operands."""
        self.x, self.z, self.length = workload.inputs, workload.targets, workload.length
        self.gradients: list[Array] = []

    def results(self) -> list[Array]:
        """The gradients."""
        return self.gradients


class Chain(Function):
    """y = x, and then y = y + x again and again; summed."""

    def step(self) -> None:
        """Forward, backward."""
        y = self.x
        for _ in range(self.length):
            y = y + self.x
        y.sum()
        g = np.ones_like(y)
        d_x = np.zeros_like(y)
        for _ in range(self.length):
            d_x = d_x + g
        self.gradients = [d_x + g]


class LargeSigmoid(Function):
    """The sum of sigmoids."""

    def step(self) -> None:
        """Forward, backward."""
        self.gradients = []
        y = sigmoid(self.x)
        y.sum()
        self.gradients = [y * (1 - y)]


class LargeTanh(Function):
    """The sum of hyperbolic tangents."""

    def step(self) -> None:
        """Forward, backward."""
        self.gradients = []
        y = np.tanh(self.x)
        y.sum()
        self.gradients = [1 - y * y]


class LargeProduct(Function):
    """The sum of products."""

    def step(self) -> None:
        """Forward, backward: the chain rule multiplies the other factor with the sum's cotangent, 1."""
        self.gradients = []
        (self.x * self.z).sum()
        self.gradients = [1.0 * self.z, 1.0 * self.x]


KINDS: dict[str, Callable[[Workload], Doing]] = {
    "xor": Xor,
    "mlp": Mlp,
    "rnn": Rnn,
    "embedding": Embedding,
    "chain": Chain,
    "sigmoid": LargeSigmoid,
    "tanh": LargeTanh,
    "product": LargeProduct,
}


def start(workload: Workload) -> Doing:
    """Begin a workload."""
    return KINDS[workload.kind](workload)
