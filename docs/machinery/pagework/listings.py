"""The text of some symbols, as a page shows it."""

from __future__ import annotations

import ast
import textwrap
from dataclasses import dataclass

from pagework import source
from pagework.source import Shown, Source, Span

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Listing:
    """Some symbols of one file.

    Attributes:
        file: The file.
        symbols: Their names.
        spans: The lines of each, in this order.
    """

    file: Source
    symbols: tuple[str, ...]
    spans: tuple[Span, ...]

    @property
    def text(self) -> str:
        """What they say: neighbours as they stand there, others a blank line apart."""
        pieces: list[str] = []
        before: Span | None = None
        for span in self.spans:
            if before is not None:
                pieces.append("\n" * self._blank_lines(before, span))
            pieces.append(textwrap.dedent(self.file.text(span)) + "\n")
            before = span
        return "".join(pieces)

    def _blank_lines(self, before: Span, span: Span) -> int:
        """How many blank lines stand between two pieces."""
        between = self.file.lines[before.last : span.first - 1]
        adjacent = before.last < span.first and not any(line.strip() for line in between)
        return len(between) if adjacent else 1


def of(shown: Shown) -> Listing:
    """What a `@code` line shows.

    Raises:
        PageError: There is no such file or symbol.
    """
    file = source.read(shown.path)
    return Listing(file, shown.symbols, tuple(span for name in shown.symbols for span in file.find(name)))


def find(path: str, *symbols: str) -> Listing:
    """Some symbols of a file, whose path may be written short.

    Raises:
        PageError: There is no such file or symbol.
    """
    return of(Shown(source.resolved(path), symbols))


def docstring(path: str) -> str:
    """What a module says of itself.

    Raises:
        PageError: There is no such file.
    """
    return ast.get_docstring(source.read(path).tree) or ""
