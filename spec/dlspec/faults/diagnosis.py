"""The likely mistake: a failing result that equals what a planted fault would have given.

A planted fault is a known mistake, and what it answers is known as well (`dlspec.faults.answers`). Where
somebody's wrong answers are those of a fault, to a few ulp and in nearly every clause that the fault fails,
theirs is most likely the same mistake.

It is better to say nothing than something wrong. So a fault is named only if nearly all of its answers agree
that could, if these are more than a zero here and an exception there, and if it isn't one of many that would
explain the failures equally well.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from dlspec.faults import answers
from dlspec.faults.answers import WRONG, Answer, Known, answer_of
from dlspec.runner.result import Result, Status

ULP = 8
"""How far apart two answers may be that come of the same mistake in different code."""

TELLING = 64
"""How many of these bounds a wrong answer is away from the right one if its digits mean anything."""

FIT = 0.8
"""The share of a fault's answers that have to agree, of those that were asked for."""

EVIDENCE = 1.0
EVIDENCE_OF_ALL = 0.4
"""How much has to agree, by weight (see `_weight`); less is enough where it explains every failure."""

MOST_NAMED = 2
"""Where more faults fit equally, nothing is known."""

EPS = {"float64": 2.0**-52, "float32": 2.0**-23}


@dataclass(frozen=True)
class Diagnosis:
    """The likely mistake behind a failure.

    Attributes:
        faults: The planted fault that it is, or the two that it may be, the simpler one first.
        clauses: How many failures agree with it.
        ulp: How far apart their numbers are at most, in units of the larger of the wrong and the right one;
            None where none of them is a number.
    """

    faults: tuple[str, ...]
    clauses: int
    ulp: float | None

    @property
    def mistakes(self) -> tuple[str, ...]:
        """The faults in words: an id is a phrase."""
        return tuple(fault.replace("_", " ") for fault in self.faults)

    def to_json(self) -> dict[str, Any]:
        """As a report has it."""
        return {
            "faults": list(self.faults),
            "mistakes": list(self.mistakes),
            "clauses": self.clauses,
            "ulp": None if self.ulp is None else round(self.ulp, 3),
        }


@dataclass(frozen=True)
class _Match:
    """How an answer agrees with that of a fault: how much that says, and how many ulp lie between them."""

    weight: float
    ulp: float | None


@dataclass(frozen=True)
class _Candidate:
    """A fault that fits: where its answers agree, and how much speaks against it."""

    fault: str
    size: int
    agrees: Mapping[str, _Match]
    against: float

    def net(self, unexplained: Collection[str]) -> float:
        """What speaks for it, among failures that nothing explains yet, less what speaks against it."""
        return sum(m.weight for id, m in self.agrees.items() if id in unexplained) - 2 * self.against


def of_run(
    results: Mapping[str, Result], excused: Collection[str], dtypes: Collection[str]
) -> dict[str, Diagnosis]:
    """The likely mistakes behind the failures of a run, by the table that the package has; see `diagnose`."""
    if not any(result.status in WRONG and id not in excused for id, result in results.items()):
        return {}  # and the table needn't be read
    return diagnose(results, excused, dtypes, answers.read())


