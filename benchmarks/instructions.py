"""How many instructions a step takes, counted by Valgrind: the same number again, however busy the machine.

Instructions aren't time: they know nothing of memory, and NumPy takes other kernels under Valgrind. But what
a change of Python code costs shows in them to a fraction of a per cent.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.pairs import CHOSEN_KERNELS, begin, limited_to

WORKLOADS = (
    "XOR, float64",
    "MLP, batch 64, float64",
    "RNN, 5 steps, float64",
    "RNN, 100 steps, float64",
    "embedding, float64",
    "chain of 10000, float64",
)
"""What is counted: under Valgrind everything takes fifty times as long."""

WARM = 3  # steps before those that count
COUNTED = 2


def available() -> bool:
    """Whether Valgrind is installed."""
    return shutil.which("valgrind") is not None


def per_step(module: str, workload: str) -> int:
    """Instructions of one step, as one side does it.

    Raises:
        RuntimeError: Valgrind couldn't count.
    """
    environment = {k: v for k, v in os.environ.items() if k not in CHOSEN_KERNELS} | limited_to(1)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "counts"
        # Two functions of the C library that nothing else calls mark where counting starts and ends.
        command = [
            *("valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"),
            *("--zero-before=getppid", "--dump-before=getpgrp"),
            *(sys.executable, "-m", "benchmarks.instructions", module, workload),
        ]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            env=environment | {"PYTHONHASHSEED": "0"},
            cwd=Path(__file__).parent.parent,
        )
        first = out.with_name("counts.1")
        total = re.search(r"^(?:totals|summary): (\d+)", first.read_text(), re.M) if first.exists() else None
        if done.returncode or total is None:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr[-500:]}")
        return round(int(total[1]) / COUNTED)


def take_steps(module: str, workload: str) -> None:
    """Take the steps that are counted, between two marks."""
    doing = begin(module, workload)
    for _ in range(WARM):
        doing.step()
    os.getppid()
    for _ in range(COUNTED):
        doing.step()
    os.getpgrp()


if __name__ == "__main__":
    take_steps(*sys.argv[1:])
