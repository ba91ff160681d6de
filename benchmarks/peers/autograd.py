"""HIPS autograd: functions of NumPy's names, differentiated."""

from __future__ import annotations

from importlib.metadata import version

import autograd
import autograd.numpy
import numpy as np

from benchmarks.peers.functional import Functions, operands
from benchmarks.workloads import Array, Doing, Workload

VERSIONS = {"HIPS autograd": version("autograd")}


class Work:
    """A workload under way."""

    def __init__(self, workload: Workload) -> None:
        """Differentiate its loss."""
        self.workload = workload
        self.values = [x.copy() for x in operands(workload)]
        self.gradient = autograd.value_and_grad(Functions(autograd.numpy).loss(workload))
        self.gradients: list[Array] = []
        self.last = np.array(np.nan)

    def step(self) -> None:
        """Forward, backward, and an update where something is trained."""
        self.gradients = []
        self.last, self.gradients = self.gradient(self.values)
        for p, g in zip(self.workload.parameters and self.values, self.gradients, strict=False):
            p -= self.workload.alpha * g

    def results(self) -> list[Array]:
        """The last loss and the parameters, or the gradients."""
        if self.workload.parameters:
            return [np.array(self.last), *self.values]
        return list(self.gradients)


def start(workload: Workload) -> Doing:
    """Begin a workload."""
    return Work(workload)
