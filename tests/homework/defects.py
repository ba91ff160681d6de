"""The ten worst defects of the book's framework, each to be planted alone in the homework that is right.

Each takes the module `right`, freshly loaded, and puts its mistake in the place of what was right there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def fan_out_by_operand_order(homework: Any) -> None:
    """Every use hands on at once what has arrived so far, and a product waits for its other users."""

    def backward(self: Any, grad: Any = None, retain_graph: bool = False) -> None:
        if not self.autograd:
            raise RuntimeError("this tensor wants no gradient")
        if grad is None and self.data.size != 1:
            raise RuntimeError("a tensor of several elements needs a cotangent")
        seed, path = self._cotangent(np.ones(self.data.shape) if grad is None else grad), []
        users: dict[Any, int] = {}
        for tensor in homework.latest_last(self):
            path.append(tensor)
            for parent in tensor.parents if len(tensor.parents) > 1 else ():
                users[parent] = users.get(parent, 0) + 1
        arrived: dict[Any, Array] = {}
        waiting = [(self, seed, True)]
        while waiting:
            tensor, piece, counted = waiting.pop()
            arrived[tensor] = arrived[tensor] + piece if tensor in arrived else piece
            users[tensor] = users.get(tensor, 0) - counted
            # A user that counts is waited for; one that doesn't has all that is there go on, again and again.
            if tensor.vjp is not None and (users[tensor] <= 0 or not counted):
                pieces = zip(tensor.parents, tensor.pull(arrived[tensor]), strict=True)
                counts = len(tensor.parents) > 1
                waiting += [
                    (parent, bar, counts) for parent, bar in reversed(list(pieces)) if parent.autograd
                ]
        homework.commit([(tensor, bar) for tensor, bar in arrived.items() if tensor.vjp is None])
        for tensor in path:
            if tensor.vjp is not None and not retain_graph:
                tensor.parents, tensor.vjp, tensor.freed = (), None, True

    homework.Tensor.backward = backward


def constants_cut_the_graph(homework: Any) -> None:
    """A result wants a gradient only if all of its operands do."""
    right = homework.result

    def result(data: Any, parents: tuple[Any, ...], vjp: Any) -> Any:
        if all(parent.autograd for parent in parents):
            return right(data, parents, vjp)
        return homework.Tensor(data)

    homework.result = result


def _with_gradient(homework: Any, op: str, wrong: Any) -> None:
    """Put another way back in the place of an op's own: `wrong(right, operand, bar, *arguments)`."""
    right_op = getattr(homework.Tensor, op)

    def method(self: Any, *arguments: Any, **options: Any) -> Any:
        made = right_op(self, *arguments, **options)
        right = made.vjp
        if right is not None:
            made.vjp = lambda bar: wrong(right, self, bar, *arguments, **options)
        return made

    setattr(homework.Tensor, op, method)


def cross_entropy_ignores_upstream(homework: Any) -> None:
    """The gradient of the cross-entropy doesn't depend on what arrives."""

    def wrong(right: Any, logits: Any, bar: Array, *arguments: Any, **options: Any) -> Any:
        return right(np.ones_like(bar))

    _with_gradient(homework, "cross_entropy", wrong)


def cross_entropy_ignores_the_batch(homework: Any) -> None:
    """The gradient of the mean cross-entropy is that of the sum."""

    def wrong(right: Any, logits: Any, bar: Array, targets: Any, reduction: str = "mean") -> Any:
        count = max(int(np.prod(logits.data.shape[:-1], dtype=int)), 1)
        return right(bar * count if reduction == "mean" else bar)

    _with_gradient(homework, "cross_entropy", wrong)


def sum_puts_negative_dims_one_early(homework: Any) -> None:
    """The gradient of a sum over a negative dim is copied along the dim before."""

    def wrong(right: Any, x: Any, bar: Array, dim: Any = None, keepdims: bool = False) -> Any:
        if not isinstance(dim, int) or dim >= 0 or keepdims or not bar.ndim:
            return right(bar)
        order = list(range(bar.ndim))
        order.insert(dim, bar.ndim)
        copied = np.repeat(bar, x.data.shape[dim]).reshape(*bar.shape, x.data.shape[dim]).transpose(order)
        return (np.resize(copied, x.data.shape),)

    _with_gradient(homework, "sum", wrong)


def expand_puts_negative_dims_one_early(homework: Any) -> None:
    """The copies along a negative dim stand one dim before their place."""
    right = homework.Tensor.expand

    def expand(self: Any, dim: int, copies: int) -> Any:
        return right(self, dim - 1 if -self.data.ndim <= dim < 0 else dim, copies)

    homework.Tensor.expand = expand


def gradients_are_shared(homework: Any) -> None:
    """Leaves that receive the same cotangent hold one array, to which later ones are added in place."""

    def commit(arrived: Any) -> None:
        for leaf, bar in arrived:
            if leaf.grad is None:
                leaf.grad = bar
                leaf.grad._data = bar
            else:
                leaf.grad._data += bar

    homework.commit = commit


def results_remember_their_gradient(homework: Any) -> None:
    """A graph is never freed, and a second pass hands on what the first one left in it."""
    left: dict[Any, Array] = {}
    right = homework.Tensor.pull
    backward = homework.Tensor.backward

    def pull(self: Any, bar: Array) -> tuple[Array, ...]:
        left[self] = left[self] + bar if self in left else bar
        pieces: tuple[Array, ...] = right(self, left[self])
        return pieces

    def backward_again(self: Any, grad: Any = None, retain_graph: bool = False) -> None:
        backward(self, grad, retain_graph=True)

    homework.Tensor.pull, homework.Tensor.backward = pull, backward_again


def softmax_is_naive(homework: Any) -> None:
    """Exponentials of the logits themselves are divided by their sum."""

    def probabilities(logits: Array, dim: int) -> Array:
        powers = np.exp(logits)
        return np.asarray(powers / powers.sum(axis=dim, keepdims=True))

    homework.probabilities = probabilities
    homework.log_probabilities = lambda logits: np.log(probabilities(logits, -1))


def negative_targets_wrap(homework: Any) -> None:
    """A negative class number counts from the end."""
    right = homework.Tensor.cross_entropy

    def cross_entropy(self: Any, targets: Any, reduction: str = "mean") -> Any:
        numbers = np.array(targets.data if isinstance(targets, homework.Tensor) else targets)
        if numbers.dtype.kind == "i" and self.data.ndim:
            classes = self.data.shape[-1]
            numbers = np.where((numbers < 0) & (numbers >= -classes), numbers + classes, numbers)
        return right(self, numbers, reduction)

    homework.Tensor.cross_entropy = cross_entropy


def backward_is_recursive(homework: Any) -> None:
    """The way back is found by a function that calls itself for each parent."""

    def latest_last(root: Any) -> list[Any]:
        found: set[Any] = set()
        _visit(root, found)
        return sorted(found, key=lambda tensor: int(tensor.number))

    homework.latest_last = latest_last


def _visit(tensor: Any, found: set[Any]) -> None:
    if tensor.freed:
        raise RuntimeError("this part of the graph was freed by an earlier backward")
    found.add(tensor)
    for parent in tensor.parents:
        if parent.autograd and parent not in found:
            _visit(parent, found)
