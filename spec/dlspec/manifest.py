"""The list of all clauses, and the promise that none of them is ever lost.

`clauses.lock` names every clause with the spec version that brought it. Reports, divergences and links
refer to clauses by id, so an id is never reused and never just vanishes: one that is withdrawn stays in
the file as a tombstone, `id since withdrawn-in reason`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import dlspec.clauses
from dlspec import casefile
from dlspec.catalogue import CATALOGUE
from dlspec.clause import Clause, Law

PROFILES = (
    "ops",
    "autodiff",
    "objects",
    "layers",
    "losses",
    "optim",
    "training",
    "numerics",
    "scale",
    "errors",
)
"""The parts of the spec that an implementation may claim, in the order in which one would be built."""

_ROWS = frozenset(op.id for op in CATALOGUE)

LOCK = Path(__file__).parent / "clauses.lock"

cases_sha256 = casefile.sha256


@cache
def clauses() -> tuple[Clause, ...]:
    """Every clause, by profile, and within one as its files read from top to bottom."""
    found: list[Clause] = []
    for info in pkgutil.walk_packages(dlspec.clauses.__path__, "dlspec.clauses."):
        if info.ispkg:
            continue
        members = vars(importlib.import_module(info.name)).values()
        found += [member.clause for member in members if hasattr(member, "clause")]
        laws: list[Law] = [member.law for member in members if hasattr(member, "law")]
        # Row by row, so that everything about one op stands together.
        by_row = sorted((clause for law in laws for clause in law), key=_row_number)
        found += by_row
    return tuple(sorted(found, key=lambda clause: PROFILES.index(clause.profile)))


def _row_number(clause: Clause) -> int:
    assert clause.op is not None
    return CATALOGUE.index(clause.op)


@cache
def depends_on() -> Mapping[str, frozenset[str]]:
    """For each clause those that it depends on, as declared; what it depends on through them is left out."""
    return {clause.id: frozenset(_meant(clause)) for clause in clauses()}


def _meant(clause: Clause) -> Iterator[str]:
    for name in clause.depends:
        for id in _matching(name):
            if id != clause.id:
                yield id


@cache
def _matching(pattern: str) -> tuple[str, ...]:
    if not any(char in pattern for char in "*?["):
        return (pattern,) if pattern in by_id() else ()
    return tuple(id for id in by_id() if fnmatchcase(id, pattern))


@cache
def rests_on() -> Mapping[str, frozenset[str]]:
    """For each clause all those that it depends on, directly or through others.

    Raises:
        graphlib.CycleError: Some depend on each other.
    """
    direct = depends_on()
    found: dict[str, frozenset[str]] = {}
    for id in TopologicalSorter(direct).static_order():
        found[id] = direct[id].union(*(found[other] for other in direct[id]))
    return found


@cache
def by_id() -> dict[str, Clause]:
    """Every clause under its id."""
    return {clause.id: clause for clause in clauses()}


def locked() -> dict[str, tuple[str, ...]]:
    """What the lock says of each id: the version that brought it and, of a tombstone, its end and the
    reason.
    """
    lines = (line.split(maxsplit=3) for line in LOCK.read_text(encoding="utf-8").splitlines())
    return {words[0]: tuple(words[1:]) for words in lines if words and not words[0].startswith("#")}


def lint() -> list[str]:
    """What is wrong with the clauses as a text: an empty list when nothing is."""
    problems = []
    counts = Counter(clause.id for clause in clauses())
    problems += [f"{id}: {count} clauses have this id" for id, count in counts.items() if count > 1]
    lock = locked()
    tombstones = {id for id, words in lock.items() if len(words) > 1}
    for clause in clauses():
        if clause.id not in lock:
            problems.append(f"{clause.id}: not in clauses.lock; add it with the spec version that brings it")
        elif clause.id in tombstones:
            problems.append(f"{clause.id}: a tombstone in clauses.lock; a withdrawn id is never used again")
        if not clause.sentence.endswith("."):
            problems.append(f"{clause.id}: the sentence doesn't end in a full stop")
        if ("MUST" in clause.sentence) == ("SHOULD" in clause.sentence):
            problems.append(f"{clause.id}: the sentence has to say either MUST or SHOULD")
        if clause.frozen_as is not None and not casefile.path_of(clause.frozen_as).exists():
            problems.append(f"{clause.id}: its cases are not frozen; run `dlspec freeze {clause.frozen_as}`")
    for id in lock.keys() - counts.keys() - tombstones:
        problems.append(
            f"{id}: in clauses.lock but in no file; a clause that is withdrawn leaves a tombstone"
        )
    problems += _dependencies()
    wanted = {casefile.path_of(clause.frozen_as) for clause in clauses() if clause.frozen_as is not None}
    for path in sorted(casefile.FOLDER.rglob("*.json")):
        if path not in wanted:
            problems.append(f"{path.relative_to(casefile.FOLDER).as_posix()}: cases of no clause")
    return problems


def _dependencies() -> Iterator[str]:
    """What is wrong with what the clauses depend on."""
    # Not every row has every law, so for a law it is enough that some row has the neighbour.
    laws = {clause.id.rpartition(".")[2] for clause in clauses() if clause.op is not None}
    for clause in clauses():
        for name in clause.depends:
            stem, _, last = name.rpartition(".")
            in_a_row = clause.op is not None and last in laws and stem in _ROWS
            if not in_a_row and not _matching(name):
                yield f"{clause.id}: depends on {name}, but no clause has such an id"
    try:
        rests_on()
    except CycleError as error:
        yield f"these clauses depend on each other: {' <- '.join(error.args[1])}"