def diagnose(
    results: Mapping[str, Result],
    excused: Collection[str],
    dtypes: Collection[str],
    table: Mapping[str, Known],
) -> dict[str, Diagnosis]:
    """The likely mistakes behind the failures of a run.

    Args:
        results: What came of asking.
        excused: Clauses that are declared not to be kept: they are evidence of nothing.
        dtypes: The types that the implementation computes in.
        table: The known faults.

    Returns:
        For each failure that one or two faults explain, which; failures that none explains are left out.
    """
    wrong = {id: result for id, result in results.items() if result.status in WRONG and id not in excused}
    right = {id for id, result in results.items() if result.status is Status.PASS}
    given = {id: answer_of(result) for id, result in wrong.items()}
    candidates = [
        candidate
        for fault, known in table.items()
        if (candidate := _candidate(fault, known, wrong, given, right, dtypes)) is not None
    ]
    found: dict[str, Diagnosis] = {}
    unexplained = set(wrong)
    while candidates:
        best = max(candidates, key=lambda candidate: candidate.net(unexplained))
        explained = best.agrees.keys() & unexplained
        speaks = best.net(unexplained)
        if speaks < EVIDENCE_OF_ALL:
            break
        equal = [c for c in candidates if c.net(explained) > speaks - NEARLY]
        equal.sort(key=lambda candidate: (candidate.size, candidate.fault))
        if len(equal) <= MOST_NAMED and (speaks >= EVIDENCE or explained == wrong.keys()):
            found |= dict.fromkeys(explained, _diagnosis(equal, explained))
        unexplained -= explained
        candidates = [candidate for candidate in candidates if candidate not in equal]
    return found


NEARLY = 0.25
"""Faults for which so nearly the same speaks are equal."""


def _diagnosis(equal: list[_Candidate], explained: Collection[str]) -> Diagnosis:
    matches = [candidate.agrees[id] for candidate in equal for id in explained if id in candidate.agrees]
    distances = [match.ulp for match in matches if match.ulp is not None]
    return Diagnosis(
        tuple(candidate.fault for candidate in equal), len(explained), max(distances, default=None)
    )


def _candidate(
    fault: str,
    known: Known,
    wrong: Mapping[str, Result],
    given: Mapping[str, Answer],
    right: Collection[str],
    dtypes: Collection[str],
) -> _Candidate | None:
    """The fault as an explanation, if nearly all of its answers agree that were asked for."""
    agrees: dict[str, _Match] = {}
    against = 0.0
    for id, answer in known.answers.items():
        if id in right:
            against += 1
        elif id in wrong:
            match = _compared(given[id], answer, wrong[id], _eps(wrong[id], dtypes))
            if match is None:
                against += 1
            else:
                agrees[id] = match
    if len(agrees) < FIT * (len(agrees) + against) or not agrees:
        return None
    return _Candidate(fault, known.size, agrees, against)


def _eps(result: Result, dtypes: Collection[str]) -> float:
    """How fine the numbers of a result are: as its case, or as all that the implementation can do."""
    case = (result.failure or {}).get("case")
    return EPS["float32" if "float64" not in dtypes or "'float32'" in repr(case) else "float64"]


def _compared(got: Answer, answer: Answer, result: Result, eps: float) -> _Match | None:
    """How an answer agrees with a fault's; None where it doesn't."""
    if got.place != answer.place:
        return None
    if not isinstance(got.got, float) or not isinstance(answer.got, float):
        if got.got != answer.got:
            return None
        return _Match(WORDS if result.failure is not None else NO_ANSWER, None)
    assert result.failure is not None
    expected = result.failure["expected"]
    right = float(expected) if isinstance(expected, (int, float)) else math.nan
    scale = eps * max(abs(answer.got), abs(right)) if math.isfinite(right) else eps * abs(answer.got)
    distance = abs(got.got - answer.got)
    if distance > ULP * scale:
        return None
    ulp = distance / scale if distance else 0.0
    if abs(got.got - right) <= TELLING * ULP * scale:
        return _Match(FEW_DIGITS, ulp)
    return _Match(_weight(answer.got), ulp)


WORDS = 0.5
"""What it says that something is wrong in the same words, or by a number that could be any."""

FEW_DIGITS = 0.25
"""What it says that a number is a zero here as well, or next to right."""

NO_ANSWER = 0.0
"""What it says that there is no answer here either: exceptions come in long rows, whatever the mistake."""


def _weight(number: float) -> float:
    """What it says that a wrong number is this one: the more digits it has, the more.

    Many mistakes give 0, or half the right answer; a number with twenty bits is no accident.
    """
    numerator, _ = number.as_integer_ratio()
    odd = numerator // (numerator & -numerator) if numerator else 0
    return max(FEW_DIGITS, min(abs(odd).bit_length(), 20) / 10)
