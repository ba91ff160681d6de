"""The benchmark's work with a slow op: what the comparison of two runs has to notice."""

from __future__ import annotations

from typing import Any

from benchmarks import framework
from benchmarks.workloads import Doing, Workload

from deeplearning_framework import Tanh, Tensor

WASTED = 600
"""Rounds of an empty loop, which take about a tenth of the step."""


def start(workload: Workload) -> Doing:
    """Begin a workload, with a tanh that wastes time."""
    tanh = Tanh.forward

    def slow(self: Tanh, x: Any) -> Tensor:
        for _ in range(WASTED):
            pass
        return tanh(self, x)

    # Each side has a process of its own, in which nobody else wants it.
    Tanh.forward = slow  # type: ignore[method-assign] # on purpose
    return framework.start(workload)
