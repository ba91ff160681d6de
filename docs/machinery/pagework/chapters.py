"""See that the program as of each chapter runs, and passes the clauses of that chapter.

    python -m pagework.chapters [NUMBER ...] [--to FOLDER]

A chapter of the tutorial is a page `docs/tutorial/NN_name.md`. Its front matter says what it promises:

    chapter: 3
    clauses: [autodiff.fan_out.*, ops.tanh.gradient]
    later: [rows.py::Rows]

The program as of a chapter is the package made of what `@code` has shown in it and in those before it, and
nothing else (`pagework.program`). No name in it may be undefined, but for those that a chapter promises for
`later`; and every clause that its `clauses` match has to be asked of it and to pass. What it doesn't provide,
or doesn't claim, is not a pass.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

import typer

from dlspec import manifest
from dlspec.runner.result import Result, Status, Subject
from dlspec.runner.stop import Stop
from dlspec.runner.supervise import Plan, Watcher, supervise
from pagework.program import NAME, Gap, Program, Symbol
from pagework.source import ROOT, PageError, read, resolved, shown_by

FOLDER = ROOT / "docs" / "tutorial"
WIDTH = 80
NAMED = 3
"""More users of a name, or clauses with the same answer, than that are counted."""

_FILE = re.compile(r"(?P<number>\d\d)_\w+\.md")
_TITLE = re.compile(r"^# +(?:\d+\. +)?(?P<title>.+?)(?: *\{.*\})? *$", re.MULTILINE)


@dataclass(frozen=True)
class Chapter:
    """A chapter, as far as the program goes.

    Attributes:
        number: Its place in the tutorial.
        title: Its heading.
        file: The page's file name.
        shown: The symbols that it shows.
        clauses: Patterns of the clauses that the program passes after it.
        later: What code that it shows may use before a later chapter shows that.
    """

    number: int
    title: str
    file: str
    shown: tuple[Symbol, ...]
    clauses: tuple[str, ...]
    later: tuple[Symbol, ...] = ()


@dataclass(frozen=True)
class Finding:
    """What there is to say of a chapter.

    Attributes:
        chapter: Which.
        symbols: How many symbols the program has after it.
        asked: How many clauses it promises.
        problems: What is wrong; nothing, if it is all in order.
    """

    chapter: Chapter
    symbols: int
    asked: int
    problems: tuple[str, ...]


def chapters(folder: Path = FOLDER) -> list[Chapter]:
    """The chapters of the tutorial, in order.

    Raises:
        PageError: There is none, or one doesn't say what it has to.
    """
    pages = sorted(path for path in folder.glob("*.md") if _FILE.fullmatch(path.name))
    if not pages:
        raise PageError(f"there is no chapter NN_name.md in {_shortened(folder)}")
    return [chapter(page.name, page.read_text(encoding="utf-8")) for page in pages]


def chapter(file: str, text: str) -> Chapter:
    """Read a chapter.

    Args:
        file: The name of its file, `NN_name.md`.
        text: The page.

    Raises:
        PageError: It doesn't say what it has to.
    """
    # Imported here: only who reads pages has what makes a site of them.
    from mkdocs.utils.meta import get_data  # noqa: PLC0415 (as said)

    body, meta = get_data(text)
    named = _FILE.fullmatch(file)
    title = _TITLE.search(body)
    if named is None or title is None:
        raise PageError(f"{file}: a chapter is a file NN_name.md with a heading, # Title")
    if meta.get("chapter") != int(named["number"]):
        raise PageError(f"{file}: its front matter has to say chapter: {int(named['number'])}")
    clauses = _texts(file, meta, "clauses")
    if not clauses:
        raise PageError(f"{file}: its front matter has to say which clauses the program passes after it")
    try:
        shown = [Symbol(one.path, name) for one in shown_by(body) for name in one.symbols]
        later = [_promise(text) for text in _texts(file, meta, "later")]
        for symbol in (*shown, *later):
            read(symbol.path).find(symbol.name)
    except PageError as error:
        raise PageError(f"{file}: {error}") from None
    return Chapter(int(named["number"]), title["title"], file, tuple(shown), tuple(clauses), tuple(later))


def _texts(file: str, meta: dict[str, Any], key: str) -> list[str]:
    value = meta.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise PageError(f"{file}: {key} in its front matter is a list, as in {key}: [one, another]")
    return value


def _promise(text: str) -> Symbol:
    path, colons, name = text.partition("::")
    if not colons:
        raise PageError(f"later: {text!r} is written FILE::SYMBOL")
    return Symbol(resolved(path), name)


def program_as_of(number: int, all_chapters: Iterable[Chapter]) -> Program:
    """The program of what a reader has seen at the end of a chapter.

    Args:
        number: The chapter.
        all_chapters: The tutorial.
    """
    read_so_far = [one for one in all_chapters if one.number <= number]
    shown = [symbol for one in read_so_far for symbol in one.shown]
    later = {symbol for one in read_so_far for symbol in one.later}
    return Program(shown, later, f"chapter.{number}")


def check(all_chapters: Sequence[Chapter], numbers: Sequence[int], folder: Path) -> Iterator[Finding]:
    """Look at the programs as of some chapters.

    Args:
        all_chapters: The tutorial.
        numbers: Which of them.
        folder: Where programs are put, each in a folder of its own.
    """
    for one in all_chapters:
        if one.number not in numbers:
            continue
        program = program_as_of(one.number, all_chapters)
        place = folder / f"{one.number:02}"
        program.write(place)
        gaps = program.gaps()
        problems = [*_told_gaps(gaps, one, all_chapters), *_told_promises(one, program, all_chapters)]
        ids = sorted({id for pattern in one.clauses for id in _matching(pattern)})
        for pattern in one.clauses:
            if not _matching(pattern):
                problems.append(f"clauses: {pattern} matches no clause")
        if gaps:
            problems.append("its clauses were not asked, since it can't run")
        elif ids:
            problems += _asked(place, ids, one.number)
        yield Finding(one, sum(map(len, program.kept.values())), len(ids), tuple(problems))


def _matching(pattern: str) -> list[str]:
    return [clause.id for clause in manifest.clauses() if fnmatchcase(clause.id, pattern)]


def _told_gaps(gaps: Iterable[Gap], here: Chapter, all_chapters: Iterable[Chapter]) -> Iterator[str]:
    """What is missing, each thing once, with everybody who uses it."""
    users: dict[tuple[str, Symbol | None], list[str]] = {}
    for gap in gaps:
        users.setdefault((gap.name if gap.missing is None else "", gap.missing), []).append(str(gap.user))
    for (name, missing), using in users.items():
        more = f" and {len(using) - NAMED} more" if len(using) > NAMED else ""
        used = f"used by {', '.join(using[:NAMED])}{more}"
        if missing is None:
            yield f"{name} is defined nowhere; {used}"
            continue
        shown_in = [one for one in all_chapters if one.number > here.number and _shows(one, missing)]
        where = (
            f"chapter {shown_in[0].number} shows it; show it in chapter {here.number} or before, or say in "
            f"its front matter later: [{missing}]"
            if shown_in
            else f"no chapter shows it; say @code {missing} in chapter {here.number} or before"
        )
        yield f"{missing} is missing, {used}: {where}"


def _shows(one: Chapter, symbol: Symbol) -> bool:
    return any(
        shown.path == symbol.path
        and (shown.name in {symbol.name, symbol.outer} or shown.outer == symbol.name)
        for shown in one.shown
    )


def _told_promises(here: Chapter, program: Program, all_chapters: Sequence[Chapter]) -> Iterator[str]:
    """What is wrong with the promises that a chapter makes itself."""
    for symbol in here.later:
        if symbol not in program.promised:
            yield f"later: {symbol} has been shown by now, so it needs no promise"
        elif symbol in program.idle:
            yield f"later: nothing that has been shown uses {symbol}, so it needs no promise"
        elif not any(_shows(one, symbol) for one in all_chapters if one.number > here.number):
            yield f"later: no later chapter shows {symbol}, so the promise is broken"


def _asked(place: Path, ids: Sequence[str], number: int) -> Iterator[str]:
    """What a program says to its clauses, where it isn't a pass."""
    version: list[str | None] = []

    class Notes(Watcher):
        def loaded(self, subject: Subject) -> None:
            version.append(subject.version)

    try:
        with _first_on_the_path(place):
            run = supervise(Plan(NAME, tuple(ids), scripts=False), Notes())
    except Stop as stop:
        last = stop.details.strip().splitlines()[-1:] if stop.details else []
        yield f"it can't be verified: {'; '.join([str(stop), *last])}"
        return
    if not (version[0] or "").endswith(f"+chapter.{number}"):
        yield f"another {NAME} was verified in its place, version {version[0]}"
    yield from _grouped((id, _why_not(run.results.get(id))) for id in ids)


