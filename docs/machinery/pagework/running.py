"""Runs the cells of a page one after the other in one namespace: when it is built, and in a reader's browser.

Only the standard library is used, and nothing is caught that the page's own output could show: a cell prints
as it runs, and whoever runs it decides where `sys.stdout` leads.
"""

from __future__ import annotations

import ast
import linecache
import sys
import traceback
from dataclasses import dataclass
from types import CodeType
from typing import Any


@dataclass(frozen=True)
class Result:
    """What came of a cell.

    Attributes:
        value: What its last statement is, where that is an expression.
        error: The exception that ended it, as Python shows it.
        raised: That exception.
    """

    value: object = None
    error: str | None = None
    raised: BaseException | None = None


class Notebook:
    """The namespace that cells share, and what each of them was."""

    def __init__(self) -> None:
        """Begin with an empty one."""
        self.namespace: dict[str, Any] = {"__name__": "__main__"}

    def run(self, source: str, name: str) -> Result:
        """Run a cell.

        Args:
            source: Its text.
            name: What tracebacks call it.
        """
        filename = f"<{name}>"
        # Tracebacks and `inspect.getsource` look here for lines that no file has.
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        try:
            statements, last = _parts(source, filename)
            exec(statements, self.namespace)
            return Result(eval(last, self.namespace) if last else None)
        except BaseException as error:  # a cell may call sys.exit, and its reader may press Stop
            return Result(error=shown(error, filename), raised=error)


def _parts(source: str, filename: str) -> tuple[CodeType, CodeType | None]:
    """A cell, and apart from it the expression that ends it."""
    tree = ast.parse(source, filename)
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        end = tree.body.pop()
        assert isinstance(end, ast.Expr)
        last = compile(ast.Expression(end.value), filename, "eval")
    return compile(tree, filename, "exec"), last


def shown(error: BaseException, filename: str) -> str:
    """An exception as Python shows it, from the cell on."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != filename:
        trace = trace.tb_next
    lines = traceback.format_exception(type(error), error, trace)
    return "".join(lines).rstrip("\n")


def display(result: Result) -> None:
    """Print what Python's prompt would print: the value, unless it is None."""
    if result.value is not None:
        sys.stdout.write(f"{result.value!r}\n")
