"""Whole lives of tensors: whatever was done before, a step does what it says and nothing else.

The other clauses ask about one situation each. A program of steps comes upon what nobody thought of: a
gradient that is zeroed between two calls on a retained graph, a leaf that changes inside a block that an
error leaves. After each step all data, gradients and flags are compared with a model's, to the last bit.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from dlspec.clause import clause
from dlspec.clauses.objects.lifecycle import OBJECTS, TENSORS, Play, programs
from dlspec.implementation import TapeImplementation
from dlspec.lifecycle import Step

DEPENDS = (
    "objects.accumulation.*",
    "objects.all_or_nothing.*",
    "objects.autograd_flag.*",
    "objects.backward.*",
    "objects.changed_leaves.*",
    "objects.computed_constants.*",
    "objects.freed_graphs.*",
    "objects.grad_attribute.*",
    "objects.no_grad.*",
    "objects.optimizer_state.zero*",
)

Array = NDArray[Any]


@clause(cases=programs(TENSORS))
def test_tensors_and_gradients(impl: TapeImplementation, start: Array, program: list[Step]) -> None:
    """After each step of making leaves, computing, pulling back, writing and dropping, data and gradients of
    all tensors MUST be what the steps so far make them.
    """
    Play(impl, start).run(program)


@clause(cases=programs(OBJECTS), depends="tensors_and_gradients")
def test_blocks_and_cut_histories(impl: TapeImplementation, start: Array, program: list[Step]) -> None:
    """After each step, also those that enter or leave `no_grad()`, detach or retain a gradient, data,
    gradients and flags of all tensors MUST be what the steps so far make them.
    """
    Play(impl, start, flags=True).run(program)
