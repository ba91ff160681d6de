"""Two threads that take turns at every few calls, so that what could go wrong between them does.

Threads that run freely meet by chance, and a test of them passes by chance. Here one runs at a time; after
every few calls and returns it hands over to the other, in the middle of whatever it was doing.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from dlspec.failure import ConformanceFailure, NotProvided

PATIENCE = 0.05
"""Seconds until a turn is taken back: the other may be waiting for a lock that this one holds."""

LIMIT = 20.0
"""Seconds after which two threads are taken to wait for each other forever."""


class Turns:
    """Whose turn it is, of two."""

    def __init__(self, every: int) -> None:
        """Hand over after that many calls and returns."""
        self._every = every
        self._turn, self._gone = 0, [False, False]
        self._changed = threading.Condition()

    def wait(self, me: int) -> None:
        """Go on when it is one's turn, when the other has gone, or when patience ends."""
        with self._changed:
            self._changed.wait_for(lambda: self._turn == me or self._gone[1 - me], PATIENCE)

    def hand_over(self, me: int, *, gone: bool = False) -> None:
        """Let the other go on."""
        with self._changed:
            self._turn, self._gone[me] = 1 - me, gone
            self._changed.notify_all()

    def watch(self, me: int) -> Callable[[FrameType, str, Any], None]:
        """A profile function, which Python calls at every call and return of one thread."""
        count = 0

        def profile(frame: FrameType, event: str, argument: Any) -> None:
            nonlocal count
            count += 1
            if count % self._every == 0:
                self.hand_over(me)
                self.wait(me)

        return profile


def together(*works: Callable[[], Any], every: int) -> list[Any]:
    """What two pieces of work give when two threads do them in turns.

    Args:
        *works: The two of them.
        every: After how many calls and returns the other goes on.

    Returns:
        For each what it returned, or the exception that it raised.
    """
    turns = Turns(every)
    answers: list[Any] = [None, None]

    def run(me: int) -> None:
        turns.wait(me)
        sys.setprofile(turns.watch(me))
        try:
            answers[me] = works[me]()
        except Exception as raised:  # a failure here is for the caller to judge
            answers[me] = raised
        finally:
            sys.setprofile(None)
            turns.hand_over(me, gone=True)

    threads = [threading.Thread(target=run, args=(me,), daemon=True) for me in (0, 1)]
    with switching_often():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT)
    if any(thread.is_alive() for thread in threads):
        raise ConformanceFailure(
            "two threads wait for each other", what="two threads", got="no answer", expected="an answer each"
        )
    for answer in answers:
        if isinstance(answer, NotProvided):
            raise answer
    return answers


@contextmanager
def switching_often() -> Iterator[None]:
    """Have Python itself change threads as often as it can inside the block."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def in_step(*works: Callable[[Callable[[], None]], Any]) -> list[Any]:
    """What pieces of work return that meet at agreed points: each is given the function that waits there."""
    meeting = threading.Barrier(len(works), timeout=LIMIT)
    answers: list[Any] = [None] * len(works)

    def run(me: int) -> None:
        try:
            answers[me] = works[me](meeting.wait)  # type: ignore[arg-type] # nobody reads what wait returns
        except Exception as raised:  # a failure here is for the caller to judge
            answers[me] = raised
            meeting.abort()

    threads = [threading.Thread(target=run, args=(me,), daemon=True) for me in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    for answer in answers:
        if isinstance(answer, Exception) and not isinstance(answer, threading.BrokenBarrierError):
            raise answer
    return answers
