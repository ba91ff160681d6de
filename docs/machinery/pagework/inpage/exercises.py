"""An exercise: the reader's text takes the place of a symbol of the reference, and the spec judges it.

The clauses are the real ones, asked as `dlspec verify` asks them, on their frozen cases. One that fails, and
draws its cases, is explored as well: Hypothesis looks for a case and shrinks it until nothing simpler fails.
That is what the reader is shown.
"""

from __future__ import annotations

import ast
import linecache
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from dlspec import casefile, manifest, reproduce
from dlspec.clause import Clause
from dlspec.faults import diagnosis, reference
from dlspec.implementations.module import ModuleImplementation
from dlspec.runner.judge import ask
from dlspec.runner.result import Result, Status
from dlspec.runner.words import finding
from pagework.inpage.cells import told
from pagework.inpage.counterexamples import said

EXAMPLES = 100
"""Cases that Hypothesis may draw to find a failing one, before it shrinks it."""

NO_THREADS = "it needs threads, and a page has none"

YOURS = "your"
"""What tracebacks call the folder of a module that the reader has changed."""


@dataclass(frozen=True)
class Place:
    """What the reader's text takes the place of.

    Attributes:
        file: The file, from the package's folder.
        symbol: The function, class or method.
        first: Its first line, from 1.
        last: Its last line.
        indent: How many blanks stand before each of its lines, which the text doesn't have.
    """

    file: str
    symbol: str
    first: int
    last: int
    indent: int

    @property
    def module(self) -> str:
        """The module, by its name within the package."""
        return self.file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")

    @property
    def filename(self) -> str:
        """What tracebacks call the file once it is changed."""
        return f"{YOURS}/{self.module}.py"

    def replaced(self, text: str) -> str:
        """The file with that text."""
        lines = reference.sources()[self.module].splitlines()
        lines[self.first - 1 : self.last] = textwrap.indent(text.rstrip(), " " * self.indent).splitlines()
        return "\n".join(lines) + "\n"

    def line(self, line: int | None) -> int | None:
        """A line of the file as one of the text."""
        return None if line is None else line - self.first + 1


def defines(text: str, symbol: str) -> bool:
    """Whether a text that compiles defines what it should, on its outermost level."""
    name = symbol.rpartition(".")[2]
    return any(getattr(node, "name", None) == name for node in ast.parse(textwrap.dedent(text)).body)


def matching(patterns: Sequence[str]) -> list[Clause]:
    """The clauses that an exercise names, in the spec's order.

    Raises:
        LookupError: A pattern names none.
    """
    for pattern in patterns:
        if not any(fnmatchcase(id, pattern) for id in manifest.by_id()):
            raise LookupError(f"no clause is called {pattern}")
    return [c for c in manifest.clauses() if any(fnmatchcase(c.id, pattern) for pattern in patterns)]


@dataclass(frozen=True)
class Counterexample:
    """Where a clause fails, as a person would say it.

    Attributes:
        text: Sentences, one a paragraph.
        found_by: `explore`, where Hypothesis found and shrank it, or `frozen`.
        lines: What `dlspec verify` would say of it.
        script: A program that shows it; empty where there is none.
        line: The line of the reader's text at which it raised, if it did.
    """

    text: tuple[str, ...]
    found_by: str
    lines: tuple[str, ...]
    script: str = ""
    line: int | None = None


@dataclass(frozen=True)
class Asked:
    """What came of one clause.

    Attributes:
        id: The clause.
        level: MUST or SHOULD.
        sentence: What it says.
        status: What came of it.
        cases: How many frozen cases it was asked.
        note: Why it couldn't be asked here.
        counterexample: Where it fails, unless something else has to be mended first.
        mistake: What the mistake looks like.
        blocked_by: The failing clauses that it rests on.
    """

    id: str
    level: str
    sentence: str
    status: str
    cases: int
    note: str = ""
    counterexample: Counterexample | None = None
    mistake: str = ""
    blocked_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judged:
    """What came of an exercise.

    Attributes:
        clauses: Each clause that was asked.
        trace: The traceback, where the package with the reader's text couldn't even be imported.
        line: The line of the reader's text that it stopped at.
    """

    clauses: tuple[Asked, ...] = ()
    trace: str = ""
    line: int | None = None

    @property
    def passes(self) -> bool:
        """Whether every clause holds that could be asked."""
        good = (Status.PASS, Status.NOT_RUN)
        return not self.trace and all(asked.status in good for asked in self.clauses)


