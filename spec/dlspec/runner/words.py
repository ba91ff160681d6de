"""What is said of clauses, in plain lines: the same on a terminal, in a file and in pytest."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dlspec import casefile
from dlspec.runner.result import Result, Status

if TYPE_CHECKING:
    from dlspec.clause import Clause
    from dlspec.faults.diagnosis import Diagnosis

WIDTH = 80
LINES = 20
"""The most lines that one failure may take."""


def failure_lines(
    clause: Clause,
    result: Result,
    status: Status,
    script: Sequence[str] = (),
    mistake: Sequence[str] = (),
) -> list[str]:
    """What is wrong with one clause, in at most twenty lines.

    Args:
        clause: The clause.
        result: What came of it.
        status: Its final status.
        script: Lines that say how to reproduce it; they are what remains when space is short.
        mistake: Lines that say what the mistake may be; they remain, too.
    """
    counted = "" if clause.level == "MUST" else "  (a SHOULD, which isn't counted)"
    lines = [f"{status.upper()}  {clause.id}{counted}", *wrapped(clause.sentence, "  ")]
    found = [f"  {line}" for line in finding(clause, result)]
    room = LINES - len(lines) - len(mistake) - len(script)
    if len(found) > room:
        found = [*found[: room - 1], "  ..."]
    return [*lines, *found, *mistake, *script]


def mistake_lines(diagnosis: Diagnosis, *, known: bool) -> list[str]:
    """What the mistake may be.

    Args:
        diagnosis: The faults that answer the same.
        known: Whether it has been said already how well they agree.
    """
    lines = wrapped(f"Likely mistake: {', or '.join(diagnosis.mistakes)}", "  ", hanging=2)
    if known:
        return lines
    to = "" if diagnosis.ulp is None else f"to {math.ceil(diagnosis.ulp)} ulp "
    agrees = f"agrees {to}in {plural(diagnosis.clauses, 'clause')}"
    return [*lines, f"    {agrees}: dlspec explain fault:{diagnosis.faults[0]}"]


def finding(clause: Clause, result: Result) -> list[str]:
    """What came instead of a pass, unindented."""
    failure = result.failure
    if failure is None:
        return told(result.message or "")
    case = _which_case(clause, failure)
    if _is_number(failure["got"]) and _is_number(failure["expected"]):
        return _worst_element(failure, case)
    return [*told(str(failure["message"])), *wrapped(case, "")]


def _worst_element(failure: Mapping[str, Any], case: str) -> list[str]:
    place = str(failure["what"] or "value")
    if failure["index"]:
        place += f"[{', '.join(map(str, failure['index']))}]"
    # How many elements are wrong stands in brackets at the end of the message.
    count = re.search(r" \([^()]*\)$", failure["message"])
    bound, ratio = failure["bound"], failure["ratio"]
    if not bound:
        allowed = "0: the answer is exact"
    else:
        allowed = f"{bound:.2g}" if isinstance(bound, float) else str(bound)
        allowed += f"; the difference is {ratio:.2g} times as much" if isinstance(ratio, float) else ""
    return [
        *wrapped(place + (count.group() if count else "") + (f", {case}" if case else ""), ""),
        f"  got       {failure['got']}",
        f"  expected  {failure['expected']}",
        f"  bound     {allowed}",
    ]


def _which_case(clause: Clause, failure: Mapping[str, Any]) -> str:
    if failure["found_by"] == "explore":
        return "found by exploring; `dlspec promote` makes it a frozen case"
    if failure["case_number"] is None or clause.frozen_as is None:
        return ""
    return f"in case {failure['case_number'] + 1} of {len(casefile.load(clause.frozen_as))}"


def _is_number(value: Any) -> bool:
    # Infinities and NaN have no form in JSON but their names.
    return (isinstance(value, (int, float)) and not isinstance(value, bool)) or value in (
        "nan",
        "inf",
        "-inf",
    )


def one_line(result: Result, status: Status) -> str:
    """A failure among many."""
    message = printable((result.message or "").partition("\n")[0])
    line = f"{status:<8}  {result.id}  {message}".rstrip()
    return line if len(line) <= WIDTH - 2 else f"{line[: WIDTH - 6]} ..."


def missing_lines(results: Iterable[Result]) -> list[str]:
    """What an implementation hasn't got, by profile, a line each where it fits."""
    names: dict[str, dict[str, None]] = {}
    for result in results:
        name = printable(result.message or "").removeprefix("op ")
        names.setdefault(result.id.partition(".")[0], {})[name] = None
    lines = []
    for profile, missing in names.items():
        lines += wrapped(f"{profile:<9} {', '.join(missing)}", "  ", hanging=10)
    return lines


def wrapped(text: str, indent: str, hanging: int = 0) -> list[str]:
    """A text in lines that fit, each of them indented.

    Args:
        text: One paragraph.
        indent: What each line starts with.
        hanging: By how many more columns the second line and those after it are indented.
    """
    return textwrap.wrap(
        printable(text).strip(),
        WIDTH - 2,
        initial_indent=indent,
        subsequent_indent=indent + " " * hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )


def told(message: str, indent: int = 0) -> list[str]:
    """A message line by line: sentences are wrapped, and what is indented (a place, a table) is cut off.

    Args:
        message: The message.
        indent: Columns that will stand before each line.
    """
    lines, width = [], WIDTH - 2 - indent
    for line in message.splitlines():
        if line.startswith(" "):
            text = printable(line)
            lines.append(text if len(text) <= width else f"{text[: width - 4]} ...")
        else:
            lines += [part[indent:] for part in wrapped(line, " " * indent)]
    return lines


def printable(text: str) -> str:
    """The text with everything escaped that could move a cursor or ring a bell."""
    return "".join(
        char if char.isprintable() else " " if char == "\t" else char.encode("unicode_escape").decode()
        for char in text
    )


def plural(count: int, noun: str) -> str:
    """`1 clause`, `2 clauses`."""
    return f"{count} {noun}" + ("" if count == 1 else "s")
