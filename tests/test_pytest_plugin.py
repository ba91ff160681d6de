"""The second door: the clauses through pytest, and nothing at all where they aren't asked for."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from dlspec import manifest

HOMEWORK = Path(__file__).parent / "homework"
ADAPTERS = HOMEWORK / "adapters.py"


def run_pytest(cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=240, check=False)


def ask(
    cwd: Path, implementation: str | Path, *arguments: str, clauses: str = "dlspec.clauses.ops"
) -> subprocess.CompletedProcess[str]:
    return run_pytest(cwd, "--pyargs", clauses, "--implementation", str(implementation), "-q", *arguments)


def counts(done: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """The numbers of pytest's last line."""
    summary = done.stdout.strip().splitlines()[-1].strip("= ").partition(" in ")[0]
    return {word: int(number) for number, word in (part.split() for part in summary.split(", "))}


def test_the_plugin_imports_nothing_but_pytest() -> None:
    program = (
        "import pytest, sys\n"
        "before = set(sys.modules)\n"
        "import dlspec.runner.pytest_plugin\n"
        "print(*sorted(name for name in set(sys.modules) - before if not name.startswith('dlspec')))\n"
        "print(*sorted(name for name in sys.modules if name.startswith('dlspec')))\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    others, ours = done.stdout.splitlines()
    assert others == ""
    assert ours == "dlspec dlspec.failure dlspec.runner dlspec.runner.pytest_plugin"


def test_the_plugin_is_inert_without_its_option(tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text(
        "import sys\n\n"
        "def impl(): ...\n\n"
        "def test_nothing_is_loaded(pytestconfig):\n"
        "    assert pytestconfig.pluginmanager.has_plugin('dlspec')\n"
        "    assert not {'dlspec.manifest', 'mpmath', 'typer'} & set(sys.modules)\n"
    )

    done = run_pytest(tmp_path, "-q", "--fixtures-per-test")
    assert "impl" not in done.stdout
    done = run_pytest(tmp_path, "-q")

    assert done.returncode == 0, done.stdout
    assert counts(done) == {"passed": 1}


def test_every_clause_is_a_test(tmp_path: Path) -> None:
    done = ask(tmp_path, "deeplearning_framework", "--collect-only", clauses="dlspec.clauses")

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(manifest.clauses())} tests collected" in done.stdout


def test_the_reference_passes_and_k_knows_ids(tmp_path: Path) -> None:
    wanted = "autodiff.fan_out.a_value_used_twice"
    done = ask(tmp_path, "deeplearning_framework", "-k", wanted, clauses="dlspec.clauses.autodiff")

    assert done.returncode == 0, done.stdout
    autodiff = [clause.id for clause in manifest.clauses() if clause.profile == "autodiff"]
    passed = [id for id in autodiff if id.startswith(wanted)]
    assert passed
    assert counts(done) == {"passed": len(passed), "deselected": len(autodiff) - len(passed)}


def test_a_failure_shows_the_sentence_and_no_machinery(tmp_path: Path) -> None:
    done = ask(tmp_path, HOMEWORK / "partial.py", "-k", "ops.exp.value or ops.log.value or ops.add.value")

    assert done.returncode == 1
    assert counts(done)["failed"] == 2
    assert counts(done)["passed"] == 1
    assert "FAIL  ops.exp.value" in done.stdout
    assert "The value of `exp` MUST be that of its definition" in done.stdout
    assert "    expected  " in done.stdout
    assert "NOT-PROVIDED  ops.log.value" in done.stdout
    assert "judge.py" not in done.stdout


def test_profiles_that_are_not_claimed_are_left_out(tmp_path: Path) -> None:
    done = ask(tmp_path, f"{ADAPTERS}:Sound", "-v", clauses="dlspec.clauses.autodiff")

    assert done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED
    assert "dlspec: only negation 0.0, claims ops" in done.stdout
    assert counts(done) == {"deselected": sum(c.profile == "autodiff" for c in manifest.clauses())}


def test_what_is_not_provided_is_no_skip(tmp_path: Path) -> None:
    done = ask(tmp_path, f"{ADAPTERS}:Sound", "-k", "ops.log.value")

    assert done.returncode == 1
    assert {word for word in counts(done) if word != "deselected"} == {"failed"}


def test_an_implementation_cannot_skip_its_exam(tmp_path: Path) -> None:
    module = tmp_path / "lazy.py"
    module.write_text(
        "import pytest\nimport deeplearning_framework as whole\n"
        "class Tensor(whole.Tensor):\n"
        "    def exp(self): pytest.skip('not today')\n"
        "    def tanh(self): pytest.xfail('nor tomorrow')\n"
    )

    done = ask(tmp_path, module, "-k", "ops.exp.value or ops.tanh.value")

    assert counts(done)["failed"] == 2
    assert "ERROR  ops.exp.value" in done.stdout


def test_divergences_are_strict(tmp_path: Path) -> None:
    wanted = "ops.exp.value or ops.negative.value or ops.negative.shape"
    done = ask(tmp_path, f"{ADAPTERS}:Divergent", "-rx", "-k", wanted)

    assert {key: counts(done)[key] for key in ("failed", "passed", "xfailed")} == {
        "failed": 1,
        "passed": 1,
        "xfailed": 1,
    }
    assert "STALE-DIVERGENCE  ops.negative.value" in done.stdout
    assert "declared divergence: There is no exp here" in done.stdout


def test_divergences_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "declared.toml"
    file.write_text("[[divergence]]\nid = 'ops.log.value'\ncategory = 'scope'\nreason = 'No logarithms.'\n")
    options = ("--implementation-divergences", str(file), "-k", "ops.log.value")

    assert counts(ask(tmp_path, f"{ADAPTERS}:Sound", *options))["xfailed"] == 1

    file.write_text("[[divergence]]\nid = 'ops.log.valeu'\ncategory = 'scope'\nreason = 'No logarithms.'\n")
    done = ask(tmp_path, f"{ADAPTERS}:Sound", *options)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "Did you mean ops.log.value" in done.stderr


def test_a_should_that_is_not_kept_fails_nothing(tmp_path: Path) -> None:
    should = next(c.id for c in manifest.clauses() if c.level == "SHOULD" and c.profile == "errors")

    done = ask(tmp_path, HOMEWORK / "partial.py", "-k", should, clauses="dlspec.clauses.errors")

    assert done.returncode == 0, done.stdout
    assert counts(done)["xfailed"] == 1


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("no_such_module", "no module is named no_such_module"),
        (HOMEWORK / "raises_at_import.py", "RuntimeError: the data set is missing"),
        (f"{ADAPTERS}:Unreturned", "the adapter is broken"),
        (f"{ADAPTERS}:Misspelt", "Did you mean ops.negative.value"),
    ],
)
def test_a_target_that_cannot_be_used_is_a_usage_error(
    tmp_path: Path, target: str | Path, message: str
) -> None:
    done = ask(tmp_path, target)

    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert message in done.stderr
    assert "pytest_plugin.py" not in done.stderr


