"""The Python-Markdown extension: directives, cells, formulas and tooltips.

It works on Markdown before anything else does, so that a directive may stand at any indentation: in an
admonition, a list or a tab. It knows nothing of MkDocs but where the page's name is found.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from markdown import Extension, Markdown
from markdown.postprocessors import Postprocessor
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor

from pagework import cells, glossary, showing
from pagework.cells import Cell
from pagework.pages import DIRECTIVES
from pagework.rendering import formula
from pagework.showing import NAMED, Page
from pagework.source import PageError

FENCE = re.compile(r"^(?P<indent>\s*)(?P<ticks>`{3,}|~{3,})(?P<info>.*)$")
RUN = re.compile(r"^\s*python\s+run(?P<options>\s.*)?$")
MATH = re.compile(r'<(span|div) class="arithmatex">(?:\\\((.*?)\\\)|\\\[(.*?)\\\])</\1>', re.DOTALL)

AFTER_SNIPPETS = 29
"""Snippets are put in at 32, blanks set right at 30, and fences taken out at 25."""


class Pages(Extension):
    """Everything that a page can ask for."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 (Python-Markdown's name for it)
        """Register what there is; Python-Markdown calls this."""
        md.preprocessors.register(Directives(md), "pagework", AFTER_SNIPPETS)
        # When words are in their elements, at 20, and before they are indented, at 10.
        md.treeprocessors.register(Tooltips(md), "pagework_glossary", 15)
        # After the raw HTML is back in its place, in which fences and docstrings may have left formulas.
        md.postprocessors.register(Formulas(md), "pagework_math", -10)


def makeExtension(**options: object) -> Pages:  # noqa: N802 (Python-Markdown's name for it)
    """The extension; Python-Markdown calls this."""
    return Pages(**options)


def page_of(md: Markdown) -> str:
    """The page that is being made, from the folder of pages; empty where nobody says."""
    if "relpath" in md.treeprocessors:  # MkDocs resolves links with it
        return str(md.treeprocessors["relpath"].file.src_uri)
    if "rendering_context" in md.preprocessors:  # Zensical's
        return str(md.preprocessors["rendering_context"].page.path)
    return ""


class Directives(Preprocessor):
    """Replaces directives and cells by what they stand for."""

    def run(self, lines: list[str]) -> list[str]:
        """Do so; Python-Markdown calls this."""
        page = Page(page_of(self.md), self.md.htmlStash.store)
        try:
            pieces = list(_pieces(lines))
            made = [piece for piece in pieces if isinstance(piece, _Run)]
            outputs = cells.execute([piece.cell for piece in made], page.name)
            shown = iter(
                page.keep(showing.cell(number, piece.cell, output))
                for number, (piece, output) in enumerate(zip(made, outputs, strict=True), start=1)
            )
            return [line for piece in pieces for line in self._shown(piece, page, shown)]
        except PageError as error:
            raise PageError(f"{page.name or 'a page'}: {error}") from error

    @staticmethod
    def _shown(piece: _Run | str, page: Page, shown: Iterator[str]) -> list[str]:
        if isinstance(piece, _Run):
            return ["", piece.indent + next(shown), ""]
        match = NAMED.match(piece)
        if match is None or match["name"] not in DIRECTIVES:
            return [piece.removeprefix(_LITERAL)]
        text = DIRECTIVES[match["name"]](page, match["argument"] or "")
        return ["", *(f"{match['indent']}{line}" if line else "" for line in text.split("\n")), ""]


class _Run:
    """A cell that stands in a page."""

    def __init__(self, indent: str, cell: Cell) -> None:
        self.indent = indent
        self.cell = cell


_LITERAL = "\0"
"""Marks a line in a fence, which means itself."""


def _pieces(lines: list[str]) -> Iterator[_Run | str]:
    """The cells of a page, and the lines between them."""
    number = 0
    while number < len(lines):
        opened = FENCE.match(lines[number])
        if opened is None:
            yield lines[number]
            number += 1
            continue
        closing = re.compile(rf"^\s*{re.escape(opened['ticks'])}{re.escape(opened['ticks'][0])}*\s*$")
        end = next((n for n in range(number + 1, len(lines)) if closing.match(lines[n])), None)
        run = RUN.match(opened["info"])
        if end is None:
            if run:
                raise PageError(f"line {number + 1}: the cell that begins here doesn't end")
            yield lines[number]
            number += 1
            continue
        if run:
            width = len(opened["indent"])
            body = "".join(f"{line[width:]}\n" for line in lines[number + 1 : end])
            yield _Run(opened["indent"], Cell.read(body, run["options"] or "", number + 1))
        else:
            yield from (_LITERAL + line for line in lines[number : end + 1])
        number = end + 1


class Tooltips(Treeprocessor):
    """Says what the terms of the glossary mean, where a page of the tutorial mentions one first."""

    def run(self, root: Element) -> None:
        """Do so; Python-Markdown calls this."""
        if page_of(self.md).startswith(glossary.FOLDER):
            glossary.mark(root, glossary.tooltips())


class Formulas(Postprocessor):
    """Typesets what `pymdownx.arithmatex` found."""

    def run(self, text: str) -> str:
        """Do so; Python-Markdown calls this."""
        return MATH.sub(_typeset, text)


def _typeset(match: re.Match[str]) -> str:
    display = match[3] is not None
    tex = html.unescape(match[3] if display else match[2]).strip()
    return f'<{match[1]} class="math" data-search-exclude>{formula(tex, display=display)}</{match[1]}>'