def judge(
    place: Place, text: str, patterns: Sequence[str], *, examples: int = EXAMPLES
) -> Iterator[Asked | Judged]:
    """Ask the clauses of an exercise about the reader's text.

    Args:
        place: What the text takes the place of.
        text: The text.
        patterns: The clauses, by id or pattern.
        examples: How many cases to draw where a clause fails; 0 to leave it at the frozen ones.

    Yields:
        What came of each clause, as soon as it is known, and last what came of them all.
    """
    changed = {place.module: place.replaced(text)}
    linecache.cache.pop(place.filename, None)  # tracebacks would show lines of the text before
    try:
        compile(changed[place.module], place.filename, "exec", dont_inherit=True)
        if not defines(text, place.symbol):
            yield Judged(trace=f"The text is to define {place.symbol}, and doesn't.")
            return
        with reference.rewritten(changed, YOURS) as package:
            impl = ModuleImplementation(package, reference.PACKAGE)
            yield from _asked(impl, matching(patterns), examples, place)
    except Exception as raised:
        trace, line = told(raised, place.filename)
        yield Judged(trace=trace, line=place.line(line))


def _asked(
    impl: ModuleImplementation, clauses: Sequence[Clause], examples: int, place: Place
) -> Iterator[Asked | Judged]:
    results: dict[str, Result] = {}
    raised: dict[str, BaseException] = {}
    for clause in clauses:
        result, error = ask(clause, impl)
        if _needs_threads(error):
            result = Result(clause.id, Status.NOT_RUN, message=NO_THREADS)
        elif error is not None:
            raised[clause.id] = error
        results[clause.id] = result
        yield _answer(clause, result)
    mistakes = diagnosis.of_run(results, (), impl.dtypes)
    roots = {id for id in raised if not manifest.rests_on()[id] & raised.keys()}
    answers = []
    for clause in clauses:
        answer = _answer(clause, results[clause.id])
        if clause.id in raised:
            first = [id for id in raised if id in manifest.rests_on()[clause.id] & roots]
            found = None
            if not first:  # what rests on another failure is no news
                simplest = _simplest(clause, impl, results[clause.id], raised[clause.id], examples)
                found = _told(clause, impl, *simplest, place)
            mistake = ", or ".join(mistakes[clause.id].mistakes) if clause.id in mistakes else ""
            answer = replace(answer, counterexample=found, mistake=mistake, blocked_by=tuple(first))
        answers.append(answer)
    yield Judged(tuple(answers))


def _needs_threads(error: BaseException | None) -> bool:
    return isinstance(error, RuntimeError) and "can't start new thread" in str(error)


def _answer(clause: Clause, result: Result) -> Asked:
    cases = len(casefile.load(clause.frozen_as)) if clause.frozen_as else 0
    note = result.message or "" if result.status is Status.NOT_RUN else ""
    return Asked(clause.id, clause.level, clause.sentence, str(result.status), cases, note)


def _simplest(
    clause: Clause, impl: ModuleImplementation, result: Result, raised: BaseException, examples: int
) -> tuple[Result, BaseException]:
    """The simplest failure that Hypothesis finds, or that of the frozen cases where it finds none."""
    if examples and clause.frozen_as is not None:
        found, error = ask(clause, impl, examples=examples, frozen=False)
        if error is not None:
            return found, error
    return result, raised


def _told(
    clause: Clause, impl: ModuleImplementation, result: Result, raised: BaseException, place: Place
) -> Counterexample:
    _, line = told(raised, place.filename)
    try:
        script = reproduce.script(clause, impl, reference.PACKAGE, raised)
    except reproduce.NoScript:
        script = ""
    return Counterexample(
        tuple(said(clause, result)),
        str((result.failure or {}).get("found_by", "frozen")),
        tuple(finding(clause, result)),
        script,
        place.line(line),
    )