def test_clauses_without_an_implementation_are_a_usage_error(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, "--pyargs", "dlspec.clauses.scale")

    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--implementation TARGET" in done.stderr


def test_xdist_and_junit_work(tmp_path: Path) -> None:
    xml = tmp_path / "report.xml"

    done = ask(
        tmp_path,
        HOMEWORK / "partial.py",
        *("-n", "2", "-k", "ops.exp or ops.add.value", f"--junit-xml={xml}"),
    )

    assert done.returncode == 1, done.stdout + done.stderr
    found = {}
    for case in ET.parse(xml).getroot().iter("testcase"):
        properties = {p.attrib["name"]: p.attrib["value"] for p in case.iter("property")}
        found[properties["clause"]] = (
            properties["status"],
            properties["level"],
            len(list(case.iter("failure"))),
        )
    assert found["ops.add.value"] == ("pass", "MUST", 0)
    assert found["ops.exp.value"] == ("fail", "MUST", 1)
    assert found["ops.exp.shape"] == ("pass", "MUST", 0)


HOSTILE = {
    "pytest.ini": """
        [pytest]
        addopts = -q -n 2 --doctest-modules --strict-markers --import-mode=prepend
        python_files = check_*.py
        python_classes = Check
        python_functions = check_*
        norecursedirs = clauses ops dlspec
        testpaths = mine
        xfail_strict = true
        filterwarnings = error
    """,
    "conftest.py": """
        import random
        import warnings

        import numpy
        import pytest

        numpy.seterr(all="raise")
        warnings.simplefilter("error")
        collect_ignore_glob = ["*"]

        @pytest.fixture(autouse=True)
        def network():
            raise RuntimeError("a fixture of theirs")

        @pytest.fixture
        def impl():
            return "an implementation of theirs"

        @pytest.fixture
        def op():
            return "an op of theirs"

        def pytest_collection_modifyitems(items):
            random.Random(1).shuffle(items)  # alike in every process, as xdist wants it

        def pytest_generate_tests(metafunc):
            metafunc.parametrize("copy", range(3))
    """,
    "impl.py": "raise RuntimeError('a module of theirs')",
    "random_numbers.py": "raise RuntimeError('another one')",
    "setup.cfg": "[tool:pytest]\naddopts = --no-such-option",
}


