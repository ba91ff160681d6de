"""What a terminal shows of a run: 80 columns, plain where it isn't a terminal."""

from __future__ import annotations

import platform
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.text import Text

from dlspec import SPEC_VERSION
from dlspec.runner.blocking import Collapse
from dlspec.runner.result import Result, Status, Subject
from dlspec.runner.stop import ExitCode
from dlspec.runner.supervise import Run, Watcher
from dlspec.runner.verdict import ProfileVerdict, Verdict, Word
from dlspec.runner.words import (
    LINES,
    WIDTH,
    failure_lines,
    finding,
    missing_lines,
    mistake_lines,
    one_line,
    plural,
    printable,
    wrapped,
)

if TYPE_CHECKING:
    from dlspec.clause import Clause
    from dlspec.faults.diagnosis import Diagnosis
    from dlspec.implementation import Divergence

MOST_IN_FULL = 10
"""Failures that are shown in full; of the others a line each."""

MOST_FIRST = 5
"""Failures that are named as those to fix first."""

SHORTEST_FINDING = 6
"""Lines that what was found may take before a script is rather left out than the rest of it."""

ACCUSING = (Status.FAIL, Status.ERROR, Status.CRASH, Status.TIMEOUT, Status.STALE_DIVERGENCE, Status.BLOCKED)
"""Statuses that are listed as failures. What isn't provided is listed by name instead."""

BROKEN = (Status.ERROR, Status.CRASH, Status.TIMEOUT)
"""Statuses that the table counts as errors."""

COLUMNS = {"pass": 5, "fail": 5, "error": 6, "blocked": 8, "absent": 7, "MUST": 5, "SHOULD": 7}
"""The columns of the table and their widths. Without `blocked`, which is left out where nothing is, they
leave the verdict just the room for `conforms with 9 declared divergences`."""

STALE = "It holds, though it is declared as a divergence: take the declaration out."

STYLES: Mapping[Word | None, str] = {
    Word.CONFORMS: "green",
    Word.DIVERGES: "green",
    Word.PARTIAL: "red",
    Word.INCOMPLETE: "yellow",
    Word.NOT_CLAIMED: "dim",
}


def console(*, stderr: bool = False) -> Console:
    """A console on which text is text: nothing in it is taken for markup, and nothing is wider than 80."""
    made = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    made.width = min(WIDTH, made.width) if made.is_terminal else WIDTH
    return made


def say(out: Console, line: str = "", style: str = "") -> None:
    """Print a line as it is, without wrapping it."""
    out.print(Text(line, style), soft_wrap=True)


def _progress() -> Progress:
    out = console(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        console=out,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        disable=not out.is_terminal,
    )


@contextmanager
def counting(what: str, total: int) -> Iterator[Callable[[], None]]:
    """Show how many of something are done; the block calls what it is given after each."""
    with _progress() as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)


