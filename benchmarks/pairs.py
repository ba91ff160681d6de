"""Several ways of doing the same work, timed in turns.

Each has a process of its own, since what one leaves in the memory of a process changes how long the other
takes there; and they take turns, so that whatever else the machine is doing happens to all.
"""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from timeit import Timer

from benchmarks import framework, hand, limit, replay
from benchmarks.workloads import WORKLOADS, Doing, Workload

ROUNDS = 9
BLOCK = 0.03  # seconds: long against the clock's grain, short against what else the machine does

STARTERS: dict[str, Callable[[Workload], Doing]] = {
    "framework": framework.start,
    "hand": hand.start,
    "limit": limit.start,
    "replay": replay.start,
}


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


def ratios(workload: str, rounds: int = ROUNDS) -> dict[str, float]:
    """How much longer a step takes than one by hand, framework, limit and replay: the medians over rounds."""
    workers = {side: Worker(side, workload) for side in STARTERS}
    found: dict[str, list[float]] = {side: [] for side in STARTERS if side != "hand"}
    try:
        for _ in range(rounds):
            took = {side: worker.seconds_per_step() for side, worker in workers.items()}
            for side, values in found.items():
                values.append(took[side] / took["hand"])
    finally:
        for worker in workers.values():
            worker.stop()
    return {side: statistics.median(values) for side, values in found.items()}


def serve(side: str, workload: str) -> None:
    """Take a block of steps for each line that comes in, and answer with the seconds per step."""
    # The collector runs, as it does for users. What counts is the time that this process had, not what others
    # took from it in between; the work is done in one thread.
    timer = Timer(STARTERS[side](WORKLOADS[workload]()).step, gc.enable, time.process_time)
    number, took = timer.autorange()
    number = max(1, round(number * BLOCK / took))
    for _ in sys.stdin:
        sys.stdout.write(f"{timer.timeit(number) / number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve(*sys.argv[1:])
