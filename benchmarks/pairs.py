"""Two ways of doing the same work, timed in turns.

Each has a process of its own, since what one leaves in the memory of a process changes how long the other
takes there; and they take turns, so that whatever else the machine is doing happens to both.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable
from timeit import Timer

from benchmarks import framework, hand
from benchmarks.workloads import WORKLOADS, Training, Workload

ROUNDS = 15
BLOCK = 0.03  # seconds: long against the clock's grain, short against what else the machine does

STARTERS: dict[str, Callable[[Workload], Training]] = {"framework": framework.start, "hand": hand.start}


class Worker:
    """One side, in its own process."""

    def __init__(self, side: str, workload: str) -> None:
        """Start it."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.pairs", side, workload],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.seconds_per_step()

    def seconds_per_step(self) -> float:
        """Have it take steps for a while."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def stop(self) -> None:
        """End it."""
        self.process.communicate()


def ratio(workload: str) -> float:
    """How much longer a step of the framework takes than one by hand: the median over rounds."""
    workers = [Worker(side, workload) for side in ("framework", "hand")]
    try:
        rounds = []
        for _ in range(ROUNDS):
            ours, theirs = (worker.seconds_per_step() for worker in workers)
            rounds.append(ours / theirs)
    finally:
        for worker in workers:
            worker.stop()
    return statistics.median(rounds)


def serve(side: str, workload: str) -> None:
    """Take a block of steps for each line that comes in, and answer with the seconds per step."""
    timer = Timer(STARTERS[side](WORKLOADS[workload]()).step)
    number, took = timer.autorange()
    number = max(1, round(number * BLOCK / took))
    for _ in sys.stdin:
        sys.stdout.write(f"{timer.timeit(number) / number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve(*sys.argv[1:])
