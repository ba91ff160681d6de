"""A process for each piece of work: what it does to memory, modules or the machine ends with it."""

from __future__ import annotations

import json
import os
import select
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

MOST_MEMORY = 8 * 2**30
"""Bytes of address space: a mutant that asks for more gets a MemoryError, not the machine's last page."""


@dataclass
class _Child:
    task: Any
    pid: int
    pipe: int
    started: float
    told: bytes = b""


def in_processes(
    tasks: Iterable[T], work: Callable[[T], dict[str, Any]], *, children: int, patience: float
) -> Iterator[tuple[T, dict[str, Any]]]:
    """Do each piece of work in a fork of this process, some at a time.

    Args:
        tasks: What there is to do; the next one is asked for when there is a process free for it.
        work: Does one, in the fork; its answer has to be JSON.
        children: How many at a time.
        patience: Seconds after which a process is ended: by the clock, for it may be waiting for ever.

    Yields:
        Each task with its answer, in the order in which they are done; `{"died": how}` for one that came to
        no answer.
    """
    waiting = iter(tasks)
    running: dict[int, _Child] = {}
    more = True
    try:
        while more or running:
            while more and len(running) < children:
                try:
                    task = next(waiting)
                except StopIteration:
                    more = False
                    break
                child = _start(task, work)
                running[child.pipe] = child
            yield from _news(running, patience)
    finally:
        for child in running.values():
            _end(child)


def _news(running: dict[int, _Child], patience: float) -> Iterator[tuple[Any, dict[str, Any]]]:
    ready, _, _ = select.select(list(running), [], [], 1.0)
    for pipe in ready:
        child = running[pipe]
        part = os.read(pipe, 2**16)
        if part:
            child.told += part
            continue
        del running[pipe]
        os.close(pipe)
        _, status = os.waitpid(child.pid, 0)
        yield child.task, json.loads(child.told) if child.told.endswith(b"\n") else {"died": _how(status)}
    for child in list(running.values()):
        if time.monotonic() - child.started > patience:
            del running[child.pipe]
            _end(child)
            yield child.task, {"died": f"no answer within {patience:g} s"}


def _start(task: T, work: Callable[[T], dict[str, Any]]) -> _Child:
    read, write = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write)
        return _Child(task, pid, read, time.monotonic())
    code = 1
    try:
        os.close(read)
        os.setsid()
        _confine()
        answer = json.dumps(work(task)) + "\n"
        os.write(write, answer.encode())
        code = 0
    finally:
        # Neither what stands in this process's `finally` nor what it does at exit is to happen in the child.
        os._exit(code)


def _confine() -> None:
    import resource

    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


def _end(child: _Child) -> None:
    os.killpg(child.pid, signal.SIGKILL)
    os.waitpid(child.pid, 0)
    os.close(child.pipe)


def _how(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
