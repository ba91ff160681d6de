"""The work as functions of NumPy's names, for frameworks that differentiate such functions.

A framework gives its own `numpy`; what its users write is the same but for the name of the module.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from benchmarks.workloads import Array, Workload

Values = Sequence[Any]


def _sigmoid(np: Any, x: Any) -> Any:
    """Good enough for the small numbers here."""
    return 1 / (1 + np.exp(-x))


def _cross_entropy(np: Any, logits: Any, targets: Array) -> Any:
    """The mean cross-entropy."""
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    picked = shifted[np.arange(len(targets)), targets]
    return np.mean(np.log(np.sum(np.exp(shifted), axis=1)) - picked)


METHODS = {"sigmoid": "sigmoids"}
"""Where the name of a kind of work is that of something else."""


class Functions:
    """The workloads.

    Attributes:
        np: A module with NumPy's names.
        sigmoid: A function of its own for it, if the framework has one.
        cross_entropy: Likewise, of logits and targets, the mean.
    """

    def __init__(
        self,
        np: Any,
        sigmoid: Callable[[Any], Any] | None = None,
        cross_entropy: Callable[[Any, Array], Any] | None = None,
    ) -> None:
        """Take the framework's names."""
        self.np = np
        self.sigmoid = sigmoid or partial(_sigmoid, np)
        self.cross_entropy = cross_entropy or partial(_cross_entropy, np)

    def loss(self, workload: Workload) -> Callable[[Values], Any]:
        """What is differentiated."""
        return partial(getattr(self, METHODS.get(workload.kind, workload.kind)), workload)

    def xor(self, workload: Workload, p: Values) -> Any:
        """tanh, sigmoid, summed squared error."""
        w1, b1, w2, b2 = p
        d = self.sigmoid(self.np.tanh(workload.inputs @ w1 + b1) @ w2 + b2) - workload.targets
        return self.np.sum(d * d)

    def mlp(self, workload: Workload, p: Values) -> Any:
        """tanh between layers, mean cross-entropy at the end."""
        w1, b1, w2, b2, w3, b3 = p
        h = self.np.tanh(self.np.tanh(workload.inputs @ w1 + b1) @ w2 + b2)
        return self.cross_entropy(h @ w3 + b3, workload.targets)

    def rnn(self, workload: Workload, p: Values) -> Any:
        """The cell gives an output at every step; the last one is scored."""
        table, w_i, b_i, w_h, b_h, w_o, b_o = p
        h = self.np.zeros((len(workload.inputs), len(w_h)), workload.parameters[0].dtype)
        for column in workload.inputs.T:
            h = self.sigmoid((table[column] @ w_i + b_i) + (h @ w_h + b_h))
            output = h @ w_o + b_o
        return self.cross_entropy(output, workload.targets)

    def embedding(self, workload: Workload, p: Values) -> Any:
        """Summed squares of an embedding's rows."""
        e = p[0][workload.inputs]
        return self.np.sum(e * e)

    def chain(self, workload: Workload, p: Values) -> Any:
        """y = x, and then y = y + x again and again."""
        (x,) = p
        y = x
        for _ in range(workload.length):
            y = y + x
        return self.np.sum(y)

    def sigmoids(self, workload: Workload, p: Values) -> Any:
        """Sigmoids."""
        return self.np.sum(self.sigmoid(p[0]))

    def tanh(self, workload: Workload, p: Values) -> Any:
        """Hyperbolic tangents."""
        return self.np.sum(self.np.tanh(p[0]))

    def product(self, workload: Workload, p: Values) -> Any:
        """Products."""
        return self.np.sum(p[0] * p[1])


def operands(workload: Workload) -> list[Array]:
    """What the function is differentiated in: the parameters, or the operands where nothing is trained."""
    return list(workload.parameters) or [x for x in (workload.inputs, workload.targets) if x.size]
