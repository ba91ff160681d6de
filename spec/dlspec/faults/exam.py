"""Who fails on what: clauses asked of the reference with a change made to it, a process for each change.

The machinery is that of any verdict: a fault that hangs or kills its process is a result, too. Only the
start differs. A worker is forked from a process that has everything imported, since there are thousands.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from dlspec import SPEC_VERSION, casefile, manifest
from dlspec.faults import FOLDER, answers, faults, reference, waivers
from dlspec.runner.result import Result, Status
from dlspec.runner.stop import Stop
from dlspec.runner.supervise import ONE_THREAD, Fork, NewInterpreter, Plan, Watcher, supervise

MATRIX = FOLDER / "matrix.json"

NOT_ASKED = frozenset({Status.PASS, Status.BLOCKED, Status.NOT_RUN, Status.NOT_CLAIMED})
TIMEOUT = 20.0
"""Seconds for one clause; a correct implementation needs a tenth of it for the longest."""


@dataclass(frozen=True)
class Sitting:
    """What came of one target.

    Attributes:
        target: What was asked.
        failed: The clauses that it failed, in the order they were asked.
        broken: Why it couldn't be asked at all.
        results: What came of every clause.
        dtypes: The types that it computes in.
    """

    target: str
    failed: tuple[str, ...]
    broken: str | None = None
    results: Mapping[str, Result] = field(default_factory=dict)
    dtypes: tuple[str, ...] = ()


def sit(questions: Mapping[str, Sequence[str]], *, jobs: int, first_only: bool = False) -> Iterator[Sitting]:
    """Ask each target its clauses, several targets at a time.

    Args:
        questions: The clauses to ask, by target.
        jobs: How many processes ask.
        first_only: Whether one failure is enough.

    Yields:
        What came of each, as it is known.
    """
    context = multiprocessing.get_context("spawn")
    with (
        _one_thread_each(),
        ProcessPoolExecutor(jobs, mp_context=context, initializer=_prepare) as pool,
    ):
        asked = [pool.submit(_sit, target, tuple(ids), first_only) for target, ids in questions.items()]
        try:
            for future in as_completed(asked):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes that are started in the block compute with one thread, as in a verdict."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _prepare() -> None:
    """Import and read, once for all the workers to come."""
    reference.warm()
    for clause in manifest.clauses():
        if clause.frozen_as is not None:
            casefile.load(clause.frozen_as)


def _sit(target: str, ids: tuple[str, ...], first_only: bool) -> Sitting:
    plan = Plan(target, ids, timeout=TIMEOUT, scripts=False, first_only=first_only)
    try:
        run = supervise(plan, Watcher(), Fork if hasattr(os, "fork") else NewInterpreter)
    except Stop as stop:
        return Sitting(target, (), f"{stop}\n{stop.details}".strip())
    failed = tuple(id for id, result in run.results.items() if result.status not in NOT_ASKED)
    return Sitting(target, failed, None, run.results, run.subject.dtypes)


def read_matrix() -> dict[str, list[str]]:
    """For each fault the clauses that are known to fail on it: all that it was asked and failed."""
    if not MATRIX.exists():
        return {}
    rows: dict[str, list[str]] = json.loads(MATRIX.read_text(encoding="utf-8"))["faults"]
    return rows


def write_matrix(rows: Mapping[str, Sequence[str]]) -> None:
    """Keep the matrix, a line for each fault."""
    order = {clause.id: number for number, clause in enumerate(manifest.clauses())}
    lines = [
        f"    {json.dumps(fault)}: {json.dumps(sorted(rows[fault], key=order.__getitem__))}"
        for fault in sorted(rows)
    ]
    head = f'{{\n  "spec": {json.dumps(SPEC_VERSION)},\n  "faults": {{\n'
    MATRIX.write_text(head + ",\n".join(lines) + "\n  }\n}\n", encoding="utf-8")


def witnesses(rows: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """For each clause that kills something, one fault that it kills: the most specific it has."""
    found: dict[str, str] = {}
    for fault in sorted(rows, key=lambda fault: (len(rows[fault]), fault)):
        for clause in rows[fault]:
            found.setdefault(clause, fault)
    return found


def questions(rows: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """What to ask of each fault so that every promise is tried: of each fault, and of each clause."""
    asked = {fault: {change.caught_by or ""} for fault, change in faults().items()}
    for clause, fault in witnesses(rows).items():
        if fault in asked:
            asked[fault].add(clause)
    return {
        f"fault:{fault}": [clause.id for clause in manifest.clauses() if clause.id in ids]
        for fault, ids in asked.items()
    }


def waived(clause: str) -> str | None:
    """Why a clause needs no fault, if it needs none."""
    return next((reason for pattern, reason in waivers().items() if fnmatchcase(clause, pattern)), None)


def gaps(rows: Mapping[str, Sequence[str]]) -> list[str]:
    """What is wrong with the matrix by itself: rows and columns that are missing, or too many."""
    known, witnessed = manifest.by_id(), witnesses(rows)
    problems = [f"fault {fault} is not in the matrix" for fault in faults() if fault not in rows]
    problems += [f"the matrix has a fault {fault}, which is gone" for fault in rows if fault not in faults()]
    problems += [
        f"the matrix says that {id} fails on {fault}, but there is no such clause"
        for id, fault in witnessed.items()
        if id not in known
    ]
    for id in known:
        reason = waived(id)
        if id not in witnessed and reason is None:
            problems.append(f"{id} kills no fault, and doesn't say why it needs none")
        if id in witnessed and reason is not None:
            problems.append(f"{id} kills {witnessed[id]}, so it needs no waiver")
    problems += _unanswered()
    for pattern in waivers():
        if not any(fnmatchcase(id, pattern) for id in known):
            problems.append(f"a waiver is for {pattern}, but there is no such clause")
    return problems


def _unanswered() -> Iterator[str]:
    """What is wrong with the table of answers by itself."""
    table, known = answers.read(), manifest.by_id()
    for fault, change in faults().items():
        clause = change.caught_by or ""
        if answers.has_answers(change) and (fault not in table or clause not in table[fault].answers):
            yield f"what {fault} answers to {clause} isn't known: dlspec faults --answers {fault}"
    for fault, row in table.items():
        if fault not in faults():
            yield f"the answers of {fault} are known, but that fault is gone: dlspec faults --answers"
        for id in row.answers.keys() - known.keys():
            yield f"{fault} answers {id}, but there is no such clause: dlspec faults --answers {fault}"
