"""Copies of a case, stacked: long arrays whose answer is known from a short one.

Some faults show only in long arrays, where loops are unrolled and sums are done in blocks. Sixty digits
for a thousand elements would take too long, and none are needed: every one of a stack of copies has the
same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec import casefile
from dlspec.catalogue import BY_NAME, Op
from dlspec.clause import OpCase
from dlspec.oracle import Answer

Array = NDArray[Any]
Static = dict[str, Any]

LENGTH = 1024
"""Elements of the first operand, at least."""

STACKS = 3
"""Cases of an op that are stacked for each type: the larger ones show what the smaller do."""


@dataclass(frozen=True)
class Stacking:
    """How copies of an op's operands are put together.

    Attributes:
        static: The static arguments of the stack, for those of one copy and its operands; None where
            the copies can't be stacked.
        shared: The operands that all copies have in common. What reaches them adds up.
        axis: The axis of operands and result along which the copies lie.
    """

    static: Callable[[Static, tuple[Array, ...]], Static | None]
    shared: tuple[int, ...] = ()
    axis: int = 0


def _as_it_is(static: Static, operands: tuple[Array, ...]) -> Static:
    return static


def _dims_moved(static: Static, operands: tuple[Array, ...]) -> Static | None:
    """The dims of one copy are one further back in the stack."""
    n, dim = operands[0].ndim, static.get("dim")
    if n == 0:
        return None
    dims = tuple(range(n)) if dim is None else (dim,) if isinstance(dim, int) else dim
    moved = tuple(d + 1 if d >= 0 else d for d in dims)
    return {**static, "dim": moved[0] if isinstance(dim, int) else moved}


def _dim_moved(static: Static, operands: tuple[Array, ...]) -> Static | None:
    """Likewise, of ops that take one dim; counted from the end it stays."""
    dim = static.get("dim", -1)
    return {**static, "dim": dim + 1 if dim >= 0 else dim}


def _axes_moved(static: Static, operands: tuple[Array, ...]) -> Static:
    n = operands[0].ndim
    axes = static.get("axes", tuple(reversed(range(n))))
    return {"axes": (0, *(axis % n + 1 for axis in axes))}


def _copies_first(static: Static, operands: tuple[Array, ...]) -> Static:
    return {"shape": (_copies(operands), *static["shape"])}


def _matrices(static: Static, operands: tuple[Array, ...]) -> Static | None:
    return static if all(x.ndim > 1 for x in operands) else None


def _targets_stacked(static: Static, operands: tuple[Array, ...]) -> Static:
    return {**static, "targets": np.stack([static["targets"]] * _copies(operands))}


ELEMENTWISE = frozenset(
    {"add", "subtract", "multiply", "divide", "negative", "power", "exp", "log", "relu", "tanh", "sigmoid"}
)
"""Ops whose elements have nothing to do with one another, so that they may stand in any order."""

STACKINGS: Mapping[str, Stacking] = {
    **dict.fromkeys(ELEMENTWISE, Stacking(_as_it_is)),
    "mse_loss": Stacking(_as_it_is),
    **dict.fromkeys(("sum", "mean", "max"), Stacking(_dims_moved)),
    **dict.fromkeys(("softmax", "log_softmax", "expand"), Stacking(_dim_moved)),
    "mm": Stacking(_matrices),
    "transpose": Stacking(_axes_moved),
    "reshape": Stacking(_copies_first),
    "index_select": Stacking(_as_it_is, axis=-1),
    "embedding": Stacking(_as_it_is, axis=-1),
    **dict.fromkeys(("cross_entropy", "cross_entropy_loss"), Stacking(_targets_stacked)),
    "linear": Stacking(_as_it_is, shared=(1, 2)),
}
"""By op. Cells are made of ops that are here, and their batches of one matrix can't be stacked again."""


def _copies(operands: tuple[Array, ...]) -> int:
    """A power of two: dividing by it rounds nothing."""
    size = operands[0].size
    return int(2 ** np.ceil(np.log2(LENGTH / size))) if size else 0


