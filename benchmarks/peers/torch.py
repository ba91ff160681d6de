"""PyTorch, op by op: its own layers, losses and optimizer."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.workloads import Array, Doing, Workload

VERSIONS = {"PyTorch": torch.__version__}

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


def tensor(x: Array) -> Tensor:
    """A tensor with a copy of an array."""
    return torch.from_numpy(x.copy())


def linear(weight: Array, bias: Array) -> nn.Linear:
    """A layer with these parameters; PyTorch keeps weights the other way around."""
    layer = nn.Linear(*weight.shape)
    layer.weight, layer.bias = nn.Parameter(tensor(weight.T)), nn.Parameter(tensor(bias))
    return layer


class Cell(nn.Module):  # type: ignore[misc] # types are checked without PyTorch
    """The recurrent cell of the workload: sigmoid, and an output at every step."""

    def __init__(self, *parameters: Array) -> None:
        """Make its three layers."""
        super().__init__()
        w_i, b_i, w_h, b_h, w_o, b_o = parameters
        self.w_ih, self.w_hh, self.w_ho = linear(w_i, b_i), linear(w_h, b_h), linear(w_o, b_o)

    def forward(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """One step."""
        h = torch.sigmoid(self.w_ih(x) + self.w_hh(h))
        return self.w_ho(h), h


class Training:
    """What is common to training: a model, and an optimizer on its parameters."""

    def __init__(self, workload: Workload, *modules: nn.Module) -> None:
        """Gather the parameters."""
        self.modules = nn.ModuleList(modules)
        self.optimizer = torch.optim.SGD(self.modules.parameters(), lr=workload.alpha)
        self.last = float("nan")
        self.function: Callable[[], Tensor] = self.loss

    def loss(self) -> Tensor:
        """Forward."""
        raise NotImplementedError

    def step(self) -> None:
        """Forward, backward, update."""
        loss = self.function()
        self.last = loss.item()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def results(self) -> list[Array]:
        """The last loss, and where training has got to."""
        found = [np.array(self.last)]
        for module in self.modules.modules():
            if isinstance(module, nn.Linear):
                found += [module.weight.detach().numpy().T, module.bias.detach().numpy()]
            elif isinstance(module, nn.Embedding):
                found.append(module.weight.detach().numpy())
        return found


class Xor(Training):
    """tanh, sigmoid, summed squared error."""

    def __init__(self, workload: Workload) -> None:
        """Build the model."""
        p = workload.parameters
        self.model = nn.Sequential(linear(*p[:2]), nn.Tanh(), linear(*p[2:]), nn.Sigmoid())
        self.criterion = nn.MSELoss(reduction="sum")
        self.inputs, self.targets = tensor(workload.inputs), tensor(workload.targets)
        super().__init__(workload, self.model)

    def loss(self) -> Tensor:
        """Forward."""
        loss: Tensor = self.criterion(self.model(self.inputs), self.targets)
        return loss


class Mlp(Training):
    """tanh between layers, mean cross-entropy at the end."""

    def __init__(self, workload: Workload) -> None:
        """Build the model."""
        p = workload.parameters
        first, *rest = (linear(*p[k : k + 2]) for k in range(0, len(p), 2))
        self.model = nn.Sequential(first, *(layer for one in rest for layer in (nn.Tanh(), one)))
        self.criterion = nn.CrossEntropyLoss()
        self.inputs, self.targets = tensor(workload.inputs), tensor(workload.targets)
        super().__init__(workload, self.model)

    def loss(self) -> Tensor:
        """Forward."""
        loss: Tensor = self.criterion(self.model(self.inputs), self.targets)
        return loss


class Rnn(Training):
    """The cell gives an output at every step; the last one is scored."""

    def __init__(self, workload: Workload) -> None:
        """Build the model."""
        table, *rest = workload.parameters
        self.embedding = nn.Embedding.from_pretrained(tensor(table), freeze=False)
        self.cell = Cell(*rest)
        self.criterion = nn.CrossEntropyLoss()
        self.columns = [tensor(column) for column in workload.inputs.T]
        self.targets = tensor(workload.targets)
        self.start = torch.zeros(len(workload.inputs), table.shape[1], dtype=self.embedding.weight.dtype)
        super().__init__(workload, self.embedding, self.cell)

    def loss(self) -> Tensor:
        """Forward."""
        hidden = self.start
        for column in self.columns:
            output, hidden = self.cell(self.embedding(column), hidden)
        loss: Tensor = self.criterion(output, self.targets)
        return loss


class Words(Training):
    """Summed squares of an embedding's rows."""

    sparse = False

    def __init__(self, workload: Workload) -> None:
        """Build the model."""
        (table,) = workload.parameters
        self.embedding = nn.Embedding.from_pretrained(tensor(table), freeze=False, sparse=self.sparse)
        self.inputs = tensor(workload.inputs)
        super().__init__(workload, self.embedding)

    def loss(self) -> Tensor:
        """Forward."""
        e = self.embedding(self.inputs)
        loss: Tensor = (e * e).sum()
        return loss


class Function:
    """What is common to the rest: nothing is trained, and the gradients are what it is about."""

    def __init__(self, workload: Workload) -> None:
        """Make leaves of the operands."""
        self.length = workload.length
        self.leaves = [tensor(x).requires_grad_() for x in (workload.inputs, workload.targets) if x.size]
        self.function: Callable[..., Tensor] = self.forward

    def step(self) -> None:
        """Forward, backward."""
        for leaf in self.leaves:
            leaf.grad = None
        self.function(*self.leaves).sum().backward()

    def forward(self, *operands: Tensor) -> Tensor:
        """Compute the function."""
        raise NotImplementedError

    def results(self) -> list[Array]:
        """The gradients."""
        return [leaf.grad.numpy() for leaf in self.leaves if leaf.grad is not None]


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
        return torch.sigmoid(operands[0])


class LargeTanh(Function):
    """Hyperbolic tangents."""

    def forward(self, *operands: Tensor) -> Tensor:
        """Compute them."""
        return torch.tanh(operands[0])


class LargeProduct(Function):
    """Products."""

    def forward(self, *operands: Tensor) -> Tensor:
        """Compute them."""
        return operands[0] * operands[1]


KINDS: dict[str, Callable[[Workload], Training | Function]] = {
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
