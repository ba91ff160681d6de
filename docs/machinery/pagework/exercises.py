"""Exercises in which the reader changes the reference: breaks a function, or writes it from its clauses."""

from __future__ import annotations

import ast
import shlex
import textwrap
from dataclasses import dataclass

from dlspec.faults import Change, faults, reference
from dlspec.faults.diff import DiffError, apply
from dlspec.faults.exam import read_matrix
from pagework import listings
from pagework.clauses import matching
from pagework.listings import Definition, Listing
from pagework.places import in_package
from pagework.source import PageError


@dataclass(frozen=True)
class Exercise:
    """What the reader is to do, and what says whether it is done.

    Attributes:
        kind: `break` or `build`.
        file: The file, from the package's folder.
        symbol: What of it is shown.
        listing: Where that stands.
        start: The text that the editor shows at first.
        patterns: The clauses that are asked, as the page names them.
        ids: The clauses that are asked.
        fault: For `break`, a planted fault that fails them.
    """

    kind: str
    file: str
    symbol: str
    listing: Listing
    start: str
    patterns: tuple[str, ...]
    ids: tuple[str, ...]
    fault: Change | None = None

    @property
    def first(self) -> int:
        """The first line of the symbol."""
        return self.listing.spans[0].first

    @property
    def last(self) -> int:
        """The last line of the symbol."""
        return self.listing.spans[-1].last

    @property
    def indent(self) -> int:
        """How many blanks stand before each line of it."""
        return len(self.listing.file.lines[self.last - 1]) - len(self.source.splitlines()[-1])

    @property
    def source(self) -> str:
        """The symbol as it is."""
        return self.listing.text

    @property
    def broken(self) -> str | None:
        """The symbol with the fault in it; None where the fault lies elsewhere."""
        if self.fault is None:
            return None
        changed = self.with_fault()
        found = _span(changed, self.symbol)
        text = None if found is None else textwrap.dedent(_lines(changed, *found))
        return None if text == self.source else text

    def with_fault(self) -> str:
        """The whole file with the fault in it."""
        assert self.fault is not None
        module = self.file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        try:
            return apply(self.fault.hunks, reference.sources()).get(module, reference.sources()[module])
        except DiffError as error:
            raise PageError(f"fault {self.fault.id}: {error}") from error

    def with_text(self, text: str) -> str:
        """The whole file with another text in the symbol's place, as the program in the page makes it."""
        lines = list(self.listing.file.lines)
        lines[self.first - 1 : self.last] = textwrap.indent(text, " " * self.indent).splitlines()
        return "\n".join(lines) + "\n"

    def data(self) -> dict[str, object]:
        """What the program in the page has to know."""
        fault = {} if self.fault is None else {"fault": self.fault.id, "change": self.fault.text}
        broken = {} if self.fault is None else {"broken": self.broken}
        return {
            "kind": self.kind,
            "file": self.file,
            "symbol": self.symbol,
            "first": self.first,
            "last": self.last,
            "indent": self.indent,
            "start": self.start,
            "source": self.source,
            **broken,
            **fault,
            "clauses": self.patterns,
            "ids": self.ids,
        }


def _lines(text: str, first: int, last: int) -> str:
    return "\n".join(text.splitlines()[first - 1 : last]) + "\n"


def read(kind: str, argument: str) -> Exercise:
    """An exercise from what a page says after `@break` or `@build`.

    Raises:
        PageError: It isn't one, or can't be told.
    """
    place, *words = shlex.split(argument) or [""]
    options = dict(word.partition("=")[::2] for word in words)
    wanted = {"clauses", "fault"} if kind == "break" else {"clauses"}
    path, colons, symbol = place.partition("::")
    if not colons or options.keys() != wanted or not all(options.values()):
        usage = " ".join(f"{name}=..." for name in sorted(wanted, reverse=True))
        raise PageError(f"@{kind} {argument}: it is written @{kind} FILE::SYMBOL {usage}")
    listing = listings.find(path, symbol)
    file = in_package(listing.file.path)
    if file is None:
        raise PageError(
            f"@{kind} {argument}: only the reference can be changed, in src/deeplearning_framework"
        )
    patterns = tuple(options["clauses"].split(","))
    ids = tuple(matching(patterns))
    if len(listing.spans) > 1:
        raise PageError(f"@{kind} {argument}: the editor shows a function or class that stands in one piece")
    exercise = Exercise(kind, file, symbol, listing, "", patterns, ids)
    if kind == "break":
        return _breaking(exercise, options["fault"])
    return _started(exercise, stub(exercise))


def _started(exercise: Exercise, start: str, fault: Change | None = None) -> Exercise:
    rest = (exercise.file, exercise.symbol, exercise.listing)
    return Exercise(exercise.kind, *rest, start, exercise.patterns, exercise.ids, fault)


def _breaking(exercise: Exercise, name: str) -> Exercise:
    fault = faults().get(name)
    if fault is None:
        raise PageError(f"@break {exercise.file}::{exercise.symbol}: there is no planted fault {name}")
    failing = set(read_matrix().get(name, ()))
    for pattern in exercise.patterns:
        if not failing.intersection(matching([pattern])):
            raise PageError(
                f"@break {exercise.file}::{exercise.symbol}: {pattern} isn't known to fail on {name}"
            )
    return _started(exercise, exercise.source, fault)


def _span(text: str, symbol: str) -> tuple[int, int] | None:
    """The lines of a function or class in a text."""
    block: ast.AST = ast.parse(text)
    for name in symbol.split("."):
        found = [node for node in ast.iter_child_nodes(block) if getattr(node, "name", None) == name]
        if not found:
            return None
        block = found[0]
    if not isinstance(block, Definition):
        return None
    lines = text.splitlines()
    first = min([block.lineno, *(each.lineno for each in block.decorator_list)])
    while first > 1 and lines[first - 2].lstrip().startswith("#"):
        first -= 1
    assert block.end_lineno is not None
    return first, block.end_lineno


def stub(exercise: Exercise) -> str:
    """A function, or the methods of a class, with signature and docstring alone."""
    lines = exercise.source.splitlines()
    tree = ast.parse(exercise.source)
    definitions = [node for node in tree.body if isinstance(node, Definition)]
    if not definitions:
        raise PageError(
            f"@build {exercise.file}::{exercise.symbol}: only functions and classes can be written"
        )
    functions = [node for one in definitions for node in _functions(one)]
    for function in reversed(functions):
        body = function.body
        keep = body[0] if ast.get_docstring(function) is not None else None
        first = (keep.end_lineno or 0) + 1 if keep else body[0].lineno
        indent = " " * (function.col_offset + 4)
        lines[first - 1 : function.end_lineno] = [f"{indent}..."]
    return "\n".join(lines) + "\n"


def _functions(node: ast.stmt) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return [node]
    return [one for child in getattr(node, "body", ()) for one in _functions(child)]
