"""What each profile is worth, and the score that follows: pure functions of what passed.

    [weights]            # profiles that are left out aren't counted
    ops = 3
    autodiff = 2

    required = ["ops"]   # without all of its MUSTs the score is 0
    partial = true       # a profile is worth the share of its MUSTs that pass; false: all of it or nothing

`required` and `partial` stand above `[weights]`, as TOML wants it. `partial` may also be a list of
profiles.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dlspec.manifest import PROFILES
from dlspec.runner.stop import Stop, did_you_mean

KEYS = ("weights", "required", "partial")
FULL = 100.0


@dataclass(frozen=True)
class Assignment:
    """How passed clauses become a score.

    Attributes:
        weights: The weight of each profile that counts.
        required: Profiles without which the score is 0.
        partial: Profiles of which a part counts.
    """

    weights: Mapping[str, float]
    required: tuple[str, ...] = ()
    partial: tuple[str, ...] = PROFILES

    def to_json(self) -> dict[str, Any]:
        """As the results have it."""
        return asdict(self)


@dataclass(frozen=True)
class Mark:
    """What a submission has in one profile.

    Attributes:
        passed: How many of the MUSTs that were to be asked.
        total: How many there were.
    """

    passed: int
    total: int


def score(assignment: Assignment, marks: Mapping[str, Mark]) -> float:
    """From 0 to 100."""
    if any(marks[profile].passed < marks[profile].total for profile in assignment.required):
        return 0.0
    earned = sum(
        weight * _credit(marks[profile], profile in assignment.partial)
        for profile, weight in assignment.weights.items()
    )
    whole = sum(assignment.weights.values())
    # What is short of everything doesn't become everything by rounding.
    return FULL if earned == whole else min(round(FULL * earned / whole, 2), FULL - 0.01)


def _credit(mark: Mark, partial: bool) -> float:
    share = mark.passed / mark.total
    return share if partial or share == 1 else 0.0


def missing(assignment: Assignment, marks: Mapping[str, Mark]) -> list[str]:
    """The required profiles that aren't whole."""
    return [profile for profile in assignment.required if marks[profile].passed < marks[profile].total]


def equal(asked: Sequence[str]) -> Assignment:
    """What holds without a file: every profile that is asked weighs the same."""
    return Assignment(dict.fromkeys(asked, 1.0))


def read(path: Path, asked: Sequence[str]) -> Assignment:
    """The assignment that a TOML file describes.

    Args:
        path: The file.
        asked: The profiles of which a MUST will be asked.

    Raises:
        Stop: It can't be read, or says something that can't be meant.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Stop(f"--weights {path}: can't be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Stop(f"--weights {path}: is no TOML: {error}") from error
    try:
        return _understood(table, asked)
    except _Wrong as wrong:
        raise Stop(f"--weights {path}: {wrong}") from wrong


class _Wrong(Exception):
    """`str` says what."""


def _understood(table: Mapping[str, Any], asked: Sequence[str]) -> Assignment:
    for key in table:
        if key not in KEYS:
            raise _Wrong(f"unknown key {key!r}.{did_you_mean(key, KEYS)} There are {', '.join(KEYS)}.")
    weights = table.get("weights", dict.fromkeys(asked, 1.0))
    if not isinstance(weights, dict):
        raise _Wrong("weights: a table of profiles and numbers is wanted, headed [weights]")
    for profile, weight in weights.items():
        _known(profile, asked, "weights")
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not math.isfinite(weight):
            raise _Wrong(f"weights: {profile} = {weight!r}: a number is wanted")
        if weight < 0:
            raise _Wrong(f"weights: {profile} = {weight}: a weight can't be negative")
    counted = {profile: float(weights[profile]) for profile in PROFILES if weights.get(profile)}
    if not counted:
        raise _Wrong("weights: all of them are 0, so there is nothing to grade")
    partial = table.get("partial", True)
    if isinstance(partial, bool):
        partial = list(PROFILES) if partial else []
    return Assignment(
        counted, _profiles(table.get("required", []), asked, "required"), _profiles(partial, None, "partial")
    )


def _profiles(names: Any, asked: Sequence[str] | None, key: str) -> tuple[str, ...]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        also = " or true or false" if key == "partial" else ""
        raise _Wrong(f"{key}: a list of profiles{also} is wanted, not {names!r}")
    for name in names:
        _known(name, asked, key)
    return tuple(profile for profile in PROFILES if profile in names)


def _known(profile: str, asked: Sequence[str] | None, key: str) -> None:
    if profile not in PROFILES:
        raise _Wrong(
            f"{key}: there is no profile {profile}.{did_you_mean(profile, PROFILES)} "
            f"There are {', '.join(PROFILES)}."
        )
    if asked is not None and profile not in asked:
        raise _Wrong(f"{key}: no MUST of {profile} is asked; --profile and --only leave it out")