@pytest.fixture
def hostile_repository(tmp_path: Path) -> Path:
    """A repository whose own settings are made for tests unlike clauses."""
    for name, text in HOSTILE.items():
        (tmp_path / name).write_text(textwrap.dedent(text))
    (tmp_path / "homework.py").write_text((HOMEWORK / "partial.py").read_text())
    return tmp_path


def test_a_hostile_repository_changes_no_result(hostile_repository: Path, tmp_path_factory: Any) -> None:
    wanted = "ops.exp or ops.add"
    quiet = tmp_path_factory.mktemp("quiet")
    (quiet / "homework.py").write_text((HOMEWORK / "partial.py").read_text())

    came_of = []
    for folder in (quiet, hostile_repository):
        xml = folder / "report.xml"
        done = ask(folder, "homework.py", "-k", wanted, f"--junit-xml={xml}")
        assert done.returncode == 1, done.stdout + done.stderr
        came_of.append(
            {
                properties["clause"]: properties["status"]
                for case in ET.parse(xml).getroot().iter("testcase")
                for properties in [{p.attrib["name"]: p.attrib["value"] for p in case.iter("property")}]
            }
        )

    assert came_of[0] == came_of[1]
    assert set(came_of[0].values()) > {"pass", "fail"}


def test_the_last_lines_say_how_many_were_asked(hostile_repository: Path) -> None:
    (hostile_repository / "conftest.py").write_text(
        "import pytest\n"
        "def pytest_collection_modifyitems(items):\n"
        "    for item in items:\n"
        "        if 'exp' in item.name: item.add_marker(pytest.mark.skip(reason='not today'))\n"
    )

    done = ask(hostile_repository, "homework.py", "-k", "ops.exp.value or ops.add.value or ops.add.shape")

    assert done.returncode == 0
    asked = next(line for line in done.stdout.splitlines() if "clauses were asked" in line)
    assert asked.startswith("2 of ")
    assert asked.endswith(" claimed clauses were asked, 2 pass")
    assert "The verdict is that of: dlspec verify homework.py" in done.stdout


def test_a_clause_is_selected_by_its_id(tmp_path: Path) -> None:
    wanted = "dlspec.clauses.ops.test_laws::ops.add.value"

    done = ask(tmp_path, "deeplearning_framework", clauses=wanted)

    assert counts(done) == {"passed": 1}
