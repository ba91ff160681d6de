"""What is known of each clause, gathered from where it stands: the spec, its exam, and the committed reports.

Nothing here is typed in by anybody. Which code satisfies a clause is seen from the planted faults on which it
fails: they were planted in that code. Who keeps it is seen from the reports in `conformance/`.
"""

from __future__ import annotations

import inspect
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from dlspec import manifest
from dlspec.clause import Clause
from dlspec.faults import faults, reference
from dlspec.faults.exam import read_matrix
from dlspec.implementations import SHIPPED
from pagework.places import CONFORMANCE, DOCS, SPEC, from_root
from pagework.source import PageError

T = TypeVar("T")

LAWS = "ops.laws"
"""The topic whose clauses are about every row of the catalogue."""

CONTROL = "chapter13"
"""The implementation that isn't meant to conform."""

SECTION = re.compile(r"^\s*@section\s+(?P<topic>\S+)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Sheet:
    """A function of the spec: a clause, or a law, which is a clause for each row of the catalogue.

    Attributes:
        anchor: The id, or for a law the pattern of its ids: `ops.*.gradient`.
        topic: Profile and file: `autodiff.fan_out`.
        sentence: What it says; of a law, with `{op}` for the row.
        path: The file that it stands in, from the root of the project.
        function: The function's name.
        clauses: The clauses that it makes, one but for a law.
    """

    anchor: str
    topic: str
    sentence: str
    path: str
    function: str
    clauses: tuple[Clause, ...]

    @property
    def is_law(self) -> bool:
        """Whether it is about every row."""
        return self.topic == LAWS and self.clauses[0].op is not None

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of its clauses."""
        return tuple(clause.id for clause in self.clauses)


@cache
def sheets() -> Mapping[str, Sheet]:
    """Every function of the spec, by its anchor, in the order of the spec."""
    found: dict[str, list[Clause]] = {}
    for clause in manifest.clauses():
        anchor = f"ops.*.{clause.id.rpartition('.')[2]}" if clause.op else clause.id
        found.setdefault(anchor, []).append(clause)
    return {anchor: _sheet(anchor, clauses) for anchor, clauses in found.items()}


def _sheet(anchor: str, clauses: Sequence[Clause]) -> Sheet:
    body = clauses[0].body
    path = SPEC / clauses[0].source.partition(":")[0]
    topic = f"{path.parent.name}.{path.stem.removeprefix('test_')}"
    sentence = " ".join(inspect.cleandoc(body.__doc__ or "").split())
    return Sheet(anchor, topic, sentence, from_root(path), body.__name__, tuple(clauses))


@cache
def _by_id() -> Mapping[str, Sheet]:
    return {id: sheet for sheet in sheets().values() for id in sheet.ids}


def sheet_of(name: str) -> Sheet:
    """The function that makes a clause, given by its id, or a law by the pattern of its ids.

    Raises:
        PageError: There is none.
    """
    sheet = sheets().get(name) or _by_id().get(name)
    if sheet is None:
        raise PageError(f"there is no clause {name}{_nearest(name)}")
    return sheet


def known() -> frozenset[str]:
    """Everything that `sheet_of` takes."""
    return frozenset([*sheets(), *_by_id()])


def _nearest(name: str) -> str:
    found = get_close_matches(name, [*sheets(), *_by_id()], n=3)
    return f"; did you mean {' or '.join(found)}?" if found else ""


def topics() -> Mapping[str, Sequence[Sheet]]:
    """What stands in each file of clauses, in the order of the spec."""
    found: dict[str, list[Sheet]] = {}
    for sheet in sheets().values():
        found.setdefault(sheet.topic, []).append(sheet)
    for list_of_one in found.values():
        list_of_one.sort(key=lambda sheet: int(sheet.clauses[0].source.partition(":")[2]))
    order = {profile: number for number, profile in enumerate(manifest.PROFILES)}
    return dict(sorted(found.items(), key=lambda item: order[item[0].partition(".")[0]]))


def matching(patterns: Iterable[str]) -> list[str]:
    """The ids that match some of the patterns, in the order of the spec.

    Raises:
        PageError: A pattern matches none.
    """
    wanted = list(patterns)
    for pattern in wanted:
        if not any(fnmatchcase(id, pattern) for id in manifest.by_id()):
            raise PageError(f"no clause has an id such as {pattern}{_nearest(pattern)}")
    return [id for id in manifest.by_id() if any(fnmatchcase(id, pattern) for pattern in wanted)]


@cache
def homes() -> Mapping[str, str]:
    """The page on which each topic stands, from the folder of the pages.

    Raises:
        PageError: One stands on two.
    """
    found: dict[str, str] = {}
    for page in sorted(DOCS.rglob("*.md")):
        name = page.relative_to(DOCS).as_posix()
        for match in SECTION.finditer(page.read_text(encoding="utf-8")):
            if match["topic"] in found:
                raise PageError(f"{match['topic']} stands on {found[match['topic']]} and on {name}")
            found[match["topic"]] = name
    return found


def home(name: str) -> str:
    """Where a clause, or a law, is shown: the page and the anchor on it."""
    sheet = sheet_of(name)
    return f"{homes()[sheet.topic]}#{name}"


@dataclass(frozen=True)
class Report:
    """What an implementation did.

    Attributes:
        key: The name of its file.
        name: Its name.
        statuses: What came of each clause.
    """

    key: str
    name: str
    statuses: Mapping[str, str]


@cache
def reports() -> tuple[Report, ...]:
    """The committed reports, in the order in which their implementations ship; the control comes last."""
    found = [_report(path) for path in sorted(CONFORMANCE.glob("*.json"))]
    return tuple(in_order(found, lambda report: report.key))


def in_order(found: Iterable[T], key: Callable[[T], str]) -> list[T]:
    """Things about implementations, in the order in which these ship."""
    order = [name for name in SHIPPED if name != CONTROL]
    return sorted(found, key=lambda one: order.index(key(one)) if key(one) in order else len(order))


def _report(path: Path) -> Report:
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    statuses = {entry["id"]: entry["status"] for entry in report["clauses"]}
    return Report(path.stem, report["implementation"]["name"], statuses)


def kept_by(ids: Iterable[str]) -> dict[str, list[Report]]:
    """Who passes all of these clauses, who some, who none, and who claims none of them."""
    wanted = list(ids)
    found: dict[str, list[Report]] = {"all": [], "some": [], "declared": [], "none": [], "unclaimed": []}
    for report in reports():
        statuses = [report.statuses.get(id, "not-run") for id in wanted]
        claimed = [status for status in statuses if status != "not-claimed"]
        passed = claimed.count("pass")
        if not claimed:
            found["unclaimed"].append(report)
        elif passed == len(wanted):
            found["all"].append(report)
        elif passed:
            found["some"].append(report)
        elif all(status == "diverges" for status in claimed):
            found["declared"].append(report)
        else:
            found["none"].append(report)
    return found


@dataclass(frozen=True)
class Place:
    """A function, class or module of the reference.

    Attributes:
        dotted: Its name: `tensor.Tensor.backward`.
        file: Its file, from the package's folder: `tensor.py`.
        symbol: Its name there: `Tensor.backward`; empty for the module.
    """

    dotted: str
    file: str
    symbol: str


@cache
def place_of(dotted: str) -> Place:
    """The place that a hunk of a diff names."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        path = reference.files().get(".".join(parts[:length]))
        if path is not None:
            symbol = ".".join(parts[length:])
            return Place(dotted, path.relative_to(reference.files()["__init__"].parent).as_posix(), symbol)
    raise PageError(f"the reference has no {dotted}")


@cache
def catching() -> Mapping[str, tuple[str, ...]]:
    """For each clause the planted faults on which it fails, the most specific first."""
    rows = {fault: row for fault, row in read_matrix().items() if fault in faults()}
    found: dict[str, list[str]] = defaultdict(list)
    for fault in sorted(rows, key=lambda fault: (len(rows[fault]), fault)):
        for id in rows[fault]:
            found[id].append(fault)
    return {id: tuple(list_of_faults) for id, list_of_faults in found.items()}


@cache
def _weights() -> Mapping[str, Mapping[str, float]]:
    """For each clause the places in which a fault makes it fail, and how much each is its own.

    A fault that fails one clause says of it where its code is; one that fails hundreds says little of each.
    """
    rows = {fault: row for fault, row in read_matrix().items() if fault in faults()}
    found: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for fault, row in rows.items():
        for place in {hunk.place for hunk in faults()[fault].hunks}:
            for id in row:
                found[id][place] += 1 / len(row)
    return found


def satisfied_by(ids: Iterable[str]) -> list[Place]:
    """The code of the reference that makes some clauses hold, what is most their own first."""
    total: dict[str, float] = defaultdict(float)
    for id in ids:
        for place, weight in _weights().get(id, {}).items():
            total[place] += weight
    return [place_of(place) for place in sorted(total, key=lambda place: (-total[place], place))]


@cache
def _pins() -> Mapping[tuple[str, str], Mapping[str, float]]:
    found: dict[tuple[str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for id, weights in _weights().items():
        for dotted, weight in weights.items():
            place = place_of(dotted)
            found[place.file, place.symbol][id] += weight
    return found


def pinning(file: str, symbol: str) -> list[str]:
    """The clauses that notice when a symbol of the reference, or something in it, is wrong; its own first.

    Args:
        file: From the package's folder.
        symbol: Its name; empty for all of the file.
    """
    total: dict[str, float] = defaultdict(float)
    for (where, name), weights in _pins().items():
        if where == file and (not symbol or name == symbol or name.startswith(f"{symbol}.")):
            for id, weight in weights.items():
                total[id] += weight
    return sorted(total, key=lambda id: (-total[id], id))
