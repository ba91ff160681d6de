"""The benchmark's work as somebody does it who sleeps: it takes time, and next to none of the processor's."""

from __future__ import annotations

import os
import time

import numpy as np
from benchmarks.workloads import Array, Doing, Workload


class Sleeper:
    """Nothing is computed."""

    def step(self) -> None:
        """Sleep."""
        time.sleep(0.01)

    def results(self) -> list[Array]:
        """How many threads it may use."""
        return [np.array(float(os.environ["OMP_NUM_THREADS"]))]


def start(workload: Workload) -> Doing:
    """Begin."""
    return Sleeper()
