"""Exercises: what the editor shows, and what its text takes the place of."""

from __future__ import annotations

import ast

import pytest

from dlspec.faults import faults, reference
from dlspec.faults.diff import apply
from pagework import exercises, markup
from pagework.exercises import read
from pagework.source import PageError

BREAK = "primitives.py::tanh_vjp fault=tanh_ignores_what_arrives clauses=ops.tanh.gradient"


def test_a_broken_function_differs_from_the_source_by_the_fault_and_nothing_else() -> None:
    exercise = read("break", BREAK)
    assert exercise.start == exercise.source
    assert exercise.source.startswith("def tanh_vjp(")
    assert exercise.broken is not None
    assert exercise.broken != exercise.source
    changed = apply(faults()["tanh_ignores_what_arrives"].hunks, reference.sources())["primitives"]
    assert exercise.with_text(exercise.broken) == changed
    assert exercise.with_text(exercise.source) == reference.sources()["primitives"]


def test_a_method_is_put_back_at_its_indentation() -> None:
    exercise = read("build", "tensor.py::Tensor.backward clauses=objects.backward.*")
    assert exercise.indent == 4
    assert exercise.source.startswith("def backward(self")
    assert exercise.with_text(exercise.source) == reference.sources()["tensor"]


def test_what_is_to_be_written_has_signature_and_docstring_alone() -> None:
    exercise = read("build", "primitives.py::tanh clauses=ops.tanh.*")
    (function,) = ast.parse(exercise.start).body
    assert isinstance(function, ast.FunctionDef)
    assert [type(part) for part in function.body] == [ast.Expr, ast.Expr]
    assert ast.unparse(function.body[1]) == "..."
    assert ast.get_docstring(function) == ast.get_docstring(ast.parse(exercise.source).body[0])  # type: ignore[arg-type]
    assert "np.tanh" not in exercise.start


def test_of_a_class_each_method_is_to_be_written() -> None:
    exercise = read("build", "layers/activations.py::Tanh clauses=objects.layer_use.*")
    (made,) = ast.parse(exercise.start).body
    assert isinstance(made, ast.ClassDef)
    methods = [node for node in made.body if isinstance(node, ast.FunctionDef)]
    assert methods
    assert all(ast.unparse(method.body[-1]) == "..." for method in methods)


def test_the_data_says_all_that_the_program_in_the_page_needs() -> None:
    data = read("break", BREAK).data()
    of_both = "kind file symbol first last indent start source clauses ids"
    assert set(data) == {*of_both.split(), "broken", "fault", "change"}
    assert (data["file"], data["symbol"], data["ids"]) == (
        "primitives.py",
        "tanh_vjp",
        ("ops.tanh.gradient",),
    )
    build = read("build", "primitives.py::tanh_vjp clauses=ops.tanh.gradient,ops.tanh.v*").data()
    assert build["ids"] == ("ops.tanh.value", "ops.tanh.gradient", "ops.tanh.views_are_operands")
    assert set(build) == set(of_both.split())


def test_data_can_stand_in_a_page() -> None:
    text = markup.data({"text": "</script><!-- \u2028"}, "kind")
    assert text.count("</script>") == 1
    assert "<!--" not in text


@pytest.mark.parametrize(
    ("kind", "argument", "message"),
    [
        ("break", "primitives.py::tanh_vjp", r"written @break FILE::SYMBOL fault=\.\.\. clauses=\.\.\."),
        ("break", "primitives.py::tanh_vjp fault= clauses=ops.tanh.*", "written @break"),
        ("build", BREAK, r"written @build FILE::SYMBOL clauses=\.\.\."),
        ("build", "primitives.py::tan clauses=ops.tanh.*", "no symbol tan; did you mean"),
        ("build", "primitives.py::tanh clauses=ops.tan.*", r"no clause has an id such as ops\.tan\.\*"),
        ("break", BREAK.replace("tanh_ignores", "tanh_forgets"), "there is no planted fault tanh_forgets"),
        ("break", BREAK.replace("ops.tanh.gradient", "ops.exp.gradient"), "isn't known to fail"),
        ("build", "examples/adam.py::Adam clauses=optim.*", "only the reference can be changed"),
        ("build", "tensor.py::Tensor.grad clauses=objects.*", "stands in one piece"),
        ("build", "primitives.py::TANH clauses=ops.tanh.*", "only functions and classes"),
    ],
)
def test_an_exercise_that_can_not_be_set_is_an_error(kind: str, argument: str, message: str) -> None:
    with pytest.raises(PageError, match=message):
        read(kind, argument)


def test_a_fault_elsewhere_leaves_the_symbol_as_it_is() -> None:
    exercise = exercises.read("break", BREAK.replace("::tanh_vjp", "::sigmoid_vjp"))
    assert exercise.broken is None
