"""The spec's own exam: diffs that apply or say why not, and faults that are caught whatever they do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dlspec import faults, manifest
from dlspec.faults import FaultError, exam, random_faults, reference
from dlspec.faults.diff import DiffError, apply, parse

SOURCES = {
    "shapes": (
        "def area(a, b):\n    return a * b\n\n\n"
        "class Box:\n    @property\n    def side(self):\n        return 1\n"
    ),
    "layers.base": "def area(a, b):\n    return 0\n",
}


def changed(text: str) -> dict[str, str]:
    return apply(parse(text), SOURCES)


def test_a_hunk_replaces_lines_in_the_place_it_names() -> None:
    assert changed("@@ shapes.area\n- return a * b\n+ return a + b")["shapes"].startswith(
        "def area(a, b):\n    return a + b\n\n"
    )


def test_only_relative_indentation_counts() -> None:
    text = "@@ shapes.Box.side\n-return 1\n+if self:\n+    return 2\n+return 1"
    assert changed(text)["shapes"].endswith(
        "    def side(self):\n        if self:\n            return 2\n        return 1\n"
    )


def test_kept_lines_find_the_spot_and_stay() -> None:
    text = "@@ shapes.area\n  def area(a, b):\n+     a = -a\n      return a * b"
    assert changed(text)["shapes"].startswith("def area(a, b):\n    a = -a\n    return a * b\n")


def test_hunks_may_follow_each_other_and_change_one_module_twice() -> None:
    text = (
        "@@ shapes.area\n- return a * b\n+ return 2\n"
        "@@ shapes.Box.side\n- return 1\n+ return 3\n"
        "@@ layers.base.area\n- return 0\n+ return 4"
    )
    both = changed(text)
    assert "return 2" in both["shapes"]
    assert "return 3" in both["shapes"]
    assert "return 4" in both["layers.base"]


def test_a_decorator_belongs_to_what_it_decorates() -> None:
    assert "property" not in changed("@@ shapes.Box.side\n- @property\n  def side(self):")["shapes"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "the diff is empty"),
        ("- return 1", "begins with a line `@@ place`"),
        ("@@ shapes.area\n* return 1", "begins with '-', '\\+' or a blank"),
        ("@@ shapes.area\n+ return 1", "no line says where"),
        ("@@ shapes.area\n- return 1\n+ return 1", "nothing is changed"),
        ("@@ shapes.area\n- return 7\n+ return 1", "stand there nowhere"),
        ("@@ shapes.volume\n- return 7\n+ return 1", "there is no volume"),
        ("@@ layers.area\n- return 7\n+ return 1", "there is no module layers"),
        ("@@ shapes\n  return\n- 1", "nowhere"),
    ],
)
def test_a_diff_that_does_not_fit_says_why(text: str, complaint: str) -> None:
    with pytest.raises(DiffError, match=complaint):
        changed(text)


def test_lines_that_stand_there_twice_are_refused() -> None:
    twice = {"shapes": "def f():\n    g()\n    g()\n"}
    with pytest.raises(DiffError, match="2 times"):
        apply(parse("@@ shapes.f\n- g()"), twice)


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ("[[fault]]\nid = 1", "lacks 'caught_by'"),
        ("[[fualt]]\nid = 1", "unknown table 'fualt'"),
        ("[[fault]\n", "broken.toml"),
        (
            '[[fault]]\nid = "a"\nof = "b"\nstory = "c"\nlinks = []\nchange = "d"\ncaught_by = "e"\nx = "f"',
            "unknown key 'x'",
        ),
        (
            '[[fault]]\nid = "a"\nof = "b"\nstory = "c"\nlinks = []\nchange = "d"\ncaught_by = "e"',
            "begins with a line `@@ place`",
        ),
        (
            '[[fault]]\nid = "a"\nof = "b"\nstory = " "\nlinks = []\nchange = "@@ c\\n- d"\ncaught_by = "e"',
            "has no story",
        ),
    ],
)
def test_a_fault_that_is_not_written_as_it_should_be_is_named(
    table: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.toml").write_text(table, encoding="utf-8")
    monkeypatch.setattr(faults, "FOLDER", tmp_path)
    with pytest.raises(FaultError, match=complaint):
        faults.faults.__wrapped__()


@pytest.mark.parametrize("kind", ["faults", "variants"])
def test_every_change_fits_the_reference(kind: str) -> None:
    for change in getattr(faults, kind)().values():
        for module, text in apply(change.hunks, reference.sources()).items():
            compile(text, f"{change.id}/{module}", "exec")


def test_every_fault_is_to_be_caught_by_a_clause() -> None:
    assert {change.caught_by for change in faults.faults().values()} <= manifest.by_id().keys()


def test_the_kill_matrix_has_no_gaps() -> None:
    assert exam.gaps(exam.read_matrix()) == []


def sat(targets: dict[str, list[str]], **options: bool) -> dict[str, exam.Sitting]:
    return {sitting.target: sitting for sitting in exam.sit(targets, jobs=1, **options)}


def test_a_random_fault_is_the_same_every_time() -> None:
    assert [str(random_faults.fault(n)) for n in range(50)] == [
        str(random_faults.fault(n)) for n in range(50)
    ]
    assert len({str(random_faults.fault(n)) for n in range(50)}) > 40


def test_random_faults_are_caught_by_clauses_about_their_op() -> None:
    numbers = range(3)
    asked = {f"random-fault:{n}": random_faults.clauses_for(n) for n in numbers}
    for sitting in sat(asked, first_only=True).values():
        assert sitting.broken is None
        assert len(sitting.failed) == 1


def test_a_change_that_is_not_there_is_a_broken_sitting() -> None:
    (sitting,) = sat({"fault:no_such_fault": ["ops.add.value"]}).values()
    assert sitting.broken is not None
    assert "no fault no_such_fault" in sitting.broken


def dlspec(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "dlspec.runner.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_a_planted_fault_is_judged_like_any_target() -> None:
    id, change = next(iter(faults.faults().items()))
    assert change.caught_by is not None
    run = dlspec("verify", f"fault:{id}", "--only", change.caught_by)
    assert f"fault:{id}" in run.stdout
    assert change.caught_by in run.stdout
    assert "FAIL" in run.stdout or "ERROR" in run.stdout


def test_the_command_names_a_fault_that_is_not_there() -> None:
    known = next(iter(faults.faults()))
    run = dlspec("faults", known + "x")
    assert run.returncode == 2
    assert run.stderr.startswith(f"dlspec: there is no fault {known}x. Did you mean {known}")


def test_the_command_says_that_a_fault_is_caught() -> None:
    id, change = next(iter(faults.faults().items()))
    run = dlspec("faults", id, "--jobs", "1")
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.splitlines() == [
        f"{id} fails {change.caught_by}",
        "1 fault, each caught by the clause that is meant to catch it",
    ]
