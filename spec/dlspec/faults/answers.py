"""What planted faults answer where they are wrong: enough to know a mistake again in somebody else's code.

The table is made by `dlspec faults --answers`. It has a row for each fault, and in it each clause that fails,
with the quantity that was wrong and the wrong number.

Clauses of cost and of digits are left out, for their failures say how much and not what; a fault that only
they notice has no row. Slow ones, which repeat what others ask, are asked only of the faults that they are to
catch.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from dlspec import manifest
from dlspec.faults import FOLDER, Change
from dlspec.runner.result import Result, Status

TABLE = FOLDER / "answers.json"

HOW_MUCH = ("scale.*", "numerics.accuracy.*")
"""Clauses whose failures say how much is wrong, and not what."""

SLOW = (
    *("*.any_thread", "*.layout_is_irrelevant", "*.larger_arrays"),
    *("objects.lifecycle.*", "training.*"),
)
"""Clauses that take most of the time, and fail where others fail as well."""


EVERYWHERE = 300
TELLING_ROWS = ("ops.add", "ops.multiply", "ops.sum", "ops.mm")
"""A fault that more clauses can notice is none of one row: the laws of these, and of its own, tell enough."""


@dataclass(frozen=True)
class Answer:
    """A wrong answer.

    Attributes:
        place: Which quantity of which case it is, and where in it; or in which way there was no answer.
        got: The number, where it is one; NaN and the infinities by name.
    """

    place: str
    got: float | str | None = None


@dataclass(frozen=True)
class Known:
    """What is known of a fault.

    Attributes:
        of: The part that it is about.
        size: How many lines it changes.
        answers: Its wrong answers, by clause.
    """

    of: str
    size: int
    answers: Mapping[str, Answer]


def answer_of(result: Result) -> Answer:
    """The wrong answer in the result of a clause that failed."""
    failure = result.failure
    if result.status is not Status.FAIL or failure is None:
        # The class and the words of an exception are another implementation's own.
        return Answer(str(result.status))
    got = failure["got"]
    if isinstance(got, (int, float)) and not isinstance(got, bool):
        return Answer(_place(failure), float(got))
    if got in ("nan", "inf", "-inf"):
        return Answer(_place(failure), str(got))
    return Answer(_digest(str(failure["message"]).partition("\n")[0]))


def _place(failure: Mapping[str, Any]) -> str:
    return _digest(f"{failure['case_number']} {failure['what']} {failure['index']}")


def _digest(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"


def of_results(results: Iterable[Result]) -> dict[str, Answer]:
    """The wrong answers among the results of a fault, by clause."""
    return {
        result.id: answer_of(result)
        for result in results
        if result.status in WRONG and not _is(result.id, HOW_MUCH)
    }


WRONG = frozenset({Status.FAIL, Status.ERROR, Status.CRASH, Status.TIMEOUT})


def asked_of(change: Change, noticed_by: Sequence[str]) -> list[str]:
    """The clauses whose answers are worth knowing, of those that can notice a change: its own comes first."""
    laws = {clause.id for clause in manifest.clauses() if clause.op is not None}
    rows = {*TELLING_ROWS, (change.caught_by or "").rpartition(".")[0]}
    everywhere = len(noticed_by) > EVERYWHERE

    def wanted(id: str) -> bool:
        if _is(id, HOW_MUCH) or _is(id, SLOW):
            return False
        return not everywhere or id not in laws or id.rpartition(".")[0] in rows

    own = [id for id in noticed_by if id == change.caught_by]
    return [*own, *(id for id in noticed_by if id not in own and wanted(id))]


def has_answers(change: Change) -> bool:
    """Whether the clause that is to catch a fault says what is wrong."""
    return not _is(change.caught_by or "", HOW_MUCH)


def _is(id: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(id, pattern) for pattern in patterns)


def known(change: Change, answers: Mapping[str, Answer]) -> Known:
    """What the table keeps of a fault."""
    return Known(change.of, sum(len(hunk.old) + len(hunk.new) for hunk in change.hunks), answers)


def read() -> dict[str, Known]:
    """The table, by fault."""
    stored = json.loads(TABLE.read_text(encoding="utf-8"))
    clauses: list[str] = stored["clauses"]
    return {
        fault: Known(of, size, {clauses[number]: Answer(*answer) for number, *answer in answers})
        for fault, (of, size, answers) in stored["faults"].items()
    }


def write(table: Mapping[str, Known], order: Sequence[str]) -> None:
    """Keep the table, a line for each fault.

    Args:
        table: What is known of each fault.
        order: The ids of all clauses, in the spec's order.
    """
    wanted = {clause for row in table.values() for clause in row.answers}
    clauses = [clause for clause in order if clause in wanted]
    number = {clause: place for place, clause in enumerate(clauses)}
    rows = []
    for fault in sorted(table):
        row = table[fault]
        answers = [
            [number[clause], answer.place, *([] if answer.got is None else [answer.got])]
            for clause, answer in sorted(row.answers.items(), key=lambda item: number[item[0]])
        ]
        rows.append(f"{json.dumps(fault)}: {json.dumps([row.of, row.size, answers], separators=(',', ':'))}")
    head = f'{{\n"clauses": {json.dumps(clauses, indent=0)},\n"faults": {{\n'
    TABLE.write_text(head + ",\n".join(rows) + "\n}\n}\n", encoding="utf-8")
