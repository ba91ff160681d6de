"""The script that shows a failure runs by itself and shows that failure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dlspec.failure import ConformanceFailure
from dlspec.implementations import load
from dlspec.manifest import by_id
from dlspec.reproduce import NoScript, literal, script

HOMEWORK = """
import numpy as np


class Tensor:
    def __init__(self, data, autograd=False, parents=(), vjp=None):
        self.data, self.autograd, self.grad = np.array(data), autograd, None
        self.parents, self.vjp = parents, vjp

    def backward(self, grad):
        if self.vjp is None:
            self.grad = grad if self.grad is None else Tensor(self.grad.data + grad.data)
        for parent, bar in zip(self.parents, self.vjp(grad.data) if self.vjp else ()):
            parent.backward(Tensor(bar))

    def __add__(self, other):
        return Tensor(self.data + other.data, True, (self, other), lambda g: (g, g))

    def tanh(self):
        y = np.tanh(self.data)
        return Tensor(y, True, (self,), lambda g: (1 - y * y,))

    def exp(self):
        raise KeyError("no exponentials today")
"""


@pytest.fixture
def homework(tmp_path: Path) -> str:
    path = tmp_path / "homework_with_faults.py"
    path.write_text(HOMEWORK)
    return str(path)


def run(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    file = folder / "reproduce.py"
    file.write_text(text)
    return subprocess.run([sys.executable, str(file)], capture_output=True, text=True, check=False)


def test_a_module_is_reproduced_with_numpy_and_its_own_names_alone(homework: str, tmp_path: Path) -> None:
    impl = load(homework)
    clause = by_id()["ops.tanh.gradient"]
    with pytest.raises(ConformanceFailure) as caught:
        clause.check(impl)

    text = script(clause, impl, homework, caught.value)

    assert "dlspec" not in text
    assert text.count("\n") <= 25
    shown = run(text, tmp_path)
    assert shown.returncode == 1
    assert "AssertionError" in shown.stderr
    *what, _, got, _, expected = shown.stdout.split()
    assert " ".join(what).startswith("cotangent of x")
    assert float(got) == caught.value.got
    assert float(expected) == caught.value.expected


def test_a_script_ends_well_once_the_mistake_is_mended(homework: str, tmp_path: Path) -> None:
    clause = by_id()["ops.tanh.gradient"]
    with pytest.raises(ConformanceFailure) as caught:
        clause.check(impl := load(homework))
    text = script(clause, impl, homework, caught.value)

    mended = HOMEWORK.replace("lambda g: (1 - y * y,)", "lambda g: (g * (1 - y * y),)")
    Path(homework).write_text(mended)

    shown = run(text, tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("cotangent of x")


def test_what_draws_random_numbers_does_so_alike_in_each_run_of_its_script(tmp_path: Path) -> None:
    path = tmp_path / "homework_that_draws.py"
    path.write_text(HOMEWORK.replace("y = np.tanh(self.data)", "y = np.tanh(self.data) + np.random.normal()"))
    clause = by_id()["ops.tanh.value"]
    with pytest.raises(ConformanceFailure) as caught:
        clause.check(impl := load(str(path)))

    text = script(clause, impl, str(path), caught.value)

    first, second = run(text, tmp_path), run(text, tmp_path)
    assert "AssertionError" in first.stderr
    assert first.stdout == second.stdout


def test_a_planted_fault_has_a_script_like_anybody_s_mistake(tmp_path: Path) -> None:
    target, report = "fault:tanh_with_the_derivative_of_sigmoid", tmp_path / "report.json"
    command = [sys.executable, "-P", "-m", "dlspec.runner.main"]
    arguments = ["verify", target, "--only", "ops.tanh.gradient", "--report", str(report)]
    subprocess.run([*command, *arguments], check=False, capture_output=True)

    done = subprocess.run(
        [*command, "reproduce", str(report), "ops.tanh.gradient"], check=False, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "from deeplearning_framework import Tensor" in done.stdout


def test_an_exception_is_reproduced_as_an_exception(homework: str, tmp_path: Path) -> None:
    impl = load(homework)
    clause = by_id()["ops.exp.value"]
    with pytest.raises(KeyError):
        clause.check(impl)

    text = script(clause, impl, homework)

    shown = run(text, tmp_path)
    assert shown.returncode == 1
    assert "no exponentials today" in shown.stderr


def test_an_adapter_is_reproduced_through_the_adapter(tmp_path: Path) -> None:
    pytest.importorskip("autograd")
    impl = load("autograd")
    clause = by_id()["ops.relu.whole_numbers_are_exact"]
    with pytest.raises(ConformanceFailure) as caught:
        clause.check(impl)

    text = script(clause, impl, "autograd", caught.value)

    shown = run(text, tmp_path)
    assert "AssertionError" in shown.stderr
    assert shown.stdout.startswith("cotangent of x[")


def test_what_should_have_been_refused_is_called_and_what_came_of_it_is_printed(tmp_path: Path) -> None:
    impl = load("chapter13")
    for id in ("ops.index_select.refusals", "errors.targets.a_negative_target"):
        clause = by_id()[id]
        with pytest.raises(ConformanceFailure) as caught:
            clause.check(impl)

        text = script(clause, impl, "chapter13", caught.value)

        assert text.count("\n") <= 25
        shown = run(text, tmp_path)
        assert shown.stdout.rstrip().endswith(f"got {caught.value.got} expected {caught.value.expected}")
        assert shown.stderr.rstrip().endswith("AssertionError")


def test_another_case_is_shown_where_the_one_at_hand_takes_too_much_room(tmp_path: Path) -> None:
    pytest.importorskip("autograd")
    impl, clause = load("autograd"), by_id()["ops.transpose.larger_arrays"]
    with pytest.raises(Exception) as caught:  # noqa: PT011 -- autograd raises, or is wrong
        clause.check(impl)

    text = script(clause, impl, "autograd", caught.value)

    assert text.count("\n") <= 25
    assert len(text) <= 3000
    assert run(text, tmp_path).returncode == 1


def test_a_module_in_the_working_folder_is_found_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_own_framework.py").write_text(HOMEWORK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    impl, clause = load("my_own_framework"), by_id()["ops.tanh.gradient"]
    with pytest.raises(ConformanceFailure) as caught:
        clause.check(impl)
    text = script(clause, impl, "my_own_framework", caught.value)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "a.py").write_text(text)

    shown = subprocess.run(
        [sys.executable, "scripts/a.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert "AssertionError" in shown.stderr, shown.stderr


def test_the_implementation_is_left_as_it_was(homework: str) -> None:
    impl = load(homework)
    before = dict(vars(impl))
    script(by_id()["ops.tanh.gradient"], impl, homework)

    assert vars(impl) == before


def test_a_clause_that_holds_has_no_script() -> None:
    impl = load("dual_numbers")
    before = dict(vars(impl))
    with pytest.raises(NoScript, match="doesn't fail"):
        script(by_id()["ops.tanh.gradient"], impl, "dual_numbers")
    assert vars(impl) == before


def test_literals_are_exact_source() -> None:
    array = np.array([[0.1, np.nan], [-np.inf, 1e-320]])
    again = eval(literal(array), {"np": np})  # our own text
    assert np.array_equal(again, array, equal_nan=True)
    empty = eval(literal(np.zeros((0, 3), np.float32)), {"np": np})
    many = eval(literal(np.full((3, 7), -np.inf, np.float32)), {"np": np})
    assert np.array_equal(many, np.full((3, 7), -np.inf))
    assert len(literal(np.full((30, 70), 0.5))) < 40
    assert many.dtype == np.float32
    assert empty.shape == (0, 3)
    assert empty.dtype == np.float32
