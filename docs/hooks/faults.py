"""Writes the pages about planted faults: from the faults themselves, and from the kill matrix.

A page asks for what it shows with a comment: `<!-- faults: engine -->` becomes the faults of `engine.toml`,
`<!-- fault areas -->` the table of all of them, `<!-- variants -->` the correct variants and
`<!-- clauses -->` what each clause catches. So no page can say anything that the exam doesn't.
"""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "spec" / "dlspec"
FAULTS = SPEC / "faults"
MARK = re.compile(r"<!-- (faults: (?P<area>\w+)|fault areas|fault totals|variants|clauses) -->")

Table = dict[str, Any]


def on_page_markdown(markdown: str, **_: object) -> str:
    """Replace every mark on a page; mkdocs calls this."""
    return MARK.sub(lambda mark: SHOWN[mark.group(1).partition(":")[0]](mark.group("area") or ""), markdown)


@cache
def areas() -> dict[str, list[Table]]:
    """The faults, by the file they stand in."""
    found = {}
    for path in sorted(FAULTS.glob("*.toml")):
        tables = tomllib.loads(path.read_text(encoding="utf-8")).get("fault", [])
        if tables:
            found[path.stem] = tables
    return found


@cache
def matrix() -> dict[str, list[str]]:
    """For each fault the clauses that are known to fail on it."""
    rows: dict[str, list[str]] = json.loads((FAULTS / "matrix.json").read_text(encoding="utf-8"))["faults"]
    return rows


@cache
def places() -> Mapping[str, str]:
    """Where a clause is shown, by its id; a law by `*.` and what it says."""
    found = {}
    for path in sorted(SPEC.glob("clauses/*/test_*.py")):
        profile, topic = path.parent.name, path.stem.removeprefix("test_")
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                name = node.name.removeprefix("test_")
                id = f"*.{name}" if topic == "laws" else f"{profile}.{topic}.{name}"
                found[id] = f"clauses/{profile}.md#dlspec.clauses.{profile}.test_{topic}.{node.name}"
    return found


def clause(id: str) -> str:
    """A clause, linked to where it stands."""
    place = places().get(id) or places().get(f"*.{id.rpartition('.')[2]}")
    return f"[`{id}`](../{place})" if place else f"`{id}`"


def words(id: str) -> str:
    """An id as a heading."""
    text = id.replace("_", " ")
    return text[:1].upper() + text[1:]


def title(area: str) -> str:
    """What the page of an area is called."""
    page = ROOT / "docs" / "faults" / f"{area}.md"
    return page.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")


def link(url: str) -> str:
    """A link, by repository and number where it is a thread."""
    thread = re.fullmatch(r"https://github\.com/([^/]+/[^/]+)/(?:issues|pull)/(\d+)", url)
    text = f"{thread[1]}#{thread[2]}" if thread else re.sub(r"^https?://(www\.)?", "", url).rstrip("/")
    return f"[{text}]({url})"


def told(table: Table, kind: str) -> str:
    """One fault or variant, with its story."""
    lines = [f"### {words(table['id'])} {{#{table['id']}}}", ""]
    if kind == "fault":
        lines += [f"**{table['of']}** · caught by {clause(table['caught_by'])}", ""]
    else:
        lines += [f"**{table['of']}**", ""]
    lines += [" ".join(table["story"].split()), ""]
    if table["links"]:
        lines += ["Seen in " + ", ".join(map(link, table["links"])) + ".", ""]
    lines += ["```diff", table["change"].strip("\n"), "```", ""]
    return "\n".join(lines)


def faults_of(area: str) -> str:
    """Every fault of an area."""
    return "\n".join(told(table, "fault") for table in areas()[area])


def all_variants(_: str) -> str:
    """Every correct variant."""
    tables = [
        table
        for path in sorted((FAULTS / "variants").glob("*.toml"))
        for table in tomllib.loads(path.read_text(encoding="utf-8"))["variant"]
    ]
    return "\n".join(told(table, "variant") for table in tables)


def table_of_areas(_: str) -> str:
    """How many faults of each area are known to fail something in each profile."""
    profiles = list(dict.fromkeys(id.partition(".")[0] for row in matrix().values() for id in row))
    lines = [f"| | faults | {' | '.join(profiles)} |", f"|---|--:|{'--:|' * len(profiles)}"]
    for area, tables in areas().items():
        rows = [matrix().get(table["id"], []) for table in tables]
        counts = [sum(any(id.startswith(f"{p}.") for id in row) for row in rows) for p in profiles]
        lines.append(f"| [{title(area)}]({area}.md) | {len(tables)} | {' | '.join(map(str, counts))} |")
    return "\n".join(lines)


def totals(_: str) -> str:
    """The matrix in a sentence."""
    clauses = {id for row in matrix().values() for id in row}
    return (
        f"There are {len(matrix())} planted faults. Each fails the clause that is meant to catch it, and "
        f"each of {len(clauses):,} clauses fails on at least one of them."
    )


def table_of_clauses(_: str) -> str:
    """For each clause how many faults it catches, and one of them."""
    caught: dict[str, list[str]] = {}
    for fault, row in matrix().items():
        for id in row:
            caught.setdefault(id, []).append(fault)
    home = {table["id"]: area for area, tables in areas().items() for table in tables}
    lines = ["| clause | faults | for instance |", "|---|--:|---|"]
    for id, found in sorted(caught.items()):
        example = min(found, key=lambda fault: (len(matrix()[fault]), fault))
        instance = f"[{words(example)}]({home[example]}.md#{example})"
        lines.append(f"| {clause(id)} | {len(found)} | {instance} |")
    return "\n".join(lines)


SHOWN: Mapping[str, Callable[[str], str]] = {
    "faults": faults_of,
    "fault areas": table_of_areas,
    "fault totals": totals,
    "variants": all_variants,
    "clauses": table_of_clauses,
}
