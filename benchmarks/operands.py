"""Every row of the spec's catalogue, made ready to be timed on the reference at any size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deeplearning_framework import Embedding, Layer, Linear, LSTMCell, RNNCell, Tensor, apply, primitives
from dlspec.catalogue import CATALOGUE, Op

Array = NDArray[Any]

SIDES = (4, 32, 256)
"""Sizes: what bookkeeping costs, what is usual, and what arithmetic and memory cost."""

HISTORY = Path(__file__).parent / "history" / "operations.json"

Times = dict[str, dict[str, dict[str, list[float]]]]
"""For each op and size what it takes `forward`, and its `pullback`, in microseconds: lower quartile, median,
upper quartile.
"""


@dataclass(frozen=True)
class Call:
    """One call, with its operands in place.

    Attributes:
        run: Makes the call.
        leaves: The tensors that get a gradient.
        expected: What the spec's definition gives.
    """

    run: Callable[[], Tensor]
    leaves: list[Tensor]
    expected: Array


def all_in(found: Times) -> bool:
    """Whether every op was timed at every size, there and back."""
    return all(
        {"forward", "pullback"} <= found.get(op.name, {}).get(str(side), {}).keys()
        for op in CATALOGUE
        for side in SIDES
    )


def static_of(name: str, side: int, rng: np.random.Generator) -> dict[str, Any]:
    """The arguments of an op that has no default for them."""
    among_rows = rng.integers(0, side, side)
    arguments: dict[str, dict[str, Any]] = {
        "power": {"exponent": 3},
        "reshape": {"shape": (-1,)},
        "expand": {"dim": 0, "copies": 4},
        "index_select": {"indices": among_rows},
        "embedding": {"indices": among_rows},
        "cross_entropy": {"targets": among_rows},
        "cross_entropy_loss": {"targets": among_rows},
    }
    return arguments.get(name, {})


def prepare(op: Op, side: int) -> Call:
    """A call of the op on square matrices: they fit the contract of every row.

    The numbers lie between 1/4 and 2, where every op is defined and none overflows.
    """
    rng = np.random.default_rng(0)
    static = static_of(op.name, side, rng)
    if op.profile == "layers":
        return of_layer(op, side, static, rng)
    rule: primitives.Rule = getattr(primitives, op.name.removesuffix("_loss").upper())
    leaves = [Tensor(rng.uniform(0.25, 2, (side, side)), autograd=True) for _ in op.operands]
    expected = op.define(*(x.data for x in leaves), **static)
    return Call(lambda: apply(rule, *leaves, **static), leaves, expected)


def of_layer(op: Op, side: int, static: dict[str, Any], rng: np.random.Generator) -> Call:
    """A call of a layer whose every parameter, input and state is `side` wide."""
    makers: dict[str, Callable[[], Layer]] = {
        "linear": lambda: Linear(side, side, rng=rng),
        "embedding": lambda: Embedding(side, side, rng=rng),
        "rnn_cell": lambda: RNNCell(side, side, side, rng=rng),
        "lstm_cell": lambda: LSTMCell(side, side, side, rng=rng),
    }
    layer = makers[op.name]()
    parameters = layer.get_parameters()
    given = [
        Tensor(rng.uniform(0.25, 2, (side, side)), autograd=True)
        for _ in range(len(op.operands) - len(parameters))
    ]
    run: Callable[[], Tensor] = {
        "linear": lambda: layer.forward(given[0]),
        "embedding": lambda: layer.forward(static["indices"]),
        "rnn_cell": lambda: layer.forward(*given)[0],
        "lstm_cell": lambda: layer.forward(given[0], tuple(given[1:]))[0],
    }[op.name]
    leaves = [*given, *parameters]
    return Call(run, leaves, op.define(*(x.data for x in leaves), **static))
