"""MyGrad: NumPy's names on tensors with a tape."""

from __future__ import annotations

import mygrad
import numpy as np
from mygrad.nnet.activations import sigmoid
from mygrad.nnet.losses import softmax_crossentropy

from benchmarks.peers.functional import Functions, operands
from benchmarks.workloads import Array, Doing, Workload

VERSIONS = {"MyGrad": mygrad.__version__}

# As its documentation advises for code that is known to work.
mygrad.turn_memory_guarding_off()

FUNCTIONS = Functions(mygrad, sigmoid, softmax_crossentropy)


class Work:
    """A workload under way."""

    def __init__(self, workload: Workload) -> None:
        """Make leaves of the operands."""
        self.workload = workload
        self.loss = FUNCTIONS.loss(workload)
        self.leaves = [mygrad.tensor(x) for x in operands(workload)]
        self.last = float("nan")

    def step(self) -> None:
        """Forward, backward, and an update where something is trained."""
        for leaf in self.leaves:
            leaf.null_grad()
        loss = self.loss(self.leaves)
        self.last = loss.item()
        loss.backward()
        if self.workload.parameters:
            for leaf in self.leaves:
                leaf.data -= self.workload.alpha * leaf.grad

    def results(self) -> list[Array]:
        """The last loss and the parameters, or the gradients."""
        if self.workload.parameters:
            return [np.array(self.last), *(leaf.data for leaf in self.leaves)]
        return [leaf.grad for leaf in self.leaves]


def start(workload: Workload) -> Doing:
    """Begin a workload."""
    return Work(workload)
