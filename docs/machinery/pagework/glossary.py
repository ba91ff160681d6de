"""Tooltips: the first mention of a term on a page of the tutorial says what `docs/glossary.md` says of it.

The first mention only, since a page that is dotted all over can't be read. A heading, code, a link and a
formula are left as they are. A term with something in brackets, as in *seed (of a backward pass)*, has no
tooltip: the word alone means other things, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from xml.etree.ElementTree import Element

from pagework.places import DOCS
from pagework.source import PageError

FOLDER = "tutorial/"
"""The pages that have tooltips."""

UNTOUCHED = frozenset(
    {"h1", "h2", "h3", "h4", "h5", "h6", "a", "abbr", "code", "pre", "script", "summary", "svg"}
)
"""The elements whose words are no prose, or have a meaning for the keyboard already."""

SET_APART = frozenset({"arithmatex", "admonition-title"})
"""Classes of what is no prose either: formulas, and headings of another kind."""

_ENTRY = re.compile(r"^(?P<term>[^\s:#].*)\n:   (?P<text>.+)$", re.MULTILINE)
_MARKS = re.compile(r"[`$*]|\\operatorname")


def entries(text: str) -> dict[str, str]:
    """The terms of a glossary, and what it says of them.

    Raises:
        PageError: A term stands there twice.
    """
    found: dict[str, str] = {}
    for match in _ENTRY.finditer(text):
        if match["term"] in found:
            raise PageError(f"glossary.md: {match['term']} stands there twice")
        found[match["term"]] = match["text"]
    return found


@cache
def tooltips() -> Mapping[str, str]:
    """What to show at which terms, without marks of Markdown."""
    return {
        term.lower(): _MARKS.sub("", text)
        for term, text in entries((DOCS / "glossary.md").read_text(encoding="utf-8")).items()
        if "(" not in term and "$" not in text
    }


def mark(root: Element, texts: Mapping[str, str]) -> None:
    """Put an `<abbr>` around the first mention of each term in a tree of HTML."""
    left = dict(texts)
    if left:
        _mark(root, left)


def _mark(element: Element, left: dict[str, str]) -> None:
    if element.tag in UNTOUCHED or not SET_APART.isdisjoint(element.get("class", "").split()):
        return
    element.text, marked = _split(element.text, left)
    made = set(map(id, marked))
    element[:0] = marked
    index = 0
    while index < len(element):
        child = element[index]
        index += 1
        if id(child) not in made:
            _mark(child, left)
            child.tail, marked = _split(child.tail, left)
            made.update(map(id, marked))
            element[index:index] = marked


def _split(text: str | None, left: dict[str, str]) -> tuple[str | None, list[Element]]:
    """What stands before the first term of a text, and the terms, each with what follows it."""
    # Text of another class is Python-Markdown's way to say that nobody is to touch it.
    if not text or type(text) is not str or not left:
        return text, []
    names = [r"\s+".join(map(re.escape, name.split())) for name in sorted(left, key=len, reverse=True)]
    pattern = re.compile(rf"(?<![\w-])({'|'.join(names)})(s?)(?![\w-])", re.IGNORECASE)
    pieces, marked, start = [], [], 0
    for match in pattern.finditer(text):
        meaning = left.pop(" ".join(match[1].lower().split()), None)
        if meaning is not None:
            pieces.append(text[start : match.start()])
            abbr = Element("abbr", {"title": meaning})
            abbr.text = match[0]
            marked.append(abbr)
            start = match.end()
    before, *tails = [*pieces, text[start:]]
    for abbr, tail in zip(marked, tails, strict=True):
        abbr.tail = tail
    return before, marked
