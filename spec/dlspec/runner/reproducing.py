"""`dlspec reproduce`: run the scripts that a report holds, and say whether they show its failures."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlspec.runner import report as reports
from dlspec.runner import screen
from dlspec.runner.exams import CORES, Jobs
from dlspec.runner.result import Status
from dlspec.runner.stop import ExitCode, Stop, did_you_mean
from dlspec.runner.supervise import IMPORT_TIMEOUT, environment
from dlspec.runner.words import plural, printable, wrapped

if TYPE_CHECKING:
    from rich.console import Console

Json = dict[str, Any]

ACCUSED = (Status.FAIL, Status.ERROR, Status.CRASH, Status.TIMEOUT, Status.DIVERGES, Status.BLOCKED)
"""Statuses of clauses that aren't kept; a blocked one has an outcome where it was asked."""

MOST_OUTPUT = 40
"""Lines that are shown of what a script prints."""


class Outcome(StrEnum):
    """What running a script came to."""

    SHOWN = "shows the failure"
    GONE = "runs to its end: the failure doesn't show"
    UNUSABLE = "can't be run here"


@dataclass(frozen=True)
class Rerun:
    """A script that was run.

    Attributes:
        id: The clause.
        outcome: What it came to.
        output: What it printed, errors last.
        detail: How it ended where that isn't what the report has.
    """

    id: str
    outcome: Outcome
    output: str
    detail: str = ""


