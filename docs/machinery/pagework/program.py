"""The package as far as somebody has read it: from the symbols that the pages have shown, and nothing else.

A module keeps the symbols of it that were shown, in the order of the file. Its imports and its `__all__` are
trimmed to what is there and used; a class has its head and the methods that were shown; an `__init__` gathers
what there is. What the reader has not been shown does not run.

Code that was shown may name what comes later: the walk back through the graph asks whether a gradient is made
of `Rows` long before a reader needs to know what those are. Such a name is a *promise*. Until it is kept, an
empty class stands in for a class, a function that raises for a function, and an object that is equal to
nothing else for anything else. A method that is promised is missing until it is shown.
"""

from __future__ import annotations

import ast
import builtins
import symtable
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TypeGuard

from pagework import source
from pagework.source import ALL, HEAD, PACKAGE, ROOT, Source

NAME = PACKAGE.rpartition("/")[2]

_INIT = "__init__.py"
_BUILTINS = frozenset(dir(builtins)) | {"__class__", "__file__", "__name__"}


@dataclass(frozen=True, order=True, slots=True)
class Symbol:
    """A symbol of the package.

    Attributes:
        path: The file, from the root of the project.
        name: As `@code` has it.
    """

    path: str
    name: str

    def __str__(self) -> str:
        """As a page would write it."""
        return f"{self.path.removeprefix(f'{PACKAGE}/')}::{self.name}"

    @property
    def outer(self) -> str:
        """The name at the level of the module: of a method, its class."""
        return self.name.partition(".")[0]


@dataclass(frozen=True, order=True, slots=True)
class Gap:
    """Something that code uses and nobody has shown.

    Attributes:
        user: Whose code it is.
        name: What it says.
        missing: The symbol that would have to be shown; None if no file of the package has it.
    """

    user: Symbol
    name: str
    missing: Symbol | None


@dataclass(frozen=True, slots=True)
class _Import:
    """Where a name comes from that a module imports: a module of the package, or something in one."""

    path: str
    name: str | None


