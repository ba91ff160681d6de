"""Several ways of doing the same work, timed in turns.

Each has a process of its own, since what one leaves in the memory of a process changes how long the other
takes there; and they take turns, so that whatever else the machine is doing happens to all.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from timeit import Timer
from typing import Any

import numpy as np

from benchmarks.workloads import WORKLOADS, Array, Doing

ROUNDS = 9
BLOCK = 0.03  # seconds: long against the clock's grain, short against what else the machine does
STEPS = 3  # before anything is compared or timed: what the first step records or compiles, the others do
PATIENCE = 120.0  # seconds for one answer
PAUSE = 0.3  # seconds after which the threads of the side before have stopped looking out for work

# The same sums, of up to some ten thousand terms, in another order.
CLOSE = {"float64": (1e-9, 1e-12), "float32": (1e-3, 1e-6)}

SIDES = {
    "framework": "benchmarks.framework",
    "hand": "benchmarks.hand",
    "replay": "benchmarks.replay",
    "limit": "benchmarks.limit",
}
"""What is done with the reference alone in the environment: each a module with a function `start`."""


def limited_to(threads: int) -> dict[str, str]:
    """What tells libraries how many threads to use."""
    return {
        **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads)),
        "XLA_FLAGS": f"--xla_cpu_multi_thread_eigen={str(threads > 1).lower()} "
        f"intra_op_parallelism_threads={threads}",
    }


CHOSEN_KERNELS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""What would choose a kernel in the library's place."""


class CannotDoError(Exception):
    """A side can't do a workload; the message says why."""


def begin(module: str, workload: str) -> Doing:
    """Begin a workload as one side does it.

    Raises:
        CannotDoError: It can't.
    """
    doing: Doing = import_module(module).start(WORKLOADS[workload]())
    return doing


def by_hand(workload: str) -> list[Array]:
    """What everybody has to get."""
    doing = begin(SIDES["hand"], workload)
    for _ in range(STEPS):
        doing.step()
    return doing.results()


def assert_same(workload: str, got: Sequence[Array], expected: Sequence[Array], who: str) -> None:
    """Fail where the results of a workload aren't what is got by hand."""
    rtol, atol = CLOSE[workload.rpartition(", ")[2]]
    assert len(got) == len(expected), f"{who}: {len(got)} results instead of {len(expected)}"
    for one, right in zip(got, expected, strict=True):
        # A tenth of the time that the testing module takes for ten million numbers; that one tells more.
        if one.shape != right.shape or not (np.abs(one - right) <= atol + rtol * np.abs(right)).all():
            np.testing.assert_allclose(one, right, rtol, atol, err_msg=who)
        assert one.dtype == right.dtype or one.ndim == 0, f"{who}: {one.dtype} instead of {right.dtype}"


def assert_all_get_the_same(workload: str) -> None:
    """Fail where a side gets something else than is got by hand."""
    expected = by_hand(workload)
    for side, module in SIDES.items():
        doing = begin(module, workload)
        for _ in range(STEPS):
            doing.step()
        assert_same(workload, doing.results(), expected, side)


class Worker:
    """One side, in its own process."""

    def __init__(
        self,
        module: str,
        workload: str,
        python: str = sys.executable,
        patience: float = PATIENCE,
        threads: int = 1,
    ) -> None:
        """Start it, on as many cores as threads, the same for all.

        Raises:
            CannotDoError: It can't do the workload, or doesn't answer in time.
        """
        self.patience = patience
        self.pause = PAUSE if threads > 1 else 0.0
        environment = {k: v for k, v in os.environ.items() if k not in CHOSEN_KERNELS} | limited_to(threads)
        self.said = tempfile.TemporaryFile("w+")  # noqa: SIM115 -- a pipe would fill up; `stop` closes it
        self.process = subprocess.Popen(
            [python, "-m", "benchmarks.pairs", module, workload],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.said,
            text=True,
            env=environment,
            cwd=Path(__file__).parent.parent,
        )
        try:
            self.versions: dict[str, str] = self.ask("versions")
        except CannotDoError:
            self.stop()
            raise

    def ask(self, *question: str) -> Any:
        """Put a question; the answer.

        Raises:
            CannotDoError: It isn't answered.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        late = threading.Timer(self.patience, self.process.kill)
        late.start()
        try:
            self.process.stdin.write(" ".join(question) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            in_time = not late.finished.is_set()
            late.cancel()
        if not in_time:
            raise CannotDoError(f"no answer within {self.patience:.0f} s")
        if not line:
            code = self.process.wait()
            self.said.seek(0)
            said = self.said.read().strip().splitlines()
            raise CannotDoError(said[-1][:200] if said else f"died: exit code {code}")
        answer = json.loads(line)
        if "cannot" in answer:
            raise CannotDoError(answer["cannot"])
        return answer["answer"]

    def results(self) -> list[Array]:
        """What it has got after the steps that are compared; to be asked before it is timed."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "results.npz"
            self.ask("results", str(file))
            with np.load(file) as found:
                return [found[name] for name in found.files]

    def seconds_per_step(self) -> float:
        """Have it take steps for a while."""
        time.sleep(self.pause)
        return float(self.ask("go"))

    def megabytes(self) -> list[float] | None:
        """What a step needs at its peak, and what it leaves; to be asked after it is timed."""
        found: list[float] | None = self.ask("memory")
        return found

    def stop(self) -> None:
        """End it."""
        try:
            self.process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
        self.said.close()


