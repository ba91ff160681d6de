"""An executable specification of a small deep-learning framework.

dlspec.clauses          the normative text: each sentence a pytest function
dlspec.catalogue        the table of ops: what each one is
dlspec.oracle           independent answers
dlspec.tolerance        how far from them is right
dlspec.implementation   what the spec asks of an implementation
dlspec.implementations  plugs for real ones
dlspec.faults           the spec's own exam: what it must catch, and what it must not
dlspec.runner           the machinery of `dlspec verify`
dlspec.grading          a class of homework: `dlspec grade`
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dlspec.failure import ConformanceFailure, NotProvided

if TYPE_CHECKING:
    from dlspec.gradient_check import check_gradient as check_gradient

SPEC_VERSION = "1.0"
"""The version of the normative text: major where something that conformed may stop conforming."""

__all__ = ["SPEC_VERSION", "ConformanceFailure", "NotProvided", "check_gradient"]


def __getattr__(name: str) -> Any:
    # Only when it is asked for: pytest loads this package wherever it is, and the oracles are heavy.
    if name == "check_gradient":
        from dlspec.gradient_check import check_gradient

        return check_gradient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