class Program:
    """A package made of some of the reference's symbols.

    Attributes:
        kept: For each file the finest symbols of it that are there.
        promised: What stands in for what.
    """

    def __init__(self, shown: Iterable[Symbol], promised: Iterable[Symbol] = (), version: str = "") -> None:
        """Gather what was shown.

        Args:
            shown: Symbols, whole or in part, of any files; those outside the package are passed over.
            promised: What code that was shown may use before it is shown itself.
            version: What the program calls its version, beside that of the reference.
        """
        self.kept: dict[str, set[str]] = {}
        for symbol in shown:
            if symbol.path.startswith(f"{PACKAGE}/"):
                self._keep(symbol)
        self.promised = {symbol for symbol in promised if not self._has(symbol)}
        self._version = version
        used = {name for gap in self._gaps(self.kept) for name in [gap.missing]}
        self.idle = {symbol for symbol in self.promised if symbol not in used}

    def _keep(self, symbol: Symbol) -> None:
        file = source.read(symbol.path)
        kept = self.kept.setdefault(symbol.path, set())
        for part in file.parts(symbol.name):
            kept.add(part)
            outer, dot, _ = part.partition(".")
            if dot:
                kept.add(f"{outer}.{HEAD}")

    def _has(self, symbol: Symbol) -> bool:
        kept = self.kept.get(symbol.path, set())
        if symbol.name in kept or f"{symbol.name}.{HEAD}" in kept:
            return True
        return bool(kept) and symbol.name in _for_the_checker(symbol.path)

    def gaps(self) -> list[Gap]:
        """What is used and neither shown nor promised."""
        return sorted({gap for gap in self._gaps(self.kept) if gap.missing not in self.promised}, key=repr)

    def write(self, folder: Path) -> None:
        """Make the package in a folder, which may hold an older one.

        Args:
            folder: Where a folder with the package's name is made.
        """
        for path in sorted(self.modules):
            place = folder / NAME / path.removeprefix(f"{PACKAGE}/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(self.text(path), encoding="utf-8")

    @cached_property
    def modules(self) -> frozenset[str]:
        """The files that there are."""
        files = {path for path, kept in self.kept.items() if kept} | {symbol.path for symbol in self.promised}
        folders = {path.rpartition("/")[0] for path in files} | {PACKAGE}
        return frozenset(files | {f"{folder}/{_INIT}" for folder in folders})

    def text(self, path: str) -> str:
        """What a file says."""
        file = source.read(path)
        names = self._names(path)
        pieces = [_docstring(file), *self._imports(file), *self._exports(file), *self._stand_ins(file)]
        text = "\n\n".join(piece for piece in pieces if piece)
        spans = sorted((span, symbol) for symbol in names for span in file.finest.get(symbol, ()))
        done = 0
        for span, symbol in spans:
            if (
                symbol in (HEAD, ALL) or span.last <= done
            ):  # names that are assigned together stand there once
                continue
            body = file.text(span)
            if symbol.endswith(f".{HEAD}") and _is_bare(body):
                body += "\n    pass"
            text += "\n" * (_blank_lines_above(file, span.first) + 1) + body
            done = span.last
        if path.endswith(_INIT) and self._version and "__version__" in file.finest:
            text += f'\n__version__ += "+{self._version}"'
        return text.strip("\n") + "\n"

    def _names(self, path: str) -> set[str]:
        """The symbols that a file has; an `__init__` has all of its own."""
        return set(source.read(path).finest) if path.endswith(_INIT) else self.kept.get(path, set())

    def _provides(self, path: str, name: str) -> bool:
        """Whether a file has a name that others may import."""
        if path not in self.modules:
            return False
        symbols = {part.partition(".")[0] for part in self._names(path) if part not in (HEAD, ALL)}
        symbols |= {symbol.outer for symbol in self.promised if symbol.path == path}
        symbols |= _for_the_checker(path)
        if name in symbols:
            return True
        if path.endswith(_INIT):
            found = _imports_of(path).get(name)
            return found is not None and found.name is not None and self._provides(found.path, found.name)
        return False

    def _is_there(self, found: _Import) -> bool:
        return found.path in self.modules if found.name is None else self._provides(found.path, found.name)

    def _imports(self, file: Source) -> Iterator[str]:
        """The imports of a file, trimmed to what is there and used."""
        used = {
            name
            for symbol in self._names(file.path)
            if symbol not in (HEAD, ALL)
            for name in _uses(file.path, symbol)
        }
        for_the_checker = {
            statement: lines
            for statement in file.tree.body
            if _is_for_the_checker(statement)
            and (lines := [line for part in statement.body for line in self._trimmed(file, part, used)])
        }
        if for_the_checker:
            used.add("TYPE_CHECKING")
        block = []
        for statement in file.tree.body:
            if isinstance(statement, (ast.Import, ast.ImportFrom)):
                block += self._trimmed(file, statement, used)
            elif statement in for_the_checker:
                block += ["if TYPE_CHECKING:", *(f"    {line}" for line in for_the_checker[statement])]
        if block:
            yield "\n".join(block)

    def _trimmed(self, file: Source, statement: ast.stmt, used: set[str]) -> list[str]:
        everything = file.path.endswith(_INIT)
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
                return [ast.unparse(statement)]
            imported = _imports_of(file.path)
            names = []
            for alias in statement.names:
                bound = alias.asname or alias.name.partition(".")[0]
                inside = imported.get(bound)
                if (everything or bound in used) and (inside is None or self._is_there(inside)):
                    names.append(alias)
            if not names:
                return []
            made: ast.stmt = (
                ast.ImportFrom(statement.module, names, statement.level)
                if isinstance(statement, ast.ImportFrom)
                else ast.Import(names)
            )
            return [ast.unparse(made)]
        assigned = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
        return [ast.unparse(statement)] if assigned & used else []

    def _exports(self, file: Source) -> Iterator[str]:
        """The `__all__` of a file, trimmed to what is there."""
        for statement in file.tree.body:
            if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == ALL:
                listed = [
                    name for name in ast.literal_eval(statement.value) if self._provides(file.path, name)
                ]
                if listed:
                    yield f"__all__ = {listed!r}"

    def _stand_ins(self, file: Source) -> Iterator[str]:
        for symbol in sorted(self.promised):
            if symbol.path == file.path and "." not in symbol.name:
                yield _stand_in(file, symbol.name)

    def _gaps(self, kept: Mapping[str, set[str]]) -> Iterator[Gap]:
        for path in kept:
            for name in kept[path]:
                user = Symbol(path, name)
                if path.endswith(_INIT) or name in (HEAD, ALL):
                    continue
                for used in _uses(path, name):
                    yield from self._missing(user, used)
                for owner, attribute in _attributes(path, name):
                    yield from self._missing_attribute(user, owner, attribute)

    def _missing(self, user: Symbol, used: str) -> Iterator[Gap]:
        """The gap, if a name that a symbol uses is nowhere."""
        file = source.read(user.path)
        own = {part.partition(".")[0] for part in file.finest if part not in (HEAD, ALL)}
        imported = _imports_of(user.path)
        members = {part.partition(".")[2] for part in file.finest if part.startswith(f"{user.outer}.")}
        if used in own:
            symbol = Symbol(user.path, used)
            if not self._has(symbol):
                yield Gap(user, used, symbol)
        elif used in imported:
            found = imported[used]
            # What is asked of a module is looked at where it is asked.
            if found.name is not None and not self._has(home := _home(found.path, found.name)):
                yield Gap(user, used, home)
        elif used not in _bound_elsewhere(user.path) | _BUILTINS | members:
            yield Gap(user, used, None)

    def _missing_attribute(self, user: Symbol, owner: str, attribute: str) -> Iterator[Gap]:
        """The gap, if a module or the object itself lacks what is asked of it by name."""
        if owner in ("self", "cls", "super()"):
            home = _member(user.path, user.outer, attribute, inherited=owner == "super()")
            if home is not None and not self._has(home):
                yield Gap(user, f"{owner}.{attribute}", home)
            return
        found = _imports_of(user.path).get(owner)
        if found is not None and found.name is None and not self._has(home := _home(found.path, attribute)):
            yield Gap(user, f"{owner}.{attribute}", home)


def _docstring(file: Source) -> str:
    first = file.tree.body[0] if file.tree.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return "\n".join(file.lines[first.lineno - 1 : first.end_lineno])
    return ""


def _is_for_the_checker(statement: ast.AST) -> TypeGuard[ast.If]:
    return isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test)


