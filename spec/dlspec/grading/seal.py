"""A journal that only the worker can write.

A submission runs in the process that writes the journal, and may write files as it likes. So each line
carries its number and a seal: a keyed digest, of which the key came through a pipe that is closed before
the submission is loaded. A line that is made up, left out, repeated or changed breaks the seal, and the
supervisor says so.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlspec.runner.supervise import Tail
from dlspec.runner.worker import Journal

if TYPE_CHECKING:
    from dlspec.grading.guard import Guard

BETWEEN_LOOKS = 0.5
"""Seconds between two looks of the guard; one takes a few milliseconds."""

TAMPERED = "tampered"
"""The event by which a worker tells what its guard has noticed."""


def seal(key: bytes, number: int, line: bytes) -> bytes:
    """What proves that a line was written by somebody who has the key, as that one of the journal."""
    return hashlib.blake2b(number.to_bytes(8, "big") + line, key=key, digest_size=16).hexdigest().encode()


CONFINED = "confined"
"""The event with which a worker begins: how far it is cut off."""


class SealedJournal(Journal):
    """A journal of sealed lines, which also has a guard look around while it is written."""

    def __init__(self, path: str, key: bytes, guard: Guard) -> None:
        """Write to `path`."""
        super().__init__(path)
        self._key = key
        self._guard = guard
        self._number = 0
        self._looked = -BETWEEN_LOOKS

    def write(self, event: str, **parts: Any) -> None:
        """Add one event, preceded by what the guard has noticed."""
        ending = event in ("end", "fault", "unloadable")
        if ending or event in ("loaded", "ready") or time.monotonic() - self._looked > BETWEEN_LOOKS:
            self._looked = time.monotonic()
            noticed = self._guard.noticed(thoroughly=event == "end")
            if noticed:
                self._write(TAMPERED, what=noticed)
        self._write(event, **parts)

    def _write(self, event: str, **parts: Any) -> None:
        if os.getpid() != self._owner:
            os._exit(0)  # as in the journal of any worker
        line = json.dumps({"event": event, **parts}, allow_nan=False).encode()
        whole = line + b"\t" + seal(self._key, self._number, line) + b"\n"
        self._number += 1
        with Path(self._path).open("ab", buffering=0) as file:
            file.write(whole)


class SealedTail(Tail):
    """The other end: gives what is sealed, and keeps what the guard has noticed.

    Attributes:
        noticed: What has been tampered with.
        namespaces: Whether the worker has namespaces of its own; None until it has told.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        """Start at the beginning of `path`, which need not exist yet."""
        super().__init__(path)
        self._key = key
        self._number = 0
        self.noticed: list[str] = []
        self.namespaces: bool | None = None

    def news(self) -> Iterator[dict[str, Any]]:
        """The events since the last look, up to the first line that nobody vouches for."""
        for line in self.lines():
            event, _, sealed = line.rpartition(b"\t")
            if self.noticed:
                return
            if not hmac.compare_digest(sealed, seal(self._key, self._number, event)):
                self.noticed = ["wrote into the journal of results"]
                return
            self._number += 1
            found = json.loads(event)
            if found["event"] == TAMPERED:
                self.noticed = [str(what) for what in found["what"]]
                return
            if found["event"] == CONFINED:
                self.namespaces = found["namespaces"]
            else:
                yield found
        if self.cut():
            self.noticed = ["removed the journal of results"]
