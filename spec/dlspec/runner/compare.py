"""`dlspec compare`: what changed between two reports, and whether anything got worse.

A regression is a MUST that was kept, or excused by a declaration, and now is neither. Everything else is
news: a SHOULD is never counted, and what the spec brought or withdrew is not the implementation's doing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlspec.runner import report as reports
from dlspec.runner import screen
from dlspec.runner.result import Status
from dlspec.runner.stop import ExitCode
from dlspec.runner.words import plural, told, wrapped

if TYPE_CHECKING:
    from rich.console import Console

Json = dict[str, Any]

KEPT = (Status.PASS, Status.STALE_DIVERGENCE)
UNASKED = (Status.NOT_RUN, Status.NOT_CLAIMED)
LONGEST_MESSAGE = 2
"""Lines of what is wrong that stand below a regression."""


class Kind(StrEnum):
    """What a change means."""

    REGRESSION = "regression"
    IMPROVEMENT = "improvement"
    UNKNOWN = "unknown"
    """It was asked before and isn't any more, so nothing is known of it."""
    OTHER = "other"


@dataclass(frozen=True)
class Change:
    """A clause that both reports have, with another status in each."""

    id: str
    level: str
    before: Status
    after: Status
    message: str | None

    @property
    def kind(self) -> Kind:
        """What it means."""
        return kind_of(self.before, self.after, self.level)


@dataclass(frozen=True)
class Comparison:
    """What changed from one report to another.

    Attributes:
        notes: What else is different: the implementation, the spec, the exam. Each a sentence.
        changes: Every clause whose status changed, in the order of the newer report.
        new: The clauses that only the newer report has, with their status.
        vanished: The clauses that only the older one has.
        verdicts: For each profile whose verdict changed what it was and what it is.
        interrupted: Whether the newer run was broken off.
    """

    notes: tuple[str, ...]
    changes: tuple[Change, ...]
    new: Mapping[str, Status] = field(default_factory=dict)
    vanished: tuple[str, ...] = ()
    verdicts: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    interrupted: bool = False

    def of(self, *kinds: Kind) -> list[Change]:
        """The changes that mean one of these."""
        return [change for change in self.changes if change.kind in kinds]

    @property
    def exit_code(self) -> ExitCode:
        """1 for a regression; 4 where the newer report leaves open whether there is one."""
        if self.of(Kind.REGRESSION):
            return ExitCode.DIFFERS
        return ExitCode.INCOMPLETE if self.of(Kind.UNKNOWN) or self.interrupted else ExitCode.CONFORMS


def kind_of(before: Status, after: Status, level: str) -> Kind:
    """What it means that the status of a clause changed."""
    if before in UNASKED:
        return Kind.OTHER
    if after is Status.NOT_RUN:
        return Kind.UNKNOWN
    # A profile that isn't claimed any more is a promise taken back.
    ranks = {**dict.fromkeys(KEPT, 2), Status.DIVERGES: 1}
    was, now = ranks.get(before, 0), ranks.get(after, 0)
    if was > now == 0 and level == "MUST":
        return Kind.REGRESSION
    # From kept to a declared divergence somebody has decided, and given a reason.
    return Kind.IMPROVEMENT if now > was else Kind.OTHER


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> Comparison:
    """What changed from one report to another.

    Args:
        old: The earlier report.
        new: The later one.
    """
    before = {entry["id"]: entry for entry in old["clauses"]}
    after = {entry["id"]: entry for entry in new["clauses"]}
    changes = (
        Change(
            id,
            entry["level"],
            _status(before[id]),
            _status(entry),
            _why(entry),
        )
        for id, entry in after.items()
        if id in before and _status(before[id]) != _status(entry)
    )
    texts = {profile: (old["verdicts"][profile]["text"], now["text"]) for profile, now in _shared(old, new)}
    return Comparison(
        tuple(_notes(old, new)),
        tuple(changes),
        {id: _status(entry) for id, entry in after.items() if id not in before},
        tuple(id for id in before if id not in after),
        {profile: pair for profile, pair in texts.items() if pair[0] != pair[1]},
        bool(new["interrupted"]),
    )


def _status(entry: Mapping[str, Any]) -> Status:
    """What came of a clause itself, whatever it is blocked by."""
    return Status(entry.get("outcome", entry["status"]))


def _why(entry: Mapping[str, Any]) -> str | None:
    """What there is to say of a clause that isn't kept: what it follows from, or what is wrong."""
    if "blocked_by" in entry:
        return f"follows from {', '.join(entry['blocked_by'])}"
    reason: str | None = entry.get("divergence", {}).get("reason") or entry.get("message")
    return reason


