"""A small change to a program, written as a diff whose hunks name the function that they change.

    @@ primitives.tanh_vjp
    -     return (y_bar / c / c,)
    +     return (y_bar * (1 - np.tanh(x) ** 2),)

A line that opens a hunk is `@@` and a place: a module, or a function, class or method in one. The lines
below it are marked as in any diff: `-` goes, `+` comes, a blank stays and helps to find the spot. What goes
and what stays must stand in that place exactly once, line after line. Only indentation relative to each
other counts.

Line numbers would go stale with every edit. A diff without them still applies when the program has grown
elsewhere, and says so when the lines it is about have changed.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

MARKS = "-+ "


class DiffError(ValueError):
    """A diff can't be read, or doesn't fit the program."""


@dataclass(frozen=True)
class Hunk:
    """Lines to replace in one place.

    Attributes:
        place: The dotted name of a module, or of something defined in one.
        old: The lines that are there, without the indentation that all lines of the hunk share.
        new: The lines that take their place, likewise.
    """

    place: str
    old: tuple[str, ...]
    new: tuple[str, ...]


def parse(text: str) -> tuple[Hunk, ...]:
    """Read a diff.

    Raises:
        DiffError: It isn't one.
    """
    hunks: list[tuple[str, list[str]]] = []
    for line in text.strip("\n").splitlines():
        if line.startswith("@@"):
            hunks.append((line[2:].strip(), []))
        elif not hunks:
            raise DiffError(f"a diff begins with a line `@@ place`, not {line!r}")
        elif line and line[0] not in MARKS:
            raise DiffError(f"a line of a diff begins with '-', '+' or a blank, not {line!r}")
        else:
            hunks[-1][1].append(line or " ")
    if not hunks:
        raise DiffError("the diff is empty")
    return tuple(_hunk(place, lines) for place, lines in hunks)


def _hunk(place: str, lines: list[str]) -> Hunk:
    texts = textwrap.dedent("\n".join(line[1:] for line in lines)).splitlines()
    texts += [""] * (len(lines) - len(texts))
    marked = [(line[0], text) for line, text in zip(lines, texts, strict=True)]
    old = tuple(text for mark, text in marked if mark != "+")
    new = tuple(text for mark, text in marked if mark != "-")
    if not any(text.strip() for text in old):
        raise DiffError(f"@@ {place}: no line says where the change is to be made")
    if old == new:
        raise DiffError(f"@@ {place}: nothing is changed")
    return Hunk(place, old, new)


def apply(hunks: tuple[Hunk, ...], sources: Mapping[str, str]) -> dict[str, str]:
    """The modules that a diff changes, changed.

    Args:
        hunks: The diff.
        sources: The text of every module, by its dotted name.

    Raises:
        DiffError: A hunk doesn't fit.
    """
    changed: dict[str, str] = {}
    for hunk in hunks:
        module, qualname = _module_of(hunk.place, sources)
        changed[module] = _replaced(hunk, qualname, changed.get(module, sources[module]))
    return changed


def _module_of(place: str, sources: Mapping[str, str]) -> tuple[str, list[str]]:
    parts = place.split(".")
    for length in range(len(parts), 0, -1):
        module = ".".join(parts[:length])
        if module in sources:
            return module, parts[length:]
    raise DiffError(f"@@ {place}: there is no module {parts[0]}; there are {', '.join(sorted(sources))}")


def _replaced(hunk: Hunk, qualname: list[str], source: str) -> str:
    lines = source.splitlines()
    first, last = _range(hunk.place, qualname, source)
    length = len(hunk.old)
    wanted = _relative(hunk.old)
    found = [
        start
        for start in range(first, last - length + 1)
        if _relative(tuple(lines[start : start + length])) == wanted
    ]
    if len(found) != 1:
        times = f"{len(found)} times" if found else "nowhere"
        raise DiffError(f"@@ {hunk.place}: these lines stand there {times}:\n" + "\n".join(hunk.old))
    (start,) = found
    shift = _indentation(tuple(lines[start : start + length])) - _indentation(hunk.old)
    lines[start : start + length] = [_shifted(line, shift) for line in hunk.new]
    return "\n".join(lines) + "\n"


def _range(place: str, qualname: list[str], source: str) -> tuple[int, int]:
    """The lines of a definition, its decorators included, counted from 0; the last one is excluded."""
    tree: ast.AST = ast.parse(source)
    first, last = 0, len(source.splitlines())
    for name in qualname:
        definitions = [
            node
            for node in ast.iter_child_nodes(tree)
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == name
        ]
        if not definitions:
            raise DiffError(f"@@ {place}: there is no {name}")
        # A property and its setter have one name; the hunk's lines tell which is meant.
        tree = definitions[0]
        first = min(min([node.lineno, *(d.lineno for d in node.decorator_list)]) for node in definitions) - 1
        last = max(node.end_lineno or node.lineno for node in definitions)
    return first, last


def _indentation(lines: tuple[str, ...]) -> int:
    return min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)


def _relative(lines: tuple[str, ...]) -> tuple[str, ...]:
    indentation = _indentation(lines)
    return tuple(line[indentation:].rstrip() for line in lines)


def _shifted(line: str, by: int) -> str:
    if not line.strip():
        return ""
    return " " * by + line if by >= 0 else line[min(-by, len(line) - len(line.lstrip())) :]