def times(workload: str, rounds: int, sides: Mapping[str, str] = SIDES) -> dict[str, list[float]]:
    """Seconds of processor time per step, for each side and round."""
    with ExitStack() as stack:
        workers = {}
        for side, module in sides.items():
            workers[side] = Worker(module, workload)
            stack.callback(workers[side].stop)
        return in_turns(workers, rounds)


def in_turns(
    workers: Mapping[str, Worker], rounds: int, few: int | None = None, slow: float = 10.0
) -> dict[str, list[float]]:
    """Seconds per step, for each worker and round; the first round is for warming up.

    With `few`, who is so many times slower than by hand takes part in so few of the rounds, if a step of
    theirs is longer than a turn should be.
    """
    found: dict[str, list[float]] = {side: [] for side in workers}
    warm = {side: worker.seconds_per_step() for side, worker in workers.items()}
    for number in range(rounds):
        for side, worker in workers.items():
            if few is not None and number >= few and warm[side] > max(BLOCK, slow * warm["hand"]):
                continue
            found[side].append(worker.seconds_per_step())
    return found


def ratios(taken: Mapping[str, Sequence[float]], to: str = "hand") -> dict[str, list[float]]:
    """How much longer each side takes than another, round by round, as long as both took part."""
    return {
        side: [one / other for one, other in zip(seconds, taken[to], strict=False)]
        for side, seconds in taken.items()
        if side != to
    }


def memory_of(step: Callable[[], None]) -> list[float] | None:
    """MB that a step needs at its peak beyond what was there before, and MB that it leaves.

    The median of three; nothing where the system doesn't tell.
    """
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None

    def megabytes(name: str) -> float:
        lines = status.read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(name + ":")) * 1024 / 1e6

    found = []
    for _ in range(3):
        gc.collect()
        trim(0)
        try:
            reset.write_text("5", encoding="utf-8")  # the highest there has been is now what there is
            before = megabytes("VmRSS")
            step()
            peak = megabytes("VmHWM") - before
        except (OSError, StopIteration):
            return None
        gc.collect()
        trim(0)
        found.append((peak, megabytes("VmRSS") - before))
    return [round(max(0.0, statistics.median(each)), 2) for each in zip(*found, strict=True)]


def serve(module: str, workload: str) -> None:
    """Answer the questions that come in, one a line."""
    threads = int(os.environ["OMP_NUM_THREADS"])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])
    # One thread is charged for the time that it had, not for what others took from it in between. Of several
    # it counts when the last is done.
    clock = time.process_time if threads == 1 else time.perf_counter
    # What libraries print goes elsewhere.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    doing, timer, number = None, None, 0

    def ready(doing: Doing) -> Timer:
        # The collector runs, as it does for users.
        for _ in range(STEPS):
            doing.step()
        return Timer(doing.step, gc.enable, clock)

    for line in sys.stdin:
        question, *arguments = line.split()
        answer: dict[str, Any]
        try:
            doing = doing or begin(module, workload)
            if question == "results":
                timer = ready(doing)
                np.savez(arguments[0], *doing.results())
                answer = {"answer": None}
            elif question == "versions":
                answer = {
                    "answer": getattr(import_module(module), "VERSIONS", {}) | {"NumPy": np.__version__}
                }
            elif question == "memory":
                answer = {"answer": memory_of(doing.step)}
            else:
                timer = timer or ready(doing)
                if not number:
                    took = timer.timeit(1)
                    number = max(1, round(BLOCK / max(took, time.get_clock_info("process_time").resolution)))
                answer = {"answer": timer.timeit(number) / number}
        except Exception as error:
            answer = {"cannot": f"{type(error).__name__}: {error}".removeprefix("CannotDoError: ")[:200]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve(*sys.argv[1:])
