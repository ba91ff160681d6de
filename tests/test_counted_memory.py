"""How clauses count the memory of an implementation, and that what can't be seen isn't judged."""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from dlspec.clauses.scale.helpers import counted_memory
from dlspec.failure import ConformanceFailure, NotProvided
from dlspec.implementations import load
from dlspec.implementations.module import ModuleImplementation
from dlspec.manifest import by_id
from dlspec.memory import Memory, traced


class Blind:
    """A counter that sees nothing."""

    def in_use(self) -> int:
        return 0

    def most(self, work: Callable[[], Any]) -> int:
        work()
        return 0

    def course(self, work: Callable[[], Any]) -> list[int]:
        work()
        return []


class Reference(ModuleImplementation):
    """The reference with a counter of its own."""

    def __init__(self, counter: Memory) -> None:
        super().__init__(load("deeplearning_framework").module)  # type: ignore[attr-defined] # a module's plug
        self._counter = counter

    @contextlib.contextmanager
    def memory(self) -> Iterator[Memory]:
        with traced():
            yield self._counter


MEMORY = [
    "a_freed_graph_holds_nothing",
    "after_backward_a_graph_is_gone",
    "backward_frees_as_it_goes",
    "backward_needs_little_more_than_forward",
    "a_lookup_needs_no_table_for_each_row",
]


@pytest.mark.parametrize("name", MEMORY)
def test_a_clause_on_memory_says_nothing_where_nothing_is_seen(name: str) -> None:
    with pytest.raises(NotProvided, match="memory that can be counted"):
        by_id()[f"scale.memory.{name}"].check(Reference(Blind()))


def test_the_reference_is_seen_by_default() -> None:
    impl = load("deeplearning_framework")
    assert isinstance(impl, ModuleImplementation)

    with counted_memory(impl) as memory:
        before = memory.in_use()
        held = impl.leaf(np.ones(100_000))
        grown = memory.in_use() - before
        course = memory.course(lambda: impl.leaf(np.ones(100_000)))
        needed = memory.most(lambda: impl.leaf(np.ones(100_000)))
        del held

    assert grown >= 800_000
    assert max(course) - course[0] >= 800_000
    assert needed >= 800_000


def test_what_a_counter_of_its_own_sees_is_judged() -> None:
    class Leaking(Blind):
        """Each look finds a million bytes more."""

        def __init__(self) -> None:
            self.bytes = 0

        def in_use(self) -> int:
            self.bytes += 1_000_000
            return self.bytes

    with pytest.raises(ConformanceFailure, match="bytes are kept each time"):
        by_id()["scale.memory.after_backward_a_graph_is_gone"].check(Reference(Leaking()))


def test_memory_beyond_python_is_not_traced() -> None:
    """What the default can't see, and why an adapter may bring a counter."""
    with traced() as memory:
        before = memory.in_use()
        hidden = mmap.mmap(-1, 1_000_000)
        grown = memory.in_use() - before
        hidden.close()

    assert grown < 10_000
