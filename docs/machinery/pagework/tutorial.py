"""Which page of the tutorial explains which piece of the code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from pagework import source
from pagework.places import DOCS
from pagework.showing import anchor
from pagework.source import PageError

FOLDER = DOCS / "tutorial"


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
    for page in sorted(FOLDER.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        title = re.search(r"^# +(.+?) *(?:\{.*\})?$", text, re.MULTILINE)
        name = page.relative_to(DOCS).as_posix()
        for shown in source.shown_by(text):
            where = Explained(f"{name}#{anchor(shown.path, shown.symbols[0])}", title[1] if title else name)
            for symbol in shown.symbols:
                for part in _parts(shown.path, symbol):
                    found.setdefault((shown.path, part), where)
    return found


def _parts(path: str, symbol: str) -> tuple[str, ...]:
    try:
        return source.read(path).parts(symbol)
    except PageError:
        return ()  # the page itself can't be made then, and says so