class ProgressBar(Watcher):
    """How far a run is, on standard error, and gone when it is over."""

    def __init__(self, target: str, clauses: Sequence[Clause]) -> None:
        """Start with the import of the target."""
        self._clauses = clauses
        self._progress = _progress()
        self._task: TaskID = self._progress.add_task(f"importing {printable(target)}", total=None)

    def __enter__(self) -> ProgressBar:
        """Show it."""
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Take it away."""
        self._progress.stop()

    def loaded(self, subject: Subject) -> None:
        """The number of clauses is known now."""
        total = sum(clause.profile in subject.claims for clause in self._clauses)
        self._progress.update(self._task, total=total, description=subject.name)

    def begun(self, id: str) -> None:
        """Show what is being asked."""
        self._progress.update(self._task, description=id[: WIDTH // 2])

    def answered(self, result: Result) -> None:
        """One more."""
        self._progress.advance(self._task)


def show_header(out: Console, subject: Subject) -> None:
    """Who sits the exam, and where."""
    version = f" {subject.version}" if subject.version else ""
    say(out, printable(f"{subject.name}{version}"), "bold")
    dtypes = " and ".join(subject.dtypes)
    say(out, f"dlspec {SPEC_VERSION}, Python {platform.python_version()}, NumPy {np.__version__}, {dtypes}")


def show_failures(
    out: Console,
    run: Run,
    collapsed: Collapse,
    clauses: Sequence[Clause],
    scripts: Mapping[str, Path],
    diagnoses: Mapping[str, Diagnosis],
) -> None:
    """What is wrong, clause by clause; of what follows from it, only how much there is.

    Args:
        out: Where to.
        run: What came of asking.
        collapsed: The final status of every clause, and what is blocked by what.
        clauses: The spec's list of clauses.
        scripts: Where stand-alone scripts were written, by clause.
        diagnoses: What the mistakes may be, by clause.
    """
    final, following = collapsed.final, collapsed.blocked_by
    accused = [clause for clause in clauses if final[clause.id] in ACCUSING and clause.id not in following]
    in_full = _telling(accused, dict(collapsed.first()))
    for number, clause in enumerate(in_full):
        status, result = final[clause.id], run.results[clause.id]
        if status is Status.STALE_DIVERGENCE:
            result = Result(clause.id, status, message=STALE)
        diagnosis = diagnoses.get(clause.id)
        said = any(diagnoses.get(other.id) == diagnosis for other in in_full[:number])
        mistake = [] if diagnosis is None else mistake_lines(diagnosis, known=said)
        taken = min(len(finding(clause, result)), SHORTEST_FINDING) + len(mistake)
        how = _how_to_reproduce(
            clause, run.scripts.get(clause.id), scripts.get(clause.id), taken, in_full=number == 0
        )
        say(out)
        first, *rest = failure_lines(clause, result, status, how, mistake)
        say(out, first, "bold red" if clause.level == "MUST" else "bold yellow")
        for line in rest:
            say(out, line)
    if others := [clause for clause in accused if clause not in in_full]:
        say(out)
        say(out, f"and {len(others)} more:")
        for clause in others:
            say(out, "  " + one_line(run.results[clause.id], final[clause.id]))
    if following:
        say(out)
        verb = "fails, but depends" if len(following) == 1 else "fail, but depend"
        for line in wrapped(f"{plural(len(following), 'more clause')} {verb} on one of these.", ""):
            say(out, line)


def show_first(out: Console, collapsed: Collapse) -> None:
    """What to fix first, where failures follow from others."""
    first = collapsed.first()
    if not first:
        return
    say(out)
    say(out, "FIX THESE FIRST" if len(first) > 1 else "FIX THIS FIRST", "bold")
    for id, count in first[:MOST_FIRST]:
        line = f"  {id}  (unblocks {count})"
        say(out, line if len(line) <= WIDTH else f"  {id}")
        if len(line) > WIDTH:
            say(out, f"    (unblocks {count})")
    if len(first) > MOST_FIRST:
        say(out, f"  and {len(first) - MOST_FIRST} more that others depend on")


def _telling(accused: Sequence[Clause], unblocks: Mapping[str, int]) -> list[Clause]:
    """The failures to be shown in full: one for each topic, since those of a topic tend to have one cause."""
    first_of_topic: dict[str, Clause] = {}
    for clause in accused:
        first_of_topic.setdefault(clause.id.rpartition(".")[0], clause)
    # A SHOULD that isn't kept is news, and no failure.
    by_weight = sorted(
        accused,
        key=lambda c: (c.level != "MUST", c not in first_of_topic.values(), -unblocks.get(c.id, 0)),
    )
    return sorted(by_weight[:MOST_IN_FULL], key=accused.index)


def _how_to_reproduce(
    clause: Clause, script: str | None, written: Path | None, taken: int, *, in_full: bool
) -> list[str]:
    if script is None:
        return []
    if written is not None:
        return [f"  script: {written}"]
    if not in_full:
        return []
    # Its heading says what stands above it already: the clause.
    body = [line for line in script.rstrip().splitlines() if line and not line.startswith("# ")]
    spare = LINES - 1 - len(wrapped(clause.sentence, "  ")) - taken
    if len(body) + 1 <= spare and all(len(line) <= WIDTH - 4 for line in body):
        return ["  To see it by itself:", *(f"    {printable(line)}".rstrip() for line in body)]
    return ["  `--scripts DIR` writes a stand-alone script for this and every other failure."]


def show_missing(out: Console, run: Run, final: Mapping[str, Status]) -> None:
    """The names that an implementation hasn't got."""
    missing = [result for id, result in run.results.items() if final[id] is Status.NOT_PROVIDED]
    if missing:
        say(out)
        say(out, f"NOT PROVIDED  ({plural(len(missing), 'clause')})", "bold")
        for line in missing_lines(missing):
            say(out, line)


