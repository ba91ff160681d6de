"""What runs in the reader's browser, run here: cells, and exercises judged by the spec."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import deeplearning_framework
from dlspec.faults import reference
from dlspec.implementations.module import ModuleImplementation
from dlspec.runner.judge import ask
from dlspec.runner.result import Status
from pagework import exercises, live
from pagework.exercises import Exercise
from pagework.inpage import bridge, cells
from pagework.inpage.exercises import Asked, Judged, Place, judge, matching
from pagework.inpage.output import MOST
from pagework.inpage.playground import Pictures, Playground
from pagework.places import DOCS
from pagework.running import Notebook


class Page:
    """A page that keeps what is printed."""

    def __init__(self) -> None:
        self.notebook = Notebook()
        self.printed: list[str] = []

    def run(self, code: str, **options: bool) -> cells.Ran:
        self.printed.clear()
        return cells.run(self.notebook, code, "cell 1", self.printed.append, **options)[0]

    @property
    def text(self) -> str:
        return "".join(self.printed)


@pytest.fixture
def page() -> Page:
    return Page()


def test_cells_share_a_namespace(page: Page) -> None:
    page.run("x = 6")

    assert page.run("print(x * 7)") == cells.Ran()
    assert page.text == "42\n"


def test_the_last_line_is_shown_as_the_prompt_shows_it(page: Page) -> None:
    page.run("'a'\n'b'")

    assert page.text == "'b'\n"


def test_what_a_figure_ends_in_is_drawn_and_not_shown(page: Page) -> None:
    assert page.run("'digraph {}'", figure=True).drawing == "digraph {}"
    assert page.text == ""


def test_a_traceback_begins_in_the_cell_and_says_its_line(page: Page) -> None:
    ran = page.run("def f():\n    return 1 / 0\n\nf()")

    assert ran.line == 2
    assert re.match(r'Traceback \(most recent call last\):\n  File "<cell 1>", line 4', ran.trace)
    assert ran.trace.endswith("ZeroDivisionError: division by zero")
    assert "pagework" not in ran.trace


def test_a_syntax_error_says_its_line(page: Page) -> None:
    ran = page.run("x = 1\ny = = 2")

    assert ran.line == 2
    assert ran.trace.startswith('  File "<cell 1>", line 2')
    assert ran.trace.endswith("SyntaxError: invalid syntax")


def test_a_missing_package_is_told_with_what_there_is(page: Page) -> None:
    ran = page.run("import no_such_package.inside")

    assert "ModuleNotFoundError" in ran.trace
    assert ran.hint.startswith("There is no no_such_package in this page. What can be imported here:")


def test_nobody_can_type_into_a_cell(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "builtins.input", lambda *_: (_ for _ in ()).throw(EOFError("EOF when reading a line"))
    )

    assert "write the value into the code" in page.run("input()").hint


def test_a_cell_that_exits_does_not_end_the_page(page: Page) -> None:
    assert "The page goes on" in page.run("import sys\nsys.exit(3)").hint


def test_ten_million_characters_are_not_sent(page: Page) -> None:
    ran = page.run("print('x' * 10_000_000)\nfor _ in range(1000): print('y')")

    assert len(page.text) == MOST
    assert ran.left_out == 10_000_001 + 2000 - MOST


def test_a_repr_may_raise(page: Page) -> None:
    assert page.run("class A:\n    def __repr__(self): 1 / 0\nA()").line == 2


def test_a_long_traceback_is_cut(page: Page) -> None:
    assert len(page.run("raise ValueError('x' * 1_000_000)").trace) < 2 * cells.LONGEST_TRACEBACK


@pytest.mark.parametrize(
    ("code", "bundles"),
    [
        ("import numpy", []),
        ("import pytest", ["pytest"]),
        ("def f():\n    from hypothesis import given", ["spec"]),
        ("import dlspec.clause", ["spec", "cases"]),
        ("from dlspec.faults import chapter13", ["spec"]),
        ("import pytest, mpmath", ["pytest", "spec"]),
        ("from . import x", []),
        ("not python", []),
    ],
)
def test_imports_say_what_has_to_be_loaded(code: str, bundles: list[str]) -> None:
    assert json.loads(bridge.needed(json.dumps({"kind": "cell", "code": code}))) == bundles


def test_an_exercise_needs_the_cases_of_its_profiles() -> None:
    request = {"kind": "judge", "clauses": ["ops.tanh.*", "layers.linear.value", "ops.add.value"]}

    assert json.loads(bridge.needed(json.dumps(request))) == ["spec", "cases-layers", "cases-ops"]


TANH = "primitives.py::tanh_vjp"


def place_of(exercise: Exercise) -> Place:
    data = exercise.data()
    return Place(**{name: data[name] for name in ("file", "symbol", "first", "last", "indent")})  # type: ignore[arg-type] # as the page hands it over


def judged(exercise: Exercise, text: str, examples: int = 0) -> Judged:
    *each, last = judge(place_of(exercise), text, exercise.patterns, examples=examples)
    assert isinstance(last, Judged)
    assert all(isinstance(answer, Asked) for answer in each)
    return last


def test_a_counterexample_is_shrunk_and_told() -> None:
    exercise = exercises.read("build", f"{TANH} clauses=ops.tanh.gradient")
    (asked,) = judged(exercise, "def tanh_vjp(y_bar, x):\n    return (1.0 - np.tanh(x) ** 2,)", 100).clauses

    assert asked.status == "fail"
    found = asked.counterexample
    assert found is not None
    assert found.found_by == "explore"
    assert found.text[0] == "Take x = 0.0 and the cotangent 0.5 arriving at the result."
    assert found.text[1] == "Then cotangent of x should be 0.5, but yours is 1.0."
    assert "x0 = Tensor(np.array(0.0), autograd=True)" in found.script


def test_the_likely_mistake_is_named() -> None:
    exercise = exercises.read("break", f"{TANH} fault=tanh_ignores_what_arrives clauses=ops.tanh.gradient")
    assert exercise.broken is not None

    assert "tanh ignores what arrives" in judged(exercise, exercise.broken).clauses[0].mistake


def test_what_rests_on_a_failure_is_not_told_again() -> None:
    exercise = exercises.read("build", f"{TANH} clauses=ops.tanh.*")
    came = judged(exercise, exercise.start)
    told = [asked.id for asked in came.clauses if asked.counterexample]

    assert told == ["ops.tanh.cotangent_shapes"]
    assert all(asked.blocked_by == tuple(told) for asked in came.clauses if asked.blocked_by)


@pytest.mark.parametrize(
    ("text", "trace", "line"),
    [
        ("def tanh_vjp(y_bar, x:\n    pass", "was never closed", 1),
        ("def tanh(x):\n    pass", "The text is to define tanh_vjp, and doesn't.", None),
        ("1 / 0\n\ndef tanh_vjp(y_bar, x):\n    pass", "ZeroDivisionError", 1),
    ],
)
def test_a_text_that_is_no_program_is_told_as_python_does(text: str, trace: str, line: int | None) -> None:
    exercise = exercises.read("build", f"{TANH} clauses=ops.tanh.value")
    came = judged(exercise, text)

    assert trace in came.trace
    assert came.line == line
    assert not came.passes


def test_an_exception_is_placed_in_the_readers_text() -> None:
    exercise = exercises.read("build", f"{TANH} clauses=ops.tanh.gradient")
    (asked,) = judged(exercise, "def tanh_vjp(y_bar, x):\n    y = x\n    return (1 / 0,)").clauses

    assert asked.status == "error"
    assert asked.counterexample is not None
    assert asked.counterexample.line == 3


def test_what_needs_threads_is_left_open_where_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("_thread.start_new_thread", refuse)
    exercise = exercises.read("build", f"{TANH} clauses=ops.tanh.any_thread")
    came = judged(exercise, exercise.source)

    assert came.passes
    assert (came.clauses[0].status, came.clauses[0].note) == (
        "not-run",
        "it needs threads, and a page has none",
    )


def test_the_package_of_the_page_stays_as_it_is() -> None:
    exercise = exercises.read("build", f"{TANH} clauses=ops.tanh.value")
    judged(exercise, "def tanh_vjp(y_bar, x):\n    raise SystemExit")

    assert sys.modules["deeplearning_framework"] is deeplearning_framework
    assert deeplearning_framework.Tensor(1.0).tanh().item() == pytest.approx(0.7615941559557649)


def test_the_bridge_reports_each_clause_and_then_all() -> None:
    exercise = exercises.read("build", f"{TANH} clauses=ops.tanh.value,ops.tanh.shape")
    request = {
        "kind": "judge",
        "place": vars(place_of(exercise)),
        "text": f"print('hello')\n{exercise.source}",
        "clauses": exercise.patterns,
    }
    printed: list[str] = []
    reported: list[str] = []
    came = json.loads(bridge.carry_out(json.dumps(request), printed.append, reported.append))

    assert [json.loads(text)["id"] for text in reported] == ["ops.tanh.value", "ops.tanh.shape"]
    assert came["passes"]
    assert printed == ["hello\n"]


DIRECTIVE = re.compile(r"\s*@(?P<kind>break|build)\s+(?P<argument>\S.*?)\s*")
FENCE = re.compile(r"\s*(?:`{3,}|~{3,})")


def on_pages() -> Iterator[tuple[Path, int, str, str]]:
    """Every exercise of the site, and where it stands."""
    for path in sorted(DOCS.rglob("*.md")):
        fenced = False
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if FENCE.match(line):
                fenced = not fenced
            elif not fenced and (match := DIRECTIVE.fullmatch(line)):
                yield path, number, match["kind"], match["argument"]


@pytest.mark.parametrize(
    ("kind", "argument"),
    [
        pytest.param(kind, argument, id=f"{path.relative_to(DOCS).as_posix()}:{number}")
        for path, number, kind, argument in on_pages()
    ],
)
def test_every_exercise_can_be_solved_and_is_not_solved_yet(kind: str, argument: str) -> None:
    exercise = exercises.read(kind, argument)

    solved = judged(exercise, exercise.source)
    assert not solved.trace
    assert [asked.id for asked in solved.clauses if asked.status != Status.PASS] == []

    if kind == "build":
        assert not judged(exercise, exercise.start).passes
        return
    failing = failing_with_fault(exercise)
    for pattern in exercise.patterns:
        assert failing & {clause.id for clause in matching([pattern])}, (
            f"{pattern} holds in spite of the fault"
        )
    if exercise.broken is not None:
        assert {
            asked.id for asked in judged(exercise, exercise.broken).clauses if asked.status != "pass"
        } == failing


def failing_with_fault(exercise: Exercise) -> set[str]:
    with reference.rewritten({place_of(exercise).module: exercise.with_fault()}, "fault") as package:
        impl = ModuleImplementation(package, reference.PACKAGE)
        asked = [ask(clause, impl)[0] for clause in matching(exercise.patterns)]
    return {result.id for result in asked if result.status is not Status.PASS}


class Shown:
    """A playground that keeps what it is shown."""

    def __init__(self) -> None:
        self.playground = Playground()
        self.printed: list[str] = []
        self.seen: list[dict[str, object]] = []

    def run(self, code: str) -> tuple[cells.Ran, Pictures]:
        return self.playground.run(code, self.printed.append, self.seen.append)


THREE = "from deeplearning_framework import Tensor\nx = Tensor(2.0, autograd=True)\ny = x * x\n"


def test_the_playground_draws_the_last_line_and_the_way_back() -> None:
    shown = Shown()
    ran, graph = shown.run(THREE + "y.tanh()")

    assert ran == cells.Ran()
    assert graph.chosen == "the last line"
    assert graph.names == ("x", "y", "the last line")
    assert len(graph.pictures) == 1 + 3  # the graph, its end, and a step for each of two nodes
    assert "y = multiply" in graph.pictures[0]


def test_another_tensor_can_be_chosen() -> None:
    shown = Shown()
    shown.run(THREE)
    assert shown.playground.graph("y").chosen == "y"
    assert shown.playground.graph("nothing").note == "The program has left no tensor to draw."


def test_a_program_begins_with_nothing() -> None:
    shown = Shown()
    shown.run("x = 1")

    assert "NameError" in shown.run("x")[0].trace


@pytest.mark.parametrize(
    ("code", "note"),
    [
        ("x = 1", "The program has left no tensor to draw."),
        (THREE + "z = Tensor(1.0)\nz", "z has no autograd, so there is no way back from it."),
        (THREE + "y.backward()\ny", "freed"),
        (THREE + "for _ in range(70): y = y * x\ny", "make no picture that one can read"),
        (THREE + "z = y + Tensor([1.0, 2.0])\nz", "each element of z is handed a 1"),
    ],
)
def test_what_the_picture_cannot_show_is_said(code: str, note: str) -> None:
    assert note in Shown().run(code)[1].note


def test_curves_and_surfaces_are_shown_while_a_program_runs() -> None:
    shown = Shown()
    ran, _ = shown.run(
        "from pagework.live import curve, surface\n"
        "for step in range(1000):\n"
        "    curve(loss=1 / (step + 1), nothing=float('nan'))\n"
        "surface(lambda points: points.data[:, :1] + points.data[:, 1:])\n"
    )

    assert not ran.trace
    curves = next(seen["curves"] for seen in reversed(shown.seen) if "curves" in seen)
    assert isinstance(curves, dict)
    assert curves["loss"][0] == (0, 1.0)
    assert len(curves["loss"]) <= live.MOST
    assert curves["nothing"] == []
    square = next(seen for seen in shown.seen if "surface" in seen)
    values = square["surface"]
    assert isinstance(values, list)
    assert len(values) == live.SIDE**2
    assert (values[0], values[-1]) == (-0.5, 2.5)


def test_outside_of_the_playground_nobody_is_shown_anything() -> None:
    live.begin(None)
    live.curve(loss=1.0)
    live.surface(lambda _: pytest.fail("asked"))
