"""The commands of `dlspec`."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from dlspec import SPEC_VERSION, casefile, freeze, manifest
from dlspec.clause import Clause
from dlspec.faults import diagnosis
from dlspec.grading.command import grade_command
from dlspec.implementation import Divergence
from dlspec.runner import compare, exams, explaining, matrix, new, reproducing, screen
from dlspec.runner import divergences as declarations
from dlspec.runner import report as reports
from dlspec.runner.blocking import collapse
from dlspec.runner.explaining import known_clause
from dlspec.runner.result import Result, Subject
from dlspec.runner.selection import selected as chosen
from dlspec.runner.stop import ExitCode, Stop, did_you_mean
from dlspec.runner.supervise import Plan, Watcher, supervise
from dlspec.runner.verdict import statuses, verdict
from dlspec.runner.words import plural

TIMEOUT = 30.0
TIMEOUT_PER_EXAMPLE = 1.0
"""Seconds more for each case that is drawn: its answer is worked out in 60 digits while the clock runs."""
LONGEST_TIMEOUT = 86400.0

app = typer.Typer(
    name="dlspec",
    help="An executable specification of a small deep-learning framework.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        distribution = importlib.metadata.version("deeplearning-framework")
        typer.echo(f"dlspec {SPEC_VERSION} (deeplearning-framework {distribution})")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version of the spec."),
    ] = False,
) -> None:
    """An executable specification of a small deep-learning framework."""


@app.command(name="verify")
def verify_command(
    target: Annotated[
        str,
        typer.Argument(
            help="A module (some.package), a file (path/to/homework.py), an adapter in either "
            "(adapter.py:MyAdapter), the name of one that is shipped (autograd), or a program in any "
            "language (cmd:./program, 'cmd:node program.js')."
        ),
    ],
    profile: Annotated[
        list[str],
        typer.Option(
            default_factory=list,
            show_default=False,
            metavar="P",
            help="Ask this profile only; may be repeated.",
        ),
    ],
    only: Annotated[
        list[str],
        typer.Option(
            default_factory=list,
            show_default=False,
            metavar="GLOB",
            help="Ask clauses with matching ids only, such as 'ops.tanh.*'; may be repeated.",
        ),
    ],
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a JSON report.")] = None,
    divergences: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A TOML file of declared divergences.")
    ] = None,
    explore: Annotated[int, typer.Option(metavar="N", min=0, help="Draw N more cases for every clause.")] = 0,
    seed: Annotated[int, typer.Option(help="Where --explore starts to draw.")] = 0,
    timeout: Annotated[
        float | None,
        typer.Option(
            metavar="S", help="Seconds for one clause; by default 30, and 1 more for each case drawn."
        ),
    ] = None,
    slowest: Annotated[int, typer.Option(metavar="N", min=0, help="List the N slowest clauses.")] = 0,
    scripts: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a stand-alone script for every failure.")
    ] = None,
) -> None:
    """Hold an implementation to the profiles that it claims.

    Exit codes: 0 every claimed profile conforms, 1 some don't, 2 the command or the target can't be used,
    3 the adapter is broken, or the program breaks the protocol at the start, 4 not everything was asked.
    """
    clauses = manifest.clauses()
    selected = chosen(clauses, profile, only)
    seconds = TIMEOUT + TIMEOUT_PER_EXAMPLE * explore if timeout is None else timeout
    if not 0 < seconds <= LONGEST_TIMEOUT:
        raise Stop(f"--timeout {seconds:g}: seconds above 0 and up to {LONGEST_TIMEOUT:g} are wanted")
    from_file = declarations.from_file(divergences) if divergences else ()
    declarations.checked(from_file, manifest.by_id())
    if report is not None:
        reports.check_path(report)
    if scripts is not None:
        _make_folder(scripts)
    options = reports.Options(
        tuple(profile),
        tuple(only),
        explore,
        seed,
        seconds,
        None if divergences is None else divergences.name,
    )
    raise typer.Exit(_verify(target, selected, from_file, options, report, scripts, slowest))


def _verify(
    target: str,
    selected: Sequence[Clause],
    from_file: tuple[Divergence, ...],
    options: reports.Options,
    report: Path | None,
    scripts: Path | None,
    slowest: int,
) -> ExitCode:
    out = screen.console()
    clauses = manifest.clauses()
    ids = tuple(clause.id for clause in selected)
    plan = Plan(target, ids, options.explore, options.seed, options.timeout)
    started, clock = datetime.now(UTC), time.perf_counter()
    with screen.ProgressBar(target, selected) as bar:
        registrar = _Registrar(bar, from_file, selected)
        run = supervise(plan, registrar)
    duration = time.perf_counter() - clock
    outcomes = {id: result.status for id, result in run.results.items()}
    claims = run.subject.claims
    collapsed = collapse(
        clauses, statuses(clauses, outcomes, claims, registrar.declared), manifest.rests_on()
    )
    final = collapsed.final
    judged = verdict(manifest.PROFILES, clauses, final, claims, interrupted=run.interrupted)
    written = _write_scripts(scripts, run.scripts)
    diagnoses = diagnosis.of_run(run.results, registrar.declared, run.subject.dtypes)

    screen.show_header(out, run.subject)
    screen.show_failures(out, run, collapsed, clauses, written, diagnoses)
    screen.show_missing(out, run, final)
    screen.show_divergences(out, final, registrar.declared)
    screen.show_unasked(out, run, final)
    screen.show_slowest(out, run, slowest)
    screen.show_first(out, collapsed)
    screen.show_summary(out, judged)
    screen.show_closing(out, run.subject, judged, duration)
    if report is not None:
        made = reports.build(
            target=target,
            clauses=clauses,
            selected=frozenset(ids),
            run=run,
            collapsed=collapsed,
            diagnoses=diagnoses,
            verdict=judged,
            divergences=registrar.declared,
            options=options,
            started=started.isoformat(timespec="seconds"),
            duration=duration,
        )
        reports.write(made, report)
    return judged.exit_code


class _Registrar(Watcher):
    """Checks what a target says of itself before it is asked anything, and passes on the rest."""

    def __init__(self, bar: Watcher, from_file: tuple[Divergence, ...], selected: Sequence[Clause]) -> None:
        self._bar = bar
        self._from_file = from_file
        self._selected = selected
        self.declared: dict[str, Divergence] = {}

    def loaded(self, subject: Subject) -> None:
        self.declared = declarations.checked((*subject.divergences, *self._from_file), manifest.by_id())
        if not any(clause.profile in subject.claims for clause in self._selected):
            asked = ", ".join(dict.fromkeys(clause.profile for clause in self._selected))
            raise Stop(f"{subject.name} doesn't claim {asked}; it claims {', '.join(subject.claims)}")
        self._bar.loaded(subject)

    def begun(self, id: str) -> None:
        self._bar.begun(id)

    def answered(self, result: Result) -> None:
        self._bar.answered(result)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Stop(f"--scripts {folder}: can't be made: {error.strerror}") from error
    if not os.access(folder, os.W_OK):
        raise Stop(f"--scripts {folder}: can't be written to")


def _write_scripts(folder: Path | None, scripts: dict[str, str]) -> dict[str, Path]:
    if folder is None:
        return {}
    written = {}
    for id, text in scripts.items():
        path = folder / f"{id}.py"
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise Stop(
                f"--scripts {folder}: can't be written to: {error.strerror}", ExitCode.INCOMPLETE
            ) from error
        written[id] = path
    return written


@app.command(name="freeze")
def freeze_command(
    clause: Annotated[
        list[str],
        typer.Argument(
            default_factory=list,
            show_default=False,
            help="Ids to draw anew; by default what is missing is drawn.",
        ),
    ],
    check: Annotated[
        bool,
        typer.Option("--check", help="Draw nothing; exit 1 if a file is missing or its answers are wrong."),
    ] = False,
) -> None:
    """Draw and store the cases that the verdict runs. For those who work on the spec."""
    known = freeze.frozen_ids().keys() | {c.id for c in manifest.clauses() if c.frozen_as is not None}
    for id in clause:
        if id not in known:
            raise Stop(f"nothing is frozen under {id}.{did_you_mean(id, known)}")
    with _cases_may_be_unwritable(), freeze.no_litter():
        changed = freeze.freeze(clause or None, check=check)
    for id in changed:
        typer.echo(f"{'not in order' if check else 'drawn'}  {id}")
    if not changed:
        typer.echo("all cases are as they should be")
    if check and changed:
        raise typer.Exit(ExitCode.DIFFERS)


@app.command(name="promote")
def promote_command(
    report: Annotated[Path, typer.Argument(help="A report of `dlspec verify --explore`.")],
    clause: Annotated[str, typer.Argument(help="The id of a clause that failed in it.")],
) -> None:
    """Make the case that exploring found a frozen one. For those who work on the spec."""
    found = known_clause(clause)
    entries = [entry for entry in reports.read(report)["clauses"] if entry.get("id") == found.id]
    failure = entries[0].get("failure") if entries else None
    if failure is None or failure.get("case") is None:
        raise Stop(f"{report}: {found.id} has no failing case there")
    if failure.get("found_by") != "explore":
        raise Stop(f"{report}: the case on which {found.id} fails is a frozen one already")
    with _cases_may_be_unwritable():
        file = freeze.promote(found.id, failure["case"])
    typer.echo(f"the case is now frozen in {casefile.path_of(file)}")


@app.command(name="lint")
def lint_command() -> None:
    """Check the spec as a text: ids, sentences, lock and cases. For those who work on the spec."""
    problems = manifest.lint()
    for problem in problems:
        typer.echo(problem)
    if problems:
        raise typer.Exit(ExitCode.DIFFERS)
    typer.echo(f"{plural(len(manifest.clauses()), 'clause')}, nothing to complain about")


@contextlib.contextmanager
def _cases_may_be_unwritable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Stop(
            f"{casefile.FOLDER} can't be written to ({error.strerror}): cases are frozen in a checkout "
            "of the project that is installed with `pip install -e`"
        ) from error


app.command(name="list")(explaining.list_command)
app.command(name="explain")(explaining.explain_command)
app.command(name="compare")(compare.compare_command)
app.command(name="reproduce")(reproducing.reproduce_command)
app.command(name="new")(new.new_command)
app.command(name="grade")(grade_command)
app.add_typer(declarations.app, name="divergences")
app.command(name="matrix")(matrix.matrix_command)
app.command(name="faults")(exams.faults_command)
app.command(name="variants")(exams.variants_command)
app.command(name="random-faults")(exams.random_faults_command)