def _shared(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterable[tuple[str, Json]]:
    return ((profile, now) for profile, now in new["verdicts"].items() if profile in old["verdicts"])


def _notes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterable[str]:
    """What has to be known to read the changes rightly."""
    one, other = old["implementation"], new["implementation"]
    if one["name"] != other["name"]:
        yield f"another implementation: {one['name']}, now {other['name']}"
    elif one["version"] != other["version"]:
        yield f"another version of {other['name']}: {one['version']}, now {other['version']}"
    if one["claims"] != other["claims"]:
        yield f"other claims: {_listed(one['claims'])}; now {_listed(other['claims'])}"
    if one["dtypes"] != other["dtypes"]:
        yield f"other types: {_listed(one['dtypes'])}; now {_listed(other['dtypes'])}"
    if old["spec"]["version"] != new["spec"]["version"]:
        yield f"another version of the spec: {old['spec']['version']}, now {new['spec']['version']}"
    if old["spec"]["cases_sha256"] != new["spec"]["cases_sha256"]:
        yield "other frozen cases: a change may be the exam's doing"
    for package in ("python", "numpy"):
        if old["environment"][package] != new["environment"][package]:
            name = {"python": "Python", "numpy": "NumPy"}[package]
            yield f"another {name}: {old['environment'][package]}, now {new['environment'][package]}"
    if old["options"] != new["options"]:
        keys = [key for key, value in new["options"].items() if old["options"].get(key) != value]
        yield f"asked with other options: {', '.join(keys)}"
    for report, which in ((old, "older"), (new, "newer")):
        if report["interrupted"]:
            yield f"the {which} run was interrupted"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def compare_command(
    old: Annotated[Path, typer.Argument(help="The earlier report of `dlspec verify --report`.")],
    new: Annotated[Path, typer.Argument(help="The later one.")],
) -> None:
    """Show what changed between two reports.

    Exit codes: 0 nothing got worse, 1 some MUST that was kept, or declared, isn't any more, 2 a file is no
    report, 4 nothing got worse as far as was asked, but the later run asked less.
    """
    one, other = reports.read(old), reports.read(new)
    comparison = compare(one, other)
    show(screen.console(), one, other, comparison)
    raise typer.Exit(comparison.exit_code)


def show(out: Console, old: Json, new: Json, comparison: Comparison) -> None:
    """Print a comparison."""
    for word, report in (("OLD", old), ("NEW", new)):
        for line in wrapped(f"{word}  {_heading(report)}", "", hanging=5):
            screen.say(out, line)
    for note in comparison.notes:
        for line in wrapped(note, "     "):
            screen.say(out, line, "yellow")
    _show_changes(out, "REGRESSIONS", comparison.of(Kind.REGRESSION), "bold red")
    _show_changes(out, "IMPROVEMENTS", comparison.of(Kind.IMPROVEMENT), "bold green")
    _show_changes(out, "OTHER CHANGES", comparison.of(Kind.OTHER), "bold")
    _show_unasked(out, comparison.of(Kind.UNKNOWN))
    _show_spec(out, comparison)
    _show_verdicts(out, comparison)
    screen.say(out)
    style = {ExitCode.CONFORMS: "bold green", ExitCode.DIFFERS: "bold red"}.get(
        comparison.exit_code, "bold yellow"
    )
    for line in wrapped(_summed_up(comparison), ""):
        screen.say(out, line, style)


def _show_spec(out: Console, comparison: Comparison) -> None:
    """The clauses that came and went."""
    if comparison.new:
        _show_title(out, "NEW CLAUSES", len(comparison.new), "bold")
        for status, count in Counter(comparison.new.values()).items():
            if status in KEPT or status in UNASKED:
                screen.say(out, f"  {count} {status}")
        for id, status in comparison.new.items():
            if status not in KEPT and status not in UNASKED:
                screen.say(out, f"  {status:<12}  {id}")
    if comparison.vanished:
        _show_title(out, "VANISHED CLAUSES", len(comparison.vanished), "bold")
        for id in comparison.vanished:
            screen.say(out, f"  {id}")


def _show_verdicts(out: Console, comparison: Comparison) -> None:
    if not comparison.verdicts:
        return
    screen.say(out)
    screen.say(out, "VERDICTS", "bold")
    for profile, (before, after) in comparison.verdicts.items():
        for line in wrapped(f"{profile:<8}  {before} -> {after}", "  ", hanging=10):
            screen.say(out, line)


def _heading(report: Json) -> str:
    """Who sat which exam when."""
    implementation, environment = report["implementation"], report["environment"]
    name = " ".join(filter(None, (implementation["name"], implementation["version"])))
    return (
        f"{name}, {report['started'][:10]}, dlspec {report['spec']['version']}, "
        f"Python {environment['python']}, NumPy {environment['numpy']}"
    )


def _show_title(out: Console, title: str, count: int, style: str) -> None:
    screen.say(out)
    screen.say(out, f"{title}  ({plural(count, 'clause')})", style)


def _show_changes(out: Console, title: str, changes: Sequence[Change], style: str) -> None:
    """Changes of one kind, by what changed into what."""
    if not changes:
        return
    _show_title(out, title, len(changes), style)
    steps = dict.fromkeys((change.before, change.after) for change in changes)
    for before, after in steps:
        screen.say(out, f"  {before} -> {after}")
        said = None
        for change in changes:
            if (change.before, change.after) != (before, after):
                continue
            should = "" if change.level == "MUST" else "  (SHOULD)"
            screen.say(out, f"    {change.id}{should}")
            if change.message and change.message != said and after not in KEPT:
                said = change.message
                for line in _brief(change.message):
                    screen.say(out, f"      {line}")


def _brief(message: str) -> list[str]:
    """The first lines of what is wrong."""
    lines = told(message, indent=6)
    return lines if len(lines) <= LONGEST_MESSAGE else [*lines[: LONGEST_MESSAGE - 1], "..."]


def _show_unasked(out: Console, changes: Sequence[Change]) -> None:
    if not changes:
        return
    _show_title(out, "NOT ASKED ANY MORE", len(changes), "bold yellow")
    for reason, count in Counter(change.message or "" for change in changes).items():
        for line in wrapped(f"{count} {reason}", "  "):
            screen.say(out, line)


def _summed_up(comparison: Comparison) -> str:
    regressions, improvements, others = (
        len(comparison.of(kind)) for kind in (Kind.REGRESSION, Kind.IMPROVEMENT, Kind.OTHER)
    )
    counts = f"{plural(regressions, 'regression')}, {plural(improvements, 'improvement')}"
    if others:
        counts += f", {plural(others, 'other change')}"
    if comparison.exit_code is ExitCode.INCOMPLETE:
        return f"{counts}; not everything that was asked before was asked again"
    return counts
