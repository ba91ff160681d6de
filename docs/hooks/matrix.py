"""Writes the conformance matrix: from the committed reports, by the code of `dlspec matrix`.

`<!-- matrix -->` on a page becomes the table of implementations and profiles, `<!-- matrix clauses -->` the
clauses that some implementation doesn't keep. Each implementation gets a page of its own,
`conformance/NAME.md`, on which every cell that isn't a pass is explained.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

from dlspec import manifest
from dlspec.implementations import SHIPPED
from dlspec.runner.matrix import SILENT, Row, escaped, explained, rows, table, unfolded
from dlspec.runner.result import Status

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT = Path(__file__).parents[2]
REPORTS = ROOT / "conformance"
MARK = re.compile(r"<!-- (matrix|matrix clauses) -->")

CONTROL = "chapter13"
"""What isn't meant to conform: it would make a row of nearly every clause."""

WORDS = {
    Status.PASS: "pass",
    Status.DIVERGES: "declared",
    Status.NOT_PROVIDED: "absent",
    Status.NOT_CLAIMED: "",
}


@cache
def found() -> list[Row]:
    """The committed reports, in the order in which their implementations ship; the control comes last."""
    order = [key for key in SHIPPED if key != CONTROL]
    made = rows(sorted(REPORTS.glob("*.json")))
    return sorted(made, key=lambda row: order.index(row.key) if row.key in order else len(order))


def on_files(files: Files, config: MkDocsConfig, **_: object) -> Files:
    """Add a page for each implementation; mkdocs calls this."""
    for row in found():
        files.append(File.generated(config, f"conformance/{row.key}.md", content=page(row)))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Replace every mark on a page; mkdocs calls this."""
    shown = {"matrix": profiles, "matrix clauses": clauses}
    return MARK.sub(lambda mark: shown[mark.group(1)](), markdown)


def profiles() -> str:
    """Implementations and profiles."""
    if not found():
        return "No report is committed yet."
    return table(found(), {row.key: f"conformance/{row.key}.md" for row in found()})


def clauses() -> str:
    """Profile by profile the clauses that some implementation doesn't pass."""
    meant = [row for row in found() if row.key != CONTROL]
    lines: list[str] = []
    if not meant:
        return ""
    for profile in manifest.PROFILES:
        differing = [pair for pair in unfolded(meant) if pair[0].startswith(f"{profile}.")]
        total = sum(clause.profile == profile for clause in manifest.clauses())
        lines += [f"### {profile}", ""]
        if len(differing) < total:
            others = "All" if not differing else "The other"
            lines += [f"{others} {total - len(differing)} clauses hold wherever they are claimed.", ""]
        if differing:
            lines += [f"| clause | {' | '.join(escaped(row.name) for row in meant)} |"]
            lines += [f"|---|{'---|' * len(meant)}"]
            lines += [f"| `{id}` | {' | '.join(cells(id, meant, line))} |" for id, line in differing]
            lines.append("")
    return "\n".join(lines)


def cells(id: str, meant: list[Row], line: list[Status]) -> list[str]:
    """What came of one clause, linked to where it is explained."""
    return [
        WORDS.get(status, str(status))
        if status in SILENT
        else f"[{WORDS.get(status, str(status))}](conformance/{row.key}.md#{id})"
        for row, status in zip(meant, line, strict=True)
    ]


def page(row: Row) -> str:
    """One implementation: who it is, its verdicts, and what it doesn't keep."""
    report, environment = row.report, row.report["environment"]
    lines = [
        f"# {escaped(row.name)}",
        "",
        f"Asked on {report['started'][:10]}, with specification {report['spec']['version']}, Python "
        f"{environment['python']} and NumPy {environment['numpy']}, in "
        f"{' and '.join(report['implementation']['dtypes'])}. [All implementations](../matrix.md).",
        "",
        "| profile | verdict |",
        "|---|---|",
        *(f"| {profile} | {judged['text']} |" for profile, judged in report["verdicts"].items()),
        "",
        explained(row, "##", anchors=True) or "Every clause of what it claims holds.",
    ]
    return "\n".join(lines) + "\n"
