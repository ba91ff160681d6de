"""Which clauses can notice a change to the reference: those that run a function which it changes.

Until the first changed line is run, the reference with a change in it does what the reference does. So a
clause that passes on the reference, and runs none of the changed functions there, passes on the changed one,
too. Running every clause once finds that out, and half of the faults have then to be asked no more than one
clause in sixteen.
"""

from __future__ import annotations

import ast
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from types import FrameType
from typing import TYPE_CHECKING

from dlspec.faults import reference
from dlspec.runner.judge import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlspec.clause import Clause
    from dlspec.faults.diff import Hunk
    from dlspec.implementation import Implementation


def functions_run(impl: Implementation, clauses: Iterable[Clause]) -> dict[str, frozenset[str]]:
    """For each clause the functions of the reference that it runs, such as `tensor.Tensor.mm`.

    Args:
        impl: The reference, which has to be imported already.
        clauses: The clauses to run.
    """
    found = {}
    for clause in clauses:
        with _watching() as seen:
            ask(clause, impl)
        found[clause.id] = frozenset(seen)
    return found


def noticed_by(hunks: Sequence[Hunk], run: Mapping[str, frozenset[str]]) -> list[str]:
    """The clauses that can notice a change.

    Args:
        hunks: The change.
        run: The functions that each clause runs.
    """
    places = {hunk.place for hunk in hunks}
    if not places <= _functions():
        return list(run)  # a class, or a whole module: what is changed there, everybody sees
    return [id for id, seen in run.items() if seen & places]


@contextmanager
def _watching() -> Iterator[set[str]]:
    """Collect the names of the reference's functions that are called in the block, in every thread."""
    names = {str(path): name for name, path in reference.files().items()}
    seen: set[str] = set()

    def called(frame: FrameType, event: str, arg: object) -> None:
        module = names.get(frame.f_code.co_filename)
        if module is not None:
            # What is defined in a function is part of it: a hunk names the outermost.
            seen.add(f"{module}.{frame.f_code.co_qualname.partition('.<locals>')[0]}")

    threading.settrace(called)
    sys.settrace(called)
    try:
        yield seen
    finally:
        sys.settrace(None)
        threading.settrace(None)


@cache
def _functions() -> frozenset[str]:
    """The names of all the functions of the reference, those of classes included."""
    found: set[str] = set()

    def collect(body: Sequence[ast.stmt], stem: str) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef):
                found.add(f"{stem}.{node.name}")
            elif isinstance(node, ast.ClassDef):
                collect(node.body, f"{stem}.{node.name}")

    for module, text in reference.sources().items():
        collect(ast.parse(text).body, module)
    return frozenset(found)
