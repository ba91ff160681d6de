"""Looks at the built pages as a browser would find them: `python -m pagework.check_site FOLDER [SCRIPTS]`.

What can be said without a browser: every link leads somewhere, no id is there twice, every picture has words,
no page is heavy, nothing is asked of anybody else; and nothing is left out: every clause has its place, and
so has every public name. Scripts below the folder SCRIPTS of the site aren't looked at.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dlspec import manifest
from pagework.clauses import home
from pagework.literate import files
from pagework.places import as_html
from pagework.reference_pages import module_of, public
from pagework.source import MAIN, PACKAGE, read

HEAVY = 500_000
"""Bytes of a page; more than that a reader waits for."""

LOADED = {"src", "srcset", "poster", "data"}
"""Attributes that have a browser load something, whatever the element."""

LOADING_LINKS = {"stylesheet", "icon", "preload", "modulepreload", "prefetch", "preconnect", "manifest"}

NEVER_ASKED = {
    "https://embedded.invalid": "a name that nobody can have, for what is in the page already",
    "http://www.w3.org": "names a vocabulary, and is never asked",
    "https://unpkg.com/mermaid": "Material asks for it where a page has a Mermaid diagram, and none has",
    "https://unpkg.com/resize-observer-polyfill": "Material asks for it in browsers that lack ResizeObserver",
    "https://squidfunk.github.io": "a link, or a comment on who wrote it",
    "https://github.com": "a link, or a comment on where to read on",
    "https://api.github.com": "Material asks it where `repo_url` is set, and it isn't",
    "https://clipboardjs.com": "a comment on who wrote it",
    "http://lunrjs.com": "a comment on who wrote it",
    "http://tartarus.org": "a comment on who wrote it",
    "https://bit.ly/2s3ChXG": "the advice that a warning ends with",
    "https://libexpat.github.io": "a comment in what Graphviz is compiled from",
    "https://www.graphviz.org": "a comment in what Graphviz draws",
}
"""What stands in scripts and is no request, by how it begins, and why."""

NO_REQUESTS = ("assets/javascripts/lunr/", "search/", "search.js")
"""Scripts that search loads for languages other than the site's; and its index, which is the site's text."""

URL = re.compile(r"https?://[\w.-]+(?:/[\w@./-]*)?")
CSS_URL = re.compile(r"""url\(\s*["']?([^"')]+)["']?\s*\)|@import\s+["']([^"']+)""")
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@dataclass
class Link:
    """Something that a page leads to, or loads.

    Attributes:
        target: Where it leads.
        line: Where it stands.
        loaded: Whether a browser asks for it by itself.
    """

    target: str
    line: int
    loaded: bool


@dataclass
class Page(HTMLParser):
    """What there is to say of a page without a browser."""

    ids: Counter[str] = field(default_factory=Counter)
    links: list[Link] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    headings: Counter[str] = field(default_factory=Counter)
    _open: list[tuple[str, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the parser ready."""
        HTMLParser.__init__(self)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at an element; the parser calls this."""
        values = {name: value or "" for name, value in attrs}
        line = self.getpos()[0]
        if "id" in values:
            self.ids[values["id"]] += 1
        if tag == "a" and "name" in values and values["name"] != values.get("id"):
            self.ids[values["name"]] += 1
        self._look_for_links(tag, values, line)
        if tag == "img" and "alt" not in values:
            self.problems.append(f"line {line}: an image without alt")
        unheard = values.get("aria-hidden") == "true" or bool(self._open and self._open[-1][1])
        if tag == "svg" and not unheard and {"article"} & {name for name, _ in self._open}:
            named = values.get("role") == "img" and (
                values.get("aria-label") or values.get("aria-labelledby")
            )
            if not named:
                self.problems.append(
                    f'line {line}: a drawing without words; it wants role="img" and aria-label'
                )
        if tag == "html" and not values.get("lang"):
            self.problems.append("it doesn't say its language")
        self.headings[tag] += tag == "h1"
        if tag not in VOID:
            self._open.append((tag, unheard))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at an element that is closed at once; the parser calls this."""
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        """Leave an element; the parser calls this."""
        if tag in {name for name, _ in self._open}:
            while self._open.pop()[0] != tag:
                pass

    def _look_for_links(self, tag: str, values: Mapping[str, str], line: int) -> None:
        for name, value in values.items():
            if name in LOADED and not (name == "data" and tag != "object"):
                targets = [part.split()[0] for part in value.split(",") if part.split()]
                self.links += [
                    Link(target, line, loaded=True) for target in (targets if name == "srcset" else [value])
                ]
            elif name == "style":
                self.links += [Link(target, line, loaded=True) for target in _in_css(value)]
            elif name == "href":
                rel = set(values.get("rel", "").split())
                loads = tag in ("use", "image") or (tag == "link" and bool(LOADING_LINKS & rel))
                if "canonical" not in rel:
                    self.links.append(Link(value, line, loads))


def _in_css(text: str) -> list[str]:
    return ["".join(match) for match in CSS_URL.findall(text)]


@cache
def parsed(path: Path) -> Page:
    """A page, read once."""
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    page.close()
    return page


def problems(site: Path, trusted: str | None = None) -> Iterator[str]:
    """Everything that is wrong with the built pages, each with where it is.

    Args:
        site: Where they are.
        trusted: The folder of scripts that may name what they like.
    """
    pages = sorted(site.rglob("*.html"))
    if not pages:
        yield f"{site} has no pages; build them first"
        return
    for path in pages:
        name = path.relative_to(site).as_posix()
        yield from (f"{name}: {problem}" for problem in _of_page(site, path))
    for path in sorted(site.rglob("*.css")):
        name = path.relative_to(site).as_posix()
        text = path.read_text(encoding="utf-8")
        yield from (f"{name}: {problem}" for target in _in_css(text) for problem in _led(site, path, target))
    for path in sorted(site.rglob("*.js")):
        name = path.relative_to(site).as_posix()
        if name.startswith(NO_REQUESTS) or (trusted and name.startswith(trusted)):
            continue
        for url in sorted(set(URL.findall(path.read_text(encoding="utf-8")))):
            if not url.startswith(tuple(NEVER_ASKED)):
                yield f"{name}: names {url}, which it may ask"
    yield from _left_out(site)


def _of_page(site: Path, path: Path) -> Iterator[str]:
    page = parsed(path)
    yield from page.problems
    yield from (f"the id {id} is there {count} times" for id, count in page.ids.items() if count > 1)
    if page.headings["h1"] != 1:
        yield f"it has {page.headings['h1']} headings of the first kind, not one"
    if (size := path.stat().st_size) > HEAVY:
        yield f"it has {size:,} bytes; no page may have more than {HEAVY:,}"
    for link in page.links:
        if not link.loaded and (path.name == "404.html" or urlsplit(link.target).scheme):
            continue  # 404.html is shown at any address, so nothing in it can be relative
        yield from (f"line {link.line}: {problem}" for problem in _led(site, path, link.target))


def _led(site: Path, path: Path, target: str) -> Iterator[str]:
    """What is wrong with where something leads."""
    parts = urlsplit(target)
    if parts.scheme in ("data", "mailto", "javascript", "blob"):
        return
    if parts.scheme or parts.netloc:
        yield f"asks {parts.netloc or parts.scheme} for something"
        return
    if path.name == "404.html" and parts.path.startswith("/"):
        return
    place = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
    if place.is_dir():
        place /= "index.html"
    if not place.is_relative_to(site.resolve()) or not place.is_file():
        yield f"leads to {target}, where there is nothing"
    elif parts.fragment and place.suffix == ".html" and unquote(parts.fragment) not in parsed(place).ids:
        yield f"leads to {target}, but there is no such place on that page"


def _left_out(site: Path) -> Iterator[str]:
    """Clauses without a place, and public names without an entry."""
    for id in manifest.by_id():
        place, _, anchor = as_html(home(id)).partition("#")
        if not (site / place).exists() or anchor not in parsed(site / place).ids:
            yield f"the clause {id} has no place on {place}"
    entries = {id for path in (site / "reference").rglob("*.html") for id in parsed(path).ids}
    for file in files():
        place = file.removeprefix(f"{PACKAGE}/")
        # What a package's own file has is imported from elsewhere, and a program is run, not imported.
        if place.endswith("__init__.py") or MAIN in read(file).finest:
            continue
        for symbol in sorted(public(place)):
            if (name := f"{module_of(place)}.{symbol}") not in entries:
                yield f"the reference has no entry for {name}"


def main() -> None:
    """Say what is wrong with the pages in the folder that is named."""
    place, *trusted = sys.argv[1:]
    found = list(problems(Path(place), *trusted))
    for problem in found:
        print(problem)
    sys.exit(f"{len(found)} things are wrong with the pages" if found else 0)


if __name__ == "__main__":
    main()
