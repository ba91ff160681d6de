"""See that nothing is left out: `python -m pagework.literate` names what no page shows.

Every line of the reference is shown by a `@code` of some page, and every clause of the spec stands on one.
What is missing is named by file and line, and by the symbol that a `@code` would have to name.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from pagework import source
from pagework.clauses import homes, topics
from pagework.places import DOCS
from pagework.source import PACKAGE, ROOT, PageError, Source, Span


@dataclass(frozen=True, order=True)
class Missing:
    """Lines that no page shows.

    Attributes:
        path: Their file, from the root of the project.
        span: The lines.
        symbol: What a `@code` would have to name; None where nothing has them: a comment between two blanks.
    """

    path: str
    span: Span
    symbol: str | None

    def __str__(self) -> str:
        """The place, as tools write it."""
        last = "" if self.span.first == self.span.last else f"-{self.span.last}"
        what = (
            f"{self.symbol} is on no page"
            if self.symbol
            else "belongs to no symbol; join it to what it is about"
        )
        return f"{self.path}:{self.span.first}{last}: {what}"


def pages() -> list[Path]:
    """The sources of all pages."""
    return sorted(DOCS.rglob("*.md"))


def shown(texts: Iterable[str]) -> dict[str, set[str]]:
    """The finest symbols that pages show, by file.

    Raises:
        PageError: A page names what isn't there.
    """
    found: dict[str, set[str]] = {}
    for text in texts:
        for one in source.shown_by(text):
            file = source.read(one.path)
            found.setdefault(one.path, set()).update(
                part for name in one.symbols for part in file.parts(name)
            )
    return found


def missing(file: Source, symbols: set[str]) -> Iterator[Missing]:
    """The lines of a file that aren't among what is shown of it."""
    owners = file.owners()
    lines = [
        (owners.get(number), number)
        for number, line in enumerate(file.lines, start=1)
        if line.strip() and owners.get(number) not in symbols
    ]
    for symbol, group in groupby(lines, key=lambda line: line[0]):
        numbers = [number for _, number in group]
        yield Missing(file.path, Span(numbers[0], numbers[-1]), symbol)


def files() -> list[str]:
    """The files of the reference, from the root of the project."""
    return sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / PACKAGE).rglob("*.py"))


def problems() -> Iterator[str]:
    """What is missing, each with its place."""
    found = shown(path.read_text(encoding="utf-8") for path in pages())
    for path in files():
        yield from map(str, missing(source.read(path), found.get(path, set())))
    for topic, sheets in topics().items():
        if topic not in homes():
            yield f"{sheets[0].path}: its clauses are on no page; one has to say @section {topic}"


def main() -> None:
    """Say what is missing."""
    try:
        found = list(problems())
    except PageError as error:
        sys.exit(str(error))
    for problem in found:
        print(problem)
    lines = sum(bool(line.strip()) for path in files() for line in source.read(path).lines)
    if found:
        sys.exit(f"{len(found)} pieces are on no page")
    print(f"all {lines:,} lines of the reference and the clauses of {len(topics())} files are on some page")


if __name__ == "__main__":
    main()
