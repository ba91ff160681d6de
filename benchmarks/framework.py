"""The work with the reference, written as its users write it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.workloads import Array, Doing, Workload
from deeplearning_framework import (
    SGD,
    CrossEntropyLoss,
    Embedding,
    Layer,
    Linear,
    MSELoss,
    RNNCell,
    Sequential,
    Sigmoid,
    Tanh,
    Tensor,
)


class WithLayers:
    """What is common to training: a model, and an optimizer on its parameters."""

    def __init__(self, workload: Workload, *layers: Layer) -> None:
        """Give the layers the workload's parameters, in order."""
        self.workload = workload
        self.leaves = [leaf for layer in layers for leaf in layer.get_parameters()]
        for leaf, parameter in zip(self.leaves, workload.parameters, strict=True):
            leaf.data = parameter
        self.optimizer = SGD(self.leaves, alpha=workload.alpha)
        self.last = float("nan")

    def results(self) -> list[Array]:
        """The last loss, and where training has got to."""
        return [np.array(self.last), *(leaf.data for leaf in self.leaves)]

    def descend(self, loss: Tensor) -> None:
        """Backward and update."""
        self.last = loss.item()
        loss.backward()
        self.optimizer.step()


class Xor(WithLayers):
    """tanh, sigmoid, summed squared error."""

    def __init__(self, workload: Workload) -> None:
        """Build the model."""
        dtype = workload.inputs.dtype
        self.model = Sequential([Linear(2, 3, dtype=dtype), Tanh(), Linear(3, 1, dtype=dtype), Sigmoid()])
        self.criterion = MSELoss(reduction="sum")
        self.inputs, self.targets = Tensor(workload.inputs), Tensor(workload.targets)
        super().__init__(workload, self.model)

    def step(self) -> None:
        """Forward, backward, update."""
        self.descend(self.criterion.forward(self.model.forward(self.inputs), self.targets))


class Mlp(WithLayers):
    """tanh between layers, mean cross-entropy at the end."""

    def __init__(self, workload: Workload) -> None:
        """Build the model."""
        sides = [weight.shape for weight in workload.parameters if weight.ndim > 1]
        first, *rest = (Linear(n, m, dtype=workload.inputs.dtype) for n, m in sides)
        self.model = Sequential([first, *(layer for linear in rest for layer in (Tanh(), linear))])
        self.criterion = CrossEntropyLoss()
        self.inputs = Tensor(workload.inputs)
        super().__init__(workload, self.model)

    def step(self) -> None:
        """Forward, backward, update."""
        self.descend(self.criterion.forward(self.model.forward(self.inputs), self.workload.targets))


class Rnn(WithLayers):
    """The cell gives an output at every step; the last one is scored."""

    def __init__(self, workload: Workload) -> None:
        """Build the model."""
        words, hidden = workload.parameters[0].shape
        dtype = workload.parameters[0].dtype
        self.embedding = Embedding(words, hidden, dtype=dtype)
        self.cell = RNNCell(hidden, hidden, words, dtype=dtype)
        self.criterion = CrossEntropyLoss()
        self.columns = [Tensor(np.ascontiguousarray(column)) for column in workload.inputs.T]
        super().__init__(workload, self.embedding, self.cell)

    def step(self) -> None:
        """Forward, backward through time, update."""
        hidden = self.cell.init_hidden(len(self.workload.inputs))
        for column in self.columns:
            output, hidden = self.cell.forward(self.embedding.forward(column), hidden)
        self.descend(self.criterion.forward(output, self.workload.targets))


class Words(WithLayers):
    """Summed squares of an embedding's rows."""

    def __init__(self, workload: Workload) -> None:
        """Build the model."""
        (table,) = workload.parameters
        vocab_size, dim = table.shape
        self.embedding = Embedding(vocab_size, dim, dtype=table.dtype)
        super().__init__(workload, self.embedding)

    def step(self) -> None:
        """Look up, backward, update."""
        e = self.embedding.forward(self.workload.inputs)
        self.descend((e * e).sum())


class Function:
    """What is common to the rest: nothing is trained, and the gradients are what it is about."""

    def __init__(self, workload: Workload) -> None:
        """Make leaves of the operands."""
        self.length = workload.length
        self.leaves = [Tensor(x, autograd=True) for x in (workload.inputs, workload.targets) if x.size]

    def step(self) -> None:
        """Forward, backward."""
        for leaf in self.leaves:
            leaf.grad = None
        self.forward(*self.leaves).sum().backward()

    def forward(self, *operands: Tensor) -> Tensor:
        """Compute the function."""
        raise NotImplementedError

    def results(self) -> list[Array]:
        """The gradients."""
        return [leaf.grad.data for leaf in self.leaves if leaf.grad is not None]


class Chain(Function):
    """y = x, and then y = y + x again and again."""

    def forward(self, *operands: Tensor) -> Tensor:
        """Add."""
        (x,) = operands
        y = x
        for _ in range(self.length):
            y = y + x
        return y


class LargeSigmoid(Function):
    """Sigmoids."""

    def forward(self, *operands: Tensor) -> Tensor:
        """Compute them."""
        return operands[0].sigmoid()


class LargeTanh(Function):
    """Hyperbolic tangents."""

    def forward(self, *operands: Tensor) -> Tensor:
        """Compute them."""
        return operands[0].tanh()


class LargeProduct(Function):
    """Products."""

    def forward(self, *operands: Tensor) -> Tensor:
        """Compute them."""
        return operands[0] * operands[1]


KINDS: dict[str, Callable[[Workload], Doing]] = {
    "xor": Xor,
    "mlp": Mlp,
    "rnn": Rnn,
    "embedding": Words,
    "chain": Chain,
    "sigmoid": LargeSigmoid,
    "tanh": LargeTanh,
    "product": LargeProduct,
}


def start(workload: Workload) -> Doing:
    """Begin a workload."""
    return KINDS[workload.kind](workload)
