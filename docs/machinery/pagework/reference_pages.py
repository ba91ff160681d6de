"""Where the reference describes each symbol of the package, and the list of the public ones.

@public_names       a table of what can be imported from the package itself
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache

import deeplearning_framework
from pagework import source
from pagework.places import DOCS, relative
from pagework.source import PACKAGE

NAME = "deeplearning_framework"
MODULE = re.compile(rf"^::: ({NAME}(?:\.\w+)*)\s*$", re.MULTILINE)


@cache
def _shown() -> Mapping[str, str]:
    """What the reference describes: modules, or something in one, by dotted names, with their pages."""
    return {
        name: page.relative_to(DOCS).as_posix()
        for page in sorted((DOCS / "reference").glob("*.md"))
        for name in MODULE.findall(page.read_text(encoding="utf-8"))
    }


@cache
def pages() -> Mapping[str, str]:
    """The page of each module of the package that has one, or of which something has, by its dotted name."""
    return {
        module: page
        for name, page in _shown().items()
        for module in _modules()
        if name == module or name.startswith(f"{module}.")
    }


@cache
def _modules() -> frozenset[str]:
    """The modules of the package, but for those that only gather what others define."""
    folder = source.ROOT / PACKAGE
    files = (path.relative_to(folder).as_posix() for path in folder.rglob("*.py"))
    return frozenset(module_of(file) for file in files if not file.endswith("__init__.py"))


def module_of(file: str) -> str:
    """The dotted name of a file of the package."""
    return ".".join([NAME, *file.removesuffix(".py").split("/")]).removesuffix(".__init__")


@cache
def described(file: str) -> frozenset[str]:
    """The symbols of a file that have an entry: all of a module, or those that a page names one by one."""
    module = module_of(file)
    named = {name.removeprefix(f"{module}.") for name in _shown() if name.startswith(f"{module}.")}
    found = _documented(file)
    return (
        found if module in _shown() else frozenset(name for name in found if name.partition(".")[0] in named)
    )


@cache
def public(file: str) -> frozenset[str]:
    """The symbols of a file that have to have one: what is documented, and in `__all__` if there is that."""
    found = _documented(file)
    for statement in source.read(f"{PACKAGE}/{file}").tree.body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == source.ALL:
            listed = ast.literal_eval(statement.value)
            return frozenset(name for name in found if name.partition(".")[0] in listed)
    return found


def _documented(file: str) -> frozenset[str]:
    return frozenset(_described(source.read(f"{PACKAGE}/{file}").tree.body, ""))


def _described(body: list[ast.stmt], prefix: str) -> Iterator[str]:
    for statement, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            if not _is_private(statement.name) and ast.get_docstring(statement) is not None:
                yield prefix + statement.name
            if isinstance(statement, ast.ClassDef) and not _is_private(statement.name):
                yield from _described(statement.body, f"{prefix}{statement.name}.")
        elif isinstance(statement, ast.Assign | ast.AnnAssign) and isinstance(after, ast.Expr):
            said = isinstance(after.value, ast.Constant) and isinstance(after.value.value, str)
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            yield from (
                prefix + target.id
                for target in targets
                if said and isinstance(target, ast.Name) and not _is_private(target.id)
            )


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def home(file: str, symbol: str) -> str | None:
    """The page and anchor of a symbol, or of what it is in; None where there is no page."""
    page = pages().get(module_of(file))
    if page is None:
        return None
    parts = symbol.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        if name in described(file):
            return f"{page}#{module_of(file)}.{name}"
    return page


def public_names(page: str) -> str:
    """A table of what can be imported from the package itself."""
    lines = ["| name | |", "|---|---|"]
    for name in sorted(deeplearning_framework.__all__, key=str.casefold):
        value = getattr(deeplearning_framework, name)
        if name.startswith("__"):
            continue
        file = value.__module__.removeprefix(f"{NAME}.").replace(".", "/") + ".py"
        place = home(file, name)
        shown = f"[`{name}`]({relative(place, page)})" if place else f"`{name}`"
        sentence = (value.__doc__ or "").strip().partition("\n")[0]
        lines.append(f"| {shown} | {sentence} |")
    return "\n".join(lines)
