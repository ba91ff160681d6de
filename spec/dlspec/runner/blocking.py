"""Which failures follow from others: what to fix first, and what that may settle besides.

Every clause is asked, also one that depends on a clause that failed. Only afterwards is a failure called
blocked, if something that it depends on failed as well. So a pass stays a pass, whatever failed before it,
and what a blocked clause came to is still known.

A declared divergence blocks nothing. The implementation means it, and what follows from it is declared as
well, or is a failure. Nor does a SHOULD block anything, since nobody has to keep it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dlspec.runner.result import Status
from dlspec.runner.verdict import Entry

FAILED = frozenset({Status.FAIL, Status.ERROR, Status.CRASH, Status.TIMEOUT})
"""The statuses that block and are blocked. What isn't provided is missing and not wrong: it does neither."""


@dataclass(frozen=True)
class Collapse:
    """What remains of the failures.

    Attributes:
        final: The final status of every clause, with those that are blocked.
        blocked_by: For each clause that is blocked by others, which those are: what it depends on that failed
            and isn't blocked itself, in the spec's order.
    """

    final: Mapping[str, Status]
    blocked_by: Mapping[str, tuple[str, ...]]

    def first(self) -> list[tuple[str, int]]:
        """What to fix first, and how many clauses each of them blocks: those that block most come first.

        The same clause may be blocked by several.
        """
        return Counter(root for roots in self.blocked_by.values() for root in roots).most_common()


def collapse(
    clauses: Iterable[Entry], final: Mapping[str, Status], rests_on: Mapping[str, frozenset[str]]
) -> Collapse:
    """Tell failures from what follows from them.

    Args:
        clauses: The spec's list of clauses.
        final: The status of each, declared divergences taken into account.
        rests_on: For each clause all those that it depends on, directly or through others.
    """
    entries = tuple(clauses)
    failed = {entry.id for entry in entries if entry.level == "MUST" and final[entry.id] in FAILED}
    roots = {id for id in failed if not rests_on[id] & failed}
    order = {entry.id: number for number, entry in enumerate(entries)}
    blocked_by = {
        entry.id: tuple(sorted(rests_on[entry.id] & roots, key=order.__getitem__))
        for entry in entries
        if final[entry.id] in FAILED and rests_on[entry.id] & failed
    }
    return Collapse({**final, **dict.fromkeys(blocked_by, Status.BLOCKED)}, blocked_by)
