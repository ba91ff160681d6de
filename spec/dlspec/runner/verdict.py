"""From what came of the clauses to a verdict: a pure function, which is tested without running anything.

The denominator is the spec's own list of MUSTs, so nothing gets better by being left out. A SHOULD is
reported beside the verdict and never counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from dlspec.runner.result import Status
from dlspec.runner.stop import ExitCode


class Entry(Protocol):
    """What has to be known of a clause to judge it."""

    @property
    def id(self) -> str: ...  # noqa: D102 -- as in Clause
    @property
    def profile(self) -> str: ...  # noqa: D102 -- as in Clause
    @property
    def level(self) -> str: ...  # noqa: D102 -- as in Clause


class Word(StrEnum):
    """What is said of a profile."""

    CONFORMS = "conforms"
    """Every MUST passes."""
    DIVERGES = "conforms with declared divergences"
    """Every MUST passes but for those that are declared not to."""
    PARTIAL = "partial"
    """Anything else that was asked in full."""
    INCOMPLETE = "incomplete"
    """Some MUST was not asked."""
    NOT_CLAIMED = "not claimed"
    """The implementation makes no claim, so there is nothing to judge."""


@dataclass(frozen=True)
class ProfileVerdict:
    """The verdict on one profile.

    Attributes:
        profile: The profile.
        word: What is said of it; None where the run was interrupted.
        musts: How many MUSTs came to which status.
        shoulds: How many SHOULDs came to which status.
    """

    profile: str
    word: Word | None
    musts: Mapping[Status, int]
    shoulds: Mapping[Status, int]

    @property
    def total(self) -> int:
        """The number of MUSTs that the spec has in this profile."""
        return sum(self.musts.values())

    @property
    def passed(self) -> int:
        """The number of MUSTs that pass."""
        return self.musts.get(Status.PASS, 0)

    @property
    def diverging(self) -> int:
        """The number of MUSTs that don't pass, as declared."""
        return self.musts.get(Status.DIVERGES, 0)

    @property
    def wrong(self) -> int:
        """The number of MUSTs that were asked, don't pass and aren't declared not to."""
        return self.total - self.passed - self.diverging - self.musts.get(Status.NOT_RUN, 0)

    @property
    def conforms(self) -> bool:
        """Whether it conforms, declared divergences included."""
        return self.word in (Word.CONFORMS, Word.DIVERGES)

    def __str__(self) -> str:
        """The verdict as it is printed."""
        match self.word:
            case None:
                return "no verdict"
            case Word.DIVERGES:
                plural = "" if self.diverging == 1 else "s"
                return f"conforms with {self.diverging} declared divergence{plural}"
            case Word.PARTIAL:
                return f"partial {self.passed}/{self.total}"
            case _:
                return str(self.word)


@dataclass(frozen=True)
class Verdict:
    """The verdict on an implementation.

    Attributes:
        profiles: One for each profile, in the spec's order.
        interrupted: Whether the run was broken off, so that there is no verdict.
    """

    profiles: tuple[ProfileVerdict, ...]
    interrupted: bool

    @property
    def claimed(self) -> tuple[ProfileVerdict, ...]:
        """The profiles that the implementation claims."""
        return tuple(profile for profile in self.profiles if profile.word is not Word.NOT_CLAIMED)

    @property
    def complete(self) -> bool:
        """Whether every clause of every claimed profile was asked, or it is clear what would come of it."""
        return not self.interrupted and not any(
            counts.get(Status.NOT_RUN)
            for profile in self.claimed
            for counts in (profile.musts, profile.shoulds)
        )

    @property
    def exit_code(self) -> ExitCode:
        """What the shell is told."""
        if self.interrupted:
            return ExitCode.INCOMPLETE
        if any(profile.wrong for profile in self.claimed):
            return ExitCode.DIFFERS
        if self.claimed and all(profile.conforms for profile in self.claimed):
            return ExitCode.CONFORMS
        return ExitCode.INCOMPLETE


def settled(status: Status, declared: bool) -> Status:
    """The status of a clause, given whether it is declared not to be kept."""
    if not declared:
        return status
    match status:
        case Status.FAIL | Status.ERROR | Status.CRASH | Status.TIMEOUT | Status.NOT_PROVIDED:
            return Status.DIVERGES
        case Status.PASS:
            return Status.STALE_DIVERGENCE
        case _:
            return status


def statuses(
    clauses: Iterable[Entry],
    outcomes: Mapping[str, Status],
    claims: Collection[str],
    declared: Collection[str],
) -> dict[str, Status]:
    """The final status of every clause of the spec.

    Args:
        clauses: The spec's list of clauses.
        outcomes: What came of those that were asked.
        claims: The profiles that the implementation claims.
        declared: The clauses that it declares not to keep.
    """
    return {
        clause.id: settled(outcomes.get(clause.id, Status.NOT_RUN), clause.id in declared)
        if clause.profile in claims
        else Status.NOT_CLAIMED
        for clause in clauses
    }


def verdict(
    profiles: Iterable[str],
    clauses: Iterable[Entry],
    final: Mapping[str, Status],
    claims: Collection[str],
    *,
    interrupted: bool = False,
) -> Verdict:
    """The verdict for final statuses.

    Args:
        profiles: The spec's profiles, in order.
        clauses: The spec's list of clauses.
        final: The final status of each.
        claims: The profiles that the implementation claims.
        interrupted: Whether the run was broken off.
    """
    entries = tuple(clauses)
    judged = []
    for profile in profiles:
        musts, shoulds = (
            Counter(final[entry.id] for entry in entries if entry.profile == profile and entry.level == level)
            for level in ("MUST", "SHOULD")
        )
        if profile not in claims:
            word: Word | None = Word.NOT_CLAIMED
        elif interrupted:
            word = None
        else:
            word = _word(musts)
        judged.append(ProfileVerdict(profile, word, musts, shoulds))
    return Verdict(tuple(judged), interrupted)


def _word(musts: Mapping[Status, int]) -> Word:
    total, passed = sum(musts.values()), musts.get(Status.PASS, 0)
    if musts.get(Status.NOT_RUN, 0) or not total:  # where nothing is asked, nothing is shown
        return Word.INCOMPLETE
    if passed == total:
        return Word.CONFORMS
    return Word.DIVERGES if passed + musts.get(Status.DIVERGES, 0) == total else Word.PARTIAL
