"""`dlspec compare`: which changes are regressions, what is said of the rest, and the exit code."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dlspec import manifest
from dlspec.implementation import Divergence
from dlspec.runner import report as reports
from dlspec.runner.blocking import collapse
from dlspec.runner.compare import Kind, compare, kind_of
from dlspec.runner.result import Result, Status, Subject
from dlspec.runner.stop import ExitCode
from dlspec.runner.supervise import Run
from dlspec.runner.verdict import statuses, verdict

Json = dict[str, Any]

A, B, C = "ops.add.value", "ops.tanh.value", "ops.exp.gradient"
SHOULD = next(clause.id for clause in manifest.clauses() if clause.level == "SHOULD")


def report(changed: dict[str, Status], *, declared: tuple[str, ...] = (), interrupted: bool = False) -> Json:
    """The report of an implementation that passes everything but for what is given."""
    clauses = manifest.clauses()
    subject = Subject("homework", "1.0", manifest.PROFILES, ("float64",), ())
    outcomes = {clause.id: changed.get(clause.id, Status.PASS) for clause in clauses}
    results = {
        id: Result(id, status, 0.1, None if status is Status.PASS else f"{id} is wrong")
        for id, status in outcomes.items()
        if status is not Status.NOT_RUN
    }
    divergences = {id: Divergence(id, "scope", "Homework 2.", None) for id in declared}
    collapsed = collapse(
        clauses, statuses(clauses, outcomes, subject.claims, divergences), manifest.rests_on()
    )
    return reports.build(
        target="homework.py",
        clauses=clauses,
        selected={clause.id for clause in clauses},
        run=Run(subject, results, interrupted=interrupted),
        collapsed=collapsed,
        diagnoses={},
        verdict=verdict(manifest.PROFILES, clauses, collapsed.final, subject.claims, interrupted=interrupted),
        divergences=divergences,
        options=reports.Options(),
        started="2030-01-02T03:04:05+00:00",
        duration=1.5,
    )


def run(folder: Path, old: Json, new: Json) -> tuple[int, str]:
    """Exit code and output of the command."""
    for name, made in (("old.json", old), ("new.json", new)):
        reports.write(made, folder / name)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "dlspec.runner.main", "compare", "old.json", "new.json"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("before", "after", "level", "kind"),
    [
        ("pass", "fail", "MUST", Kind.REGRESSION),
        ("pass", "not-provided", "MUST", Kind.REGRESSION),
        ("pass", "blocked", "MUST", Kind.REGRESSION),
        ("pass", "not-claimed", "MUST", Kind.REGRESSION),
        ("diverges", "fail", "MUST", Kind.REGRESSION),
        ("stale-divergence", "timeout", "MUST", Kind.REGRESSION),
        ("pass", "fail", "SHOULD", Kind.OTHER),
        ("pass", "diverges", "MUST", Kind.OTHER),
        ("pass", "stale-divergence", "MUST", Kind.OTHER),
        ("fail", "crash", "MUST", Kind.OTHER),
        ("not-run", "fail", "MUST", Kind.OTHER),
        ("not-claimed", "fail", "MUST", Kind.OTHER),
        ("fail", "pass", "MUST", Kind.IMPROVEMENT),
        ("fail", "diverges", "MUST", Kind.IMPROVEMENT),
        ("diverges", "stale-divergence", "MUST", Kind.IMPROVEMENT),
        ("blocked", "pass", "SHOULD", Kind.IMPROVEMENT),
        ("pass", "not-run", "MUST", Kind.UNKNOWN),
        ("fail", "not-run", "SHOULD", Kind.UNKNOWN),
    ],
)
def test_what_a_change_means(before: str, after: str, level: str, kind: Kind) -> None:
    assert kind_of(Status(before), Status(after), level) is kind


def test_the_same_report_twice(tmp_path: Path) -> None:
    made = report({A: Status.FAIL})

    code, out = run(tmp_path, made, made)

    assert code == ExitCode.CONFORMS
    assert out.splitlines()[-1] == "0 regressions, 0 improvements"
    assert "OTHER" not in out


def test_a_regression_is_shown_with_what_is_wrong(tmp_path: Path) -> None:
    code, out = run(tmp_path, report({B: Status.FAIL}), report({A: Status.FAIL, C: Status.ERROR}))

    assert code == ExitCode.DIFFERS
    lines = out.splitlines()
    assert "REGRESSIONS  (2 clauses)" in lines
    assert lines[lines.index("  pass -> fail") + 1 :][:2] == [f"    {A}", f"      {A} is wrong"]
    assert "IMPROVEMENTS  (1 clause)" in lines
    assert lines[lines.index("  fail -> pass") + 1] == f"    {B}"
    assert "  ops       partial 488/489 -> partial 487/489" in lines
    assert lines[-1] == "2 regressions, 1 improvement"
    assert max(map(len, lines)) <= 80


def test_what_follows_from_another_failure_says_so(tmp_path: Path) -> None:
    dependant, root = next((id, min(roots)) for id, roots in manifest.rests_on().items() if len(roots) == 1)
    both = report({dependant: Status.FAIL, root: Status.FAIL})

    code, out = run(tmp_path, report({}), both)
    alone = compare(report({dependant: Status.FAIL}), both)

    assert code == ExitCode.DIFFERS
    assert f"    {dependant}\n      follows from {root}\n" in out
    assert [change.id for change in alone.changes] == [root], "blocked now, and wrong before as well"


def test_a_should_and_a_new_declaration_are_news_and_no_regression(tmp_path: Path) -> None:
    code, out = run(tmp_path, report({}), report({SHOULD: Status.FAIL, A: Status.FAIL}, declared=(A,)))

    assert code == ExitCode.CONFORMS
    assert f"    {SHOULD}  (SHOULD)" in out.splitlines()
    assert "      Homework 2." in out.splitlines()
    assert "  ops       conforms -> conforms with 1 declared divergence" in out.splitlines()
    assert out.splitlines()[-1] == "0 regressions, 0 improvements, 2 other changes"


def test_what_was_not_asked_again_leaves_it_open(tmp_path: Path) -> None:
    whole, part = report({}), report({A: Status.NOT_RUN, B: Status.NOT_RUN}, interrupted=True)

    code, out = run(tmp_path, whole, part)

    assert code == ExitCode.INCOMPLETE
    assert "NOT ASKED ANY MORE  (2 clauses)" in out
    assert "the newer run was interrupted" in out
    assert " ".join(out.split()).endswith("not everything that was asked before was asked again")
    assert compare(part, whole).exit_code is ExitCode.CONFORMS


def test_what_the_spec_brought_or_withdrew_is_nobody_s_regression(tmp_path: Path) -> None:
    old, new = report({}), report({A: Status.FAIL, B: Status.PASS})
    old["clauses"] = [entry for entry in old["clauses"] if entry["id"] not in (A, B)]
    new["clauses"] = [entry for entry in new["clauses"] if entry["id"] != C]
    old["spec"] |= {"version": "0.9", "cases_sha256": "0" * 64}

    code, out = run(tmp_path, old, new)

    assert code == ExitCode.CONFORMS
    assert "NEW CLAUSES  (2 clauses)\n  1 pass\n  fail          ops.add.value\n" in out
    assert f"VANISHED CLAUSES  (1 clause)\n  {C}\n" in out
    assert f"another version of the spec: 0.9, now {new['spec']['version']}" in out
    assert "other frozen cases" in out


def test_what_else_is_different_is_said() -> None:
    old = report({})
    new = copy.deepcopy(old)
    new["implementation"] |= {"version": "2.0", "claims": ["ops"], "dtypes": ["float32"]}
    new["environment"] |= {"python": "9.9"}
    new["options"] |= {"explore": 7}

    notes = compare(old, new).notes

    assert notes == (
        "another version of homework: 1.0, now 2.0",
        f"other claims: {', '.join(manifest.PROFILES)}; now ops",
        "other types: float64; now float32",
        f"another Python: {old['environment']['python']}, now 9.9",
        "asked with other options: explore",
    )
    new["implementation"]["name"] = "framework"
    assert compare(old, new).notes[0] == "another implementation: homework, now framework"


def test_a_file_that_is_no_report_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(json.dumps(report({})))
    (tmp_path / "new.json").write_text("{}")

    done = subprocess.run(
        [sys.executable, "-P", "-m", "dlspec.runner.main", "compare", "old.json", "new.json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == ExitCode.USAGE
    assert "new.json: is no report" in done.stderr
