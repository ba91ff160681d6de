"""The program as of a chapter: what is in it, what is missing, and what it passes."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from pagework import chapters, source
from pagework.chapters import Chapter, Finding
from pagework.program import Gap, Program, Symbol
from pagework.source import PACKAGE, ROOT, PageError

FILES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / PACKAGE).rglob("*.py"))


def symbols(*written: str) -> tuple[Symbol, ...]:
    """What `@code` lines of these show."""
    return tuple(
        Symbol(path, name)
        for text in written
        for path, name in [(source.resolved(text.partition("::")[0]), text.partition("::")[2])]
    )


EVERYTHING = [Symbol(path, name) for path in FILES for name in source.read(path).finest]

TENSOR, PRIMITIVES = f"{PACKAGE}/tensor.py", f"{PACKAGE}/primitives.py"


def test_the_program_of_everything_is_the_reference() -> None:
    program = Program(EVERYTHING)
    assert program.gaps() == []
    for path in FILES:
        made, reference = ast.parse(program.text(path)), source.read(path).tree
        if path.endswith("__init__.py"):
            assert sorted(map(ast.dump, made.body)) == sorted(map(ast.dump, reference.body))
        else:
            assert ast.dump(made) == ast.dump(reference)


def test_a_program_has_what_was_shown_and_no_more() -> None:
    program = Program(symbols(["primitives.py::tanh", "tanh_vjp"][0], "primitives.py::tanh_vjp"))
    text = program.text(PRIMITIVES)
    assert re.findall(r"^(?:def|class) (\w+)|^([A-Z]\w+) =", text, re.MULTILINE) == [
        ("tanh", ""),
        ("tanh_vjp", ""),
    ]
    assert "import numpy as np" in text
    assert "import math" not in text
    assert "deeplearning_framework" not in text.partition("import")[2], "what it imports isn't there"


def test_a_class_keeps_the_methods_that_were_shown_with_its_head() -> None:
    text = Program(symbols("tensor.py::Tensor.backward", "tensor.py::Tensor.data")).text(TENSOR)
    (made,) = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    assert [node.name for node in made.body if isinstance(node, ast.FunctionDef)] == [
        *("data", "data"),  # the setter belongs to the property
        "backward",
    ]
    assert ast.get_docstring(made)


def test_an_init_gathers_what_there_is() -> None:
    program = Program(symbols("layers/linear.py::Linear", "errors.py::ShapeError"))
    top = program.text(f"{PACKAGE}/__init__.py")
    assert "from deeplearning_framework.errors import ShapeError\n" in top
    assert "from deeplearning_framework.layers import Linear\n" in top
    assert "__all__ = ['Linear', 'ShapeError', '__version__']" in top
    assert "Embedding" not in program.text(f"{PACKAGE}/layers/__init__.py")
    assert f"{PACKAGE}/optim/__init__.py" not in program.modules


def gaps_of(program: Program, user: str) -> dict[str, str]:
    return {gap.name: str(gap.missing) for gap in program.gaps() if str(gap.user) == user}


def test_a_gap_says_what_would_have_to_be_shown() -> None:
    program = Program(
        symbols("tensor.py::Tensor.__add__", "tensor.py::Tensor.backward", "tensor.py::is_leaf")
    )
    assert gaps_of(program, "tensor.py::Tensor.__add__") == {
        "Operand": "tensor.py::Operand",
        "apply": "tensor.py::apply",
        "p.ADD": "primitives.py::ADD",
    }
    backward = gaps_of(program, "tensor.py::Tensor.backward")
    assert backward["self._as_cotangent"] == "tensor.py::Tensor._as_cotangent"
    assert backward["GradientError"] == "errors.py::GradientError"
    assert gaps_of(program, "tensor.py::is_leaf") == {}


def test_a_method_of_a_base_class_is_missed_too() -> None:
    program = Program(symbols("layers/container.py::Sequential", "losses/mse.py::MSELoss"))
    assert gaps_of(program, "layers/container.py::Sequential._attributes") == {
        "super()._attributes": "layers/base.py::Layer._attributes"
    }
    program = Program(symbols("layers/base.py::Layer.head", "layers/base.py::Layer.state_dict"))
    assert gaps_of(program, "layers/base.py::Layer.state_dict")["self._named_parameters"] == (
        "layers/base.py::Layer._named_parameters"
    )


def test_names_of_the_type_checker_come_with_their_file() -> None:
    program = Program(symbols("layers/linear.py::Linear", "layers/base.py::Layer"))
    assert "Rng" not in {gap.name for gap in program.gaps()}
    text = program.text(f"{PACKAGE}/layers/linear.py")
    assert "if TYPE_CHECKING:" in text
    assert "TYPE_CHECKING" in text.partition("if TYPE_CHECKING")[0]


PROMISING = symbols("tensor.py::Tensor.head", "shapes.py::Array")


def test_what_is_promised_is_no_gap_and_something_stands_in_for_it() -> None:
    promised = symbols("rows.py::Rows", "tensor.py::Node", "tensor.py::_own_array", "tensor.py::_ZEROS")
    shown = (*PROMISING, *symbols("tensor.py::Tensor.__init__", "tensor.py::Operand", "tensor.py::zero_grad"))
    program = Program(shown, promised)
    assert program.gaps() == []
    assert program.idle == set()
    made = ast.parse(program.text(TENSOR))
    namespace: dict[str, object] = {}
    for node in made.body:
        if getattr(node, "name", "") in {"Node", "_own_array"} or "_ZEROS =" in ast.unparse(node):
            exec(ast.unparse(node), namespace)
    assert isinstance(namespace["Node"], type)
    assert namespace["_ZEROS"] is not None
    stand_in = namespace["_own_array"]
    assert callable(stand_in)
    with pytest.raises(NotImplementedError, match="_own_array comes in a later chapter"):
        stand_in([1.0])
    assert "class Rows:" in program.text(f"{PACKAGE}/rows.py")


def test_a_promise_that_is_kept_or_that_nobody_needs_is_known() -> None:
    program = Program((*PROMISING, *symbols("rows.py::Rows")), symbols("rows.py::Rows", "tensor.py::Node"))
    assert program.promised == set(symbols("tensor.py::Node"))
    assert Program(PROMISING, symbols("optim/sgd.py::SGD")).idle == set(symbols("optim/sgd.py::SGD"))


def test_a_name_that_no_file_defines_is_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    file = source.Source(f"{PACKAGE}/rows.py", "def f():\n    return nowhere\n")
    monkeypatch.setattr(source, "read", lambda path: file)
    shown = [Symbol(f"{PACKAGE}/rows.py", "f")]
    assert Program(shown).gaps() == [Gap(shown[0], "nowhere", None)]


def a_chapter(number: int, shown: tuple[Symbol, ...], *clauses: str, later: str = "") -> Chapter:
    return Chapter(number, f"No. {number}", f"{number:02}_x.md", shown, clauses, symbols(*later.split()))


REST = tuple(symbol for symbol in EVERYTHING if not re.search("sgd|example|replay", symbol.path))
"""All but the optimizer, and what trains with it."""


def found(*tutorial: Chapter, folder: Path, numbers: tuple[int, ...] = ()) -> list[Finding]:
    wanted = numbers or tuple(one.number for one in tutorial)
    return list(chapters.check(tutorial, wanted, folder))


def test_a_chapter_passes_its_clauses_with_what_has_been_shown_by_then(tmp_path: Path) -> None:
    half = len(REST) // 2
    tutorial = [
        a_chapter(1, REST[:half], "ops.*"),
        a_chapter(2, REST[half:], "ops.tanh.*", "autodiff.chain.*"),
    ]
    tutorial[1] = a_chapter(2, REST[half:], "ops.tanh.*", "autodiff.fan_out.*")
    (finding,) = found(*tutorial, folder=tmp_path, numbers=(2,))
    assert finding.problems == ()
    assert finding.symbols == len(REST)
    assert finding.asked > 10
    assert "clauses pass" in chapters.told(finding)
    assert "+chapter.2" in (tmp_path / "02/deeplearning_framework/__init__.py").read_text(encoding="utf-8")


def test_a_clause_about_what_has_not_been_shown_is_not_passed(tmp_path: Path) -> None:
    without = tuple(s for s in REST if s != Symbol(TENSOR, "Tensor.tanh"))
    (finding,) = found(
        a_chapter(1, without, "ops.tanh.value", "ops.sigmoid.value", "optim.*", "ops.tahn.*"), folder=tmp_path
    )
    told = chapters.told(finding)
    assert "not in order" in told
    assert "clauses: ops.tahn.* matches no clause" in told
    assert re.search(r"^      ops\.tanh\.value: not-provided", told, re.MULTILINE)
    assert "ops.sigmoid.value" not in told
    flat = " ".join(told.split())
    assert re.search(r" optim\.sgd\.\w+, optim\.sgd\.\w+, optim\.sgd\.\w+ and \d+ more: not claimed", flat)
    assert all(len(line) <= 80 or " " not in line.strip() for line in told.splitlines())


def test_a_program_that_fails_a_clause_is_told_with_the_reason(tmp_path: Path) -> None:
    class Wrong(Program):
        def text(self, path: str) -> str:
            return super().text(path).replace("y_bar / c / c", "y_bar / c")

    tutorial = [a_chapter(1, REST, "ops.tanh.gradient")]
    Wrong(REST, version="chapter.1").write(tmp_path)
    (problem,) = chapters._asked(tmp_path, ["ops.tanh.gradient"], 1)
    assert problem.startswith("ops.tanh.gradient: fail: ")
    assert found(*tutorial, folder=tmp_path / "other")[0].problems == ()


def test_another_program_is_not_taken_for_the_chapters(tmp_path: Path) -> None:
    Program(REST, version="chapter.3").write(tmp_path)
    (problem,) = chapters._asked(tmp_path, ["ops.tanh.value"], 4)
    assert problem.startswith(
        "another deeplearning_framework was verified in its place, version 0.1.0+chapter.3"
    )


def test_a_program_that_cannot_be_imported_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "deeplearning_framework").mkdir()
    (tmp_path / "deeplearning_framework/__init__.py").write_text("import nothing_of_the_kind\n")
    (problem,) = chapters._asked(tmp_path, ["ops.tanh.value"], 1)
    assert problem.startswith("it can't be verified: ")
    assert "No module named 'nothing_of_the_kind'" in problem


def test_a_gap_is_told_with_the_chapter_that_fills_it(tmp_path: Path) -> None:
    missing = Symbol(TENSOR, "Tensor._as_cotangent")
    first = tuple(s for s in REST if s not in (missing, Symbol(TENSOR, "_rebuilt")))
    one, two = found(
        a_chapter(1, first, "ops.tanh.value"), a_chapter(2, (missing,), "ops.tanh.value"), folder=tmp_path
    )
    text = " ".join(chapters.told(one).split())
    assert "tensor.py::Tensor._as_cotangent is missing, used by tensor.py::Tensor.backward" in text
    assert "chapter 2 shows it; show it in chapter 1 or before, or say in its front matter later:" in text
    assert "no chapter shows it; say @code tensor.py::_rebuilt in chapter 1 or before" in text
    assert "its clauses were not asked, since it can't run" in text
    assert "_as_cotangent" not in chapters.told(two)


def test_promises_have_to_be_needed_and_kept(tmp_path: Path) -> None:
    without = tuple(s for s in REST if s.path != f"{PACKAGE}/rows.py")
    rows = tuple(s for s in REST if s.path == f"{PACKAGE}/rows.py")
    first = a_chapter(1, without, "autodiff.fan_out.*", later="rows.py::Rows optim/sgd.py::SGD")
    one, two = found(first, a_chapter(2, rows, "ops.tanh.value", later="rows.py::Rows"), folder=tmp_path)
    assert [problem.partition(",")[0] for problem in one.problems] == [
        "later: nothing that has been shown uses optim/sgd.py::SGD"
    ]
    assert two.problems == ("later: rows.py::Rows has been shown by now, so it needs no promise",)
    (alone,) = found(a_chapter(1, without, "ops.tanh.value", later="rows.py::Rows"), folder=tmp_path)
    assert alone.problems == ("later: no later chapter shows rows.py::Rows, so the promise is broken",)


class TestReading:
    """What a chapter's page says; it takes what reads pages."""

    PAGE = """\
---
chapter: 3
clauses: [autodiff.fan_out.*]
later: [rows.py::Rows]
---

# 3. The tape { .wide }

@code tensor.py::Tensor.head Node

!!! note
    @code rows.py::Rows.extend
"""

    @pytest.fixture(autouse=True)
    def _reader(self) -> None:
        pytest.importorskip("mkdocs")

    def test_a_chapter_says_what_it_shows_and_promises(self) -> None:
        one = chapters.chapter("03_the_tape.md", self.PAGE)
        assert (one.number, one.title, one.clauses) == (3, "The tape", ("autodiff.fan_out.*",))
        assert one.shown == symbols("tensor.py::Tensor.head", "tensor.py::Node", "rows.py::Rows.extend")
        assert one.later == symbols("rows.py::Rows")

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("chapter: 3", "chapter: 4", "has to say chapter: 3"),
            ("clauses: [autodiff.fan_out.*]", "", "has to say which clauses"),
            ("[autodiff.fan_out.*]", "autodiff", "clauses in its front matter is a list"),
            ("[rows.py::Rows]", "[Rows]", "'Rows' is written FILE::SYMBOL"),
            ("[rows.py::Rows]", "[rows.py::Row]", "has no symbol Row"),
            ("Tensor.head", "Tensor.haed", r"has no symbol Tensor\.haed; did you mean Tensor\.head"),
            ("# 3. The", "The", "with a heading"),
        ],
    )
    def test_a_page_that_says_it_wrongly_is_refused(self, old: str, new: str, message: str) -> None:
        with pytest.raises(PageError, match=rf"^03_the_tape\.md: .*{message}"):
            chapters.chapter("03_the_tape.md", self.PAGE.replace(old, new))

    def test_a_tutorial_without_chapters_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "notes.md").write_text("# Notes\n")
        with pytest.raises(PageError, match=r"there is no chapter NN_name\.md"):
            chapters.chapters(tmp_path)
