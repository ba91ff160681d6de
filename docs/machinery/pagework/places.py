"""Where things are, and how one page leads to another."""

from __future__ import annotations

import os.path
from pathlib import Path, PurePosixPath

from pagework import source
from pagework.source import ROOT

DOCS = ROOT / "docs"
SPEC = ROOT / "spec" / "dlspec"
CONFORMANCE = ROOT / "conformance"


def from_root(path: Path) -> str:
    """A path as it is spoken of: from the root of the project."""
    return path.relative_to(ROOT).as_posix()


def in_package(path: str) -> str | None:
    """A path from the package's folder, given from the root; None if it isn't in there."""
    folder = f"{source.PACKAGE}/"
    return path.removeprefix(folder) if path.startswith(folder) else None


def relative(target: str, page: str) -> str:
    """The way from one page to another, both given from the folder of the pages."""
    place, mark, anchor = target.partition("#")
    if place == page and mark:
        return f"#{anchor}"
    return os.path.relpath(place, PurePosixPath(page).parent).replace(os.sep, "/") + mark + anchor


def as_html(link: str) -> str:
    """A link to the source of a page as one to the page itself."""
    place, mark, anchor = link.partition("#")
    return place.removesuffix(".md") + ".html" + mark + anchor if place.endswith(".md") else link