def show_divergences(
    out: Console, final: Mapping[str, Status], divergences: Mapping[str, Divergence]
) -> None:
    """What isn't kept and was declared so."""
    by_reason: dict[str, list[str]] = {}
    for id, divergence in divergences.items():
        if final[id] is Status.DIVERGES:
            by_reason.setdefault(divergence.reason, []).append(id)
    if by_reason:
        say(out)
        say(out, f"DECLARED DIVERGENCES  ({plural(sum(map(len, by_reason.values())), 'clause')})", "bold")
    for reason, ids in by_reason.items():
        for id in ids:
            say(out, f"  {id}")
        for line in wrapped(reason, "    "):
            say(out, line)


def show_unasked(out: Console, run: Run, final: Mapping[str, Status]) -> None:
    """Why the run was given up, where it was."""
    reasons = {
        result.message or ""
        for id, result in run.results.items()
        if final[id] is Status.NOT_RUN and result.message
    }
    for reason in sorted(reasons):
        count = sum(result.message == reason for result in run.results.values())
        say(out)
        for line in wrapped(f"{plural(count, 'clause')} {reason}", ""):
            say(out, line, "yellow")


def show_slowest(out: Console, run: Run, count: int) -> None:
    """The clauses that took longest."""
    slowest = sorted(run.results.values(), key=lambda result: -result.seconds)[:count]
    if slowest:
        say(out)
        say(out, "SLOWEST", "bold")
        for result in slowest:
            say(out, f"  {result.seconds:8.3f} s  {result.id}")


def show_summary(out: Console, verdict: Verdict) -> None:
    """The table by profile: how many MUSTs came to what, of how many, and what follows."""
    blocked = any(profile.musts.get(Status.BLOCKED) for profile in verdict.claimed)
    widths = {name: width for name, width in COLUMNS.items() if blocked or name != "blocked"}
    room = WIDTH - len(_row("profile", widths, {}))
    say(out)
    say(out, _row("profile", widths, {name: name for name in widths}) + "verdict", "bold")
    for profile in verdict.profiles:
        first, *rest = textwrap.wrap(str(profile), room)
        line = Text(_row(profile.profile, widths, _cells(profile)))
        out.print(line.append(first, STYLES.get(profile.word, "")), soft_wrap=True)
        for part in rest:
            say(out, " " * (WIDTH - room) + part)


def _row(first: str, widths: Mapping[str, int], cells: Mapping[str, str]) -> str:
    return f"{first:<8}" + "".join(f"{cells.get(name, ''):>{width}}" for name, width in widths.items()) + " "


def _cells(profile: ProfileVerdict) -> dict[str, str]:
    musts, shoulds, total = profile.musts, profile.shoulds, str(profile.total)
    if profile.word is Word.NOT_CLAIMED:
        return {**dict.fromkeys(COLUMNS, "-"), "MUST": total}
    counts = {
        "pass": profile.passed,
        "fail": musts.get(Status.FAIL, 0) + musts.get(Status.STALE_DIVERGENCE, 0),
        "error": sum(musts.get(status, 0) for status in BROKEN),
        "blocked": musts.get(Status.BLOCKED, 0),
        "absent": musts.get(Status.NOT_PROVIDED, 0),
    }
    should = f"{shoulds.get(Status.PASS, 0)}/{sum(shoulds.values())}" if shoulds else "-"
    return {**{name: str(count) for name, count in counts.items()}, "MUST": total, "SHOULD": should}


def show_closing(out: Console, subject: Subject, verdict: Verdict, seconds: float) -> None:
    """The one line to remember."""
    style = {ExitCode.CONFORMS: "bold green", ExitCode.DIFFERS: "bold red"}.get(
        verdict.exit_code, "bold yellow"
    )
    say(out)
    for line in wrapped(f"{printable(subject.name)} {_summed_up(verdict)} ({seconds:.1f} s)", ""):
        say(out, line, style)


def _summed_up(verdict: Verdict) -> str:
    claimed = len(verdict.claimed)
    conforming = sum(profile.conforms for profile in verdict.claimed)
    diverging = sum(profile.diverging for profile in verdict.claimed)
    if verdict.interrupted:
        return "was interrupted, so there is no verdict"
    if verdict.exit_code is ExitCode.INCOMPLETE:
        return "was not asked every clause, so the verdict is incomplete"
    if not verdict.complete:
        return "doesn't conform, and not every clause was asked"
    everywhere = {1: "the one profile", 2: "both profiles"}.get(claimed, f"all {claimed} profiles")
    if conforming < claimed == 1:
        return f"doesn't conform in {everywhere} it claims"
    if conforming < claimed:
        return f"conforms in {conforming or 'none'} of the {claimed} profiles it claims"
    also = f", with {plural(diverging, 'declared divergence')}" if diverging else ""
    return f"conforms in {everywhere} it claims{also}"
