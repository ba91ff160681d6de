"""Counting the memory that an implementation has in use, so that no other process decides a verdict.

`tracemalloc` counts what Python and NumPy allocate, and that is all there is of most implementations. One
that has an allocator of its own counts with it: `TapeImplementation.memory`. The garbage collector is off
meanwhile, so that only what reference counting frees counts as freed.
"""

from __future__ import annotations

import contextlib
import gc
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Protocol

_forget_attributes: Callable[[], object] = getattr(
    sys, "_clear_internal_caches", getattr(sys, "_clear_type_cache", lambda: None)
)
"""Empty Python's cache of attributes; the first name since 3.13, the second before, neither elsewhere."""


class Memory(Protocol):
    """Counts bytes."""

    def in_use(self) -> int:
        """The bytes in use."""

    def most(self, work: Callable[[], Any]) -> int:
        """The bytes that some work needs at its worst moment, beside those in use before."""

    def course(self, work: Callable[[], Any]) -> list[int]:
        """The bytes in use while some work is done, moment by moment, as often as can be seen."""


@contextlib.contextmanager
def collector_off() -> Iterator[None]:
    """Leave freeing to reference counting alone, from a clean start, inside the block."""
    was_on = gc.isenabled()
    gc.collect()
    # What is alive now was alive before: the next clean start needn't walk all of the spec once more.
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextlib.contextmanager
def watched(on_event: Callable[[], None]) -> Iterator[None]:
    """Call a function at every call and every return inside the block, of Python code and of C code."""

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        on_event()

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(before)


class TracedMemory:
    """What `tracemalloc` counts, which has to be tracing."""

    def in_use(self) -> int:
        """The bytes in use, without what Python keeps for reuse."""
        # Python keeps freed tuples, lists and the like for reuse, and gives them back in a full collection.
        # Frozen, no object takes part in it, so that it frees nothing else: cycles stay, as they should here.
        gc.freeze()
        gc.collect()
        gc.unfreeze()
        # It also remembers where it last found an attribute, under a copy of the name if a C extension made
        # one for the look-up: NumPy does for `array.flags.writeable = False`, and 4096 names may be
        # remembered.
        _forget_attributes()
        return tracemalloc.get_traced_memory()[0]

    def most(self, work: Callable[[], Any]) -> int:
        """The bytes that some work needs at its worst moment, beside those in use before."""
        before = self.in_use()
        tracemalloc.reset_peak()
        work()
        return tracemalloc.get_traced_memory()[1] - before

    def course(self, work: Callable[[], Any]) -> list[int]:
        """The bytes in use at every call and return of the work that Python sees."""
        samples: list[int] = []
        with watched(lambda: samples.append(self.in_use())):
            work()
        return samples


@contextlib.contextmanager
def traced() -> Iterator[TracedMemory]:
    """Count what Python and NumPy allocate inside the block."""
    was_tracing = tracemalloc.is_tracing()
    if not was_tracing:
        tracemalloc.start()
    try:
        yield TracedMemory()
    finally:
        if not was_tracing:
            tracemalloc.stop()
