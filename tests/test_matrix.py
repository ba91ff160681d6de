"""What the conformance matrix is made of, as far as it can be looked at without the frameworks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests import matrix

from dlspec.implementations import SHIPPED, read_divergences
from dlspec.manifest import by_id
from dlspec.runner import divergences

ROOT = Path(__file__).parent.parent
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
DECLARED = sorted((ROOT / "spec" / "dlspec" / "implementations").glob("*.toml"))


@pytest.mark.parametrize("name", SHIPPED)
def test_what_it_needs_is_brought_in_one_version(name: str) -> None:
    extra = SHIPPED[name].extra
    assert extra is None or all(re.search(r"==\d", requirement) for requirement in EXTRAS[extra])


@pytest.mark.parametrize("path", DECLARED, ids=lambda path: path.stem)
def test_every_declaration_means_a_clause_and_gives_a_reason(path: Path) -> None:
    declared = divergences.checked(read_divergences(path), by_id())
    assert declared
    links = [divergence.link for divergence in declared.values() if divergence.link is not None]
    assert [link for link in links if not re.match(r"https://[\w.-]+/\S+$", link)] == []


def test_every_declaration_belongs_to_something_that_ships() -> None:
    modules = {shipped.place.partition(":")[0].rpartition(".")[2] for shipped in SHIPPED.values()}
    assert {path.stem for path in DECLARED} <= modules


@pytest.mark.parametrize("defect", matrix.defects("chapter13"), ids=lambda defect: defect["id"])
def test_every_defect_is_told(defect: dict[str, Any]) -> None:
    assert defect.keys() <= {"id", "clauses", "story", "link"}
    assert defect["story"].endswith(".")
    assert defect["clauses"]


def report(status: str, exit_code: int) -> dict[str, Any]:
    return {"exit_code": exit_code, "clauses": [{"id": "ops.add.value", "status": status}]}


def test_what_is_not_declared_is_a_failure() -> None:
    matrix.explained("autograd", report("diverges", 0))
    with pytest.raises(matrix.MatrixError, match="doesn't conform"):
        matrix.explained("autograd", report("fail", 1))


def test_the_negative_control_may_fail_where_a_defect_is_known_and_nowhere_else() -> None:
    matrix.explained("chapter13", {"exit_code": 1, "clauses": [{"id": "ops.mm.shape", "status": "fail"}]})
    with pytest.raises(matrix.MatrixError, match=r"no defect explains ops\.add\.value"):
        matrix.explained("chapter13", report("fail", 1))
    with pytest.raises(matrix.MatrixError, match="conforms"):
        matrix.explained("chapter13", report("pass", 0))


def run(*arguments: object, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_name_that_nothing_answers_to(tmp_path: Path) -> None:
    done = run("-m", "tests.matrix", tmp_path, "--renew", "torhc")
    assert done.returncode == 2
    assert "nothing that comes with the spec is called torhc" in done.stderr


def test_what_cannot_be_installed_is_a_failure_and_is_said(tmp_path: Path) -> None:
    done = run("-m", "tests.matrix", tmp_path, "micrograd", PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path))

    assert done.returncode == 1
    assert "FAILED  micrograd" in done.stdout
    assert "pip install" in done.stdout


def test_a_framework_that_is_missing_is_a_target_that_cannot_be_used(tmp_path: Path) -> None:
    # Wherever this runs, micrograd may be installed.
    package = tmp_path / "micrograd"
    package.mkdir()
    (package / "__init__.py").write_text("raise ModuleNotFoundError('no', name='micrograd')")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])

    done = run("-m", "dlspec.runner.main", "verify", "micrograd", PYTHONPATH=path)

    assert done.returncode == 2
    assert 'pip install "deeplearning-framework[micrograd]"' in done.stderr


def test_a_program_that_is_missing_is_said_with_the_command_that_brings_it(tmp_path: Path) -> None:
    done = run("-m", "dlspec.runner.main", "verify", "tinygrad", PATH=str(tmp_path))

    assert done.returncode == 2
    assert "apt-get install clang" in done.stderr
