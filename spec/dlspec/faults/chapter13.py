"""A framework as chapter 13 of "Grokking Deep Learning" teaches to build one: the negative control.

Its names and its defects are the book's, the text is not. A gradient is handed from a result to its creators
by recursion. Sums, differences and products wait until all their users have reported; every other op hands on
what it has as soon as something arrives. Nothing here is to be repaired: what is wrong, the spec has to find.
"""

from __future__ import annotations

from typing import Any

import numpy as np


class Tensor:
    """An array that remembers what it was computed from, and by which op."""

    def __init__(
        self,
        data: Any,
        autograd: bool = False,
        creators: tuple[Tensor, ...] = (),
        creation_op: str | None = None,
    ) -> None:
        """Keep a copy of the data, and tell the creators that they have a user more."""
        self.data = np.array(data)
        self.autograd = autograd
        self.creators = creators
        self.creation_op = creation_op
        self.grad: Any = None
        self.id = np.random.randint(0, 100000)
        self.pending: dict[int, int] = {}
        self.indices: Any = None
        self.probabilities: Any = None
        for creator in creators:
            creator.pending[self.id] = creator.pending.get(self.id, 0) + 1

    def backward(self, grad: Any = None, sender: Tensor | None = None) -> None:
        """Add a gradient, and hand the sum on to the creators."""
        if not self.autograd:
            return
        if grad is None:
            grad = Tensor(np.ones_like(self.data))
        if sender is not None:
            if self.pending[sender.id] == 0:
                raise Exception("this gradient was handed over before")
            self.pending[sender.id] -= 1
        self.grad = grad if self.grad is None else self.grad + grad
        assert not grad.autograd
        if self.creators and (sender is None or all(count == 0 for count in self.pending.values())):
            self._hand_on(grad)

    def _hand_on(self, grad: Any) -> None:  # noqa: PLR0912 -- the book tells ops apart by their names
        op, total, first = self.creation_op or "", self.grad, self.creators[0]
        if op == "add":
            first.backward(total, self)
            self.creators[1].backward(total, self)
        elif op == "sub":
            first.backward(Tensor(total.data), self)
            self.creators[1].backward(Tensor(-total.data), self)
        elif op == "mul":
            first.backward(total * self.creators[1], self)
            self.creators[1].backward(total * first, self)
        elif op == "mm":
            first.backward(total.mm(self.creators[1].transpose()))
            self.creators[1].backward(total.transpose().mm(first).transpose())
        elif op == "transpose":
            first.backward(total.transpose())
        elif op == "neg":
            first.backward(-total)
        elif op == "sigmoid":
            first.backward(Tensor(total.data * self.data * (1 - self.data)))
        elif op == "tanh":
            square = self * self
            first.backward(Tensor(total.data * (1 - square.data)))
        elif op == "index_select":
            spread = np.zeros_like(first.data)
            flat = grad.data.reshape(self.indices.data.size, -1)
            for number, row in enumerate(self.indices.data.reshape(-1)):
                spread[row] += flat[number]
            first.backward(Tensor(spread))
        elif op == "cross_entropy":
            first.backward(Tensor(self.probabilities - np.eye(first.data.shape[-1])[self.indices]))
        elif "sum" in op:
            dim = int(op.partition("_")[2])
            first.backward(total.expand(dim, first.data.shape[dim]))
        elif "expand" in op:
            first.backward(total.sum(int(op.partition("_")[2])))

    def _result(self, data: Any, op: str, *others: Tensor) -> Tensor:
        if self.autograd and all(other.autograd for other in others):
            return Tensor(data, True, (self, *others), op)
        return Tensor(data)

    def __add__(self, other: Tensor) -> Tensor:
        """Add."""
        return self._result(self.data + other.data, "add", other)

    def __sub__(self, other: Tensor) -> Tensor:
        """Subtract."""
        return self._result(self.data - other.data, "sub", other)

    def __mul__(self, other: Tensor) -> Tensor:
        """Multiply element by element."""
        return self._result(self.data * other.data, "mul", other)

    def __neg__(self) -> Tensor:
        """Change the sign."""
        return self._result(-self.data, "neg")

    def sum(self, dim: int) -> Tensor:
        """Add up along a dim."""
        return self._result(self.data.sum(dim), f"sum_{dim}")

    def expand(self, dim: int, copies: int) -> Tensor:
        """Repeat along a new dim."""
        order = list(range(self.data.ndim))
        order.insert(dim, self.data.ndim)
        repeated = self.data.repeat(copies).reshape([*self.data.shape, copies]).transpose(order)
        return self._result(repeated, f"expand_{dim}")

    def transpose(self) -> Tensor:
        """Reverse the dims."""
        return self._result(self.data.transpose(), "transpose")

    def mm(self, other: Tensor) -> Tensor:
        """Multiply matrices."""
        if self.autograd:
            return Tensor(self.data.dot(other.data), True, (self, other), "mm")
        return Tensor(self.data.dot(other.data))

    def sigmoid(self) -> Tensor:
        """Squash to (0, 1)."""
        return self._result(1 / (1 + np.exp(-self.data)), "sigmoid")

    def tanh(self) -> Tensor:
        """Squash to (-1, 1)."""
        return self._result(np.tanh(self.data), "tanh")

    def index_select(self, indices: Tensor) -> Tensor:
        """Choose rows."""
        chosen = self._result(self.data[indices.data], "index_select")
        chosen.indices = indices
        return chosen

    def cross_entropy(self, target_indices: Tensor) -> Tensor:
        """Compare logits with class numbers."""
        powers = np.exp(self.data)
        probabilities = powers / np.sum(powers, axis=-1, keepdims=True)
        targets = target_indices.data.flatten()
        rows = probabilities.reshape(len(targets), -1)
        loss = -(np.log(rows) * np.eye(rows.shape[1])[targets]).sum(1).mean()
        result = self._result(loss, "cross_entropy")
        result.probabilities, result.indices = probabilities, targets
        return result

    def __repr__(self) -> str:
        """The data."""
        return repr(self.data)

    def __str__(self) -> str:
        """The data."""
        return str(self.data)


