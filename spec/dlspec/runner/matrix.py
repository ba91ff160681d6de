"""`dlspec matrix`: several reports side by side, and for every cell that isn't a pass what there is to say.

What a clause says comes from the spec, and what an implementation does instead from its report: the reason
that it declares, else the wrong answer itself. For an implementation that isn't meant to conform, a file
beside the report, `NAME.toml` beside `NAME.json`, tells its defects: tables `[[defect]]` of id, clauses (ids
or patterns), story and, where there is one, link.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

import typer

from dlspec import manifest
from dlspec.runner import report as reports
from dlspec.runner.result import Status
from dlspec.runner.stop import Stop
from dlspec.runner.words import plural

Json = dict[str, Any]

SILENT = (Status.PASS, Status.NOT_CLAIMED)
"""Statuses that need no explanation."""


@dataclass(frozen=True)
class Defect:
    """Something that is known to be wrong with an implementation, and the clauses that say so."""

    id: str
    clauses: tuple[str, ...]
    story: str
    link: str | None = None


@dataclass(frozen=True)
class Cell:
    """A clause that an implementation doesn't keep, explained.

    Attributes:
        id: The clause.
        sentence: What it says.
        status: What came of it.
        level: MUST or SHOULD.
        reason: Why, in a sentence that several cells may share.
        detail: What came instead of a pass in this very clause; empty where the reason is that already.
        link: Where to read on.
    """

    id: str
    sentence: str
    status: Status
    level: str
    reason: str
    detail: str = ""
    link: str | None = None


@dataclass(frozen=True)
class Row:
    """One implementation.

    Attributes:
        key: The name of its file.
        report: Its report.
        cells: The clauses that it claims and doesn't pass, explained.
    """

    key: str
    report: Json
    cells: Mapping[str, Cell] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name and its version."""
        implementation = self.report["implementation"]
        return " ".join(filter(None, (implementation["name"], implementation["version"])))

    @property
    def statuses(self) -> dict[str, Status]:
        """What came of each clause."""
        return {entry["id"]: Status(entry["status"]) for entry in self.report["clauses"]}

    def verdict(self, profile: str) -> str:
        """A profile in a few words: how many of its MUSTs pass, or that all of them do."""
        judged = self.report["verdicts"].get(profile)
        if judged is None or judged["verdict"] == "not claimed":
            return "not claimed"
        musts = judged["must"]
        passed, total = musts.get("pass", 0), musts["total"]
        if judged["verdict"] == "conforms":
            return "conforms"
        declared = f", {musts['diverges']} declared" if "diverges" in musts else ""
        if judged["verdict"] == "conforms with declared divergences":
            return f"conforms{declared}"
        share = f"{passed}/{total} ({100 * passed // max(total, 1)}\N{NO-BREAK SPACE}%)"
        return share + declared if judged["verdict"] == "partial" else f"{judged['text']}, {share}"


def rows(paths: Iterable[Path]) -> list[Row]:
    """The implementations whose reports these are, in the order given.

    Raises:
        Stop: A file is no report, or two reports are of different exams.
    """
    found: list[Row] = []
    for path in paths:
        report = reports.read(path)
        if found and report["spec"] != found[0].report["spec"]:
            raise Stop(
                f"{path}: is of another exam than {found[0].key}: other clauses or other frozen cases. "
                "A matrix compares what sat the same one; run `dlspec verify` again"
            )
        if any(row.key == path.stem for row in found):
            raise Stop(f"{path}: there are two reports of that name")
        found.append(Row(path.stem, report, _cells(report, defects(path.with_suffix(".toml")))))
    return found


def defects(path: Path) -> tuple[Defect, ...]:
    """What a file beside a report tells of the implementation; nothing where there is no such file.

    Raises:
        Stop: The file isn't as it should be.
    """
    if not path.exists():
        return ()
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        found = tuple(
            Defect(table["id"], tuple(table["clauses"]), table["story"], table.get("link"))
            for table in tables["defect"]
        )
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise Stop(
            f"{path}: can't be read as tables [[defect]] of id, clauses, story and link: {error!r}"
        ) from error
    ids = manifest.by_id()
    for defect in found:
        for pattern in defect.clauses:
            if not any(fnmatchcase(id, pattern) for id in ids):
                raise Stop(f"{path}: {defect.id}: no clause has an id such as {pattern}")
    return found


def _cells(report: Json, known: Sequence[Defect]) -> dict[str, Cell]:
    sentences = {clause.id: clause.sentence for clause in manifest.clauses()}
    entries = {entry["id"]: entry for entry in report["clauses"]}
    cells = {}
    for id, entry in entries.items():
        if Status(entry["status"]) not in SILENT:
            reason, detail, link = _explained(entry, entries, known)
            status = Status(entry["status"])
            cells[id] = Cell(id, sentences.get(id, ""), status, entry["level"], reason, detail, link)
    return cells


def _explained(
    entry: Json, entries: Mapping[str, Json], known: Sequence[Defect]
) -> tuple[str, str, str | None]:
    """Why a clause isn't kept, what came instead, and where to read on."""
    message = _first_line(entry)
    if "divergence" in entry:
        declared = entry["divergence"]
        if entry["status"] == Status.STALE_DIVERGENCE:
            return f"It holds, though it is declared not to: {declared['reason']}", "", declared["link"]
        return declared["reason"], message, declared["link"]
    for defect in known:
        if any(fnmatchcase(entry["id"], pattern) for pattern in defect.clauses):
            return defect.story, message, defect.link
    roots = [entries[id] for id in entry.get("blocked_by", ()) if id in entries]
    for defect in known:
        if any(fnmatchcase(root["id"], pattern) for root in roots for pattern in defect.clauses):
            return defect.story, message, defect.link
    if roots:
        return f"It follows from {', '.join(root['id'] for root in roots)}.", message, None
    if entry["status"] == Status.NOT_PROVIDED:
        return f"It hasn't got {message.removeprefix('op ')}.", "", None
    return message, "", None


