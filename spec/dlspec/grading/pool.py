"""Several examiners on this machine, each a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Sequence
from types import TracebackType

from dlspec.grading.examiner import Outcome, Standing, Task

PATIENCE = 10.0
"""Seconds in which an examiner that is asked to end puts its submission away."""

ATTEMPTS = 2
"""How often a submission may take its examiner with it before it is given up."""

SLACK = 60.0
"""Seconds that an examiner has beyond a submission's own limit, for starting and cleaning up."""


class Closed(Exception):
    """The examiner was ended while it was at work."""


class Examiner:
    """An examiner that is started when there is something to do, and again after it was lost."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._process: subprocess.Popen[str] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._closed = False

    def __enter__(self) -> Examiner:
        """Use it in a block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it, and whatever it was doing."""
        self.close()

    def examine(self, task: Task) -> Outcome:
        """What comes of a submission, whatever becomes of the examiner.

        Raises:
            Closed: `close` was called meanwhile, or before.
        """
        code: int | str = ""
        for _ in range(ATTEMPTS):
            if self._closed:
                break
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            # A process that was stopped rather than killed would be waited for without an end.
            alarm = threading.Timer(task.limits.seconds * 2 + SLACK, process.kill)
            alarm.start()
            try:
                process.stdin.write(json.dumps(task.to_json()) + "\n")
                process.stdin.flush()
                return Outcome.from_json(json.loads(process.stdout.readline()))
            except (OSError, ValueError, TypeError):
                process.kill()
                code = process.wait()
                self._end()
            finally:
                alarm.cancel()
        if self._closed:
            raise Closed
        return Outcome(Standing.LOST, f"the process that judged it was ended twice (exit code {code})")

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._folder = tempfile.TemporaryDirectory(prefix="dlspec-grade-", ignore_cleanup_errors=True)
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "dlspec.grading.examiner"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env={**os.environ, "TMPDIR": self._folder.name, "PYTHONDONTWRITEBYTECODE": "1"},
                # A Ctrl-C in the terminal is for the one who started this; the examiner is told.
                start_new_session=True,
            )
        return self._process

    def close(self) -> None:
        """Have it end whatever it is doing; from another thread, too."""
        self._closed = True
        self._end()

    def _end(self) -> None:
        process, folder = self._process, self._folder
        self._process = self._folder = None
        if process is not None:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
        if folder is not None:
            folder.cleanup()


def examine(tasks: Sequence[Task], jobs: int) -> Generator[tuple[Task, Outcome], None, None]:
    """Examine submissions, several at a time.

    Args:
        tasks: What is to be done.
        jobs: How many examiners.

    Yields:
        Each task with what came of it, as it is known.
    """
    waiting: queue.SimpleQueue[Task] = queue.SimpleQueue()
    for task in tasks:
        waiting.put(task)
    done: queue.SimpleQueue[tuple[Task, Outcome] | BaseException] = queue.SimpleQueue()
    examiners = [Examiner() for _ in range(min(jobs, len(tasks)))]

    def serve(examiner: Examiner) -> None:
        try:
            while True:
                task = waiting.get_nowait()
                done.put((task, examiner.examine(task)))
        except (Closed, queue.Empty):
            return
        except BaseException as raised:  # shown where it is waited for
            done.put(raised)

    threads = [threading.Thread(target=serve, args=[examiner], daemon=True) for examiner in examiners]
    for thread in threads:
        thread.start()
    try:
        for _ in tasks:
            found = done.get()
            if isinstance(found, BaseException):
                raise found
            yield found
    finally:
        for examiner in examiners:
            examiner.close()
        for thread in threads:
            thread.join(PATIENCE)
