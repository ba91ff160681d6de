"""Limits for what a submission starts, and the end of all of it.

The kernel keeps some limits by itself, for each process: memory it may map, and the size of a file. The
others are looked at ten times a second from outside, over all processes of the submission: time, memory in
use, their number, and what lies in its folder. A limit of the kernel's on processes wouldn't do: it doesn't
hold for root, and for others it counts all that they run, so that one submission could keep its neighbours
from starting.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MEGABYTE = 2**20
BETWEEN_LOOKS = 0.1
BETWEEN_LOOKS_AT_DISK = 1.0
"""Seconds; a folder takes longer to add up than a list of processes."""

PATIENCE = 10.0
"""Seconds after which a process that can't be killed is given up; it may wait for a broken disk."""


@dataclass(frozen=True)
class Limits:
    """What one submission may use.

    Attributes:
        seconds: Wall time for all of it.
        memory: Megabytes: what one process may map, and what all of them together may hold.
        processes: Processes at a time.
        disk: Megabytes in its private folder; a single file may have half of it.
    """

    seconds: float = 300.0
    memory: int = 4096
    processes: int = 32
    disk: int = 512

    def apply(self) -> None:
        """Have the kernel limit this process, and all that it starts."""
        _limit(resource.RLIMIT_CORE, 0)
        _limit(resource.RLIMIT_FSIZE, self.disk * MEGABYTE // 2)
        if sys.platform == "linux":  # elsewhere it is refused, or without effect
            _limit(resource.RLIMIT_AS, self.memory * MEGABYTE)


def _limit(which: int, most: int) -> None:
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(which, (most, most))


class Custody:
    """Watches over whatever descends from this process, all of which belongs to one submission.

    Attributes:
        peak: Bytes that its processes held together at most, as far as it was looked at.
    """

    def __init__(self, limits: Limits, folder: Path) -> None:
        """The clock starts now.

        Args:
            limits: What holds.
            folder: What lies in here counts as its own.
        """
        self._limits = limits
        self._folder = folder
        self._start = time.monotonic()
        self._looked = self._looked_at_disk = self._start
        self.peak = 0

    def broken(self) -> str | None:
        """Which limit has been passed; None where none has, or where the last look was a moment ago."""
        now, limits = time.monotonic(), self._limits
        if now - self._start > limits.seconds:
            return f"the limit of {limits.seconds:g} s for all of it was reached"
        if now - self._looked < BETWEEN_LOOKS:
            return None
        self._looked = now
        pids = descendants()
        if len(pids) > limits.processes:
            return f"more than {limits.processes} processes were running"
        held = sum(_held(pid) for pid in pids)
        self.peak = max(self.peak, held)
        if held > limits.memory * MEGABYTE:
            return f"more than {limits.memory} MB of memory were in use"
        if now - self._looked_at_disk > BETWEEN_LOOKS_AT_DISK:
            self._looked_at_disk = now
            if _size(self._folder) > limits.disk * MEGABYTE:
                return f"more than {limits.disk} MB lay on the disk"
        return None


def descendants() -> list[int]:
    """Every process that descends from this one; on Linux alone, elsewhere there are none to be seen."""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    found: list[int] = []
    waiting = [os.getpid()]
    while waiting:
        young = children.get(waiting.pop(), [])
        found += young
        waiting += young
    return found


def _parents() -> Iterator[tuple[int, int]]:
    if sys.platform != "linux":
        return
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                stat = Path("/proc", entry, "stat").read_bytes()
                # The name stands in brackets and may hold anything; after it come state and parent.
                yield int(entry), int(stat.rpartition(b")")[2].split()[1])


def _held(pid: int) -> int:
    try:
        return int(Path("/proc", str(pid), "statm").read_bytes().split()[1]) * resource.getpagesize()
    except (OSError, IndexError):
        return 0


def _size(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_blocks * 512
    return total


def end_all() -> None:
    """Kill every descendant, however far it has wandered from its group, and bury those that are ours."""
    start = time.monotonic()
    while (pids := descendants()) and time.monotonic() - start < PATIENCE:
        # All of them are stopped before any is killed: what multiplies would outrun a list of it.
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in pids:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
        _bury(pids)


def _bury(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