@cache
def stacks(name: str, dtype: str) -> tuple[OpCase, ...]:
    """The largest cases of an op that use the digits of a type, stacked.

    Those of an elementwise op come back to front, too: what was kept of the first is wrong for the second.
    """
    op = BY_NAME[name]
    cases = [OpCase.load(stored) for stored in casefile.load(f"{op.id}.demanding")]
    other = "float32" if dtype == "float64" else None
    fine = [case for case in cases if case.fits(dtype) and not (other and case.fits(other))]
    largest = sorted(fine, key=lambda case: case.operands[0].size, reverse=True)
    made = (stacked(op, case.astype(dtype)) for case in largest)
    stacks = islice(filter(None, made), STACKS)
    return tuple(
        each for stack in stacks for each in ((stack, flipped(stack)) if name in ELEMENTWISE else (stack,))
    )


def flipped(case: OpCase) -> OpCase:
    """A case of an elementwise op with everything in it reversed along all axes."""
    right = case.answer
    return OpCase(
        tuple(map(np.flip, case.operands)),
        case.static,
        np.flip(case.cotangent),
        Answer(
            np.flip(right.value),
            np.flip(right.value_scale),
            tuple(map(np.flip, right.cotangents)),
            tuple(map(np.flip, right.cotangent_scales)),
        ),
    )


def stacked(op: Op, case: OpCase) -> OpCase | None:
    """Copies of a case as one case; None where it doesn't lend itself to that."""
    stacking, copies, answer = STACKINGS[op.name], _copies(case.operands), case.answer
    if copies == 0 or case.cotangent.size == 0:
        return None
    static = stacking.static(case.static, case.operands)
    if static is None:
        return None
    if op.name == "embedding" and stacking.axis == -1:
        # A row has one axis: the copies lengthen it.
        return _lengthened(case, copies)
    inner = max(x.ndim for k, x in enumerate(case.operands) if k not in stacking.shared)

    def stack(x: Array) -> Array:
        x = np.asarray(x)
        if stacking.axis == 0:
            x = x.reshape((1,) * (inner - x.ndim) + x.shape)
        return np.stack([x] * copies, axis=stacking.axis)

    reduction = case.static.get("reduction", "mean") if op.name in REDUCED else "none"
    each = 1 / copies if reduction == "mean" else 1.0
    shared = [k in stacking.shared for k in range(len(case.operands))]
    operands = tuple(x if once else stack(x) for x, once in zip(case.operands, shared, strict=True))
    if reduction == "none":
        value, value_scale, cotangent = (
            np.stack([x] * copies, axis=stacking.axis)
            for x in (answer.value, answer.value_scale, case.cotangent)
        )
    else:
        total = copies * each
        value, value_scale = np.asarray(answer.value * total), np.asarray(answer.value_scale * copies)
        cotangent = case.cotangent
    pulled = [
        (bar * copies, scale * copies**2) if once else (each * stack(bar), each * stack(scale))
        for bar, scale, once in zip(answer.cotangents, answer.cotangent_scales, shared, strict=True)
    ]
    bars, scales = zip(*pulled, strict=True)
    return OpCase(operands, static, cotangent, Answer(value, value_scale, bars, scales))


REDUCED = frozenset({"mse_loss", "cross_entropy", "cross_entropy_loss"})
"""Ops that put everything into one number, so that copies add up in it. A sum of n rounds n times."""


def _lengthened(case: OpCase, copies: int) -> OpCase:
    answer = case.answer
    longer = [
        np.concatenate([x] * copies, axis=-1)
        for x in (case.operands[0], case.cotangent, answer.value, answer.value_scale, answer.cotangents[0])
    ]
    scale = np.concatenate([answer.cotangent_scales[0]] * copies, axis=-1)
    weight, cotangent, value, value_scale, bar = longer
    return OpCase((weight,), case.static, cotangent, Answer(value, value_scale, (bar,), (scale,)))
