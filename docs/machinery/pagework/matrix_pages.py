"""The conformance matrix: from the committed reports, by the code of `dlspec matrix`.

@matrix                 the table of implementations and profiles
@matrix_clauses         the clauses that some implementation doesn't keep
@implementation NAME    one of them: who it is, its verdicts, and what it doesn't keep
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from dlspec import manifest
from dlspec.runner.matrix import SILENT, Row, escaped, explained, rows, table, unfolded
from dlspec.runner.result import Status
from dlspec.runner.stop import Stop
from pagework.clauses import CONTROL, home, in_order
from pagework.places import CONFORMANCE, relative
from pagework.showing import Page
from pagework.source import PageError

WORDS: Mapping[Status, str] = {
    Status.PASS: "pass",
    Status.DIVERGES: "declared",
    Status.NOT_PROVIDED: "absent",
    Status.NOT_CLAIMED: "",
}


@cache
def found() -> tuple[Row, ...]:
    """The committed reports.

    Raises:
        PageError: They can't be compared.
    """
    try:
        return tuple(in_order(rows(sorted(CONFORMANCE.glob("*.json"))), lambda row: row.key))
    except Stop as stop:
        raise PageError(str(stop)) from stop


def place(key: str) -> str:
    """The page of an implementation."""
    return f"conformance/{key}.md"


def profiles(page: Page, _: str) -> str:
    """Implementations and profiles."""
    return table(found(), {row.key: relative(place(row.key), page.name) for row in found()})


def clauses(page: Page, _: str) -> str:
    """Profile by profile the clauses that some implementation doesn't pass."""
    meant = [row for row in found() if row.key != CONTROL]
    lines: list[str] = []
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
            lines += [
                f"| [`{id}`]({relative(home(id), page.name)}) | {' | '.join(_cells(page, id, meant, line))} |"
                for id, line in differing
            ]
            lines.append("")
    return "\n".join(lines)


def _cells(page: Page, id: str, meant: list[Row], line: list[Status]) -> list[str]:
    """What came of one clause, linked to where it is explained."""
    return [
        WORDS.get(status, str(status))
        if status in SILENT or id not in row.cells
        else f"[{WORDS.get(status, str(status))}]({relative(place(row.key), page.name)}#{id})"
        for row, status in zip(meant, line, strict=True)
    ]


def implementation(_: Page, key: str) -> str:
    """One implementation: who it is, its verdicts, and what it doesn't keep."""
    row = next((row for row in found() if row.key == key), None)
    if row is None:
        raise PageError(f"@implementation {key}: there is no report conformance/{key}.json")
    report, environment = row.report, row.report["environment"]
    version = report["implementation"]["version"]
    lines = [
        f"{f'Version {escaped(version)}, asked' if version else 'Asked'} on {report['started'][:10]}, "
        f"with specification {report['spec']['version']}, Python {environment['python']} and NumPy "
        f"{environment['numpy']}, in {' and '.join(report['implementation']['dtypes'])}.",
        "",
        "| profile | verdict |",
        "|---|---|",
        *(f"| {profile} | {judged['text']} |" for profile, judged in report["verdicts"].items()),
        "",
        explained(row, "##", anchors=True) or "Every clause of what it claims holds.",
    ]
    return "\n".join(lines)