def _is_bare(head: str) -> bool:
    """Whether nothing but comments follows the first line of a class."""
    try:
        ast.parse(textwrap.dedent(head))
    except SyntaxError:
        return True
    return False


def _blank_lines_above(file: Source, line: int) -> int:
    number = 0
    while line - number > 1 and not file.lines[line - number - 2].strip():
        number += 1
    return number


def _stand_in(file: Source, name: str) -> str:
    """Something that may be named, and does nothing."""
    definition = next((node for node in file.tree.body if getattr(node, "name", None) == name), None)
    if isinstance(definition, ast.ClassDef):
        return f'class {name}:\n    """Comes in a later chapter; nothing is one yet."""'
    if isinstance(definition, ast.FunctionDef):
        return (
            f"def {name}(*operands, **options):\n"
            f'    raise NotImplementedError("{name} comes in a later chapter")'
        )
    return f"{name} = object()  # comes in a later chapter; nothing is equal to it yet"


def _table(path: str, name: str) -> Iterator[symtable.SymbolTable]:
    file = source.read(path)
    for span in file.find(name):
        yield symtable.symtable(_parsable(file.text(span)), path, "exec")


def _parsable(text: str) -> str:
    text = textwrap.dedent(text)
    return f"{text}\n    pass" if _is_bare(text) else text


@cache
def _uses(path: str, name: str) -> frozenset[str]:
    """The names that a symbol takes from its module, annotations included."""
    found: set[str] = set()

    def visit(table: symtable.SymbolTable, own: frozenset[str]) -> None:
        for symbol in table.get_symbols():
            outside = table.get_type() == "module" or symbol.is_global()
            if symbol.is_referenced() and outside and symbol.get_name() not in own:
                found.add(symbol.get_name())
        for child in table.get_children():
            visit(child, own)

    for table in _table(path, name):
        own = frozenset(
            symbol.get_name()
            for symbol in table.get_symbols()
            if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()
        )
        visit(table, own)
    return frozenset(found)


@cache
def _attributes(path: str, name: str) -> frozenset[tuple[str, str]]:
    """What a symbol asks of names by a dot."""
    file = source.read(path)
    return frozenset(
        (ast.unparse(node.value), node.attr)
        for span in file.find(name)
        for node in ast.walk(ast.parse(_parsable(file.text(span))))
        if isinstance(node, ast.Attribute)
    )


@cache
def _imports_of(path: str) -> Mapping[str, _Import]:
    """The names that a file imports from the package, by what it calls them."""
    found = {}
    for node in ast.walk(source.read(path).tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == NAME:
            for alias in node.names:
                place = _file_of(f"{node.module}.{alias.name}")
                inside = _Import(place, None) if place else _Import(_file_of(node.module) or "", alias.name)
                found[alias.asname or alias.name] = inside
    return found


@cache
def _bound_elsewhere(path: str) -> frozenset[str]:
    """The names that a file imports, or defines for the type checker alone."""
    names = set()
    for node in ast.walk(source.read(path).tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    return frozenset(names) | _for_the_checker(path)


@cache
def _for_the_checker(path: str) -> frozenset[str]:
    """The names that a file defines for the type checker alone."""
    return frozenset(
        part.id
        for node in source.read(path).tree.body
        if _is_for_the_checker(node)
        for part in ast.walk(node)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
    )


def _file_of(module: str) -> str | None:
    """The file of a module of the package."""
    place = f"{PACKAGE}{module.removeprefix(NAME).replace('.', '/')}"
    for path in (f"{place}.py", f"{place}/{_INIT}"):
        if (ROOT / path).exists():
            return path
    return None


def _home(path: str, name: str) -> Symbol:
    """Where a name is defined that may be imported from elsewhere."""
    while name not in {part.partition(".")[0] for part in source.read(path).finest}:
        found = _imports_of(path).get(name)
        if found is None or found.name is None:
            break
        path, name = found.path, found.name
    return Symbol(path, name)


def _member(path: str, owner: str, name: str, *, inherited: bool = False) -> Symbol | None:
    """Where a class of the package, or one that it is derived from, defines a method or an attribute."""
    file = source.read(path)
    if f"{owner}.{name}" in file.finest and not inherited:
        return Symbol(path, f"{owner}.{name}")
    for node in file.tree.body:
        if isinstance(node, ast.ClassDef) and node.name == owner:
            for base in node.bases:
                if not isinstance(base, ast.Name):
                    continue
                imported = _imports_of(path).get(base.id)
                home = (
                    _home(imported.path, imported.name)
                    if imported and imported.name
                    else Symbol(path, base.id)
                )
                if (found := _member(home.path, home.name, name)) is not None:
                    return found
    return None
