"""`dlspec grade --dask`: a scheduler and two workers on loopback, one of which dies half-way."""

from __future__ import annotations

import importlib.util
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from benchmarks import homework

from dlspec.runner.stop import ExitCode

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="grading needs limits that Windows hasn't got"),
    pytest.mark.skipif(
        importlib.util.find_spec("distributed") is None,
        reason="distributed isn't installed; it comes with the group of dependencies `tests`",
    ),
]

EXAM = ("ops.tanh.value", "ops.add.value", "autodiff.constants.*")
CLASS = {
    "a.py": "right",
    "b.py": "defect constants_cut_the_graph",
    "c/": "right",
    "d.py": "syntax error",
    "e.py": "deletes numpy.array",
    "f.py": "right",
}
PATIENCE = 60.0


@contextmanager
def running(module: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", f"distributed.cli.{module}", *arguments, "--no-dashboard"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """The address of a scheduler."""
    file = tmp_path / "scheduler.json"
    arguments = ["--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file)]
    with running("dask_scheduler", *arguments) as process:
        until(file.exists, process)
        yield json.loads(file.read_text(encoding="utf-8"))["address"]


@contextmanager
def worker(scheduler: str, name: str) -> Iterator[subprocess.Popen[bytes]]:
    with running("dask_worker", scheduler, "--nthreads", "1", "--no-nanny", "--name", name) as process:
        yield process


def until(true: Any, process: subprocess.Popen[Any]) -> None:
    start = time.monotonic()
    while not true():
        assert process.poll() is None
        assert time.monotonic() - start < PATIENCE
        time.sleep(0.02)


def told(out: Path) -> list[dict[str, Any]]:
    """The rows without what differs from run to run."""
    rows = json.loads((out / "results.json").read_text(encoding="utf-8"))["submissions"]
    return [{key: row[key] for key in row if key not in ("seconds", "peak_memory_mb")} for row in rows]


def test_a_cluster_gives_the_same_results_though_a_worker_dies(scheduler: str, tmp_path: Path) -> None:
    folder, near, far = tmp_path / "homework", tmp_path / "near", tmp_path / "far"
    homework.write_all(folder, CLASS)
    command = homework.command(folder, far, 1, EXAM, "--dask", scheduler)
    here = subprocess.run(homework.command(folder, near, 2, EXAM), capture_output=True, check=False)

    with worker(scheduler, "dies") as dies, worker(scheduler, "stays"):
        grading = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        # The first results are there, and each worker is at work on the next submission.
        until(lambda: list((far / "finished").glob("*.json")), grading)
        dies.kill()
        printed, err = grading.communicate(timeout=120)

    assert here.returncode == 0
    assert grading.returncode == 0, err
    assert told(far) == told(near)
    assert "4 graded, 1 tampered, 1 unloadable" in printed
    rows = {row["name"]: row for row in told(far)}
    assert {name: row["status"] for name, row in rows.items()} == {
        name: homework.KINDS[kind].status for name, kind in CLASS.items()
    }


def test_no_cluster_is_a_clear_error(tmp_path: Path) -> None:
    homework.write_all(tmp_path / "homework", {"a.py": "right"})
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    command = homework.command(tmp_path / "homework", tmp_path / "out", 1, EXAM, "--dask", address)

    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == ExitCode.USAGE
    assert f"--dask {address}: no scheduler answers there" in done.stderr
    assert "Traceback" not in done.stderr
