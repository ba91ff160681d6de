"""A package whose files can be exchanged one at a time, for one process."""

from __future__ import annotations

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

from tests.mutation.mutants import Mutant

Code = dict[str, tuple[CodeType, Path]]


@dataclass(frozen=True)
class Package:
    """A package on disk.

    Attributes:
        name: What it is imported as.
        folder: Where it is.
    """

    name: str
    folder: Path

    @cached_property
    def modules(self) -> dict[str, Path]:
        """Its modules, by their full names."""
        found = {}
        for path in sorted(self.folder.rglob("*.py")):
            parts = [self.name, *path.relative_to(self.folder).with_suffix("").parts]
            found[".".join(parts).removesuffix(".__init__")] = path
        return found

    @cached_property
    def code(self) -> Code:
        """Its modules as they are, compiled."""
        return {
            name: (compile(path.read_text(encoding="utf-8"), str(path), "exec"), path)
            for name, path in self.modules.items()
        }

    def put_on(self, mutant: Mutant | None) -> None:
        """Have this process import the package, with one file exchanged."""
        code = dict(self.code)
        if mutant is not None:
            path = code[mutant.module][1]
            code[mutant.module] = (compile(mutant.text, str(path), "exec"), path)
        sys.meta_path.insert(0, _Importer(code))


class _Importer(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports modules that are compiled already."""

    def __init__(self, code: Code) -> None:
        self._code = code

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self._code:
            return None
        place = self._code[fullname][1]
        is_package = place.name == "__init__.py"
        spec = importlib.util.spec_from_loader(fullname, self, origin=str(place), is_package=is_package)
        if spec is not None:
            spec.has_location = True
            if is_package:
                spec.submodule_search_locations = [str(place.parent)]
        return spec

    def exec_module(self, module: ModuleType) -> None:
        exec(self._code[module.__name__][0], vars(module))


class LinesRun:
    """Which lines below a folder are run in a block, in any thread, by file."""

    def __init__(self, folder: Path) -> None:
        """Look at the files of this folder."""
        self._folder = str(folder)

    def __enter__(self) -> dict[str, set[int]]:
        """Begin."""
        lines: defaultdict[str, set[int]] = defaultdict(set)

        def in_a_frame(frame: FrameType, event: str, argument: Any) -> Any:
            lines[frame.f_code.co_filename].add(frame.f_lineno)
            return in_a_frame

        def trace(frame: FrameType, event: str, argument: Any) -> Any:
            return in_a_frame if frame.f_code.co_filename.startswith(self._folder) else None

        threading.settrace(trace)
        sys.settrace(trace)
        return lines

    def __exit__(self, *raised: object) -> None:
        """End."""
        sys.settrace(None)
        threading.settrace(None)


def lines_that_run(path: Path, line: int) -> set[int] | None:
    """The lines of the statement at a line: if one of them is run, it is; None if importing runs it.

    What stands in the first line of a `def`, defaults above all, importing runs, too.
    """
    around = [(lines, inside) for lines, inside in _statements(path) if line in lines]
    lines, inside = min(around, key=lambda found: len(found[0]), default=(range(0), False))
    return set(lines) if inside else None


@cache
def _statements(path: Path) -> list[tuple[range, bool]]:
    """The lines of each statement, without those of the statements in it, and whether a function runs it."""
    found = []

    def visit(node: ast.AST, inside: bool) -> None:
        for child in ast.iter_child_nodes(node):
            definition = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            if isinstance(child, ast.stmt):
                body: list[ast.stmt] = getattr(child, "body", [])
                end = body[0].lineno if body else (child.end_lineno or child.lineno) + 1
                found.append((range(child.lineno, end), inside and not definition))
            visit(child, (inside or definition) and not isinstance(child, ast.ClassDef))

    visit(ast.parse(path.read_text(encoding="utf-8")), False)
    return found
