"""What a clause raises when an implementation doesn't keep it.

ConformanceFailure    a wrong answer, with the worst element, what was expected and the bound
NotProvided           nothing to judge: the implementation hasn't got the op, name or verb
Crashed, Garbled      an implementation in a process of its own ended, or answered with what is no answer
Late                  it gave no answer in time
ProgramError          it says of itself that it made a mistake
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REFUSALS: Mapping[str, type[Exception]] = {
    "value": ValueError,
    "index": IndexError,
    "type": TypeError,
    "runtime": RuntimeError,
}
"""What a refusal is in Python, by the kind that a program in another language gives it."""


class ConformanceFailure(AssertionError):
    """A clause does not hold.

    Args:
        message: One line that says what is wrong.
        what: The quantity that was compared, such as `cotangent of x`.
        index: Where the worst element stands in it.
        got: That element as the implementation gave it.
        expected: That element as it should be.
        bound: The largest deviation that is still right; 0 where the answer is exact.
    """

    def __init__(
        self,
        message: str,
        *,
        what: str | None = None,
        index: tuple[int, ...] | None = None,
        got: Any = None,
        expected: Any = None,
        bound: float | None = None,
    ) -> None:
        """Keep the parts; `message` is what `str` shows."""
        super().__init__(message)
        self.message = message
        self.what = what
        self.index = index
        self.got = got
        self.expected = expected
        self.bound = bound
        self.case: dict[str, Any] | None = None
        """The inputs on which it failed, as `dlspec.casefile` encodes them; set by the clause."""
        self.case_number: int | None = None
        """Which of the frozen cases, counted from 0; None for one that was found by exploring."""
        self.found_by = "frozen"

    @property
    def ratio(self) -> float | None:
        """How many bounds the worst element is away; None where the bound is 0 or there is none."""
        if not self.bound or not _is_real(self.got) or not _is_real(self.expected):
            return None
        return float(abs(float(self.got) - float(self.expected)) / self.bound)

    def to_json(self) -> dict[str, Any]:
        """The parts as a report stores them."""
        return {
            "message": self.message,
            "what": self.what,
            "index": None if self.index is None else list(self.index),
            "got": _plain(self.got),
            "expected": _plain(self.expected),
            "bound": _plain(self.bound),
            "ratio": _plain(self.ratio),
            "case": self.case,
            "case_number": self.case_number,
            "found_by": self.found_by,
        }


class NotProvided(Exception):
    """The implementation hasn't got what the clause asks about; `str` says what that is."""


class Crashed(BaseException):
    """The process of the implementation ended. No Exception: nobody may take it for a refusal."""


class Garbled(BaseException):
    """The process of the implementation answered with what is no answer. As `Crashed`, no Exception."""


class Late(BaseException):
    """The process of the implementation gave no answer in time. As `Crashed`, no Exception."""


class ProgramError(Exception):
    """A mistake of a program's own, by its own account."""

    def instead_of(self, *refusals: type[BaseException]) -> str:
        """What it said, and what was wanted, in the words of its protocol."""
        wanted = [kind for kind, refusal in REFUSALS.items() if refusal in refusals]
        one = "one of " if len(wanted) > 1 else ""
        return f"answered `internal` ({str(self)!r}), where {one}{', '.join(wanted)} was wanted"


def _is_real(value: Any) -> bool:
    return isinstance(value, (int, float)) or (hasattr(value, "dtype") and value.dtype.kind in "fiu")


def _plain(value: Any) -> Any:
    """A number JSON can hold: NaN and the infinities become their names."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        return value
    if _is_real(value):
        number = float(value)
        return number if number - number == 0.0 else repr(number)
    return repr(value)
