"""The work with the reference, as in `framework.py`, recorded in the first steps and repeated in the others.

Rows of a long table can't be recorded; there every step is the framework's.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import framework
from benchmarks.workloads import Array, Doing, Workload
from deeplearning_framework import Tensor
from deeplearning_framework.replay import Replay


class Training:
    """A model that is trained. Its loss leaves the step as what it returns."""

    def __init__(self, work: framework.WithLayers, step: Callable[[], None]) -> None:
        """Have the loss come this way."""
        self.work, self.eager = work, step
        self.loss = Tensor(float("nan"))
        work.descend = self.descend  # type: ignore[method-assign] # the number is not to be read in the step
        self.replay = Replay(
            self.recorded, fallback="eager" if isinstance(work, framework.Words) else "raise"
        )

    def descend(self, loss: Tensor) -> None:
        """Backward and update."""
        loss.backward()
        self.work.optimizer.step()
        self.loss = loss

    def recorded(self) -> Tensor:
        """What is recorded."""
        self.eager()
        loss, self.loss = self.loss, Tensor(float("nan"))
        return loss

    def step(self) -> None:
        """Forward, backward, update."""
        self.work.last = float(self.replay().item())

    def results(self) -> list[Array]:
        """The last loss, and where training has got to."""
        return self.work.results()


class Function:
    """Nothing is trained."""

    def __init__(self, work: framework.Function) -> None:
        """Record all of it."""
        self.work = work
        self.step = Replay(work.step)

    def results(self) -> list[Array]:
        """The gradients."""
        return self.work.results()


def start(workload: Workload) -> Doing:
    """Begin a workload."""
    work = framework.start(workload)
    if isinstance(work, framework.WithLayers):
        return Training(work, work.step)
    assert isinstance(work, framework.Function)
    return Function(work)
