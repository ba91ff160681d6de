"""Verify one submission after another, each in a private folder that is gone afterwards.

    python -P -m dlspec.grading.examiner

Tasks arrive on standard input and outcomes leave on standard output, a line of JSON each. An examiner
adopts whatever its submission leaves behind, so nothing of it is left when the next one begins. Submissions
can at worst take their examiner with them; then whoever started it starts another.
"""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

from dlspec.grading import namespaces
from dlspec.grading.confined import Confined
from dlspec.grading.custody import Custody, Limits
from dlspec.grading.submissions import Submission, lay_out
from dlspec.runner.result import Result, Status, Subject
from dlspec.runner.stop import ExitCode, Stop
from dlspec.runner.supervise import Plan, Run, Watcher, Worker, supervise


class Standing(StrEnum):
    """How far a submission has come."""

    GRADED = "graded"
    """Asked everything, or it is clear why the rest wasn't worth asking."""
    STOPPED = "stopped"
    """It passed a limit; what it had answered before counts."""
    UNLOADABLE = "unloadable"
    """It couldn't be imported, or has none of the names."""
    TAMPERED = "tampered"
    """It changed what judges it, so nothing it answered can be believed."""
    LOST = "lost"
    """Whoever judged it was killed, or failed; another run tries again."""


@dataclass(frozen=True)
class Task:
    """One submission, and what is to be done with it: all of it by value.

    Attributes:
        submission: The homework.
        ids: The clauses to ask.
        timeout: Seconds for one clause, and for the import.
        limits: What it may use.
        namespaces: Whether to cut it off further where the system lets us.
        cases: Fresh cases for an audit, by the id they are frozen under; encoded.
    """

    submission: Submission
    ids: tuple[str, ...]
    timeout: float
    limits: Limits
    namespaces: bool = True
    cases: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As it is sent."""
        files = {path: base64.b85encode(content).decode() for path, content in self.submission.files.items()}
        return {**asdict(self), "submission": {**asdict(self.submission), "files": files}}

    @classmethod
    def from_json(cls, sent: dict[str, Any]) -> Task:
        """The inverse of `to_json`."""
        homework = sent["submission"]
        files = {path: base64.b85decode(content) for path, content in homework["files"].items()}
        return cls(
            Submission(homework["name"], homework["place"], files),
            tuple(sent["ids"]),
            sent["timeout"],
            Limits(**sent["limits"]),
            sent["namespaces"],
            sent["cases"],
        )


@dataclass
class Outcome:
    """What came of a submission.

    Attributes:
        standing: How far it has come.
        note: In a line, what is to be known of it besides its results.
        details: The traceback of its own code where it couldn't be imported.
        subject: What it turned out to be.
        results: The result of each clause that was asked.
        scripts: Stand-alone scripts of failures, by clause.
        audited: How many clauses were asked again, on fresh cases.
        seconds: Wall time.
        peak: Bytes of memory at most.
        namespaces: Whether it had namespaces of its own.
    """

    standing: Standing
    note: str = ""
    details: str = ""
    subject: dict[str, Any] | None = None
    results: list[dict[str, Any]] = field(default_factory=list)
    scripts: dict[str, str] = field(default_factory=dict)
    audited: int = 0
    seconds: float = 0.0
    peak: int = 0
    namespaces: bool = False

    def to_json(self) -> dict[str, Any]:
        """As it is sent."""
        return asdict(self)

    @classmethod
    def from_json(cls, sent: dict[str, Any]) -> Outcome:
        """The inverse of `to_json`."""
        return cls(**{**sent, "standing": Standing(sent["standing"])})


class _Examination:
    """One submission in its private folder."""

    def __init__(self, task: Task, folder: Path) -> None:
        self.task = task
        self.home = folder / "home"
        self.home.mkdir()
        lay_out(task.submission.files, self.home)
        self.books = folder / "books"
        self.books.mkdir()
        self.custody = Custody(task.limits, folder)
        self.workers: list[Confined] = []

    def order(self) -> dict[str, Any]:
        return {
            "limits": asdict(self.task.limits),
            "namespaces": self.task.namespaces,
            "home": str(self.home),
            "target": self.target,
        }

    @property
    def target(self) -> str:
        return str(self.home / self.task.submission.place)

    def start(self, module: str, order: dict[str, Any], job: Path, journal: Path, folder: Path) -> Worker:
        worker = Confined(job, journal, module=module, custody=self.custody, order=order)
        self.workers.append(worker)
        return worker

    def verify(self) -> Run:
        plan = self._plan(self.target, self.task.ids, scripts=True)
        return supervise(plan, Watcher(), partial(self.start, "dlspec.grading.confined", self.order()))

    def audit(self, ids: tuple[str, ...]) -> Run:
        """Ask again, on fresh cases, from another process."""
        order = {**self.order(), "cases": self.task.cases}
        plan = self._plan("dlspec.grading.boundary:AcrossTheBoundary", ids, scripts=False)
        return supervise(plan, Watcher(), partial(self.start, "dlspec.grading.audit", order))

    def _plan(self, target: str, ids: tuple[str, ...], *, scripts: bool) -> Plan:
        timeout = self.task.timeout
        return Plan(target, ids, timeout=timeout, import_timeout=timeout, scripts=scripts)

    @property
    def broke(self) -> str | None:
        return next((worker.broke for worker in self.workers if worker.broke is not None), None)

    @property
    def tampered(self) -> bool:
        return any(worker.journal.noticed for worker in self.workers)


def examine(task: Task) -> Outcome:
    """Verify a submission, within limits, and leave nothing of it behind but what is returned."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dlspec-", ignore_cleanup_errors=True) as folder:
        examination = _Examination(task, Path(folder))
        tempfile.tempdir = str(examination.books)  # where `supervise` keeps its jobs and journals
        try:
            outcome = _outcome(examination)
        finally:
            tempfile.tempdir = None
    outcome.seconds = time.monotonic() - start
    peaks = (worker.usage for worker in examination.workers)
    outcome.peak = max(examination.custody.peak, *peaks, 0)
    outcome.namespaces = any(worker.journal.namespaces for worker in examination.workers)
    return outcome


