"""How work and memory are measured so that no clock and no other process decides a verdict.

Work is compared between two sizes of the same problem in one run, or counted in calls. How memory is counted
stands in `dlspec.memory`.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec.failure import ConformanceFailure, NotProvided
from dlspec.implementation import TapeImplementation
from dlspec.memory import Memory, collector_off, watched

Array = NDArray[Any]

SMALLEST_OBJECT = sys.getsizeof(object())
"""Bytes of the smallest thing that Python can keep: a growth below it per round is no thing that was kept."""

PROBE = 4096
"""Elements of an array that has to be seen where memory is counted."""

STRETCHES = 6
"""How many stretches of rounds have to grow before growing counts as keeping."""


def chain(F: Any, x: Any, one: Any, length: int) -> Any:
    """`x` after that many ops, a multiple of 4, which together change nothing: `-(-(x + 1) + 1)` is `x`."""
    add, negative = F.add, F.negative
    for _ in range(length // 4):
        x = negative(add(negative(add(x, one)), one))
    return x


def product(F: Any, x: Any, w: Any, length: int) -> Any:
    """`x` times `w`, that many times: every op has to keep its operand for the gradient of `w`."""
    for _ in range(length):
        x = F.multiply(x, w)
    return x


def uses(F: Any, x: Any, w: Any, length: int) -> Any:
    """`w` and that many times `x`: every use sends `x` a cotangent."""
    for _ in range(length):
        w = F.add(w, x)
    return w


def branches(F: Any, x: Any, w: Any, length: int) -> Any:
    """The sum of that many products, none of which needs another."""
    total = x
    for product_of_both in [F.multiply(x, w) for _ in range(length)]:
        total = F.add(total, product_of_both)
    return total


def diamonds(F: Any, x: Any, w: Any, length: int) -> Any:
    """That many times `x + w x`: each takes `x` twice."""
    for _ in range(length):
        x = F.add(x, F.multiply(w, x))
    return x


def embedding_step(impl: TapeImplementation, table: Any, optimizer: Any, rows: Array) -> None:
    """One step of training a table on the squares of its rows: all of those given, and half of them again."""
    ops = impl.F
    first, again = ops.index_select(table, indices=rows), ops.index_select(table, indices=rows[::2])
    impl.backward(ops.add(ops.sum(ops.multiply(first, first)), ops.sum(ops.multiply(again, again))))
    optimizer.step()


def tanh_step(impl: TapeImplementation, x: Any, weights: Sequence[Any], optimizer: Any) -> None:
    """One step of training a network of layers that are a product and a tanh each."""
    for w in weights:
        x = impl.F.tanh(impl.F.mm(x, w))
    impl.backward(impl.F.sum(x))
    optimizer.step()


@contextlib.contextmanager
def however_deep(what: str) -> Iterator[None]:
    """Fail if the block runs out of Python's stack."""
    try:
        yield
    except RecursionError as raised:
        raise ConformanceFailure(
            f"{what}: RecursionError", what=what, got="RecursionError", expected="an answer"
        ) from raised


def count_events(work: Callable[[], Any], limit: int, what: str) -> int:
    """How many calls and returns some work takes; a failure, at once, where they are more than the limit.

    Counting finds exponential work before it is done.
    """
    count = 0

    def on_event() -> None:
        nonlocal count
        count += 1
        if count > limit:
            raise ConformanceFailure(
                f"{what}: more than {limit} calls",
                what=what,
                got=f"more than {limit} calls",
                expected="fewer",
            )

    with watched(on_event):
        work()
    return count


def count_lines(work: Callable[[], Any]) -> int:
    """How many lines of Python some work takes, each round of a loop counted anew.

    Calls don't show a loop that looks at everything there is and calls nothing.
    """
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def assert_no_more_lines(lines: int, few: int, beyond: int, what: str) -> None:
    """Fail if some work takes a line more for each of so many things that it has nothing to do with."""
    if lines - few >= beyond:
        raise ConformanceFailure(
            f"{what}: {lines} lines of work, and {few} without",
            what=what,
            got=f"{lines} lines",
            expected=f"{few} lines",
        )


def assert_linear(work: Callable[[int], Any], size: int, what: str) -> None:
    """Fail if four times the size takes more than eight times as long.

    Linear work takes four times as long and quadratic work sixteen times; eight is the middle between them.
    Processor time is counted, the least of the runs so far, and the ratio has to be exceeded five times over,
    so that a busy machine is no reason to fail.
    """
    small = large = float("inf")
    for _ in range(5):
        small = min(small, _seconds(work, size), _seconds(work, size))
        large = min(large, _seconds(work, 4 * size))
        if large <= 8 * small:
            return
    raise ConformanceFailure(
        f"{what}: size {4 * size} takes {large / small:.0f} times as long as size {size}",
        what=what,
        got=f"{large / small:.0f} times as long",
        expected="4 times as long",
    )


def _seconds(work: Callable[[int], Any], size: int) -> float:
    with collector_off():
        start = time.process_time()
        work(size)
        return max(time.process_time() - start, time.get_clock_info("process_time").resolution)


@contextlib.contextmanager
def counted_memory(impl: TapeImplementation) -> Iterator[Memory]:
    """Count the implementation's memory inside the block; NotProvided where what it allocates isn't seen.

    A count that can't grow would let everything pass.
    """
    with collector_off(), impl.memory() as memory:
        x = impl.constant(np.ones(PROBE))
        before = memory.in_use()
        y = impl.F.add(x, x)
        size = impl.array(y).nbytes
        if memory.in_use() - before < size:
            raise NotProvided("memory that can be counted")
        del x, y
        yield memory


def assert_nothing_kept(
    impl: TapeImplementation, work: Callable[[], Any], what: str, *, rounds: int = 10
) -> None:
    """Fail if doing some work over and over keeps anything, be it one small object a round.

    One stretch of rounds without growth is enough to pass: a dictionary or a cache, of Python's or NumPy's
    own, may grow for a while and then stays.
    """
    growths = []
    with counted_memory(impl) as memory:
        for _ in range(3):
            work()
        for _ in range(STRETCHES):
            before = memory.in_use()
            for _ in range(rounds):
                work()
            growths.append((memory.in_use() - before) / rounds)
            if growths[-1] < SMALLEST_OBJECT:
                return
    raise ConformanceFailure(
        f"{what}: {min(growths):.0f} bytes are kept each time",
        what=what,
        got=f"{min(growths):.0f} bytes",
        expected="0 bytes",
    )


def assert_at_most(kept: int, bound: float, what: str) -> None:
    """Fail if more bytes are in use than there is a reason for."""
    if kept > bound:
        raise ConformanceFailure(
            f"{what}: {kept} bytes are in use, at most {bound:.0f} are needed",
            what=what,
            got=f"{kept} bytes",
            expected=f"at most {bound:.0f} bytes",
        )