class Layer:
    """A list of parameters."""

    def __init__(self) -> None:
        """Start without parameters."""
        self.parameters: list[Tensor] = []

    def get_parameters(self) -> list[Tensor]:
        """The list itself."""
        return self.parameters


class Linear(Layer):
    """A weight and a bias."""

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        """Draw the weight."""
        super().__init__()
        self.weight = Tensor(np.random.randn(n_inputs, n_outputs) * np.sqrt(2.0 / n_inputs), autograd=True)
        self.bias = Tensor(np.zeros(n_outputs), autograd=True)
        self.parameters += [self.weight, self.bias]

    def forward(self, input: Tensor) -> Tensor:
        """`x W + b`, with the bias copied for each row."""
        return input.mm(self.weight) + self.bias.expand(0, len(input.data))


class Tanh(Layer):
    """The activation."""

    def forward(self, input: Tensor) -> Tensor:
        """Apply it."""
        return input.tanh()


class Sigmoid(Layer):
    """The activation."""

    def forward(self, input: Tensor) -> Tensor:
        """Apply it."""
        return input.sigmoid()


class Sequential(Layer):
    """Layers one after another."""

    def __init__(self, layers: list[Any] = []) -> None:  # noqa: B006 -- the defect: one list for all
        """Keep the list."""
        super().__init__()
        self.layers = layers

    def add(self, layer: Any) -> None:
        """Append a layer."""
        self.layers.append(layer)

    def forward(self, input: Tensor) -> Tensor:
        """Apply them in order."""
        for layer in self.layers:
            input = layer.forward(input)
        return input

    def get_parameters(self) -> list[Tensor]:
        """Those of all layers."""
        return [parameter for layer in self.layers for parameter in layer.get_parameters()]


class Embedding(Layer):
    """A table of vectors."""

    def __init__(self, vocab_size: int, dim: int) -> None:
        """Draw the table."""
        super().__init__()
        self.weight = Tensor((np.random.rand(vocab_size, dim) - 0.5) / dim, autograd=True)
        self.parameters.append(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        """Choose rows."""
        return self.weight.index_select(input)


class RNNCell(Layer):
    """A recurrent cell; which activation it has is asked of a name."""

    def __init__(self, n_inputs: int, n_hidden: int, n_output: int, activation: str = "sigmoid") -> None:
        """Make the three layers."""
        super().__init__()
        self.n_hidden = n_hidden
        if activation == "sigmoid":
            self.activation: Any = Sigmoid()
        elif activation == "tanh":
            self.activation == Tanh()  # noqa: B015 -- the defect: a comparison, not an assignment
        else:
            raise Exception("this activation isn't known")
        self.w_ih = Linear(n_inputs, n_hidden)
        self.w_hh = Linear(n_hidden, n_hidden)
        self.w_ho = Linear(n_hidden, n_output)
        for layer in (self.w_ih, self.w_hh, self.w_ho):
            self.parameters += layer.get_parameters()

    def forward(self, input: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """One step."""
        from_previous = self.w_hh.forward(hidden)
        hidden = self.activation.forward(self.w_ih.forward(input) + from_previous)
        return self.w_ho.forward(hidden), hidden

    def init_hidden(self, batch_size: int = 1) -> Tensor:
        """Zeros, which want a gradient."""
        return Tensor(np.zeros((batch_size, self.n_hidden)), autograd=True)


class MSELoss(Layer):
    """The squared error, summed over rows."""

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        """Compare."""
        return ((pred - target) * (pred - target)).sum(0)


class CrossEntropyLoss(Layer):
    """The cross-entropy."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Compare."""
        return input.cross_entropy(target)


class SGD:
    """Steps against the gradient."""

    def __init__(self, parameters: Any, alpha: float = 0.1) -> None:
        """Keep what is given."""
        self.parameters = parameters
        self.alpha = alpha

    def zero(self) -> None:
        """Multiply every gradient by 0, in place."""
        for parameter in self.parameters:
            parameter.grad.data *= 0

    def step(self, zero: bool = True) -> None:
        """Move every parameter, and zero its gradient."""
        for parameter in self.parameters:
            parameter.data -= parameter.grad.data * self.alpha
            if zero:
                parameter.grad.data *= 0
