"""Where the reference describes each symbol of the package."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from pagework import source
from pagework.places import DOCS

PACKAGE_NAME = "deeplearning_framework"
MODULE = re.compile(rf"^::: ({PACKAGE_NAME}(?:\.\w+)*)\s*$", re.MULTILINE)
FOLDER = "reference"


@cache
def pages() -> Mapping[str, str]:
    """The page of each module of the package that has one, by its dotted name."""
    found = {}
    for page in sorted(DOCS.glob(f"{FOLDER}*")) + sorted((DOCS / FOLDER).glob("*.md")):
        if page.suffix == ".md":
            for name in MODULE.findall(page.read_text(encoding="utf-8")):
                found[name] = page.relative_to(DOCS).as_posix()
    return found


def module_of(file: str) -> str:
    """The dotted name of a file of the package."""
    return ".".join([PACKAGE_NAME, *file.removesuffix(".py").split("/")]).removesuffix(".__init__")


def home(file: str, symbol: str) -> str | None:
    """The page and anchor of a symbol, or of the public thing that it is in; None where there is no page."""
    module = module_of(file)
    page = pages().get(module)
    if page is None:
        return None
    shown = []
    for part in filter(None, symbol.split(".")):
        if part.startswith("_") and not part.startswith("__"):
            break
        shown.append(part)
    known = {name.partition(".")[0] for name in source.read(f"{source.PACKAGE}/{file}").finest}
    if not shown or shown[0] not in known:
        return page
    return f"{page}#{module}.{'.'.join(shown)}"
