"""`dlspec reproduce`: runs the scripts of a report, and says whether they show its failures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dlspec.runner.reproducing import Outcome, rerun
from dlspec.runner.stop import ExitCode

HOMEWORK = Path(__file__).parent / "homework"
Json = dict[str, Any]


def dlspec(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "dlspec.runner.main", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with homework, the report of it, and a report that declares one of its divergences."""
    place = tmp_path_factory.mktemp("homework")
    (place / "partial.py").write_text((HOMEWORK / "partial.py").read_text())
    (place / "declared.toml").write_text(
        '[[divergence]]\nid = "ops.exp.value"\ncategory = "scope"\nreason = "Homework 2."\n'
    )
    only = ("--only", "ops.exp.value", "--only", "ops.exp.gradient", "--only", "ops.add.value")
    dlspec(place, "verify", "partial.py", *only, "--report", "report.json")
    dlspec(
        place, "verify", "partial.py", *only, "--report", "declared.json", "--divergences", "declared.toml"
    )
    return place


def test_a_failure_is_shown_by_its_script(folder: Path) -> None:
    done = dlspec(folder, "reproduce", "report.json", "ops.exp.value")

    assert done.returncode == ExitCode.CONFORMS, done.stderr
    assert "from partial import Tensor" in done.stdout
    assert ": got " in done.stdout
    assert done.stdout.splitlines()[-1] == "ops.exp.value shows the failure"


def test_a_declared_divergence_has_a_script_too(folder: Path) -> None:
    done = dlspec(folder, "reproduce", "declared.json", "ops.exp.value")

    assert done.returncode == ExitCode.CONFORMS, done.stderr
    assert done.stdout.splitlines()[-1] == "ops.exp.value shows the failure"


def test_a_mended_mistake_does_not_show(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "partial.py").write_text(
        (folder / "partial.py").read_text().replace("np.exp(self.data) * (1 + 1e-6)", "np.exp(self.data)")
    )

    done = dlspec(tmp_path, "reproduce", str(folder / "report.json"), "ops.exp.value")

    assert done.returncode == ExitCode.DIFFERS, done.stdout
    assert "runs to its end: the failure doesn't show" in " ".join(done.stdout.split())


def test_all_of_them(folder: Path, tmp_path: Path) -> None:
    shown = dlspec(folder, "reproduce", "report.json", "--all")
    elsewhere = dlspec(tmp_path, "reproduce", str(folder / "report.json"), "--all")

    assert shown.returncode == ExitCode.CONFORMS, shown.stdout
    assert shown.stdout.splitlines()[-1].endswith(("shows the failure", "show the failure"))
    assert elsewhere.returncode == ExitCode.INCOMPLETE
    assert "can't be run here: ModuleNotFoundError" in " ".join(elsewhere.stdout.split())


def test_what_has_no_script_says_why(folder: Path, tmp_path: Path) -> None:
    report = json.loads((folder / "report.json").read_text())
    entry = next(entry for entry in report["clauses"] if entry["id"] == "ops.exp.value")
    entry["no_script"] = "it takes too many calls"
    del entry["reproduce"]
    (tmp_path / "report.json").write_text(json.dumps(report))

    for id, why in (
        ("ops.exp.value", "ops.exp.value has no script: it takes too many calls"),
        ("ops.add.value", "ops.add.value has no script: its status is pass"),
        ("ops.tanh.value", "ops.tanh.value has no script: its status is not-run (deselected)"),
        ("ops.exp.valeu", "there is no clause ops.exp.valeu. Did you mean ops.exp.value"),
    ):
        done = dlspec(tmp_path, "reproduce", "report.json", id)

        assert done.returncode == ExitCode.USAGE
        assert why in done.stderr
    everything = dlspec(tmp_path, "reproduce", "report.json", "--all").stdout
    assert "WITHOUT A SCRIPT  (1 clause)\n  ops.exp.value\n    it takes too many calls\n" in everything


def test_one_clause_or_all_of_them(folder: Path) -> None:
    for arguments in ((), ("ops.exp.value", "--all")):
        done = dlspec(folder, "reproduce", "report.json", *arguments)

        assert done.returncode == ExitCode.USAGE
        assert "either the id of a clause or --all is wanted" in done.stderr


@pytest.mark.parametrize(
    ("script", "message", "failure", "outcome"),
    [
        ("assert 1 == 2", "wrong", True, Outcome.SHOWN),
        ("pass", "wrong", True, Outcome.GONE),
        ("import no_such_module", "wrong", True, Outcome.UNUSABLE),
        ("{}['x']", "KeyError: 'x'\n  somewhere", False, Outcome.SHOWN),
        ("{}['x']", "ValueError: x", False, Outcome.UNUSABLE),
        ("raise KeyError('two\\nlines')", "KeyError: 'two\\nlines'", False, Outcome.SHOWN),
        ("raise SystemExit(3)", "wrong", True, Outcome.UNUSABLE),
        ("import os; os.abort()", "the process ended: signal 6, SIGABRT", False, Outcome.SHOWN),
        ("import os; os.abort()", "wrong", True, Outcome.UNUSABLE),
        ("while True: pass", "no answer within 30 s", False, Outcome.SHOWN),
        ("while True: pass", "wrong", True, Outcome.UNUSABLE),
    ],
)
def test_how_a_script_ends_is_held_against_the_report(
    script: str, message: str, failure: bool, outcome: Outcome
) -> None:
    entry: Json = {"id": "ops.exp.value", "message": message, "reproduce": script}
    if failure:
        entry["failure"] = {}

    assert rerun(entry, timeout=3.0).outcome is outcome
