"""`dlspec list` and `dlspec explain`: find clauses, and understand one.

What is said of a clause stands elsewhere and is looked up there: its sentence and its check in the clause,
the formula in the catalogue and in the reference, the reason in the planted fault that it catches, and the
code that satisfies it in the change that makes this fault, whose removed lines are the right ones.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from dlspec import casefile, manifest
from dlspec.runner import exams, screen
from dlspec.runner.selection import selected
from dlspec.runner.stop import Stop, did_you_mean
from dlspec.runner.words import wrapped

if TYPE_CHECKING:
    from dlspec.catalogue import Op
    from dlspec.clause import Clause
    from dlspec.faults import Change

LEVELS = ("MUST", "SHOULD")


def known_clause(id: str) -> Clause:
    """The clause of that id.

    Raises:
        Stop: There is none.
    """
    known = manifest.by_id()
    if id not in known:
        raise Stop(f"there is no clause {id}.{did_you_mean(id, known)}")
    return known[id]


def list_command(
    profile: Annotated[str | None, typer.Argument(help="One profile; all of them by default.")] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="Clauses with matching ids, such as '*.tanh.*'; may be repeated."),
    ] = None,
    level: Annotated[str | None, typer.Option(metavar="LEVEL", help="MUST or SHOULD.")] = None,
    saying: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Clauses whose sentence has this in it.")
    ] = None,
    sentences: Annotated[bool, typer.Option("--sentences", help="Show what each of them says.")] = False,
) -> None:
    """List the clauses: level and id, one a line."""
    if level is not None and level.upper() not in LEVELS:
        raise Stop(f"--level {level}: there are MUST and SHOULD")
    wanted = [
        clause
        for clause in selected(manifest.clauses(), () if profile is None else (profile,), only or ())
        if level is None or level.upper() == clause.level
        if saying is None or saying.lower() in clause.sentence.lower()
    ]
    if not wanted:
        raise Stop("no clause is all of that")
    for clause in wanted:
        typer.echo(f"{clause.level:<6}  {clause.id}")
        for line in wrapped(clause.sentence, "        ") if sentences else ():
            typer.echo(line)


def explain_command(
    clause: Annotated[str, typer.Argument(help="The id of a clause, or fault:ID or variant:ID.")],
) -> None:
    """Explain a clause, or tell the story of a fault.

    Of a clause: what it says, the formula, why it is there and how to satisfy it.
    """
    if clause.startswith(("fault:", "variant:")):
        exams.explain(clause)
        return
    found, out = known_clause(clause), screen.console()
    screen.say(out, found.id, "bold")
    for line in wrapped(found.sentence, "  "):
        screen.say(out, line)
    screen.say(out)
    for line in _facts(found):
        screen.say(out, line)
    parts = (("FORMULA", _formula(found.op)), ("WHY", _why(found)), ("HOW IT IS CHECKED", _check(found)))
    for title, lines in parts:
        text = list(lines)
        if text:
            screen.say(out)
            screen.say(out, title, "bold")
            for line in text:
                screen.say(out, line)


def _facts(clause: Clause) -> Iterator[str]:
    yield f"  profile  {clause.profile}"
    yield f"  level    {clause.level}"
    yield f"  source   dlspec/{clause.source}"
    if clause.frozen_as is not None:
        count = len(casefile.load(clause.frozen_as))
        place = casefile.path_of(clause.frozen_as).relative_to(casefile.FOLDER.parent).as_posix()
        yield f"  cases    {count}, in dlspec/{place}"
    # A law depends on itself, of simpler rows.
    others = [name for name in clause.depends if name != clause.id]
    for label, name in zip(["depends", *[""] * len(others)], others, strict=False):
        yield f"  {label:<7}  {name}"


def _formula(op: Op | None) -> Iterator[str]:
    """The contract and the definition of a row, and the equation that the reference has for it."""
    if op is None:
        return
    yield f"  contract    {op.signature}"
    for number, line in enumerate(definition(op)):
        label = "" if number else "definition"
        yield f"  {label:<10}  {line}"
    for equation in equations(op):
        for line in equation:
            yield from wrapped(line, "  ")


def definition(op: Op) -> list[str]:
    """The definition as it stands in the catalogue: a function, or what a row says after `lambda`."""
    if isinstance(op.definition, np.ufunc):
        return [f"np.{op.definition.__name__}"]
    lines = textwrap.dedent(inspect.getsource(op.definition)).rstrip().splitlines()
    written = re.search(r"lambda .*", lines[0])
    if written is None:
        return lines
    text = written[0].rstrip(",")
    # What closes after it belongs to the row.
    while text.count(")") > text.count("("):
        text = text[: text.rindex(")")].rstrip(", ")
    return [text]


def equations(op: Op) -> Iterator[list[str]]:
    """What stands between `$$` in the docstring of the reference's own op."""
    from dlspec.faults import reference

    for node in ast.parse(reference.sources()["primitives"]).body:
        if isinstance(node, ast.FunctionDef) and node.name == op.name:
            for equation in re.findall(r"\$\$(.*?)\$\$", ast.get_docstring(node) or "", re.DOTALL):
                yield typed(equation)


