"""Where a symbol stands in its file, and which symbols a page shows.

A line of a page that says

    @code primitives.py::tanh tanh_vjp TANH

shows those three as the file has them. A symbol is found in the syntax tree, never by its line number: it is
shown wherever it has moved to, and a page that names one which is gone can't be built.

Every statement of a file belongs to exactly one symbol of the finest kind: the `head` of the file (docstring,
imports, `__all__`), a name that is defined or assigned, the `head` of a class, a method or a later attribute
of one, or `__main__`, which is what runs when the file is run as a program. So one can say of each line
whether somebody has shown it. An `__all__` that stands below the first definition is a symbol of its own.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
"""The project."""

PACKAGE = "src/deeplearning_framework"
"""Where a path that names no folder of the project is looked for."""

HEAD = "head"
ALL = "__all__"
MAIN = "__main__"

_CODE = re.compile(r"\s*@code(?:\s+(?P<rest>.*\S))?\s*")
_FENCE = re.compile(r"\s*(?P<fence>`{3,}|~{3,})(?P<info>.*)")

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class PageError(ValueError):
    """Something on a page that can't be shown."""


@dataclass(frozen=True, order=True, slots=True)
class Span:
    """Neighbouring lines of a file, counted from 1; the last one belongs to them."""

    first: int
    last: int

    def __iter__(self) -> Iterator[int]:
        """The numbers of the lines."""
        return iter(range(self.first, self.last + 1))


@dataclass(frozen=True, slots=True)
class Shown:
    """What one `@code` line shows.

    Attributes:
        path: The file, from the root of the project, with slashes.
        symbols: What of it, in the order of the line.
    """

    path: str
    symbols: tuple[str, ...]


