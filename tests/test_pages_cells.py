"""Cells of a page: how they are written, and what comes of them."""

from __future__ import annotations

import pytest

from pagework import cells
from pagework.cells import Cell, Output, execute
from pagework.running import Notebook
from pagework.source import ROOT, PageError


def outputs(*written: Cell | str) -> list[Output]:
    return execute([one if isinstance(one, Cell) else Cell(one) for one in written], "page.md")


def test_cells_share_a_namespace_and_show_what_they_print_and_are() -> None:
    found = outputs("x = 2\nprint('two')", "x + 1", "x = None\nx")
    assert found == [Output("two\n"), Output("3\n"), Output("")]


def test_a_process_of_its_own_runs_a_page(capfd: pytest.CaptureFixture[str]) -> None:
    source = "import numpy as np; np.random.seed(0); np.random.rand() == 0.5488135039273248"
    assert outputs(source) == [Output("True\n")]
    assert outputs("'np' in globals()") == [Output("False\n")], "nothing is left over from the last page"
    assert capfd.readouterr().out == ""


def test_an_exception_that_is_asked_for_is_shown_as_python_shows_it() -> None:
    (found,) = outputs(Cell("def f():\n    return 1 / 0\n\nf()", "raises"))
    assert found.raised
    assert found.text.startswith(
        'Traceback (most recent call last):\n  File "<cell 1>", line 4, in <module>\n    f()\n'
    )
    assert found.text.endswith("ZeroDivisionError: division by zero")
    assert "pagework" not in found.text


def test_a_traceback_names_files_of_the_project_without_their_folder() -> None:
    source = "from deeplearning_framework import Tensor\nTensor([1.0]).backward()"
    (found,) = outputs(Cell(source, "raises"))
    assert 'File "deeplearning_framework/tensor.py"' in found.text
    assert str(ROOT) not in found.text


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (Cell("1 / 0", line=7), r"page\.md, line 7: cell 1 raised:\nTraceback"),
        (Cell("1", "raises"), "ought to raise and doesn't"),
        (Cell("raise SystemExit"), "SystemExit"),
        (Cell("def"), "SyntaxError"),
        (Cell("1", "figure", "a drawing"), "ends in no string to draw"),
        (Cell("print('x' * 30_000)"), "prints 30,001 characters; more than 20,000 nobody reads"),
        (Cell("import os; os._exit(3)"), "ended with 3"),
    ],
)
def test_a_cell_that_does_not_do_as_it_says_fails_the_page(cell: Cell, message: str) -> None:
    with pytest.raises(PageError, match=message):
        outputs(cell)


def test_a_cell_without_end_fails_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "SECONDS", 1)
    with pytest.raises(PageError, match="take more than 1 seconds"):
        outputs("while True: pass")


def test_the_value_of_a_figure_is_drawn_and_not_shown() -> None:
    assert outputs(Cell("'digraph { a -> b }'", "figure", "two nodes")) == [
        Output("", drawing="digraph { a -> b }")
    ]


@pytest.mark.parametrize(
    ("options", "kind", "alt"),
    [
        ("", "run", ""),
        (" raises", "raises", ""),
        (" hidden", "hidden", ""),
        (" static", "static", ""),
        (" figure=\"a node, and its 'name'\"", "figure", "a node, and its 'name'"),
    ],
)
def test_a_fence_says_what_a_cell_is_for(options: str, kind: str, alt: str) -> None:
    cell = Cell.read("1", options, 3)
    assert (cell.kind, cell.alt, cell.line) == (kind, alt, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("quiet", "line 3: 'quiet' is no option of a cell"),
        ("raises=yes", "no option"),
        ("figure", "no option"),
        ('figure=""', "say what the figure shows"),
        ("raises hidden", "one option, not both raises and hidden"),
    ],
)
def test_a_fence_that_says_anything_else_is_an_error(options: str, message: str) -> None:
    with pytest.raises(PageError, match=message):
        Cell.read("1", options, 3)


def test_a_notebook_stops_at_nothing_that_a_reader_writes() -> None:
    notebook = Notebook()
    for source in (
        "raise KeyboardInterrupt",
        "import sys; sys.exit(2)",
        "raise BaseException('x')",
        "(",
        "\0",
    ):
        assert notebook.run(source, "cell").error is not None
    assert notebook.run("40 + 2", "cell").value == 42
