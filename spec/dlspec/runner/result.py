"""What is known of one clause after it was asked."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from dlspec.implementation import Divergence

if TYPE_CHECKING:
    from collections.abc import Mapping


class Status(StrEnum):
    """What came of a clause. Only the first is a success."""

    PASS = "pass"
    FAIL = "fail"
    """A wrong answer."""
    ERROR = "error"
    """The implementation raised where it should have answered."""
    CRASH = "crash"
    """The process ended."""
    TIMEOUT = "timeout"
    """No answer within the time allowed."""
    NOT_PROVIDED = "not-provided"
    """The implementation hasn't got what the clause is about."""
    DIVERGES = "diverges"
    """Not kept, as declared."""
    STALE_DIVERGENCE = "stale-divergence"
    """Kept, though declared otherwise."""
    BLOCKED = "blocked"
    """Not kept, as something that it depends on isn't; or not asked, since its topic gives no answers."""
    NOT_RUN = "not-run"
    """Not asked: deselected, interrupted or given up."""
    NOT_CLAIMED = "not-claimed"
    """Not asked: it belongs to a profile that the implementation doesn't claim."""


@dataclass(frozen=True)
class Result:
    """What came of one clause.

    Attributes:
        id: The clause.
        status: The outcome, before declared divergences are taken into account.
        seconds: How long it took.
        message: Why it isn't a pass.
        failure: The parts of a `ConformanceFailure`.
    """

    id: str
    status: Status
    seconds: float = 0.0
    message: str | None = None
    failure: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """As the journal has it."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Result:
        """The inverse of `to_json`."""
        return cls(
            stored["id"], Status(stored["status"]), stored["seconds"], stored["message"], stored["failure"]
        )


@dataclass(frozen=True)
class Subject:
    """What a target turned out to be, as its adapter describes it."""

    name: str
    version: str | None
    claims: tuple[str, ...]
    dtypes: tuple[str, ...]
    divergences: tuple[Divergence, ...]

    def to_json(self) -> dict[str, Any]:
        """As the journal has it."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Subject:
        """The inverse of `to_json`."""
        return cls(
            stored["name"],
            stored["version"],
            tuple(stored["claims"]),
            tuple(stored["dtypes"]),
            tuple(Divergence(**divergence) for divergence in stored["divergences"]),
        )
