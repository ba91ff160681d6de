"""`dlspec grade`."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from dlspec import SPEC_VERSION, manifest
from dlspec.grading.submissions import LeftOut, Submission
from dlspec.grading.submissions import find as find_submissions
from dlspec.runner import report as reports
from dlspec.runner import screen
from dlspec.runner.selection import selected
from dlspec.runner.stop import ExitCode, Stop
from dlspec.runner.supervise import termination_as_interrupt
from dlspec.runner.words import WIDTH, plural, printable, wrapped

CORES = os.cpu_count() or 1
TIMEOUT = 30.0
LONGEST = 86400.0
MOST_ROWS = 40
"""Rows that are shown; beyond that, only those of submissions that weren't graded."""

NAME, STATUS, NOTE = 24, 11, 28


def grade_command(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Its Python files, and its folders that are packages or hold one file, are submitted."
        ),
    ],
    profile: Annotated[
        list[str],
        typer.Option(
            default_factory=list,
            show_default=False,
            metavar="P",
            help="Ask this profile only; may be repeated.",
        ),
    ],
    only: Annotated[
        list[str],
        typer.Option(
            default_factory=list,
            show_default=False,
            metavar="GLOB",
            help="Ask clauses with matching ids only; may be repeated.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where results go; a rerun takes up from there. By default FOLDER-grades."
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A TOML file: weights of profiles, required ones, partial credit."),
    ] = None,
    audit_seed: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Ask again on fresh cases, which are drawn from this secret."),
    ] = None,
    jobs: Annotated[
        int, typer.Option("--jobs", metavar="N", min=1, help="Submissions at a time; by default one a core.")
    ] = CORES,
    timeout: Annotated[
        float, typer.Option(metavar="S", help="Seconds for one clause, and for the import.")
    ] = TIMEOUT,
    time_limit: Annotated[
        float, typer.Option("--time", metavar="S", help="Seconds for one submission.")
    ] = 300.0,
    memory: Annotated[int, typer.Option(metavar="MB", min=256, help="Memory of one submission.")] = 4096,
    processes: Annotated[
        int, typer.Option(metavar="N", min=8, help="Processes of one submission at a time.")
    ] = 32,
    disk: Annotated[int, typer.Option(metavar="MB", min=16, help="What one submission may write.")] = 512,
    dask: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Spread them over a Dask cluster whose workers have dlspec."),
    ] = None,
) -> None:
    """Verify every submission in a folder, within limits.

    Several are verified at a time, each within limits of time and memory. Results: results.json, results.csv,
    and a report of each in DIR/reports. A rerun takes up where the last one ended, and asks again only where
    a submission, the spec or an option has changed. It promises isolation, limits and honest results, and is
    no security sandbox: submissions run with your rights.

    Exit codes: 0 all are graded, however badly, 2 the command can't be carried out, 4 it was interrupted, or
    some could not be graded.
    """
    if sys.platform == "win32":
        raise Stop(
            "dlspec grade limits what submissions use by means that Windows hasn't got; run it under WSL"
        )
    # Imported here, since Windows hasn't got all of it.
    from dlspec.grading import assignment as assignments
    from dlspec.grading.custody import Limits
    from dlspec.grading.grades import Exam, Gradebook

    for name, seconds in (("timeout", timeout), ("time", time_limit)):
        if not 0 < seconds <= LONGEST:
            raise Stop(f"--{name} {seconds:g}: seconds above 0 and up to {LONGEST:g} are wanted")
    ids = tuple(clause.id for clause in selected(manifest.clauses(), profile, only))
    options = reports.Options(tuple(profile), tuple(only), timeout=timeout)
    exam = Exam(ids, options, Limits(time_limit, memory, processes, disk), None)
    if not exam.profiles:
        raise Stop("no MUST is among the clauses that are asked, so there is nothing to grade")
    asked = exam.profiles
    assignment = assignments.equal(asked) if weights is None else assignments.read(weights, asked)
    found, left_out = find_submissions(folder)
    book = Gradebook(out or Path(f"{folder.resolve().name}-grades"))
    with _alone_in(book.folder):
        cases = None
        if audit_seed is not None:
            cases, drawn = _drawn(audit_seed, ids)
            exam = replace(exam, audit=drawn)
        run = _Run(exam, assignment, found, left_out, book)
        interrupted = run.grade(cases, jobs, dask)
        results = run.publish()
    _show(screen.console(), results, book, run.taken_up, folder)
    if interrupted:
        raise Stop("interrupted; the same command takes up where this one ended", ExitCode.INCOMPLETE)
    if any(row["status"] == "lost" for row in results["submissions"]):
        raise typer.Exit(ExitCode.INCOMPLETE)