def typed(equation: str) -> list[str]:
    """An equation in LaTeX as one would type it, `x_bar = c x^(c-1) y_bar`: a line for each part of it."""
    text = " ".join(equation.split())
    rules: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
        (r"\\(?:text|mathrm)\{([^{}]*)\}", r"\1"),
        (r"\\Big[lr]", ""),
        (r"\^\\top", "^T"),
        (r"\\(?:quad|[ ,])", " "),
        (r"\\ldots", "..."),
        (r"\\ne\b", "!="),
        (r"\\bar\s*(?:\\ell|(\w))", lambda found: f"{found[1] or 'l'}_bar"),
        (r"\\ell", "l"),
        *[(r"(?<=[_^])\{([^{}]*)\}", lambda found: _grouped(found[1]))] * 2,  # from the inside out
        (r"\\frac\s*(\w)\s*(\w)", r"\1/\2"),
        (r"\\frac\{([^{}]*)\}\{([^{}]*)\}", lambda found: f"{_grouped(found[1])} / {_grouped(found[2])}"),
        (r"\\(?=cosh|ln|max|sum|tanh)", ""),
    )
    for written, read in rules:
        text = re.sub(written, read, text)
    return [" ".join(part.split()).rstrip(",") for part in text.split(r"\qquad")]


def _grouped(part: str) -> str:
    """In parentheses, unless it can't be misread without: a name, a power, what is in brackets already."""
    part = part.strip()
    return part if re.fullmatch(r"[^\W_]+|\([^()]*\)(\^\w+)?|\[[^]]*\]", part) else f"({part})"


def _why(clause: Clause) -> Iterator[str]:
    """The story of a fault that the clause catches, and the lines that mend it."""
    fault = _witness(clause.id)
    if fault is None:
        return
    yield from wrapped(" ".join(fault.story.split()), "  ")
    for url in fault.links:
        yield f"  seen in  {url}"
    yield ""
    yield f"  The change that breaks it, fault:{fault.id}."
    yield "  What it takes away, with a minus, is what satisfies the clause:"
    yield ""
    yield from (f"    {line}".rstrip() for line in fault.text.strip("\n").splitlines())


def _witness(id: str) -> Change | None:
    """The planted fault that tells best what a clause is for: one that it is meant to catch, else any."""
    from dlspec.faults import exam, faults

    known = faults()
    meant = [fault for fault in known.values() if fault.caught_by == id]
    if meant:
        return meant[0]
    return known.get(exam.witnesses(exam.read_matrix()).get(id, ""))


def _check(clause: Clause) -> Iterator[str]:
    yield from inspect.getsource(clause.body).rstrip().splitlines()
