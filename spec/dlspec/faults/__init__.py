"""The spec's own exam: faults that it must catch, and correct variants that it must not.

A *fault* is one small change to the reference that makes it wrong, as somebody's framework once was. A clause
is worth something only if it fails on one. A *variant* is a change that leaves it right, done as somebody
else would; a clause that fails on one asks for too much.

    *.toml              faults, by what they are about
    variants/*.toml     variants
    matrix.json         which clauses are known to fail on which fault; `dlspec faults --matrix` makes it
    waivers.toml        clauses that need no fault, and why
    diff.py             the notation of a change
    reference.py        the reference with a change made to it
    chapter13.py        a framework as the book has it, wrong all over: the negative control
    random_faults.py    faults that nobody thought of
    exam.py             who fails on what

To add one, write a table like this into the file it belongs to, and run `dlspec faults its_id`:

    [[fault]]
    id = "tanh_derivative_from_the_value"
    of = "tanh"
    caught_by = "numerics.tanh.the_derivative_is_accurate_in_the_tails"
    story = "From y alone the derivative 1 - y*y has lost all but four digits at 15, and is 0 from 20 on."
    links = []
    change = '''
    @@ primitives.tanh_vjp
    ...
    '''

Any of them can be judged like anybody's framework: `dlspec verify fault:tanh_derivative_from_the_value`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from dlspec.faults.diff import DiffError, Hunk, parse

FOLDER = Path(__file__).parent


class FaultError(ValueError):
    """A fault or variant is not written as it should be."""


@dataclass(frozen=True)
class Change:
    """A change to the reference, and its story.

    Attributes:
        id: Its name.
        of: The op, layer or part that it is about.
        story: What it is, where it happened and why nobody noticed; or why it is as good as the original.
        links: Where to read on; empty where it was made up.
        text: The change as it is written.
        hunks: The change itself.
        caught_by: The clause that must fail, for a fault.
        claims: The profiles that a variant claims, where they aren't all.
        dtypes: The types that it computes in, where they aren't both.
        misses: The recommendations (SHOULD) that a variant does not follow, and need not.
    """

    id: str
    of: str
    story: str
    links: tuple[str, ...]
    text: str
    hunks: tuple[Hunk, ...]
    caught_by: str | None = None
    claims: tuple[str, ...] | None = None
    dtypes: tuple[str, ...] | None = None
    misses: tuple[str, ...] = ()


@cache
def faults() -> Mapping[str, Change]:
    """Every planted fault, by id.

    Raises:
        FaultError: One isn't written as it should be.
    """
    return _read("fault", FOLDER, {"caught_by"}, set())


@cache
def variants() -> Mapping[str, Change]:
    """Every correct variant, by id.

    Raises:
        FaultError: One isn't written as it should be.
    """
    return _read("variant", FOLDER / "variants", set(), {"claims", "dtypes", "misses"})


@cache
def waivers() -> Mapping[str, str]:
    """Clauses that need no fault, by a pattern of their ids, and the reason."""
    path = FOLDER / "waivers.toml"
    tables = tomllib.loads(path.read_text(encoding="utf-8")).get("waiver", [])
    return {table["clauses"]: table["reason"] for table in tables}


def _read(kind: str, folder: Path, required: set[str], optional: set[str]) -> dict[str, Change]:
    found: dict[str, Change] = {}
    for path in sorted(folder.glob("*.toml")):
        if path.name == "waivers.toml":
            continue
        for change in _changes(kind, path, required, optional):
            if change.id in found:
                raise FaultError(f"{path.name}: there are two {kind}s named {change.id}")
            found[change.id] = change
    return found


def _changes(kind: str, path: Path, required: set[str], optional: set[str]) -> Iterator[Change]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise FaultError(f"{path.name}: {error}") from error
    if extra := tables.keys() - {kind}:
        raise FaultError(f"{path.name}: unknown table {sorted(extra)[0]!r}; only [[{kind}]] is known")
    required = required | {"id", "of", "story", "links", "change"}
    for number, table in enumerate(tables.get(kind, []), start=1):
        where = f"{path.name}: {kind} {table.get('id', number)}"
        if extra := table.keys() - required - optional:
            raise FaultError(f"{where} has an unknown key {sorted(extra)[0]!r}")
        if missing := required - table.keys():
            raise FaultError(f"{where} lacks {sorted(missing)[0]!r}")
        yield _change(table, where)


def _change(table: Mapping[str, Any], where: str) -> Change:
    try:
        hunks = parse(table["change"])
    except DiffError as error:
        raise FaultError(f"{where}: {error}") from error
    if not table["story"].strip():
        raise FaultError(f"{where} has no story")
    return Change(
        table["id"],
        table["of"],
        " ".join(table["story"].split()),
        tuple(table["links"]),
        table["change"].strip("\n"),
        hunks,
        table.get("caught_by"),
        tuple(table["claims"]) if "claims" in table else None,
        tuple(table["dtypes"]) if "dtypes" in table else None,
        tuple(table.get("misses", ())),
    )