def rerun(entry: Mapping[str, Any], timeout: float) -> Rerun:
    """Run the script of a report's entry in a process of its own, in the working folder.

    Args:
        entry: A clause of a report, with a script.
        timeout: Seconds that it may take.
    """
    with tempfile.TemporaryDirectory(prefix="dlspec-", ignore_cleanup_errors=True) as folder:
        script = Path(folder) / f"{entry['id']}.py"
        script.write_text(entry["reproduce"], encoding="utf-8")
        process = subprocess.Popen(
            [sys.executable, str(script)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(Path(folder)),
            encoding="utf-8",
            errors="backslashreplace",
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            _kill(process)
            output, _ = process.communicate()
            return _judged(entry, None, output or "", f"no end within {timeout:g} s")
        finally:
            _kill(process)
    code = process.returncode
    return _judged(entry, code, output, f"signal {-code}" if code < 0 else f"exit code {code}")


def _kill(process: subprocess.Popen[str]) -> None:
    """End a script, and what it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)


def _judged(entry: Mapping[str, Any], code: int | None, output: str, how: str) -> Rerun:
    """What it means how a script ended; None stands for one that didn't."""
    id, last = entry["id"], _last_error(output)
    if code == 0:
        return Rerun(id, Outcome.GONE, output)
    # A wrong answer fails the script's own assertion; anything else raises what it raised before.
    message = entry["message"].partition("\n")[0]
    wanted = "AssertionError" if "failure" in entry else message.partition(":")[0]
    if code is not None and code > 0 and last.partition(":")[0] == wanted:
        return Rerun(id, Outcome.SHOWN, output)
    hangs, ends = "no answer within" in message, "the process ended" in message
    if (hangs and code is None) or (ends and code is not None and not last):
        return Rerun(id, Outcome.SHOWN, output, how)
    return Rerun(id, Outcome.UNUSABLE, output, last or how)


def _last_error(output: str) -> str:
    """The line of a traceback that says what was raised; empty where there is none."""
    _, found, traceback = output.rpartition("Traceback (most recent call last):\n")
    lines = [line for line in traceback.splitlines() if line and not line.startswith(" ")] if found else []
    return lines[0] if lines else ""


def reproduce_command(
    report: Annotated[Path, typer.Argument(help="A report of `dlspec verify --report`.")],
    clause: Annotated[
        str | None, typer.Argument(help="The id of a clause that isn't kept in it.", show_default=False)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every clause that isn't kept in it.")] = False,
    jobs: Jobs = CORES,
) -> None:
    """Run the script of a failure in a report.

    It says whether the failure shows. It is run in the working folder, which has to be the one that the
    report was made in where the target was a path. Exit codes: 0 the failure shows (with --all every one of
    which there is a script), 1 it doesn't, 2 there is no such report, clause or script, 4 a script can't be
    run here.
    """
    read = reports.read(report)
    if (clause is None) != every:
        raise Stop("either the id of a clause or --all is wanted")
    timeout = read["options"]["timeout"] + IMPORT_TIMEOUT
    out = screen.console()
    if clause is None:
        raise typer.Exit(_reproduce_all(out, read, timeout, jobs))
    entry = _entry(read, report, clause)
    raise typer.Exit(_reproduce_one(out, entry, timeout))


def _entry(report: Json, path: Path, id: str) -> Json:
    """The clause of a report whose script can be run."""
    entries = {entry["id"]: entry for entry in report["clauses"]}
    if id not in entries:
        accused = [known for known, entry in entries.items() if entry["status"] in ACCUSED]
        raise Stop(f"{path}: there is no clause {id}.{did_you_mean(id, accused or entries)}")
    entry = entries[id]
    if "reproduce" not in entry:
        raise Stop(f"{path}: {id} has no script: {why_not(entry)}")
    found: Json = entry
    return found


def why_not(entry: Mapping[str, Any]) -> str:
    """Why a report holds no script for a clause."""
    if "no_script" in entry:
        return str(entry["no_script"])
    if entry["status"] in (Status.CRASH, Status.TIMEOUT):
        return "the process was gone before a script could be written"
    return f"its status is {entry['status']}" + (f" ({entry['message']})" if "message" in entry else "")


def _reproduce_one(out: Console, entry: Json, timeout: float) -> ExitCode:
    again = rerun(entry, timeout)
    for line in entry["reproduce"].rstrip().splitlines():
        screen.say(out, printable(line))
    screen.say(out)
    screen.say(out, "It prints:", "bold")
    printed = again.output.rstrip().splitlines()
    for line in printed[-MOST_OUTPUT:]:
        screen.say(out, f"  {printable(line)}")
    screen.say(out)
    _say_outcome(out, again)
    return _code([again])


def _reproduce_all(out: Console, report: Json, timeout: float, jobs: int) -> ExitCode:
    accused = [entry for entry in report["clauses"] if entry["status"] in ACCUSED]
    scripted = [entry for entry in accused if "reproduce" in entry]
    with screen.counting("scripts", len(scripted)) as advance, ThreadPoolExecutor(jobs) as pool:
        reruns = list(_counted(pool.map(lambda entry: rerun(entry, timeout), scripted), advance))
    for again in reruns:
        if again.outcome is not Outcome.SHOWN:
            _say_outcome(out, again)
    without = [entry for entry in accused if "reproduce" not in entry]
    if without:
        screen.say(out, f"WITHOUT A SCRIPT  ({plural(len(without), 'clause')})", "bold")
        for reason in dict.fromkeys(map(why_not, without)):
            for entry in without:
                if why_not(entry) == reason:
                    screen.say(out, f"  {entry['id']}")
            for line in wrapped(reason, "    "):
                screen.say(out, line)
        screen.say(out)
    shown = sum(again.outcome is Outcome.SHOWN for again in reruns)
    style = "bold green" if shown == len(reruns) else "bold red"
    counted = f"{shown} of {plural(len(reruns), 'script')} show{'s' if shown == 1 else ''} the failure"
    screen.say(out, counted if accused else "nothing fails or diverges in this report", style)
    return _code(reruns)


def _counted(reruns: Iterator[Rerun], advance: Any) -> Iterator[Rerun]:
    for again in reruns:
        advance()
        yield again


def _say_outcome(out: Console, again: Rerun) -> None:
    detail = f": {printable(again.detail)}" if again.detail else ""
    style = "bold green" if again.outcome is Outcome.SHOWN else "bold red"
    for line in wrapped(f"{again.id} {again.outcome}{detail}", "", hanging=2):
        screen.say(out, line, style)


def _code(reruns: Sequence[Rerun]) -> ExitCode:
    outcomes = {again.outcome for again in reruns}
    if Outcome.GONE in outcomes:
        return ExitCode.DIFFERS
    return ExitCode.INCOMPLETE if Outcome.UNUSABLE in outcomes else ExitCode.CONFORMS