def _first_line(entry: Json) -> str:
    failure = entry.get("failure")
    text = str(failure["message"] if failure else entry.get("message", ""))
    return text.partition("\n")[0]


def unfolded(found: Sequence[Row]) -> Iterator[tuple[str, list[Status]]]:
    """The clauses that some implementation doesn't pass, and what came of each, in the order of the rows."""
    statuses = [row.statuses for row in found]
    for clause in manifest.clauses():
        line = [known.get(clause.id, Status.NOT_RUN) for known in statuses]
        if any(status not in SILENT for status in line):
            yield clause.id, line


def to_json(found: Sequence[Row]) -> Json:
    """The matrix as data."""
    return {
        "spec": found[0].report["spec"],
        "implementations": [
            {
                "key": row.key,
                "name": row.report["implementation"]["name"],
                "version": row.report["implementation"]["version"],
                "date": row.report["started"][:10],
                "profiles": {profile: row.verdict(profile) for profile in manifest.PROFILES},
                "not_kept": [
                    {
                        "id": cell.id,
                        "level": cell.level,
                        "status": str(cell.status),
                        "sentence": cell.sentence,
                        "reason": cell.reason,
                        "detail": cell.detail,
                        "link": cell.link,
                    }
                    for cell in row.cells.values()
                ],
            }
            for row in found
        ],
    }


def table(found: Sequence[Row], link: Mapping[str, str] | None = None) -> str:
    """The matrix of implementations and profiles, in Markdown.

    Args:
        found: The implementations.
        link: Where the name of an implementation leads, by its key.
    """
    lines = [
        f"| implementation | {' | '.join(manifest.PROFILES)} |",
        f"|---|{'---|' * len(manifest.PROFILES)}",
    ]
    for row in found:
        name = f"[{escaped(row.name)}]({link[row.key]})" if link else escaped(row.name)
        lines.append(f"| {name} | {' | '.join(map(row.verdict, manifest.PROFILES))} |")
    return "\n".join(lines)


def explained(row: Row, heading: str = "###", *, anchors: bool = False) -> str:
    """Every clause that an implementation doesn't keep, in Markdown: by what it comes from.

    Args:
        row: The implementation.
        heading: What a heading starts with.
        anchors: Whether links lead to the clauses, by their ids.
    """
    by_reason: dict[tuple[Any, ...], list[Cell]] = {}
    for cell in row.cells.values():
        kind = str(cell.status) if cell.status in (Status.DIVERGES, Status.NOT_PROVIDED) else "not kept"
        by_reason.setdefault((kind, cell.reason, cell.link), []).append(cell)
    titles = {
        "not kept": "Not kept",
        str(Status.DIVERGES): "Declared divergences",
        str(Status.NOT_PROVIDED): "Not provided",
    }
    lines = []
    for kind, title in titles.items():
        groups = {key: cells for key, cells in by_reason.items() if key[0] == kind}
        if not groups:
            continue
        lines += [f"{heading} {title} ({plural(sum(map(len, groups.values())), 'clause')})", ""]
        for (_, reason, link), cells in groups.items():
            more = f" [{link_text(link)}]({link})" if link else ""
            lines += [f"**{escaped(reason)}**{more}", ""]
            lines += [_item(cell, anchors) for cell in cells]
            lines.append("")
    return "\n".join(lines)


def _item(cell: Cell, anchors: bool) -> str:
    anchor = f'<span id="{cell.id}"></span>' if anchors else ""
    counted = "" if cell.level == "MUST" else ", a SHOULD"
    status = "" if cell.status in (Status.DIVERGES, Status.NOT_PROVIDED) else f" ({cell.status}{counted})"
    detail = f" *{escaped(cell.detail)}*" if cell.detail else ""
    return f"- {anchor}`{cell.id}`{status}: {cell.sentence}{detail}"


def link_text(url: str) -> str:
    """What a link is called: where it leads, without the decoration."""
    return url.removeprefix("https://").removeprefix("http://").removeprefix("www.").rstrip("/")


def escaped(text: str) -> str:
    """Text that Markdown leaves alone, but for what stands between backticks."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if number % 2 else _plain(part) for number, part in enumerate(parts))


def _plain(text: str) -> str:
    for char in "\\`*_{}[]<>|#":
        text = text.replace(char, f"\\{char}" if char not in "<>" else {"<": "&lt;", ">": "&gt;"}[char])
    return text


def matrix_command(
    report: Annotated[list[Path], typer.Argument(help="Reports of `dlspec verify --report`.")],
    as_json: Annotated[bool, typer.Option("--json", help="As data.")] = False,
    brief: Annotated[bool, typer.Option("--brief", help="The table alone.")] = False,
) -> None:
    """Show reports side by side, in Markdown.

    Below the table every clause is explained that isn't kept. Exit codes: 0 whatever the verdicts are, 2 a
    file is no report, or not of the same exam.
    """
    found = rows(report)
    if as_json:
        typer.echo(json.dumps(to_json(found), indent=2, ensure_ascii=False))
        return
    typer.echo(table(found))
    for row in found if not brief else ():
        if row.cells:
            typer.echo(f"\n## {escaped(row.name)}\n\n{explained(row)}".rstrip())