def _outcome(examination: _Examination) -> Outcome:
    try:
        run = examination.verify()
    except Stop as stop:
        if examination.tampered:
            return Outcome(Standing.TAMPERED, examination.broke or "")
        if stop.code is ExitCode.INCOMPLETE:
            return Outcome(Standing.LOST, str(stop))
        details = stop.details.replace(f"{examination.home}{os.sep}", "")
        standing = Standing.UNLOADABLE if examination.broke is None else Standing.STOPPED
        return Outcome(standing, why_not(stop, examination), details)
    if run.interrupted:
        raise KeyboardInterrupt
    outcome = Outcome(Standing.GRADED, subject=run.subject.to_json(), scripts=run.scripts)
    if examination.task.cases is not None and examination.broke is None:
        _audit(examination, run, outcome)
    outcome.results = [result.to_json() for result in run.results.values()]
    if examination.tampered:
        outcome.standing, outcome.note = Standing.TAMPERED, examination.broke or ""
    elif examination.broke is not None:
        outcome.standing, outcome.note = Standing.STOPPED, examination.broke
    return outcome


UNREACHED = "not to be asked across a boundary"
"""How the message begins of what the audit can't ask."""


def _audit(examination: _Examination, run: Run, outcome: Outcome) -> None:
    """Ask what it has passed once more, on fresh cases; what it doesn't pass again wasn't earned."""
    passed = tuple(id for id, result in run.results.items() if result.status is Status.PASS)
    from dlspec.grading.audit import auditable

    ids = auditable(passed)
    if not ids:
        return
    try:
        again = examination.audit(ids).results
    except Stop as stop:
        again = {id: Result(id, Status.ERROR, message=f"the audit ended: {stop}") for id in ids}
    for id in ids:
        result = again.get(id) or Result(id, Status.NOT_RUN, message="it wasn't claimed any more")
        if (result.message or "").startswith(UNREACHED):
            continue
        outcome.audited += 1
        if result.status is not Status.PASS:
            message = f"on the fresh cases of the audit: {result.message}"
            status = Status.FAIL if result.status is Status.NOT_PROVIDED else result.status
            run.results[id] = Result(id, status, result.seconds, message, result.failure)


def why_not(stop: Stop, examination: _Examination) -> str:
    """In a line, why a submission can't be loaded."""
    if examination.broke is not None:
        return f"while it was imported, {examination.broke}"
    lines = stop.details.strip().splitlines()
    places = re.findall(r'^\s*File "([^"]+)", line (\d+)', stop.details, re.MULTILINE)
    own = [(Path(file).name, line) for file, line in places if file.startswith(str(examination.home))]
    if lines and own:
        where = f"line {own[-1][1]}" + (
            "" if len(examination.task.submission.files) == 1 else f" of {own[-1][0]}"
        )
        kind, _, text = lines[-1].partition(":")
        if kind in ("SyntaxError", "IndentationError", "TabError"):
            return f"syntax error in {where}:{text}"
        return f"the import ends in {where}: {lines[-1]}"
    message = (
        str(stop).replace(f"{examination.target} can't be loaded: ", "").replace(examination.target, "it")
    )
    return message if not lines else f"{message}: {lines[-1]}"


def subject_of(outcome: Outcome) -> Subject | None:
    """What a submission turned out to be, if it could be loaded."""
    return None if outcome.subject is None else Subject.from_json(outcome.subject)


def main() -> None:
    """Serve tasks until there are no more."""
    namespaces.die_with_parent(signal.SIGTERM)
    namespaces.hide()
    namespaces.adopt_orphans()
    # What a submission's processes could find open, it could write to.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        try:
            outcome = examine(Task.from_json(json.loads(line)))
        except KeyboardInterrupt:
            return
        except Exception as fault:  # of ours, and no reason to lose the others
            at = traceback.extract_tb(fault.__traceback__)[-1]
            note = (
                f"dlspec has a fault of its own: {type(fault).__name__}: {fault} ({at.filename}:{at.lineno})"
            )
            outcome = Outcome(Standing.LOST, note)
        answers.write(json.dumps(outcome.to_json()) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