class Source:
    """A Python file, and where its symbols stand.

    Attributes:
        path: From the root of the project, with slashes.
        lines: Its text.
        tree: Its syntax.
        finest: The spans of every symbol that has no smaller ones in it, in the order of the file. A property
            has one for each of its functions.
    """

    def __init__(self, path: str, text: str) -> None:
        """Find the symbols of a file.

        Args:
            path: What to call it in messages.
            text: What it says.
        """
        self.path = path
        self.lines = text.splitlines()
        self.tree = ast.parse(text, path)
        self.finest: dict[str, list[Span]] = {}
        self._classes: dict[str, list[Span]] = {}
        self._divide(self.tree.body, "")

    def find(self, symbol: str) -> tuple[Span, ...]:
        """Where a symbol stands.

        Args:
            symbol: `name`, `Class`, `Class.method`, `Class.head`, `head` or `__main__`.

        Raises:
            PageError: The file has no such symbol.
        """
        spans = self._classes.get(symbol) or self.finest.get(symbol)
        if spans is None:
            close = get_close_matches(symbol, [*self.finest, *self._classes], n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise PageError(f"{self.path} has no symbol {symbol}{hint}")
        return tuple(spans)

    def text(self, span: Span) -> str:
        """What a span says, indented as in the file."""
        return "\n".join(self.lines[span.first - 1 : span.last])

    def parts(self, symbol: str) -> tuple[str, ...]:
        """The finest symbols that a symbol is made of."""
        self.find(symbol)
        if symbol in self._classes:
            return tuple(name for name in self.finest if name.startswith(f"{symbol}."))
        return (symbol,)

    def owners(self) -> dict[int, str]:
        """For each line that a symbol has, the finest one."""
        return {line: symbol for symbol, spans in self.finest.items() for span in spans for line in span}

    def _divide(self, body: list[ast.stmt], prefix: str) -> None:
        """Give every statement of a module or a class to a symbol."""
        current = f"{prefix}{HEAD}"
        for statement in body:
            names = _names(statement, in_class=bool(prefix))
            first, last = self._first_line(statement), statement.end_lineno or statement.lineno
            if isinstance(statement, ast.ClassDef) and not prefix:
                current = statement.name
                self._classes.setdefault(current, []).append(Span(first, last))
                self._divide_class(statement, first)
                # What follows a class without a name of its own, an assertion say, goes with its last part.
                current = next(reversed(self.finest))
            elif names and not (names == [ALL] and current == HEAD):
                current = f"{prefix}{names[0]}"
                for name in names:
                    self.finest.setdefault(f"{prefix}{name}", []).append(Span(first, last))
            else:
                self._extend(current, Span(first, last))

    def _divide_class(self, statement: ast.ClassDef, first: int) -> None:
        prefix = f"{statement.name}."
        methods = [part for part in statement.body if isinstance(part, _Definition)]
        before = statement.body[: statement.body.index(methods[0])] if methods else statement.body
        last = before[-1].end_lineno if before else methods[0].lineno - 1
        if not before:
            # The class has no docstring: its head is what stands before its first method.
            last = self._first_line(methods[0]) - 1
        assert last is not None
        self.finest.setdefault(f"{prefix}{HEAD}", []).append(Span(first, last))
        self._divide(statement.body[len(before) :], prefix)

    def _extend(self, symbol: str, span: Span) -> None:
        spans = self.finest.setdefault(symbol, [])
        if spans:
            spans[-1] = Span(spans[-1].first, span.last)
        else:
            # Comments at the top of a file stand above its docstring.
            spans.append(Span(1, span.last))

    def _first_line(self, statement: ast.stmt) -> int:
        """Where a statement begins, with its decorators and the comments right above it."""
        decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
        first = min([statement.lineno, *(decorator.lineno for decorator in decorators)])
        while first > 1 and self.lines[first - 2].lstrip().startswith("#"):
            first -= 1
        return first


def _names(statement: ast.stmt, *, in_class: bool) -> list[str]:
    """The names under which a statement is found; none if it goes with what stands before it."""
    if isinstance(statement, _Definition):
        return [statement.name]
    if isinstance(statement, ast.Assign):
        targets = [
            part
            for target in statement.targets
            for part in (target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target])
        ]
    elif isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    elif isinstance(statement, ast.If) and not in_class and "__name__" in ast.unparse(statement.test):
        return [MAIN]
    else:
        return []
    return [target.id for target in targets if isinstance(target, ast.Name)]


@cache
def read(path: str) -> Source:
    """A file of the project.

    Args:
        path: From the root of the project, with slashes.

    Raises:
        PageError: There is no such file.
    """
    try:
        return Source(path, (ROOT / path).read_text(encoding="utf-8"))
    except OSError as error:
        raise PageError(f"{path} can't be read: {error.strerror}") from None


def resolved(path: str) -> str:
    """A path as `@code` has it, from the root of the project: those of the reference may be written short."""
    first, slash, _ = path.partition("/")
    short = not slash or (ROOT / PACKAGE / first).is_dir()
    return f"{PACKAGE}/{path}" if short else path


def parsed(line: str) -> Shown | None:
    """What a line of a page shows, if it is a `@code` line.

    Raises:
        PageError: It is one, and says nothing that can be shown.
    """
    match = _CODE.fullmatch(line)
    if match is None:
        return None
    path, colons, symbols = (match["rest"] or "").partition("::")
    if not colons or not path or " " in path or not symbols.split():
        raise PageError(f"{line.strip()!r}: written @code FILE::SYMBOL, with further symbols after spaces")
    return Shown(resolved(path), tuple(symbols.split()))


def shown_by(text: str) -> Iterator[Shown]:
    """What the `@code` lines of a page show, in its order; those inside a fence are only quoted."""
    fence = ""
    for line in text.splitlines():
        match = _FENCE.fullmatch(line)
        if match is not None:
            if not fence:
                fence = match["fence"]
            elif match["fence"].startswith(fence) and not match["info"].strip():
                fence = ""
        elif not fence and (found := parsed(line)) is not None:
            yield found