class _Run:
    """One run over a class."""

    def __init__(
        self,
        exam: Any,
        assignment: Any,
        found: Sequence[Submission],
        left_out: Sequence[LeftOut],
        book: Any,
    ) -> None:
        self.exam = exam
        self.assignment = assignment
        self.found = found
        self.left_out = left_out
        self.book = book
        self.rows: dict[str, dict[str, Any]] = {}
        self.started = datetime.now(UTC).isoformat(timespec="seconds")
        self.clock = time.perf_counter()
        self.taken_up = 0

    def grade(self, cases: str | None, jobs: int, dask: str | None) -> bool:
        """Examine what isn't known yet; whether it was interrupted."""
        from dlspec.grading import pool
        from dlspec.grading.examiner import Task
        from dlspec.grading.grades import row_of

        tasks = []
        for submission in self.found:
            row = self.book.remembered(self.exam, submission)
            if row is None:
                timeout, limits = self.exam.options.timeout, self.exam.limits
                tasks.append(Task(submission, self.exam.ids, timeout, limits, cases=cases))
            else:
                self.rows[submission.name] = row
        self.taken_up = len(self.rows)
        if not tasks:
            return False
        if dask is None:
            outcomes = pool.examine(tasks, jobs)
        else:
            from dlspec.grading import cluster

            outcomes = cluster.examine(tasks, dask)
        try:
            with (
                termination_as_interrupt(),
                screen.counting("grading", len(tasks)) as advance,
                contextlib.closing(outcomes),
            ):
                for task, outcome in outcomes:
                    row = row_of(self.exam, task.submission, outcome)
                    self.book.remember(self.exam, task.submission, outcome, row, self.started)
                    self.rows[task.submission.name] = row
                    advance()
        except KeyboardInterrupt:
            return True
        return False

    def publish(self) -> dict[str, Any]:
        """Write the results, and give them."""
        from dlspec.grading.grades import graded, results_of

        rows = [
            {**graded(row, self.assignment), "report": self.book.report_place(name)}
            for name, row in self.rows.items()
        ]
        results = results_of(
            exam=self.exam,
            assignment=self.assignment,
            rows=rows,
            left_out=self.left_out,
            missing_rows=len(self.found) - len(rows),
            started=self.started,
            duration=time.perf_counter() - self.clock,
        )
        self.book.publish(results)
        return results


def _drawn(secret: str, ids: Sequence[str]) -> tuple[str, str]:
    """The fresh cases, packed, and their digest."""
    from dlspec.grading import audit

    wanted = audit.auditable(ids)
    if not wanted:
        raise Stop("--audit-seed: none of the clauses that are asked has cases, so none can be drawn")
    with screen.counting("drawing fresh cases", audit.lists_of(wanted)) as advance:
        cases = audit.pack(audit.draw(secret, wanted, advance))
    return cases, hashlib.sha256(cases.encode()).hexdigest()


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep a second run out of the folder of results."""
    import fcntl

    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w", encoding="utf-8")
    except OSError as error:
        raise Stop(f"--out {folder}: can't be written to: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Stop(f"--out {folder}: another dlspec grade is at work there") from error
        yield


def _show(out: Console, results: dict[str, Any], book: Any, taken_up: int, folder: Path) -> None:
    rows = results["submissions"]
    screen.say(out, f"{printable(str(folder))}: {plural(len(rows), 'submission')}", "bold")
    screen.say(out, f"dlspec {SPEC_VERSION}, {_asked(results)}")
    for entry in results["left_out"]:
        for line in wrapped(f"left out: {entry['name']}: {entry['reason']}", "", 2):
            screen.say(out, line, "dim")
    shown = rows if len(rows) <= MOST_ROWS else [row for row in rows if row["status"] != "graded"][:MOST_ROWS]
    screen.say(out)
    screen.say(out, _line("submission", "status", "score", "s", "note"), "bold")
    for row in shown:
        note = row["note"] or (f"fix first: {row['fix_first'][0]}" if row["fix_first"] else "")
        style = "" if row["status"] == "graded" else "yellow"
        seconds, score = f"{row['seconds']:.0f}", f"{row['score']:.2f}"
        screen.say(out, _line(row["name"], row["status"], score, seconds, note), style)
    if len(shown) < len(rows):
        screen.say(out, f"and {len(rows) - len(shown)} more, which are in results.csv")
    screen.say(out)
    for line in wrapped(_summed_up(results, taken_up), ""):
        screen.say(out, line, "bold")
    for line in wrapped(f"Results: {book.folder / 'results.csv'}, results.json and reports beside it.", ""):
        screen.say(out, line)


def _line(name: str, status: str, score: str, seconds: str, note: str) -> str:
    cells = f"{_cut(name, NAME):<{NAME}} {status:<{STATUS}}{score:>6} {seconds:>4}  "
    return (cells + _cut(note, WIDTH - 1 - len(cells))).rstrip()


def _cut(text: str, width: int) -> str:
    text = printable(text)
    return text if len(text) <= width else f"{text[: width - 3]}..."


def _asked(results: dict[str, Any]) -> str:
    submissions = results["submissions"]
    marks = submissions[0]["profiles"].values() if submissions else ()
    audited = ", with an audit on fresh cases" if results["audit_sha256"] else ""
    return f"{plural(sum(mark['total'] for mark in marks), 'MUST')} asked{audited}"


def _summed_up(results: dict[str, Any], taken_up: int) -> str:
    rows = results["submissions"]
    counts = Counter(row["status"] for row in rows)
    parts = [f"{counts[status]} {status}" for status in sorted(counts, key=lambda s: (s != "graded", s))]
    if results["missing"]:
        parts.append(f"{results['missing']} not examined")
    told = ", ".join(parts) or "nothing graded"
    again = f"; {taken_up} taken from the last run" if taken_up else ""
    return f"{told}{again} ({results['duration']:.1f} s)"
