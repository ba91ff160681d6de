"""Which page of the tutorial explains which piece of the code, and which tells which clause."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from pagework import source
from pagework.clauses import known, sheet_of
from pagework.places import DOCS
from pagework.showing import anchor, clause_anchor
from pagework.source import PageError

FOLDER = DOCS / "tutorial"
CLAUSE = re.compile(r"^\s*@clause\s+(\S+)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Explained:
    """Where a symbol is explained.

    Attributes:
        place: The page and the anchor on it.
        title: What the page is called.
    """

    place: str
    title: str


@cache
def explained() -> Mapping[tuple[str, str], Explained]:
    """Where each finest symbol of each file is explained first, by the file from the root of the project."""
    found: dict[tuple[str, str], Explained] = {}
    for name, title, text in _chapters():
        for shown in source.shown_by(text):
            where = Explained(f"{name}#{anchor(shown.path, shown.symbols[0])}", title)
            for symbol in shown.symbols:
                for part in _parts(shown.path, symbol):
                    found.setdefault((shown.path, part), where)
    return found


@cache
def told() -> Mapping[str, tuple[Explained, ...]]:
    """Where each clause is told, or a law or a clause of it, by the anchor of its sheet."""
    found: dict[str, dict[str, Explained]] = {}
    for name, title, text in _chapters():
        for id in CLAUSE.findall(text):
            if id in known():
                found.setdefault(sheet_of(id).anchor, {}).setdefault(
                    name, Explained(f"{name}#{clause_anchor(id)}", title)
                )
    return {sheet: tuple(places.values()) for sheet, places in found.items()}


def _chapters() -> Iterator[tuple[str, str, str]]:
    """The pages of the tutorial, from the folder of pages, each with its title and its text."""
    for page in sorted(FOLDER.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        title = re.search(r"^# +(.+?) *(?:\{.*\})?$", text, re.MULTILINE)
        name = page.relative_to(DOCS).as_posix()
        yield name, title[1] if title else name, text


def _parts(path: str, symbol: str) -> tuple[str, ...]:
    try:
        return source.read(path).parts(symbol)
    except PageError:
        return ()  # the page itself can't be made then, and says so
