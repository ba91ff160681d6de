"""How a command ends early, and what its exit codes mean."""

from __future__ import annotations

from difflib import get_close_matches
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class ExitCode(IntEnum):
    """What a command says to the shell; never a count."""

    CONFORMS = 0
    """Every claimed profile conforms, declared divergences included."""
    DIFFERS = 1
    """Some claimed profile doesn't."""
    USAGE = 2
    """The command can't be carried out as it was given, or its target can't be loaded."""
    ADAPTER = 3
    """The adapter is broken, so nothing can be said about the implementation behind it."""
    INCOMPLETE = 4
    """Not everything that is claimed was asked."""


class Stop(Exception):
    """The command ends here; `str` is the one line that says why.

    Args:
        message: What is wrong and, where there is one, the way out.
        code: The exit code.
        details: Lines to be shown above it, such as the traceback of the user's own code.
    """

    def __init__(self, message: str, code: ExitCode = ExitCode.USAGE, details: str = "") -> None:
        """Keep the parts."""
        super().__init__(message)
        self.code = code
        self.details = details


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """A sentence with what was probably meant, led by a space; empty where nothing is near."""
    near = get_close_matches(word, list(options), n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(near)}?" if near else ""
