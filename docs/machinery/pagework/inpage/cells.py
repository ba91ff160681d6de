"""A cell in the page: what it needs before it can run, what it prints, and what is said where it raises."""

from __future__ import annotations

import ast
import contextlib
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from pagework.inpage.output import Output
from pagework.running import Notebook, Result, display, shown

LONGEST_TRACEBACK = 20_000

BUNDLES = {
    "dlspec": ("spec", "cases"),
    "dlspec.faults": ("spec",),
    "hypothesis": ("spec",),
    "mpmath": ("spec",),
    "sortedcontainers": ("spec",),
    "pytest": ("pytest",),
    "pluggy": ("pytest",),
    "iniconfig": ("pytest",),
    "packaging": ("pytest",),
    "pygments": ("pytest",),
}
"""What has to be loaded before a package can be imported; `cases` stands for all frozen cases."""

FOLDERS = (Path(__file__).parents[2], Path(sysconfig.get_path("stdlib")))
"""Where packages and the standard library are; which folders a reader's browser has them in is no news."""

HERE = "the standard library, numpy, deeplearning_framework, dlspec, hypothesis, mpmath and pytest"


def needed(code: str) -> list[str]:
    """The bundles that a cell's imports ask for, wherever they stand in it."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []  # running it will say why
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
    return list(dict.fromkeys(bundle for name in names for bundle in _bundles(name)))


def _bundles(module: str) -> tuple[str, ...]:
    """What a module is in: it, or the package around it that is listed."""
    while module and module not in BUNDLES:
        module = module.rpartition(".")[0]
    return BUNDLES.get(module, ())


@dataclass(frozen=True)
class Ran:
    """What came of a cell.

    Attributes:
        trace: The traceback, where it raised; empty where it didn't.
        line: The line of the cell that it stopped at.
        hint: What may help, in a sentence.
        left_out: How many characters of its output weren't shown.
        drawing: What a figure's last line has to draw.
    """

    trace: str = ""
    line: int | None = None
    hint: str = ""
    left_out: int = 0
    drawing: str | None = None


def run(
    notebook: Notebook, code: str, name: str, send: Callable[[str], object], *, figure: bool = False
) -> tuple[Ran, object]:
    """Run a cell.

    Args:
        notebook: The cells of its page.
        code: Its text.
        name: What tracebacks call it.
        send: Takes a piece of output to the page.
        figure: Whether its last line is text to draw, and not to be shown.

    Returns:
        What came of it, and the value of its last line.
    """
    with printing(send) as output:
        result = notebook.run(code, name)
        if result.raised is None and not figure:
            result = _displayed(result, name)
    if result.raised is not None:
        trace, line = told(result.raised, f"<{name}>")
        return Ran(trace, line, _hint(result.raised), output.left_out), None
    drawing = result.value if figure and isinstance(result.value, str) else None
    return Ran(left_out=output.left_out, drawing=drawing), result.value


def _displayed(result: Result, name: str) -> Result:
    """The result, shown as Python's prompt shows it; a `repr` may raise too."""
    try:
        display(result)
    except Exception as error:
        return Result(error=shown(error, f"<{name}>"), raised=error)
    return result


@contextlib.contextmanager
def printing(send: Callable[[str], object]) -> Iterator[Output]:
    """Have what is printed sent to the page."""
    output = Output(send)
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            yield output
    finally:
        output.flush()


def told(raised: BaseException, filename: str) -> tuple[str, int | None]:
    """An exception as Python shows it, from the reader's code on.

    Args:
        raised: The exception.
        filename: The file of the reader's code.

    Returns:
        The text, and the line of the reader's code that it came to.
    """
    lines = [line for frame, line in traceback.walk_tb(raised.__traceback__) if _is(frame, filename)]
    line = lines[-1] if lines else None
    if isinstance(raised, SyntaxError) and raised.filename == filename:
        line = raised.lineno
    text = shown(raised, filename)
    for folder in FOLDERS:
        text = text.replace(f'File "{folder}/', 'File "')
    if len(text) > LONGEST_TRACEBACK:
        text = f"{text[: LONGEST_TRACEBACK // 2]}\n...\n{text[-LONGEST_TRACEBACK // 2 :]}"
    return text, line


def _is(frame: FrameType, filename: str) -> bool:
    return frame.f_code.co_filename == filename


def _hint(raised: BaseException) -> str:
    if isinstance(raised, SystemExit):
        return "The cell asked Python to end. The page goes on."
    if isinstance(raised, ModuleNotFoundError) and raised.name:
        package = raised.name.partition(".")[0]
        if package in sys.modules or package in BUNDLES:
            return ""
        return f"There is no {package} in this page. What can be imported here: {HERE}."
    if isinstance(raised, EOFError):
        return "Nothing can be typed into a cell: write the value into the code instead."
    return ""
