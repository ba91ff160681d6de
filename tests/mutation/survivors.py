"""The mutants that nothing notices, each with the reason: a file that is kept by hand, and held to the truth.

    [[survivors]]
    kind = "equivalent"
    why = "..."
    mutants = '''
    primitives.exp
    - y = np.exp(floating(x))
    + y = np.exp(None)
    '''

A survivor that isn't listed has no excuse; a listed one that is noticed, or isn't made any more, is a lie.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.mutants import Change

KINDS = {
    "equivalent": "the same values, errors and gradients: nobody can tell",
    "wording": "the text of a message or of a repr, which is ours",
    "ours": "behaviour that the spec leaves to an implementation",
    "cost": "more time or memory than need be, within what the spec allows",
}
"""What a reason may be, for the count in the end."""

UNEXPLAINED = "unexplained"


@dataclass(frozen=True)
class Reason:
    """Why some mutants survive."""

    kind: str
    why: str
    changes: tuple[Change, ...]


def read(path: Path) -> tuple[Reason, ...]:
    """The reasons in a file.

    Raises:
        ValueError: A kind is unknown, a reason is missing, or a mutant is listed twice.
    """
    tables = tomllib.loads(path.read_text(encoding="utf-8")).get("survivors", [])
    reasons = tuple(
        Reason(table["kind"], table["why"].strip(), _changes(table["mutants"])) for table in tables
    )
    for reason in reasons:
        if reason.kind not in {*KINDS, UNEXPLAINED} or not reason.why:
            raise ValueError(
                f"{path.name}: {reason.kind!r}, {reason.why!r}: the kinds are {', '.join(KINDS)}"
            )
    counts = Counter(change for reason in reasons for change in reason.changes)
    twice = [str(change) for change, count in counts.items() if count > 1]
    if twice:
        raise ValueError(f"{path.name}: listed twice:\n{twice[0]}")
    return reasons


def _changes(text: str) -> tuple[Change, ...]:
    blocks: list[tuple[str, list[str], list[str]]] = []
    for line in text.strip().splitlines():
        if line.startswith("-"):
            blocks[-1][1].append(line[1:].strip())
        elif line.startswith("+"):
            blocks[-1][2].append(line[1:].strip())
        elif line.strip():
            blocks.append((line.strip(), [], []))
    made = []
    for head, removed, added in blocks:
        place, _, number = head.partition(" #")
        made.append(Change(place, tuple(removed), tuple(added), int(number or 1)))
    return tuple(made)


def write(path: Path, heading: str, reasons: Iterable[Reason]) -> None:
    """Write reasons to a file, by reason and place."""
    tables = []
    for reason in reasons:
        if reason.changes:
            changes = "\n\n".join(map(str, sorted(reason.changes, key=lambda c: c.place)))
            why = reason.why.replace("\\", "\\\\")
            lines = [f'kind = "{reason.kind}"', 'why = """', f'{why}"""', "mutants = '''", changes, "'''"]
            tables.append("\n".join(["[[survivors]]", *lines, ""]))
    path.write_text("\n".join([heading, *tables]), encoding="utf-8")


def renewed(
    reasons: Iterable[Reason], survived: Iterable[Change], tried: Iterable[Change], all_tried: bool
) -> tuple[Reason, ...]:
    """Reasons for what survives now: the old ones where there are some, for the others a place to fill in.

    Args:
        reasons: What is listed.
        survived: What survives.
        tried: What was tried.
        all_tried: Whether that is all there is; if not, what is listed and wasn't tried stays.
    """
    left, tried = dict.fromkeys(survived), set(tried)
    kept = []
    for reason in reasons:
        changes = tuple(
            change for change in reason.changes if change in left or (change not in tried and not all_tried)
        )
        for change in changes:
            left.pop(change, None)
        kept.append(Reason(reason.kind, reason.why, changes))
    return (*kept, Reason(UNEXPLAINED, "A hole in the spec, or a reason to be written.", tuple(left)))


def problems(
    reasons: Iterable[Reason], survived: Iterable[Change], tried: Iterable[Change], *, all_tried: bool
) -> list[str]:
    """What is wrong with a list: survivors without a reason, and reasons without a survivor."""
    survived, tried = set(survived), set(tried)
    explained = {change for reason in reasons if reason.kind != UNEXPLAINED for change in reason.changes}
    found = [f"survives, and no reason is given:\n{change}" for change in survived - explained]
    for change in explained - survived:
        if change in tried:
            found.append(f"is listed as a survivor, but is noticed now:\n{change}")
        elif all_tried:
            found.append(f"is listed as a survivor, but isn't made any more:\n{change}")
    return sorted(found)
