"""The same training steps with the reference, written as its users write them."""

from __future__ import annotations

import numpy as np

from benchmarks.workloads import Array, Training, Workload
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
    """What all have in common: a model, and an optimizer on its parameters."""

    def __init__(self, workload: Workload, *layers: Layer) -> None:
        """Give the layers the workload's parameters, in order."""
        self.workload = workload
        self.inputs = Tensor(workload.inputs)
        self.leaves = [leaf for layer in layers for leaf in layer.get_parameters()]
        for leaf, parameter in zip(self.leaves, workload.parameters, strict=True):
            leaf.data = parameter
        self.optimizer = SGD(self.leaves, alpha=workload.alpha)
        self.last = float("nan")

    def loss(self) -> float:
        """The loss that the last step began with."""
        return self.last

    def parameters(self) -> list[Array]:
        """Where training has got to."""
        return [leaf.data for leaf in self.leaves]

    def descend(self, loss: Tensor) -> None:
        """Backward and update."""
        self.last = loss.item()
        loss.backward()
        self.optimizer.step()


class Xor(WithLayers):
    """tanh, sigmoid, summed squared error."""

    def __init__(self, workload: Workload) -> None:
        """Build the model."""
        self.model = Sequential([Linear(2, 3), Tanh(), Linear(3, 1), Sigmoid()])
        self.criterion = MSELoss(reduction="sum")
        self.targets = Tensor(workload.targets)
        super().__init__(workload, self.model)

    def step(self) -> None:
        """Forward, backward, update."""
        self.descend(self.criterion.forward(self.model.forward(self.inputs), self.targets))


class Mlp(WithLayers):
    """tanh between layers, mean cross-entropy at the end."""

    def __init__(self, workload: Workload) -> None:
        """Build the model."""
        sides = [weight.shape for weight in workload.parameters if weight.ndim > 1]
        first, *rest = (Linear(n, m) for n, m in sides)
        self.model = Sequential([first, *(layer for linear in rest for layer in (Tanh(), linear))])
        self.criterion = CrossEntropyLoss()
        super().__init__(workload, self.model)

    def step(self) -> None:
        """Forward, backward, update."""
        self.descend(self.criterion.forward(self.model.forward(self.inputs), self.workload.targets))


class Rnn(WithLayers):
    """The cell gives an output at every step; the last one is scored."""

    def __init__(self, workload: Workload) -> None:
        """Build the model."""
        words, hidden = workload.parameters[0].shape
        self.embedding, self.cell = Embedding(words, hidden), RNNCell(hidden, hidden, words)
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
    """An embedding, summed squared error."""

    def __init__(self, workload: Workload) -> None:
        """Build the model."""
        self.embedding = Embedding(*workload.parameters[0].shape)
        self.criterion = MSELoss(reduction="sum")
        self.targets = Tensor(workload.targets)
        super().__init__(workload, self.embedding)

    def step(self) -> None:
        """Look up, backward, update."""
        self.descend(self.criterion.forward(self.embedding.forward(self.workload.inputs), self.targets))


def start(workload: Workload) -> Training:
    """Begin a workload."""
    kinds: dict[str, type[Xor | Mlp | Rnn | Words]] = {"xor": Xor, "mlp": Mlp, "rnn": Rnn, "words": Words}
    return kinds[workload.name.partition(",")[0]](workload)
