"""The commands by which the spec itself is examined: faults that it must catch, variants that it must not."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated

import typer

from dlspec import manifest
from dlspec.runner import screen
from dlspec.runner.stop import ExitCode, Stop, did_you_mean
from dlspec.runner.words import plural, wrapped

if TYPE_CHECKING:
    from dlspec.faults import Change
    from dlspec.faults.exam import Sitting

MOST_SHOWN = 12
"""Clauses that are listed of those that a fault fails."""

Jobs = Annotated[int, typer.Option("--jobs", metavar="N", min=1, help="Processes; by default one a core.")]
CORES = os.cpu_count() or 1


def faults_command(
    fault: Annotated[
        list[str],
        typer.Argument(
            default_factory=list, show_default=False, help="Ids of planted faults; by default all."
        ),
    ],
    matrix: Annotated[
        bool,
        typer.Option("--matrix", help="Ask every clause of them, and keep what fails in the kill matrix."),
    ] = False,
    clause: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="With --matrix: ask matching clauses only; may be repeated."),
    ] = None,
    idle: Annotated[
        bool, typer.Option("--idle", help="With --matrix: ask only the clauses that no fault has failed yet.")
    ] = False,
    answers: Annotated[
        bool,
        typer.Option(
            "--answers", help="Ask what they answer, and keep it: by that, `dlspec verify` knows them again."
        ),
    ] = False,
    jobs: Jobs = CORES,
) -> None:
    """See that every planted fault is caught. For those who work on the spec.

    Each fault is asked the clause that is meant to catch it, and each clause is asked of a fault that it is
    known to catch. Exit codes: 0 all of them fail as they should, 1 some don't.
    """
    from dlspec.faults import exam
    from dlspec.faults import faults as planted

    known = _read(planted)
    wanted = _chosen("fault", fault, known)
    problems = [
        f"{id} is to be caught by {known[id].caught_by}, but there is no such clause"
        for id in wanted
        if known[id].caught_by not in manifest.by_id()
    ]
    if answers:
        problems += _keep_answers(wanted, known, jobs)
    elif matrix:
        asked = _matching(clause)
        if idle:
            witnessed = exam.witnesses(exam.read_matrix())
            asked = [id for id in asked if id not in witnessed]
        problems += _enter(wanted, known, asked, jobs)
    else:
        problems += _repeat(wanted, known, jobs)
    if not fault:
        problems += exam.gaps(exam.read_matrix())
    _close(problems, f"{plural(len(wanted), 'fault')}, each caught by the clause that is meant to catch it")


def _repeat(wanted: Sequence[str], known: Mapping[str, Change], jobs: int) -> list[str]:
    """Ask what the matrix promises, and say what doesn't hold."""
    from dlspec.faults import exam

    questions = exam.questions(exam.read_matrix())
    problems = []
    for id, sitting in _sat({id: questions[f"fault:{id}"] for id in wanted}, "fault", jobs).items():
        caught_by = known[id].caught_by
        if sitting.broken is not None:
            problems.append(f"{id} can't be asked: {sitting.broken}")
        elif caught_by not in sitting.failed:
            problems.append(f"{id} escapes {caught_by}")
        elif len(wanted) < len(known):
            typer.echo(f"{id} fails {caught_by}")
        if sitting.broken is None:
            problems += [
                f"{clause} no longer fails on {id}: dlspec faults --matrix --clause {clause}"
                for clause in questions[f"fault:{id}"]
                if clause != caught_by and clause not in sitting.failed
            ]
    return problems


KEEP_EVERY = 25
"""Faults after which the matrix is written: the whole of it takes most of an hour."""


def _enter(wanted: Sequence[str], known: Mapping[str, Change], asked: Sequence[str], jobs: int) -> list[str]:
    """Ask faults all of the clauses given, and enter in the matrix what fails."""
    from dlspec.faults import exam

    rows = {id: clauses for id, clauses in exam.read_matrix().items() if id in known}
    targets = {f"fault:{id}": asked for id in wanted}
    problems = []
    with screen.counting("faults", len(targets)) as advance:
        for number, sitting in enumerate(exam.sit(targets, jobs=jobs), start=1):
            id = sitting.target.partition(":")[2]
            change = known[id]
            if sitting.broken is not None:
                problems.append(f"{id} can't be asked: {sitting.broken}")
                continue
            if change.caught_by in asked and change.caught_by not in sitting.failed:
                problems.append(f"{id} escapes {change.caught_by}, and fails {_some(sitting.failed)}")
            rows[id] = [*(clause for clause in rows.get(id, ()) if clause not in asked), *sitting.failed]
            if len(wanted) < len(known):
                typer.echo(f"{id} fails {_some(sitting.failed)}")
            if number % KEEP_EVERY == 0:
                exam.write_matrix(rows)
            advance()
    exam.write_matrix(rows)
    return problems


def _keep_answers(wanted: Sequence[str], known: Mapping[str, Change], jobs: int) -> list[str]:
    """Ask faults whatever can notice them, and keep their wrong answers."""
    from dlspec.faults import answers, exam, reach, reference
    from dlspec.implementations import load

    run = reach.functions_run(load(reference.PACKAGE), manifest.clauses())
    table = {id: row for id, row in answers.read().items() if id in known and id not in wanted}
    targets = {
        f"fault:{id}": answers.asked_of(known[id], reach.noticed_by(known[id].hunks, run)) for id in wanted
    }
    problems = []
    with screen.counting("faults", len(targets)) as advance:
        for sitting in exam.sit(targets, jobs=jobs):
            id = sitting.target.partition(":")[2]
            if sitting.broken is not None:
                problems.append(f"{id} can't be asked: {sitting.broken}")
            elif found := answers.of_results(sitting.results.values()):
                table[id] = answers.known(known[id], found)
            advance()
    answers.write(table, [clause.id for clause in manifest.clauses()])
    return problems


