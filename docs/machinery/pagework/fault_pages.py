"""The pages about planted faults: from the faults themselves, and from the kill matrix.

    @faults engine      the faults of `engine.toml`
    @fault_areas        the table of all of them
    @fault_totals       the matrix in a sentence
    @variants           the correct variants
    @caught             what each clause catches

So no page can say anything that the exam doesn't.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache

from dlspec.faults import FOLDER, Change, faults, variants
from dlspec.faults.exam import read_matrix
from pagework import markup
from pagework.clauses import catching, home
from pagework.places import DOCS, relative
from pagework.showing import Page, words
from pagework.source import PageError

MARK = re.compile(r"^@faults (\w+)$", re.MULTILINE)


@cache
def areas() -> Mapping[str, tuple[Change, ...]]:
    """The faults, by the file they stand in."""
    found = {}
    for path in sorted(FOLDER.glob("*.toml")):
        tables = tomllib.loads(path.read_text(encoding="utf-8")).get("fault", [])
        if tables:
            found[path.stem] = tuple(faults()[table["id"]] for table in tables)
    return found


@cache
def pages() -> Mapping[str, str]:
    """The page of each area."""
    return {
        area: page.relative_to(DOCS).as_posix()
        for page in sorted(DOCS.glob("faults/*.md"))
        for area in MARK.findall(page.read_text(encoding="utf-8"))
    }


@cache
def _area_of() -> Mapping[str, str]:
    return {change.id: area for area, changes in areas().items() for change in changes}


def place(fault: str) -> str:
    """Where a fault is told: the page and the anchor on it."""
    return f"{pages()[_area_of()[fault]]}#{fault}"


def _clause(page: Page, id: str) -> str:
    return f"[`{id}`]({relative(home(id), page.name)})"


def _title(area: str) -> str:
    """What the page of an area is called."""
    text = (DOCS / pages()[area]).read_text(encoding="utf-8")
    return text.splitlines()[0].removeprefix("# ")


def _link(url: str) -> str:
    """A link, by repository and number where it is a thread."""
    thread = re.fullmatch(r"https://github\.com/([^/]+/[^/]+)/(?:issues|pull)/(\d+)", url)
    text = f"{thread[1]}#{thread[2]}" if thread else re.sub(r"^https?://(www\.)?", "", url).rstrip("/")
    return f"[{text}]({url})"


def _told(page: Page, change: Change) -> str:
    """One fault or variant, with its story."""
    by = f" · caught by {_clause(page, change.caught_by)}" if change.caught_by else ""
    lines = [f"## {words(change.id)} {{: #{change.id} }}", "", f"**{change.of}**{by}", "", change.story, ""]
    if change.links:
        lines += ["Seen in " + ", ".join(map(_link, change.links)) + ".", ""]
    return "\n".join(
        [*lines, page.keep(f"<div data-search-exclude>{markup.code(change.text, 'diff')}</div>"), ""]
    )


def faults_of(page: Page, area: str) -> str:
    """Every fault of an area."""
    if area not in areas():
        raise PageError(f"@faults {area}: there is no such area; there are {', '.join(areas())}")
    return "\n".join(_told(page, change) for change in areas()[area])


def all_variants(page: Page, _: str) -> str:
    """Every correct variant."""
    return "\n".join(_told(page, change) for change in variants().values())


def table_of_areas(page: Page, _: str) -> str:
    """How many faults of each area are known to fail something in each profile."""
    matrix = read_matrix()
    profiles = list(dict.fromkeys(id.partition(".")[0] for row in matrix.values() for id in row))
    lines = [f"| | faults | {' | '.join(profiles)} |", f"|---|--:|{'--:|' * len(profiles)}"]
    for area, changes in areas().items():
        rows = [matrix.get(change.id, []) for change in changes]
        counts = [sum(any(id.startswith(f"{p}.") for id in row) for row in rows) for p in profiles]
        link = f"[{_title(area)}]({relative(pages()[area], page.name)})"
        lines.append(f"| {link} | {len(changes)} | {' | '.join(map(str, counts))} |")
    return "\n".join(lines)


def totals(_page: Page, _: str) -> str:
    """The matrix in a sentence."""
    matrix = read_matrix()
    clauses = {id for row in matrix.values() for id in row}
    return (
        f"There are {len(matrix)} planted faults. Each fails the clause that is meant to catch it, and "
        f"each of {len(clauses):,} clauses fails on at least one of them."
    )


def table_of_clauses(page: Page, _: str) -> str:
    """For each clause how many faults it catches, and one of them."""
    lines = ["| clause | faults | for instance |", "|---|--:|---|"]
    for id, found in sorted(catching().items()):
        instance = f"[{words(found[0])}]({relative(place(found[0]), page.name)})"
        lines.append(f"| {_clause(page, id)} | {len(found)} | {instance} |")
    return "\n".join(lines)
