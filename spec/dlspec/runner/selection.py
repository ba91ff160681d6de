"""Which clauses a run is narrowed to."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from dlspec import manifest
from dlspec.clause import Clause
from dlspec.runner.stop import Stop, did_you_mean


def selected(clauses: Sequence[Clause], profiles: Sequence[str], patterns: Sequence[str]) -> list[Clause]:
    """The clauses that a run is narrowed to; an option that selects nothing is a mistake.

    Args:
        clauses: All of them.
        profiles: What `--profile` was given.
        patterns: What `--only` was given.

    Raises:
        Stop: There is no such profile, or no such clause.
    """
    for profile in profiles:
        known_profile(profile)
    ids = [clause.id for clause in clauses]
    for pattern in patterns:
        if not any(fnmatchcase(id, pattern) for id in ids):
            below = f"{pattern.rstrip('.')}."
            hint = f" Did you mean '{below}*'?" if any(id.startswith(below) for id in ids) else ""
            raise Stop(f"--only {pattern}: no clause has such an id.{hint or did_you_mean(pattern, ids)}")
    selected = [
        clause
        for clause in clauses
        if (not profiles or clause.profile in profiles)
        and (not patterns or any(fnmatchcase(clause.id, pattern) for pattern in patterns))
    ]
    if not selected:
        raise Stop(f"--only {' --only '.join(patterns)}: no clause of {', '.join(profiles)} has such an id")
    return selected


def known_profile(name: str) -> None:
    """See that a profile exists.

    Raises:
        Stop: It doesn't.
    """
    if name not in manifest.PROFILES:
        raise Stop(
            f"there is no profile {name}.{did_you_mean(name, manifest.PROFILES)} "
            f"There are {', '.join(manifest.PROFILES)}."
        )
