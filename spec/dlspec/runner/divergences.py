"""Declared divergences: clauses that an implementation is known, and meant, not to keep.

They come from the adapter and from a file; both are held to the same rules, since a declaration that means no
clause, or gives no reason, would quietly excuse something else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path

from dlspec.implementation import Divergence
from dlspec.implementations import TargetError, read_divergences
from dlspec.runner.stop import Stop, did_you_mean


def from_file(path: Path) -> tuple[Divergence, ...]:
    """The divergences that a TOML file declares.

    Raises:
        Stop: The file can't be read, or a table in it isn't as it should be.
    """
    try:
        return read_divergences(path)
    except TargetError as error:
        raise Stop(str(error)) from error


def checked(divergences: Iterable[Divergence], ids: Collection[str]) -> dict[str, Divergence]:
    """The divergences by clause.

    Args:
        divergences: What is declared.
        ids: The ids that there are.

    Raises:
        Stop: One means no clause, gives no reason, or is declared twice.
    """
    declared = tuple(divergences)
    for divergence in declared:
        id = divergence.id
        if id not in ids:
            raise Stop(f"divergence {id!r}: there is no such clause.{did_you_mean(str(id), ids)}")
        for key in ("category", "reason"):
            value = getattr(divergence, key)
            if not isinstance(value, str) or not value.strip():
                raise Stop(f"divergence {id}: {key} is {value!r}; a text that says it is wanted")
        if not isinstance(divergence.link, (str, type(None))):
            raise Stop(f"divergence {id}: link is {divergence.link!r}; an address is wanted")
    twice = [id for id, count in Counter(divergence.id for divergence in declared).items() if count > 1]
    if twice:
        raise Stop(f"divergence {twice[0]}: declared more than once")
    return {divergence.id: divergence for divergence in declared}
