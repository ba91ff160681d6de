"""What is wrong with an implementation, defect by defect, and what of the spec says so.

    @errata chapter13        every defect that `conformance/chapter13.toml` tells
    @planted ID ...          planted faults, in a sentence, each with the clause that catches it

The defects and their clauses are those that the matrix holds the implementation to. Beside them stand the
planted faults that bring the same mistake back: their story names the implementation, and one of the defect's
clauses is the one to catch them.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from dlspec import manifest
from dlspec.faults import faults
from dlspec.runner.matrix import Defect, defects
from dlspec.runner.stop import Stop
from pagework import fault_pages
from pagework.clauses import home
from pagework.places import CONFORMANCE, relative
from pagework.showing import Page, words
from pagework.source import PageError

NAMES = {"chapter13": "hapter 13"}
"""What stories call an implementation, wherever in a sentence."""


def told(page: Page, name: str) -> str:
    """Every defect of an implementation, with its story."""
    try:
        known = defects(CONFORMANCE / f"{name}.toml")
    except Stop as stop:
        raise PageError(str(stop)) from stop
    if not known or name not in NAMES:
        raise PageError(f"@errata {name}: nothing is told of such an implementation")
    again = _brought_back(known, NAMES[name])
    return "\n".join(_defect(page, defect, again[defect.id]) for defect in known)


def planted(page: Page, argument: str) -> str:
    """Some planted faults, with the clauses that catch them."""
    names = argument.split()
    unknown = [name for name in names if name not in faults()]
    if unknown or not names:
        raise PageError(f"@planted {argument}: there is no planted fault {', '.join(unknown) or 'named'}")
    return f"Planted as {_listed(page, names, caught=True)}."


def _brought_back(known: Sequence[Defect], name: str) -> dict[str, list[str]]:
    """The planted faults of each defect.

    Where several defects break the clause that catches a fault, it is that of the one which names it first.
    """
    found: dict[str, list[str]] = {defect.id: [] for defect in known}
    clauses = {defect.id: matching(defect) for defect in known}
    for fault in faults().values():
        owners = [id for id, ids in clauses.items() if fault.caught_by in ids]
        if owners and name in fault.story:
            found[min(owners, key=lambda id: clauses[id].index(fault.caught_by or ""))].append(fault.id)
    return found


def _defect(page: Page, defect: Defect, again: list[str]) -> str:
    ids = matching(defect)
    lines = [f"### {words(defect.id)}", "", defect.story, ""]
    lines += ["Refuted by " + ", ".join(f"[`{id}`]({relative(home(id), page.name)})" for id in ids) + "."]
    if again:
        lines += ["", f"Planted as {_listed(page, again)}."]
    return "\n".join([*lines, ""])


def matching(defect: Defect) -> list[str]:
    """The clauses that a defect breaks, in the order in which they are named."""
    everything = [clause.id for clause in manifest.clauses()]
    named = [id for pattern in defect.clauses for id in everything if fnmatchcase(id, pattern)]
    return list(dict.fromkeys(named))


def _listed(page: Page, names: list[str], *, caught: bool = False) -> str:
    parts = []
    for name in names:
        text = words(name)
        part = f"[{text[:1].lower()}{text[1:]}]({relative(fault_pages.place(name), page.name)})"
        by = faults()[name].caught_by
        if caught and by:
            part += f", caught by [`{by}`]({relative(home(by), page.name)})"
        parts.append(part)
    return ("; " if caught else ", ").join(parts)