def _why_not(result: Result | None) -> str | None:
    """Why an answer is no pass; None if it is one."""
    if result is None:
        return "not claimed, since the program has no name that the profile asks for"
    if result.status is Status.PASS:
        return None
    why = (result.message or "").strip().splitlines()
    return f"{result.status}: {why[0]}" if why else str(result.status)


def _grouped(answers: Iterable[tuple[str, str | None]]) -> Iterator[str]:
    """What isn't a pass: clauses with the same reason together."""
    same: dict[str, list[str]] = {}
    for id, why in answers:
        if why is not None:
            same.setdefault(why, []).append(id)
    for why, ids in same.items():
        more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
        yield f"{', '.join(ids[:NAMED])}{more}: {why}"


@contextmanager
def _first_on_the_path(folder: Path) -> Iterator[None]:
    """Have the interpreters that are started meanwhile import from a folder before all others."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(folder.resolve()), *([before] if before else [])])
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


def told(finding: Finding) -> str:
    """A finding as the command prints it."""
    one = finding.chapter
    name = f"{one.number:2}  {textwrap.shorten(one.title, 38, placeholder=' ...')}"
    outcome = f"{finding.asked} clauses pass" if not finding.problems else "not in order"
    lines = [f"{name:44}{finding.symbols:4} symbols  {outcome:>20}"]
    for problem in finding.problems:
        # A name that is broken can't be searched for.
        lines += textwrap.wrap(
            problem,
            WIDTH,
            initial_indent="      ",
            subsequent_indent="        ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    return "\n".join(lines)


def _shortened(path: Path) -> str:
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


def main(
    number: Annotated[
        list[int],
        typer.Argument(default_factory=list, show_default=False, help="Chapters to look at; all by default."),
    ],
    to: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep the programs here, NN for each chapter.")
    ] = None,
) -> None:
    """See that the program as of each chapter runs, and passes the clauses of that chapter."""
    try:
        all_chapters = chapters()
    except PageError as error:
        sys.exit(f"chapters: {error}")
    known = [one.number for one in all_chapters]
    for one in number:
        if one not in known:
            raise typer.BadParameter(f"there is no chapter {one}; there are {', '.join(map(str, known))}")
    wrong = 0
    with tempfile.TemporaryDirectory() as temporary:
        for finding in check(all_chapters, number or known, to or Path(temporary)):
            typer.echo(told(finding))
            wrong += bool(finding.problems)
    if wrong:
        sys.exit(f"{wrong} of {len(number or known)} chapters are not in order")


if __name__ == "__main__":
    typer.run(main)
