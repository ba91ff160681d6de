"""What the directives of a page become."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from pagework import exercises, listings, markup, reference_pages, source
from pagework.cells import Cell, Output
from pagework.clauses import Place, catching, home, kept_by, satisfied_by, sheet_of, sheets
from pagework.exercises import Exercise
from pagework.listings import Listing
from pagework.places import as_html, in_package, relative
from pagework.rendering import figure

MANY = 8
"""More places or names than that are counted, not listed."""


@dataclass(frozen=True)
class Page:
    """The page that is being made.

    Attributes:
        name: Its file, from the folder of pages; empty where that isn't known, as for a docstring.
        keep: Hands over HTML, and gets what to write in the Markdown instead.
        anchors: The ids that it has given away already.
    """

    name: str
    keep: Callable[[str], str]
    anchors: set[str] = field(default_factory=set)

    def to(self, target: str) -> str:
        """A link from this page to another, for HTML."""
        return as_html(relative(target, self.name))

    def to_clause(self, id: str) -> str:
        """A clause's id, linked to where it stands."""
        return markup.link(id, self.to(home(id)))

    def to_place(self, place: Place) -> str:
        """A place in the reference, linked to where that is described."""
        target = reference_pages.home(place.file, place.symbol)
        return markup.link(place.dotted, self.to(target)) if target else f"<code>{place.dotted}</code>"


def listing_of(page: Page, found: Listing) -> str:
    """Symbols with their source, under the name of their file."""
    id = anchor(found.file.path, found.symbols[0])
    if id in page.anchors:
        id = ""
    page.anchors.add(id)
    return markup.code(found.text, "python", _title(page, found), id)


def anchor(path: str, symbol: str) -> str:
    """The id of a listing that begins with a symbol."""
    return f"{in_package(path) or path}::{symbol}"


def _title(page: Page, found: Listing) -> str:
    """The name of a file, and a link to where it is described."""
    path = found.file.path
    target = _described(path, [name for name in found.symbols if not name.endswith(source.HEAD)])
    name = html.escape(path)
    if target is not None:
        name = f'<a href="{html.escape(page.to(target))}">{name}</a>'
    return f"{name}, line {found.spans[0].first}"


def _described(path: str, symbols: list[str]) -> str | None:
    """Where the reference or the spec describes the first of some symbols."""
    symbol = symbols[0] if symbols else ""
    file = in_package(path)
    if file is not None:
        return reference_pages.home(file, symbol)
    for sheet in sheets().values():
        if (sheet.path, sheet.function) == (path, symbol):
            return home(sheet.anchor)
    return None


def code(page: Page, argument: str) -> str:
    """`@code FILE::SYMBOL [SYMBOL ...]`."""
    shown = source.parsed(f"@code {argument}")
    assert shown is not None
    return page.keep(listing_of(page, listings.of(shown)))


def clause(page: Page, argument: str) -> str:
    """`@clause ID`: sentence, check, and who keeps it."""
    name = argument.strip()
    sheet = sheet_of(name)
    ids = [name] if name in sheet.ids else sheet.ids
    sentence = next((one.sentence for one in sheet.clauses if one.id == name), None)
    told = markup.prose(sentence if sentence is not None else law_sentence(sheet.sentence))
    check = markup.code(listings.find(sheet.path, sheet.function).text)
    id = clause_anchor(name)
    mark = "" if id in page.anchors else f' id="{html.escape(id)}"'
    page.anchors.add(id)
    return page.keep(
        f'<div{mark} class="clause"><blockquote><p>{told}</p></blockquote>'
        f'<p class="clause-id">{page.to_clause(name)}</p>'
        + markup.folded("How it is checked, and who keeps it", check + f"<p>{kept(ids)}</p>")
        + "</div>"
    )


def clause_anchor(name: str) -> str:
    """The id of a clause where a page tells it; its own id is for the page of the spec."""
    return f"clause-{name}"


def law_sentence(sentence: str) -> str:
    """What a law says of whatever row."""
    return sentence.replace("`{op}`", "an op").replace("{op}", "op")


