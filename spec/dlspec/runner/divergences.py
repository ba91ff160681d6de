"""Declared divergences: clauses that an implementation is known, and meant, not to keep.

They come from the adapter and from a file; both are held to the same rules, since a declaration that means no
clause, or gives no reason, would quietly excuse something else.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from dlspec.implementation import Divergence
from dlspec.implementations import TargetError, read_divergences
from dlspec.runner import report as reports
from dlspec.runner.blocking import FAILED
from dlspec.runner.result import Status
from dlspec.runner.stop import Stop, did_you_mean


def from_file(path: Path) -> tuple[Divergence, ...]:
    """The divergences that a TOML file declares.

    Raises:
        Stop: The file can't be read, or a table in it isn't as it should be.
    """
    try:
        return read_divergences(path)
    except TargetError as error:
        raise Stop(str(error)) from error


def checked(divergences: Iterable[Divergence], ids: Collection[str]) -> dict[str, Divergence]:
    """The divergences by clause.

    Args:
        divergences: What is declared.
        ids: The ids that there are.

    Raises:
        Stop: One means no clause, gives no reason, or is declared twice.
    """
    declared = tuple(divergences)
    for divergence in declared:
        id = divergence.id
        if id not in ids:
            raise Stop(f"divergence {id!r}: there is no such clause.{did_you_mean(str(id), ids)}")
        for key in ("category", "reason"):
            value = getattr(divergence, key)
            if not isinstance(value, str) or not value.strip():
                if value == "":
                    raise Stop(f"divergence {id}: {key} is empty; fill it in, or mend what it would excuse")
                raise Stop(f"divergence {id}: {key} is {value!r}; a text that says it is wanted")
        if not isinstance(divergence.link, (str, type(None))):
            raise Stop(f"divergence {id}: link is {divergence.link!r}; an address is wanted")
    twice = [id for id, count in Counter(divergence.id for divergence in declared).items() if count > 1]
    if twice:
        raise Stop(f"divergence {twice[0]}: declared more than once")
    return {divergence.id: divergence for divergence in declared}


app = typer.Typer(help="Declare where an implementation differs from the spec.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Declare where an implementation differs from the spec."""


@app.command(name="init")
def init_command(
    report: Annotated[Path, typer.Argument(help="A report of `dlspec verify --report`.")],
) -> None:
    """Draft a file of declared divergences, and print it.

    It has what failed in the report, and what was declared before. Category and reason of what failed are
    left empty, and `dlspec verify --divergences` refuses the file until they are filled in. What isn't
    provided is no divergence, and left out.
    """
    typer.echo("\n".join(drafted(reports.read(report))))


def drafted(report: Mapping[str, Any]) -> Iterator[str]:
    """The lines of a first draft."""
    implementation = report["implementation"]
    name = " ".join(filter(None, (implementation["name"], implementation["version"])))
    yield f"# Where {name} differs from the spec, and why."
    yield "# A category and a reason are wanted for each; mend what has none."
    for entry in report["clauses"]:
        declared = entry.get("divergence", {"category": "", "reason": "", "link": None})
        failed = Status(entry.get("outcome", entry["status"])) in FAILED
        if not failed and entry["status"] != Status.DIVERGES:
            continue
        yield ""
        if failed:
            said = (entry.get("message") or "").partition("\n")[0]
            # Only what is printable may stand in a comment.
            yield f"# {''.join(char if char.isprintable() else ' ' for char in said)}".rstrip()
        yield "[[divergence]]"
        yield f"id = {_quoted(entry['id'])}"
        for key in ("category", "reason", "link"):
            if declared[key] is not None:
                yield f"{key} = {_quoted(declared[key])}"


def _quoted(text: str) -> str:
    """A text as TOML has it: JSON's escapes are among TOML's."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