def _some(clauses: Sequence[str]) -> str:
    """How many, and the first of them."""
    if not clauses:
        return "nothing"
    more = ", ..." if len(clauses) > MOST_SHOWN else ""
    return f"{plural(len(clauses), 'clause')}: {', '.join(clauses[:MOST_SHOWN])}{more}"


def variants_command(
    variant: Annotated[
        list[str],
        typer.Argument(default_factory=list, show_default=False, help="Ids of variants; by default all."),
    ],
    jobs: Jobs = CORES,
) -> None:
    """See that no correct variant fails a clause. For those who work on the spec.

    Exit codes: 0 all of them pass everything, 1 some don't.
    """
    from dlspec.faults import variants

    known = _read(variants)
    wanted = _chosen("variant", variant, known)
    every = [clause.id for clause in manifest.clauses()]
    levels = {clause.id: clause.level for clause in manifest.clauses()}
    problems = []
    for id, sitting in _sat(dict.fromkeys(wanted, every), "variant", jobs).items():
        if sitting.broken is not None:
            problems.append(f"{id} can't be asked: {sitting.broken}")
            continue
        misses = known[id].misses
        problems += [f"{id} fails {clause}" for clause in sitting.failed if clause not in misses]
        for clause in misses:
            if levels.get(clause) != "SHOULD":
                problems.append(f"{id} misses {clause}, which is no SHOULD")
            elif clause not in sitting.failed:
                problems.append(f"{id} says that it misses {clause}, but doesn't")
    _close(problems, f"{plural(len(wanted), 'variant')}, each passing every clause of what it claims")


def random_faults_command(
    count: Annotated[int, typer.Argument(min=1, help="How many.")] = 200,
    first: Annotated[int, typer.Option(metavar="N", min=0, help="The number of the first.")] = 0,
    jobs: Jobs = CORES,
) -> None:
    """Make faults at random, and see that each is caught. For those who work on the spec.

    Each has a number, and is the same fault every time. Exit codes: 0 all are caught, 1 some aren't.
    """
    from dlspec.faults import random_faults

    numbers = [str(number) for number in range(first, first + count)]
    asked = {number: random_faults.clauses_for(int(number)) for number in numbers}
    problems = []
    for number, sitting in _sat(asked, "random-fault", jobs, first_only=True).items():
        described = random_faults.fault(int(number))
        if sitting.broken is not None:
            problems.append(f"random-fault:{number} ({described}) can't be asked: {sitting.broken}")
        elif not sitting.failed:
            problems.append(f"random-fault:{number} escapes: {described}")
    _close(problems, f"{plural(len(numbers), 'random fault')}, each caught")


def explain(target: str) -> None:
    """Show a fault or a variant: its story, where to read on, and the change."""
    from dlspec.faults import faults, variants

    kind, _, id = target.partition(":")
    known = _read(faults if kind == "fault" else variants)
    (id,) = _chosen(kind, [id], known)
    change, out = known[id], screen.console()
    screen.say(out, target, "bold")
    for line in wrapped(change.story, "  "):
        screen.say(out, line)
    screen.say(out)
    screen.say(out, f"  of         {change.of}")
    if change.caught_by is not None:
        screen.say(out, f"  caught by  {change.caught_by}")
    for url in change.links:
        screen.say(out, f"  seen in    {url}")
    screen.say(out)
    for line in change.text.splitlines():
        screen.say(out, line)


def _matching(patterns: Sequence[str] | None) -> list[str]:
    """The clauses whose ids match a pattern; all of them where there is none."""
    ids = [clause.id for clause in manifest.clauses()]
    for pattern in patterns or ():
        if not any(fnmatchcase(id, pattern) for id in ids):
            raise Stop(f"--clause {pattern}: no clause has such an id.{did_you_mean(pattern, ids)}")
    return [id for id in ids if not patterns or any(fnmatchcase(id, pattern) for pattern in patterns)]


def _read(changes: Callable[[], Mapping[str, Change]]) -> Mapping[str, Change]:
    from dlspec.faults import FaultError

    try:
        return changes()
    except FaultError as error:
        raise Stop(str(error)) from error


def _chosen(kind: str, ids: Sequence[str], known: Mapping[str, Change]) -> list[str]:
    for id in ids:
        if id not in known:
            raise Stop(f"there is no {kind} {id}.{did_you_mean(id, known)}")
    return list(ids or known)


def _sat(
    questions: Mapping[str, Sequence[str]], kind: str, jobs: int, *, first_only: bool = False
) -> dict[str, Sitting]:
    """What came of each change, in the order given."""
    from dlspec.faults import exam

    found = {}
    targets = {f"{kind}:{id}": ids for id, ids in questions.items()}
    with screen.counting(f"{kind}s", len(targets)) as advance:
        for sitting in exam.sit(targets, jobs=jobs, first_only=first_only):
            found[sitting.target.partition(":")[2]] = sitting
            advance()
    return {id: found[id] for id in questions}


def _close(problems: Sequence[str], success: str) -> None:
    for problem in problems:
        typer.echo(problem)
    if problems:
        raise typer.Exit(ExitCode.DIFFERS)
    typer.echo(success)