def kept(ids: Iterable[str]) -> str:
    """Who passes some clauses, in a sentence or two."""
    found = kept_by(ids)
    parts = (
        ("Passes in", found["all"]),
        ("passes in part in", found["some"]),
        ("diverges, as declared, in", found["declared"]),
        ("doesn't hold in", found["none"]),
    )
    said = [f"{words} {_listed([report.name for report in those])}" for words, those in parts if those]
    if not said:
        return "No report says yet who keeps it."
    text = "; ".join(said)
    return html.escape(text[0].upper() + text[1:]) + "."


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def satisfied(page: Page, ids: Iterable[str]) -> str:
    """The code that makes some clauses hold, in a sentence."""
    places = satisfied_by(ids)
    if not places:
        return ""
    more = f", and {len(places) - MANY} other places" if len(places) > MANY else ""
    return f"Satisfied by {', '.join(page.to_place(place) for place in places[:MANY])}{more}."


def caught(page: Page, ids: Iterable[str], where: Callable[[str], str]) -> str:
    """The planted faults that some clauses catch, in a sentence."""
    found = list(dict.fromkeys(fault for id in ids for fault in catching().get(id, ())))
    if not found:
        return ""
    links = [f'<a href="{html.escape(page.to(where(fault)))}">{words(fault)}</a>' for fault in found[:MANY]]
    more = f", and {len(found) - MANY} more" if len(found) > MANY else ""
    return f"Catches: {'; '.join(links)}{more}."


def words(id: str) -> str:
    """An id as a heading."""
    text = id.replace("_", " ")
    return text[:1].upper() + text[1:]


def cell(number: int, one: Cell, output: Output) -> str:
    """A cell with what came of it."""
    attributes = f'class="pyrun" data-cell="{number}" data-kind="{one.kind}"'
    if one.kind == "hidden":
        return f"<div {attributes} hidden data-search-exclude>{markup.code(one.source)}</div>"
    if one.kind == "figure":
        attributes += f' data-alt="{html.escape(one.alt)}"'
    shown = markup.printed(output.text.rstrip("\n")) if output.text.strip() else ""
    if output.drawing:
        shown += figure(output.drawing, one.alt)
    raised = " data-raised" if output.raised else ""
    below = f'<div class="pyrun-output"{raised}>{shown}</div>' if shown else ""
    return f"<div {attributes}>{markup.code(one.source)}{below}</div>"


def breaking(page: Page, argument: str) -> str:
    """`@break FILE::SYMBOL fault=ID clauses=GLOB`."""
    exercise = exercises.read("break", argument)
    fault = exercise.fault
    assert fault is not None
    story = f"<p>{markup.prose(fault.story)}</p>" + markup.code(fault.text + "\n", "diff")
    there = markup.folded("One way to break it", story + f"<p>{_in_a_terminal(exercise)}</p>", "example")
    return page.keep(_exercise(page, exercise, there))


def building(page: Page, argument: str) -> str:
    """`@build FILE::SYMBOL clauses=GLOB`."""
    exercise = exercises.read("build", argument)
    solution = markup.folded("Solution", markup.code(exercise.source), "success")
    return page.keep(_exercise(page, exercise, solution))


def _in_a_terminal(exercise: Exercise) -> str:
    assert exercise.fault is not None
    only = " ".join(f"--only '{pattern}'" for pattern in exercise.patterns)
    return f"In a terminal: <code>{html.escape(f'dlspec verify fault:{exercise.fault.id} {only}')}</code>"


def _exercise(page: Page, exercise: Exercise, after: str) -> str:
    asked = ", ".join(
        page.to_clause(pattern) if pattern in exercise.ids else f"<code>{html.escape(pattern)}</code>"
        for pattern in exercise.patterns
    )
    return (
        f'<div class="pyexercise" data-kind="{exercise.kind}">'
        + markup.code(exercise.start, "python", _title(page, exercise.listing))
        + markup.data(exercise.data(), "pyexercise-data")
        + f'<p class="pyexercise-asked">Asked: {asked}</p>{after}</div>'
    )


DIRECTIVES: dict[str, Callable[[Page, str], str]] = {
    "code": code,
    "clause": clause,
    "break": breaking,
    "build": building,
}
"""What a line `@name argument` becomes, as Markdown, by its name."""

NAMED = re.compile(r"^(?P<indent>\s*)@(?P<name>[a-z][a-z_]*)(?:\s+(?P<argument>.*?))?\s*$")
