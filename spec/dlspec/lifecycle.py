"""Programs of single steps on tensors, and a model that knows what each step must do.

A step is a plain list, such as `["multiply", 0, 2]` or `["backward", 1, 3, -2]`. Whole numbers that pick a
tensor count back from the newest, around and around, so that any list of steps is a program: nothing is
invalid, and what a search finds shrinks by leaving steps out.

The model computes with whole numbers and has an opinion on every `backward`:

* it must be accepted, and what arrives is known to the last bit;
* it must be refused: nothing there wants a gradient, or a product on the way was freed;
* it may be either, and nothing third: right, or refused with nothing changed. That is so where a tensor was
  written to after its use, where only ops were freed that had nothing to keep, and where an earlier call was
  refused somewhere on the same graph, which an implementation may have freed in part by then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Step = list[Any]

LIMIT = 2**12
"""No number, and no sum of what paths multiply up to, exceeds it: forty cotangents of up to 4 stay exact in
float32."""

OPS: dict[str, Callable[..., Array]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "negative": np.negative,
}
"""The ops: each gives whole numbers for whole numbers."""

ACCEPTED, REFUSED, EITHER = "accepted", "refused", "either"


@dataclass(eq=False)
class Known:
    """What the model knows of a tensor.

    Attributes:
        data: Its whole numbers.
        given: Whether they were given; what was computed need not be writable.
        wants: Whether it wants a gradient.
        op: What computed it, if a gradient can go back there.
        operands: What it was computed from.
        used: The data of the operands when they were used.
        versions: How often each operand had been written to by then.
        grad: What has arrived.
        retains: Whether it keeps what arrives though it is a result.
        state: Whether the op is "kept", "freed" or, after a refusal, "unsure".
        version: How often it was written to.
        reach: The sum over all paths to leaves of what they multiply up to, in absolute numbers.
    """

    data: Array
    wants: bool
    op: str | None = None
    operands: tuple[Known, ...] = ()
    used: tuple[Array, ...] = ()
    versions: tuple[int, ...] = ()
    grad: Array | None = None
    retains: bool = False
    state: str = "kept"
    version: int = 0
    reach: int = 1
    given: bool = False

    @property
    def stale(self) -> bool:
        """Whether an operand was written to after it was used."""
        return self.versions != tuple(x.version for x in self.operands)

    def pieces(self, bar: Array) -> Iterator[tuple[Known, Array]]:
        """What each operand that wants a gradient receives."""
        x, y = (*self.used, *self.used)[:2]
        factors: dict[str | None, tuple[Any, ...]] = {"add": (1, 1), "subtract": (1, -1), "negative": (-1,)}
        for operand, factor in zip(self.operands, factors.get(self.op, (y, x)), strict=True):
            if operand.wants:
                yield operand, bar * factor


@dataclass
class Model:
    """What must be true of the tensors of a program.

    Attributes:
        depth: How many `no_grad` blocks are open.
    """

    depth: int = 0
    _passed: dict[Known, Array] = field(default_factory=dict)

    def leaf(self, numbers: Array, wants: bool) -> Known:
        """A tensor made by hand."""
        return Known(numbers, wants, reach=int(wants), given=True)

    def apply(self, op: str, *operands: Known) -> Known | None:
        """The result of an op; None where numbers would become too large to be told apart."""
        used = tuple(x.data.copy() for x in operands)
        value = OPS[op](*used)
        x, y = ([int(np.abs(a).max()) for a in used] * 2)[:2]
        factors = (y, x) if op == "multiply" else (1,) * len(operands)
        reach = sum(f * operand.reach for f, operand in zip(factors, operands, strict=True))
        if max(int(np.abs(value).max()), reach) > LIMIT:
            return None
        if self.depth or not any(operand.wants for operand in operands):
            return Known(value, wants=False, reach=0)
        versions = tuple(operand.version for operand in operands)
        return Known(value, True, op, operands, used, versions, reach=max(reach, 1))

    def write(self, tensor: Known, numbers: Array) -> None:
        """Other data for a leaf or a constant."""
        tensor.data, tensor.version, tensor.given = numbers, tensor.version + 1, True

    def backward(self, root: Known, seed: Array) -> str:
        """Say whether a cotangent may be sent back; `settle` then says what comes of it."""
        self._passed = {}
        if not root.wants:
            return REFUSED
        for tensor in _newest_first(root):
            self._passed.setdefault(tensor, np.zeros_like(seed))
        self._passed[root] = seed
        for tensor in self._passed:
            for operand, piece in tensor.pieces(self._passed[tensor]) if tensor.op else ():
                self._passed[operand] = self._passed[operand] + piece
        ops = [tensor for tensor in self._passed if tensor.op]
        if any(tensor.state == "freed" and tensor.op == "multiply" for tensor in ops):
            return REFUSED
        return EITHER if any(tensor.state != "kept" or tensor.stale for tensor in ops) else ACCEPTED

    def settle(self, accepted: bool, *, retain: bool) -> None:
        """Book what has happened: gradients arrive all together or not at all."""
        for tensor, bar in self._passed.items():
            if accepted and (tensor.op is None or tensor.retains):
                tensor.grad = bar if tensor.grad is None else tensor.grad + bar
            if accepted:
                tensor.state = "kept" if retain else "freed"
            elif tensor.state == "kept":
                tensor.state = "unsure"


def _newest_first(root: Known) -> list[Known]:
    """All that a gradient reaches, each before what it was computed from."""
    finished: dict[Known, None] = {}
    path = [(root, False)]
    while path:
        tensor, operands_done = path.pop()
        if operands_done:
            finished[tensor] = None
        elif tensor not in finished:
            path.append((tensor, True))
            path += [(operand, False) for operand in tensor.operands if operand.wants]
    return list(finished)[::-1]
