"""`dlspec new`: an adapter with blanks, to start from."""

from __future__ import annotations

import importlib.util
import keyword
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from dlspec.implementations import SHIPPED
from dlspec.runner.stop import ExitCode, Stop, did_you_mean

TEMPLATES = files("dlspec") / "templates"

EXAMPLES = {name: shipped.place for name, shipped in SHIPPED.items() if ":" in shipped.place}
"""The adapters that come with the spec, by name."""


def new_command(
    file: Annotated[Path, typer.Argument(help="Where to write it; never over a file that is there.")] = Path(
        "adapter.py"
    ),
    tape: Annotated[
        bool, typer.Option("--tape", help="For tensors that remember how they were made.")
    ] = False,
    functional: Annotated[
        bool, typer.Option("--functional", help="For functions that are turned into their derivatives.")
    ] = False,
    like: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A copy of an adapter that is shipped, such as autograd."),
    ] = None,
) -> None:
    """Write an adapter to start from.

    It has blanks to fill in, or is a copy of one that is shipped.
    """
    if tape + functional + (like is not None) != 1:
        raise Stop("say which kind of adapter: --tape, --functional or --like NAME")
    if file.suffix != ".py" or not file.stem.isidentifier() or keyword.iskeyword(file.stem):
        raise Stop(f"{file}: the name of a Python module is wanted, such as adapter.py")
    if like is None:
        text, name = from_template("tape" if tape else "functional", file), "Adapter"
    else:
        text, name = copy_of(like)
    write(file, text)
    typer.echo(f"written to {file}")
    typer.echo("fill in its blanks, then:" if like is None else "make it your framework's, then:")
    typer.echo(f"  dlspec verify {file}:{name}")


def from_template(kind: str, file: Path) -> str:
    """An adapter of that kind, with blanks."""
    ops = TEMPLATES.joinpath("ops.py.txt").read_text(encoding="utf-8").rstrip("\n")
    text = TEMPLATES.joinpath(f"{kind}.py.txt").read_text(encoding="utf-8")
    return text.replace("{ops}", ops).replace("{file}", str(file))


def copy_of(name: str) -> tuple[str, str]:
    """The source of a shipped adapter, and the name of its class."""
    if name not in EXAMPLES:
        known = f"There are {', '.join(EXAMPLES)}."
        if name in SHIPPED:
            raise Stop(f"{name} needs no adapter: it has the reference's names. {known}")
        raise Stop(f"no adapter is shipped for {name}.{did_you_mean(name, EXAMPLES)} {known}")
    module, _, adapter = EXAMPLES[name].partition(":")
    found = importlib.util.find_spec(module)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).read_text(encoding="utf-8"), adapter


def write(file: Path, text: str) -> None:
    """Write a file that isn't there yet."""
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError:
        raise Stop(f"{file} is there already; it is left as it is") from None
    except OSError as error:
        raise Stop(f"{file} can't be written: {error.strerror}", ExitCode.USAGE) from error
