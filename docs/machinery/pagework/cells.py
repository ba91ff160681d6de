"""Executes the cells of a page, in a process of their own, and remembers what came of them.

The process is this module run with `-m`. It is handed sources and gives back outputs, as JSON.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pagework.running import Notebook, display
from pagework.source import ROOT, PageError

SECONDS = 120
"""A page whose cells take longer than that has gone wrong."""

LONGEST = 20_000
"""More characters than that are no output that somebody reads."""

KINDS = ("raises", "hidden", "static", "figure")


@dataclass(frozen=True)
class Cell:
    """A piece of a program.

    Attributes:
        source: Its text.
        kind: `run`, or one of the others.
        alt: What a figure shows, in words.
        line: Where in the page it stands.
    """

    source: str
    kind: str = "run"
    alt: str = ""
    line: int = 0

    @classmethod
    def read(cls, source: str, options: str, line: int) -> Cell:
        """A cell with the options that its fence has.

        Raises:
            PageError: They are none.
        """
        kind, alt = "run", ""
        for word in shlex.split(options):
            name, mark, value = word.partition("=")
            if name not in KINDS or bool(mark) != (name == "figure"):
                raise PageError(f"line {line}: {word!r} is no option of a cell; there are {', '.join(KINDS)}")
            if kind != "run":
                raise PageError(f"line {line}: a cell has one option, not both {kind} and {name}")
            kind, alt = name, value.strip()
        if kind == "figure" and not alt:
            raise PageError(f'line {line}: say what the figure shows: figure="..."')
        return cls(source, kind, alt, line)


@dataclass(frozen=True)
class Output:
    """What came of a cell.

    Attributes:
        text: What it printed, with its value, if it isn't None, and the exception, if there was one.
        raised: Whether there was one.
        drawing: The value of a figure's last line.
    """

    text: str = ""
    raised: bool = False
    drawing: str = field(default="", repr=False)


def execute(cells: Sequence[Cell], page: str) -> list[Output]:
    """Run cells from the first to the last.

    Raises:
        PageError: One raised that shouldn't, or didn't though it should, or printed too much.
    """
    outputs = _executed(tuple((cell.source, cell.kind) for cell in cells)) if cells else ()
    for number, (cell, output) in enumerate(zip(cells, outputs, strict=True), start=1):
        where = f"{page or 'page'}, line {cell.line}: cell {number}"
        if output.raised and cell.kind != "raises":
            raise PageError(f"{where} raised:\n{output.text}")
        if cell.kind == "raises" and not output.raised:
            raise PageError(f"{where} ought to raise and doesn't")
        if len(output.text) > LONGEST:
            raise PageError(
                f"{where} prints {len(output.text):,} characters; more than {LONGEST:,} nobody reads"
            )
        if cell.kind == "figure" and not output.drawing:
            raise PageError(f"{where} ends in no string to draw; a figure's last line is DOT text or SVG")
    return list(outputs)


# A page is made twice where its words are counted or searched as well; its cells run once.
@cache
def _executed(cells: tuple[tuple[str, str], ...]) -> tuple[Output, ...]:
    # What is printed has to be the same wherever the page is built.
    fixed = {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "COLUMNS": "80"}
    path = os.pathsep.join(filter(None, sys.path))
    try:
        run = subprocess.run(
            [sys.executable, "-m", "pagework.cells"],
            input=json.dumps(cells),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=SECONDS,
            check=False,
            env=os.environ | fixed | {"PYTHONPATH": path, "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1"},
        )
    except subprocess.TimeoutExpired as error:
        raise PageError(f"the cells of the page take more than {SECONDS} seconds") from error
    if run.returncode:
        raise PageError(f"the process that runs the cells ended with {run.returncode}:\n{run.stderr}")
    return tuple(Output(**output) for output in json.loads(run.stdout))


def main() -> None:
    """Run the cells that standard input has, and write what came of them."""
    cells: list[tuple[str, str]] = json.load(sys.stdin)
    notebook, outputs = Notebook(), []
    for number, (source, kind) in enumerate(cells, start=1):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            result = notebook.run(source, f"cell {number}")
            if kind != "figure":
                display(result)
        text = printed.getvalue()
        output: dict[str, Any] = {"text": text + (_elsewhere(result.error) if result.error else "")}
        output["raised"] = result.error is not None
        output["drawing"] = result.value if kind == "figure" and isinstance(result.value, str) else ""
        outputs.append(output)
        if result.error and kind != "raises":
            outputs += [{}] * (len(cells) - number)
            break
    json.dump(outputs, sys.stdout)


def _elsewhere(trace: str) -> str:
    """A traceback without the folder in which the project happens to lie."""
    for folder in (ROOT / "src", ROOT / "spec", ROOT):
        trace = trace.replace(f"{folder}{os.sep}", "")
    return trace


if __name__ == "__main__":
    main()
