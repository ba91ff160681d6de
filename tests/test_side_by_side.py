"""`dlspec matrix`: reports side by side, and an explanation for every cell that isn't a pass."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dlspec import manifest
from dlspec.runner.matrix import SILENT, defects, escaped, explained, rows, table, unfolded
from dlspec.runner.result import Status
from dlspec.runner.stop import ExitCode, Stop

HOMEWORK = Path(__file__).parent / "homework"
Json = dict[str, Any]

DECLARED = """
[[divergence]]
id = "ops.exp.value"
category = "scope"
reason = "It is Homework 2 that asks for <exactness>."
link = "https://www.example.org/2/"
"""
DEFECTS = """
[[defect]]
id = "a millionth"
clauses = ["ops.exp.value", "ops.exp.view*"]
story = "The exponential is a millionth too large."
link = "https://example.org/exp"
"""


def dlspec(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "dlspec.runner.main", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two reports: homework that is partial, with its defects beside it, and one that declares something."""
    place = tmp_path_factory.mktemp("matrix")
    (place / "declared.toml").write_text(DECLARED)
    (place / "partial.toml").write_text(DEFECTS)
    arguments = ("verify", str(HOMEWORK / "partial.py"), "--profile", "ops")
    dlspec(place, *arguments, "--report", "partial.json")
    (place / "reports").mkdir()
    dlspec(place, *arguments, "--divergences", "declared.toml", "--report", "reports/declares.json")
    return place


def test_implementations_and_profiles(folder: Path) -> None:
    done = dlspec(folder, "matrix", "partial.json", "reports/declares.json", "--brief")

    assert done.returncode == 0, done.stderr
    head, rule, first, second = done.stdout.splitlines()
    assert head == f"| implementation | {' | '.join(manifest.PROFILES)} |"
    assert rule.count("---") == len(manifest.PROFILES) + 1
    report = json.loads((folder / "partial.json").read_text())
    musts = report["verdicts"]["ops"]["must"]
    share = f"{musts['pass']}/{musts['total']} ({100 * musts['pass'] // musts['total']}\N{NO-BREAK SPACE}%)"
    assert first.startswith(f"| partial | {share} | not claimed |")
    assert second.startswith(f"| partial | {share}, 1 declared | not claimed |")


def test_every_cell_that_is_no_pass_is_explained(folder: Path) -> None:
    for row in rows([folder / "partial.json", folder / "reports" / "declares.json"]):
        wanted = {id for id, status in row.statuses.items() if status not in SILENT}

        assert set(row.cells) == wanted
        assert all(cell.reason and cell.sentence for cell in row.cells.values())
        text = explained(row)
        assert all(f"- `{id}`" in text for id in wanted)


def test_a_reason_is_the_declared_one_or_that_of_a_defect_or_the_wrong_answer(folder: Path) -> None:
    partial, declares = rows([folder / "partial.json", folder / "reports" / "declares.json"])

    declared = declares.cells["ops.exp.value"]
    assert (declared.status, declared.link) == (Status.DIVERGES, "https://www.example.org/2/")
    assert declared.reason == "It is Homework 2 that asks for <exactness>."
    assert declared.detail.startswith("exp")
    assert "[example.org/2](https://www.example.org/2/)" in explained(declares)
    defect = partial.cells["ops.exp.value"]
    assert (defect.reason, defect.link) == (
        "The exponential is a millionth too large.",
        "https://example.org/exp",
    )
    assert defect.detail.startswith("exp")
    (folder / "reports" / "plain.json").write_text((folder / "partial.json").read_text())
    (plain,) = rows([folder / "reports" / "plain.json"])
    wrong = plain.cells["ops.exp.value"]
    assert (wrong.status, wrong.reason, wrong.detail, wrong.link) == (Status.FAIL, defect.detail, "", None)
    assert partial.cells["ops.log.value"].reason == "It hasn't got log."


def test_as_data(folder: Path) -> None:
    done = dlspec(folder, "matrix", "partial.json", "--json")

    (made,) = json.loads(done.stdout)["implementations"]
    assert made["key"] == made["name"] == "partial"
    assert made["profiles"]["layers"] == "not claimed"
    exp = next(cell for cell in made["not_kept"] if cell["id"] == "ops.exp.value")
    assert exp["sentence"] == manifest.by_id()["ops.exp.value"].sentence


def test_unfolded_shows_the_clauses_that_somebody_does_not_keep(folder: Path) -> None:
    found = rows([folder / "partial.json", folder / "reports" / "declares.json"])
    lines = dict(unfolded(found))

    assert lines["ops.exp.value"] == [Status.FAIL, Status.DIVERGES]
    assert "ops.negative.value" not in lines


def test_reports_of_different_exams_have_no_matrix(folder: Path, tmp_path: Path) -> None:
    report = json.loads((folder / "partial.json").read_text())
    report["spec"]["cases_sha256"] = "0" * 64
    (tmp_path / "other.json").write_text(json.dumps(report))

    done = dlspec(folder, "matrix", "partial.json", str(tmp_path / "other.json"))

    assert done.returncode == ExitCode.USAGE
    assert "is of another exam than partial" in done.stderr
    with pytest.raises(Stop, match="two reports of that name"):
        rows([folder / "partial.json", folder / "partial.json"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no toml", "can't be read as tables"),
        ("[[defect]]\nid = 'a'\nclauses = ['ops.exp.value']\n", "'story'"),
        (
            "[[defect]]\nid = 'a'\nclauses = ['ops.exq.*']\nstory = 'b'\n",
            "a: no clause has an id such as ops.exq",
        ),
        ("[[defects]]\n", "'defect'"),
    ],
)
def test_a_file_of_defects_is_held_to_its_form(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "defects.toml").write_text(text)

    with pytest.raises(Stop, match=message):
        defects(tmp_path / "defects.toml")


def test_text_is_text_in_markdown(folder: Path) -> None:
    assert escaped("a_b*c <d> [e] `f_` ` |g| #h") == r"a\_b\*c &lt;d&gt; \[e\] `f_` \` \|g\| \#h"
    (row,) = rows([folder / "partial.json"])
    assert table([row], {"partial": "conformance/partial.md"}).count("[partial](conformance/partial.md)") == 1
    assert '<span id="ops.exp.value"></span>' in explained(row, anchors=True)
    assert "<span" not in explained(row)
