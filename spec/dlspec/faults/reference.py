"""The reference with a change made to it, in a process of its own.

The text of the package is read, changed and imported under the package's own name; nothing is written.
Nothing here knows what is in it.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import CodeType, ModuleType

from dlspec.faults.diff import Hunk, apply

PACKAGE = "deeplearning_framework"


@cache
def files() -> Mapping[str, Path]:
    """The files of the reference, by the module's name within the package; its own is `__init__`."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{PACKAGE} is not installed", name=PACKAGE)
    root = Path(next(iter(spec.submodule_search_locations)))
    return {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted(root.rglob("*.py"))
    }


@cache
def sources() -> Mapping[str, str]:
    """The text of every module of the reference."""
    return {name: path.read_text(encoding="utf-8") for name, path in files().items()}


@cache
def _compiled(name: str) -> CodeType:
    return compile(sources()[name], str(files()[name]), "exec", dont_inherit=True)


def warm() -> None:
    """Compile every module once, for all the processes that will be forked from this one."""
    for name in files():
        _compiled(name)


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds and loads the package's modules, some of them with another text."""

    def __init__(self, changed: Mapping[str, str], label: str) -> None:
        self._changed = changed
        self._label = label

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if self._name(fullname) not in sources():
            return None
        return importlib.util.spec_from_loader(fullname, self, origin=self._filename(fullname))

    def is_package(self, fullname: str) -> bool:
        return files()[self._name(fullname)].name == "__init__.py"

    def get_source(self, fullname: str) -> str:
        name = self._name(fullname)
        return self._changed.get(name, sources()[name])

    def get_code(self, fullname: str) -> CodeType:
        name = self._name(fullname)
        if name not in self._changed:
            return _compiled(name)
        return compile(self._changed[name], self._filename(fullname), "exec", dont_inherit=True)

    def _filename(self, fullname: str) -> str:
        """Where tracebacks say that a line stands: in no file, where it was changed."""
        name = self._name(fullname)
        return f"{self._label}/{name}.py" if name in self._changed else str(files()[name])

    @staticmethod
    def _name(fullname: str) -> str:
        package, _, name = fullname.partition(".")
        return (name or "__init__") if package == PACKAGE else ""


def changed(hunks: tuple[Hunk, ...], label: str) -> ModuleType:
    """Import the reference with a change made to it.

    Args:
        hunks: The change; none for the reference as it is.
        label: What tracebacks call it.

    Raises:
        DiffError: The change doesn't fit.
        RuntimeError: The reference is already there; the two would mix.
    """
    if PACKAGE in sys.modules:
        raise RuntimeError(
            f"{PACKAGE} has been imported in this process, where {label} was to take its place"
        )
    sys.meta_path.insert(0, _Changed(apply(hunks, sources()), label))
    return importlib.import_module(PACKAGE)


@contextmanager
def rewritten(texts: Mapping[str, str], label: str) -> Iterator[ModuleType]:
    """The reference with other texts for some of its modules, beside one that may be there already.

    Whoever imports the package meanwhile gets this one; afterwards everything is as it was.

    Args:
        texts: What is different, by the module's name within the package.
        label: What tracebacks call it.

    Raises:
        Exception: Whatever importing it raises.
    """
    finder = _Changed(texts, label)
    sources()  # where they are is asked before the finder answers for them
    kept = _taken_away()
    sys.meta_path.insert(0, finder)
    try:
        yield importlib.import_module(PACKAGE)
    finally:
        sys.meta_path.remove(finder)
        _taken_away()
        sys.modules.update(kept)


def _taken_away() -> dict[str, ModuleType]:
    """The modules of the package that had been imported, and aren't any more."""
    names = [name for name in sys.modules if name == PACKAGE or name.startswith(f"{PACKAGE}.")]
    return {name: sys.modules.pop(name) for name in names}
