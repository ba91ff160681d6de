"""Pictures of a graph: what was computed from what, as text that Graphviz draws.

`dot` draws the nodes behind a tensor; `steps` draws them again after each step of a walk back. Both read what
`apply` has left, and change nothing: no gradient, no node.

A node knows its operation and the shape of its result, not the result itself, since no walk would read it. So
a value is shown where there is a tensor to ask: the leaves and constants, the tensor that the picture is of,
and every tensor that is passed by name::

    h = w * x
    print(graph.dot(h + b, w=w, x=x, b=b, h=h))

Nodes are numbered in the order in which they were made, so the same program gives the same text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from deeplearning_framework.errors import ArgumentError, GradientError
from deeplearning_framework.shapes import Array
from deeplearning_framework.tensor import Node, Tensor

__all__ = ["dot", "steps"]

_MOST = 6  # numbers that are written out; of more, the shape


def dot(result: Tensor, /, **named: Tensor) -> str:
    """The graph behind a tensor, with the gradients that there are, in the language of Graphviz.

    Operations have round corners, leaves sharp ones, constants a dashed line. An arrow leads from each
    operand to the operation, first operand first. Of a graph that was freed only the end is left, and says
    so.

    Args:
        result: The tensor whose graph it is.
        **named: Tensors to show with a name, and results among them with their value. Those that are no part
            of this graph are left out.

    Returns:
        The text of a directed graph.

    Raises:
        ArgumentError: Something else than a tensor was passed.
    """
    return _Picture("dot", result, named).text()


def steps(result: Tensor, grad: Tensor | ArrayLike | None = None, /, **named: Tensor) -> Iterator[str]:
    """The graph behind a tensor as `backward` goes through it, one node at a time.

    The first picture has the cotangent of the result alone. Each of the others shows what one node has handed
    to its operands, by arrows that point back; the cotangents in it are those that have arrived by then. At
    the end, the ones at the leaves are what `backward` would add to their gradients. The vjps are called as
    `backward` calls them, but nothing is kept: the gradients stay as they are, and so does the graph.

    Args:
        result: Where to start.
        grad: Its cotangent, in its shape; None means 1, for a tensor of one element.
        **named: As for `dot`.

    Returns:
        An iterator over the texts of directed graphs, one more than there are nodes.

    Raises:
        ArgumentError: Something else than a tensor was passed.
        GradientError: There is no autograd or no cotangent; or, on the way, the graph was freed or a tensor
            in it updated.
        ShapeError: The cotangent has another shape.
        DTypeError: The cotangent is not real.
    """
    picture = _Picture("steps", result, named)
    if not result.autograd:
        raise GradientError("steps: this tensor has autograd=False, so there is no way back to draw")
    if grad is None and result._data.size != 1:
        raise GradientError(f"steps: a tensor of shape {result.shape} needs a cotangent, as for backward")
    seed = result._as_cotangent("steps", np.ones(result.shape) if grad is None else grad)
    return _walked(picture, seed)


def _walked(picture: _Picture, seed: Array) -> Iterator[str]:
    cotangents: dict[Node | Tensor, Array] = {picture.end: seed}
    yield picture.text(cotangents)
    # Newest first, as in backward: all that a node receives comes from nodes that are newer.
    for node in reversed(picture.nodes):
        for parent, needed, sent in node.pull(cotangents[node]):
            if needed:
                x_bar = np.asarray(node._conform(sent, parent))
                before = cotangents.get(parent)
                cotangents[parent] = x_bar if before is None else np.asarray(before + x_bar)
        yield picture.text(cotangents, node)


class _Picture:
    """What there is to draw: found once, so that every step shows the same graph.

    Attributes:
        end: The node, or the leaf or constant, that all arrows lead to.
        nodes: The operations, oldest first.
        boxes: The number of each, and of each leaf or constant, which comes before the first that uses it.
        arrows: From which box, to which, and whether a cotangent goes back along it.
    """

    def __init__(self, op: str, result: Tensor, named: Mapping[str, Tensor]) -> None:
        for name, tensor in {"the first argument": result, **named}.items():
            if not isinstance(tensor, Tensor):
                raise ArgumentError(f"{op}: {name} is a Tensor, not {type(tensor).__name__}")
        self.end = result._node or result
        # The result last: it has a value even if nobody names it.
        self._tensors = {tensor._node or tensor: tensor for tensor in (*named.values(), result)}
        self._names: dict[Node | Tensor, str] = {}
        for name, tensor in named.items():
            self._names.setdefault(tensor._node or tensor, name)

        self.nodes = _nodes_behind(self.end)
        self.arrows: list[tuple[Node | Tensor, Node, bool]] = []
        self.boxes: dict[Node | Tensor, int] = {}
        for node in self.nodes:
            # A freed one has no operands any more, but still knows what they needed.
            for parent, needed in zip(node.parents or (), node.needs, strict=node.parents is not None):
                self.arrows.append((parent, node, needed))
                self.boxes.setdefault(parent, len(self.boxes) + 1)
            self.boxes[node] = len(self.boxes) + 1
        self.boxes.setdefault(self.end, 1)

    def text(self, cotangents: Mapping[Node | Tensor, Array] | None = None, now: Node | None = None) -> str:
        """The picture, with cotangents in the place of gradients if there are any."""
        lines = ["digraph {", "  graph [ordering=in]", "  node [shape=box]"]
        for box, number in self.boxes.items():
            gradient = self._gradient(box) if cotangents is None else cotangents.get(box)
            word = "grad" if cotangents is None else "cotangent"
            label = self._lines(box)
            if gradient is not None:
                label += _told(word, gradient)
            look = _look(box) + (", penwidth=2" if box is now else "")
            lines.append(f"  n{number} [label={_quoted(label)}, {look}]")
        for start, end, needed in self.arrows:
            back = " [dir=back, penwidth=2]" if end is now and needed else ""
            lines.append(f"  n{self.boxes[start]} -> n{self.boxes[end]}{back}")
        return "\n".join([*lines, "}", ""])

    def _lines(self, box: Node | Tensor) -> list[str]:
        name = self._names.get(box)
        tensor = box if isinstance(box, Tensor) else self._tensors.get(box)
        value = f"shape {box.shape}" if tensor is None else _numbers(tensor._data)
        if isinstance(box, Tensor):
            return [value] if name is None else [name, value]
        operation = box.rule.name if name is None else f"{name} = {box.rule.name}"
        return [operation, value, "freed"] if box.parents is None else [operation, value]

    @staticmethod
    def _gradient(box: Node | Tensor) -> Array | None:
        gradient = box.grad if isinstance(box, Tensor) else box._grad
        return None if gradient is None else np.asarray(gradient)


def _nodes_behind(end: Node | Tensor) -> list[Node]:
    """Every node on the way to the end, oldest first."""
    found = {end} if isinstance(end, Node) else set()
    waiting = list(found)
    while waiting:
        for parent in waiting.pop().parents or ():
            if isinstance(parent, Node) and parent not in found:
                found.add(parent)
                waiting.append(parent)
    return sorted(found, key=lambda node: node.order)


def _look(box: Node | Tensor) -> str:
    if isinstance(box, Node):
        return 'class="operation", style=rounded'
    return 'class="leaf", style=solid' if box.autograd else 'class="constant", style=dashed'


def _told(word: str, gradient: Array) -> list[str]:
    """That there is a gradient, which has the shape of its box; and its numbers, if they are few."""
    if not _few(gradient):
        return [f"has a {word}"]
    numbers = _numbers(gradient)
    # A matrix begins a line of its own, so that its rows stand under each other.
    return [word, numbers] if "\n" in numbers else [f"{word} {numbers}"]


def _few(array: Array) -> bool:
    return 0 < array.size <= _MOST


def _numbers(array: Array) -> str:
    """The numbers, if they are few; else the shape."""
    if not _few(array):
        return f"shape {array.shape}"
    real = array.dtype.kind == "f"
    formatter: Any = {"all": lambda number: f"{number:.4g}" if real else str(number)}
    return np.array2string(array, formatter=formatter, threshold=_MOST, max_line_width=1000)


def _quoted(lines: list[str]) -> str:
    r"""A label of several lines; Graphviz reads `\` and `&` in it as the start of something."""
    text = "\n".join(lines).replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
    return '"' + text.replace("\n", "\\n") + '"'
