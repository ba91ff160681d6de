"""Examiners on an existing Dask cluster.

A submission goes there by value, with everything that is asked of it: no file system is shared. Each worker
needs dlspec, the same as here, and nothing else. A worker that dies costs time: the scheduler gives what it
was doing to another.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from dlspec.grading.examiner import Outcome, Standing, Task
from dlspec.grading.grades import code_sha256
from dlspec.grading.pool import Examiner
from dlspec.runner.stop import Stop

CONNECT = "10s"


def examine(tasks: Sequence[Task], address: str) -> Generator[tuple[Task, Outcome], None, None]:
    """Examine submissions on a cluster.

    Args:
        tasks: What is to be done.
        address: Of its scheduler, such as `tcp://host:8786`.

    Yields:
        Each task with what came of it, as it is known.

    Raises:
        Stop: There is no such cluster, or its workers have another dlspec.
    """
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        raise Stop('--dask needs its extra: pip install "deeplearning-framework[spec,dask]"') from error
    try:
        client = Client(address, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise Stop(f"--dask {address}: no scheduler answers there: {error}") from error
    with client:
        wanted = code_sha256()
        futures = {
            client.submit(
                on_worker, task.to_json(), wanted, pure=False, key=f"dlspec-{number}-{id(tasks)}"
            ): task
            for number, task in enumerate(tasks)
        }
        try:
            for future in as_completed(futures, loop=client.loop):
                yield futures[future], _outcome(future)
        finally:
            client.cancel(list(futures))


def _outcome(future: Any) -> Outcome:
    if future.status != "error":
        found: dict[str, Any] = future.result()
        if "other" in found:
            raise Stop(f"--dask: a worker has another dlspec ({found['other'][:12]}) than this one")
        return Outcome.from_json(found)
    raised = future.exception()
    return Outcome(Standing.LOST, f"the cluster gave it up: {type(raised).__name__}: {raised}")


def on_worker(task: dict[str, Any], wanted: str) -> dict[str, Any]:
    """What a Dask worker does: the same as an examiner on this machine."""
    if code_sha256() != wanted:
        return {"other": code_sha256()}
    with Examiner() as examiner:
        return examiner.examine(Task.from_json(task)).to_json()
