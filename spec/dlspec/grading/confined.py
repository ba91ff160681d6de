"""The worker of `dlspec.runner`, confined: limits first, namespaces where there are any, a sealed journal.

    python -P -m dlspec.grading.confined JOB.json < ORDER

The order, a line of JSON, holds the key of the journal and the limits. It comes through a pipe that is gone
before the submission is loaded.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from dlspec import manifest
from dlspec.grading import namespaces
from dlspec.grading.custody import Custody, Limits, end_all
from dlspec.grading.guard import Guard
from dlspec.grading.seal import CONFINED, SealedJournal, SealedTail
from dlspec.runner.supervise import ONE_THREAD, Worker
from dlspec.runner.worker import carry_out

KEPT = (
    "PATH",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_CTYPE",
    "LD_LIBRARY_PATH",
    "TZ",
)
"""Of the environment of whoever grades: what a program needs to run, and no passwords."""


class Confined(Worker):
    """A worker whose submission is held to limits, and whose journal is sealed."""

    def __init__(
        self, job: Path, journal: Path, *, module: str, custody: Custody, order: dict[str, Any]
    ) -> None:
        """Start on a job.

        Args:
            job: Where the job stands.
            journal: Where the journal will.
            module: What to run.
            custody: Whom to ask about the limits.
            order: What `module` wants to know; the key is added.
        """
        super().__init__(journal)
        key = os.urandom(32)
        self.journal: SealedTail = SealedTail(journal, key)
        self._custody = custody
        self._code: int | None = None
        self.usage = 0
        self._process = start(module, [str(job)], {**order, "key": key.hex()}, Path(order["home"]))

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def code(self, *, wait: bool) -> int | None:
        """The exit code."""
        if self._code is None:
            pid, status, usage = os.wait4(self.pid, 0 if wait else os.WNOHANG)
            if pid:
                self._code = self._process.returncode = os.waitstatus_to_exitcode(status)
                self.usage = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return self._code

    def ended(self) -> bool:
        """Whether the process has ended; where it passes a limit or tampers with results, it is."""
        if self.broke is None:
            self.broke = _told(self.journal) or self._custody.broken()
            if self.broke is not None:
                self.end()
        return super().ended()

    def end(self) -> None:
        """Kill the worker and whatever it has started."""
        if self._code is None:
            super().end()
        end_all()
        if self.broke is None:
            for _ in self.journal.news():
                pass
            self.broke = _told(self.journal)


def _told(journal: SealedTail) -> str | None:
    return f"it {', '.join(journal.noticed)}" if journal.noticed else None


def start(module: str, arguments: list[str], order: dict[str, Any], home: Path) -> subprocess.Popen[bytes]:
    """Start a module of this package in an interpreter of its own, and hand it its order."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(home),
        cwd=home,
        start_new_session=True,
    )
    assert process.stdin is not None
    with process.stdin as pipe:
        pipe.write(json.dumps(order).encode())
    return process


def environment(home: Path) -> dict[str, str]:
    """The environment of a submission: whatever it writes goes to its private folder."""
    made = {name: value for name in KEPT if (value := os.environ.get(name)) is not None}
    made |= dict.fromkeys(ONE_THREAD, "1")
    temporary = home / "tmp"
    temporary.mkdir(exist_ok=True)
    made |= dict.fromkeys(("TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR"), str(temporary))
    made["HYPOTHESIS_STORAGE_DIRECTORY"] = str(temporary / "hypothesis")
    return made | {"HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1", "MPLBACKEND": "Agg"}


def confine(order: dict[str, Any]) -> bool:
    """Have the limits hold for this process from now on, and cut it off as far as the system lets it.

    Returns:
        Whether it has namespaces of its own.
    """
    namespaces.die_with_parent(signal.SIGKILL)
    Limits(**order["limits"]).apply()
    return bool(order["namespaces"]) and namespaces.enter()


def read_order() -> dict[str, Any]:
    """What this process was told at its start; the pipe is gone afterwards."""
    order: dict[str, Any] = json.loads(sys.stdin.buffer.read())
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.close(nowhere)
    return order


def main() -> None:
    """Carry out a job within limits."""
    order = read_order()
    apart = confine(order)
    carry_out(Path(sys.argv[1]), lambda path: sealed(path, order, apart=apart))


def sealed(path: str, order: dict[str, Any], *, apart: bool) -> SealedJournal:
    """The journal of a process that got this order."""
    manifest.clauses()  # all of the spec is there before the guard looks what it is
    journal = SealedJournal(path, bytes.fromhex(order["key"]), Guard())
    journal.write(CONFINED, namespaces=apart)
    return journal


if __name__ == "__main__":
    main()
