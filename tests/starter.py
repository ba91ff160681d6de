"""The benchmark's work as somebody does it who is slow at the first steps alone."""

from __future__ import annotations

import numpy as np
from benchmarks.pairs import STEPS
from benchmarks.workloads import Array, Doing, Workload


class Starter:
    """Nothing is computed."""

    steps = 0

    def step(self) -> None:
        """Be slow, or be done."""
        self.steps += 1
        sum(range(3_000_000 if self.steps <= STEPS else 3_000))

    def results(self) -> list[Array]:
        """How many steps there were."""
        return [np.array(float(self.steps))]


def start(workload: Workload) -> Doing:
    """Begin."""
    return Starter()
