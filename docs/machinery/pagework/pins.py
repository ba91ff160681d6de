"""Tells of every entry of the reference which clauses pin it; an extension of Griffe, which reads the code.

A clause pins a symbol if it fails on a planted fault in there. What it says stands below the docstring: the
clauses that are most the symbol's own, and how many others there are on each page of the spec.
"""

from __future__ import annotations

import re
from collections import Counter

from griffe import Docstring, Extension, Object

from pagework.clauses import home, homes, pinning, sheet_of
from pagework.places import relative
from pagework.reference_pages import NAME, described, pages
from pagework.showing import words
from pagework.source import PACKAGE, read
from pagework.tutorial import explained

OWN = 5
"""So many clauses are named; the others are counted."""


CODE_FOLLOWS = re.compile(r"::(?=\n\n {4})")
"""How a docstring says that what is indented below is code; Markdown sees that by itself."""


class Pins(Extension):
    """Adds a paragraph to docstrings."""

    def on_object(self, *, obj: Object, **_: object) -> None:
        """Look at something that was read; Griffe calls this."""
        if obj.docstring is not None:
            text = "\n\n".join([CODE_FOLLOWS.sub(":", obj.docstring.value), *_paragraphs(obj)])
            _replace(obj, obj.docstring, text)


def _paragraphs(obj: Object) -> list[str]:
    """What is to be said of an entry of the reference."""
    module = obj.module.path
    if module not in pages() or obj.is_module:
        return []
    file = module.removeprefix(f"{NAME}.").replace(".", "/") + ".py"
    symbol = obj.path.removeprefix(f"{module}.")
    if symbol not in described(file):
        return []
    return [text for text in (told(file, symbol), pinned(file, symbol)) if text]


def _replace(obj: Object, old: Docstring, text: str) -> None:
    made = Docstring(text, lineno=old.lineno, endlineno=old.endlineno, parent=obj)
    made.parser, made.parser_options = old.parser, old.parser_options
    obj.docstring = made


def told(file: str, symbol: str) -> str:
    """Where the tutorial explains a symbol, in a sentence of Markdown; nothing if it doesn't."""
    path = f"{PACKAGE}/{file}"
    found = next(
        (place for part in read(path).parts(symbol) if (place := explained().get((path, part)))), None
    )
    if found is None:
        return ""
    return f"**Explained in** [{found.title}]({relative(found.place, page_of(file))}).\n{{: .pins }}"


def page_of(file: str) -> str:
    """The page of the reference that describes a file of the package."""
    return pages()[f"{NAME}.{file.removesuffix('.py').replace('/', '.')}"]


def pinned(file: str, symbol: str) -> str:
    """Which clauses pin a symbol, in a sentence of Markdown; nothing if none does."""
    ids = pinning(file, symbol)
    if not ids:
        return ""
    page = page_of(file)
    own = [f"[`{id}`]({relative(home(id), page)})" for id in ids[:OWN]]
    text = f"**Pinned by** {', '.join(own)}"
    others = Counter(sheet_of(id).topic for id in ids[OWN:])
    if others:
        counted = [
            f"[{words(topic.partition('.')[2]).lower()}]({relative(_place(topic), page)}) ({count})"
            for topic, count in others.most_common(OWN)
        ]
        rest = sum(others.values()) - sum(count for _, count in others.most_common(OWN))
        more = f", and {rest} elsewhere" if rest else ""
        text += f"; and of {', '.join(counted)}{more}"
    return f"{text}.\n{{: .pins }}"


def _place(topic: str) -> str:
    return f"{homes()[topic]}#{topic}"
