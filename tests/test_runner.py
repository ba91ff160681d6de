"""`dlspec verify` on implementations that crash, hang, print, quit and litter: one clause pays for it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from dlspec import manifest
from dlspec.runner import judge
from dlspec.runner import supervise as supervision
from dlspec.runner.result import Result, Status, Subject
from dlspec.runner.stop import ExitCode, Stop
from dlspec.runner.supervise import Plan, Run, Tail, Watcher, supervise

HOMEWORK = Path(__file__).parent / "homework"
ONE_OF_EXP = ("ops.exp.value", "ops.tanh.value")


def verify(target: str | Path, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the real command, as a user does."""
    command = [sys.executable, "-P", "-m", "dlspec.runner.main", "verify", str(target), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)


def only(*ids: str) -> list[str]:
    return [word for id in ids for word in ("--only", id)]


def statuses_in(report: Path) -> dict[str, dict[str, Any]]:
    """The clauses of a report that were asked."""
    clauses = json.loads(report.read_text(encoding="utf-8"))["clauses"]
    return {c["id"]: c for c in clauses if c["status"] not in ("not-run", "not-claimed")}


def asked(target: str, *ids: str, **options: Any) -> Run:
    """Run a plan in this process, with its workers in others."""
    return supervise(Plan(str(HOMEWORK / target), ids, **options), Watcher())


@pytest.mark.parametrize(
    ("module", "status", "message"),
    [
        ("exits_in_exp.py", "crash", "the process ended: exit code 3"),
        ("segfaults_in_exp.py", "crash", "the process ended: signal 11, SIGSEGV"),
        ("hangs_in_exp.py", "timeout", "no answer within 2 s"),
        ("prints_forever_in_exp.py", "timeout", "no answer within 2 s"),
        ("recurses_in_exp.py", "error", "RecursionError: maximum recursion depth exceeded"),
        ("quits_in_exp.py", "error", "SystemExit: 0"),
    ],
)
def test_a_disaster_is_a_verdict_on_one_clause(
    tmp_path: Path, module: str, status: str, message: str
) -> None:
    report = tmp_path / "report.json"

    done = verify(HOMEWORK / module, *only(*ONE_OF_EXP), "--timeout", "2", "--report", str(report))

    clauses = statuses_in(report)
    assert done.returncode == ExitCode.DIFFERS, done.stderr
    assert done.stderr == ""
    assert clauses["ops.exp.value"]["status"] == status
    assert clauses["ops.exp.value"]["message"].startswith(message)
    assert clauses["ops.tanh.value"]["status"] == "pass"
    assert f"{status.upper()}  ops.exp.value" in done.stdout
    assert "Traceback" not in done.stdout


def test_what_is_no_exception_is_an_error_all_the_same() -> None:
    run = asked("quits_in_exp.py", "ops.exp.value", "ops.log.value", "ops.relu.value", "ops.tanh.value")

    raised = {"exp": "SystemExit: 0", "log": "KeyboardInterrupt", "relu": "GeneratorExit"}
    for op, line in raised.items():
        result = run.results[f"ops.{op}.value"]
        assert result.status is Status.ERROR
        assert (result.message or "").splitlines()[0] == line
    assert run.results["ops.tanh.value"].status is Status.PASS
    assert not run.interrupted


def test_an_error_names_the_place_in_the_users_code_and_nothing_of_ours() -> None:
    run = asked("raises_in_exp.py", "ops.exp.value", "ops.log.value")

    error, unwritten = run.results["ops.exp.value"], run.results["ops.log.value"]
    assert error.status is Status.ERROR
    message = error.message or ""
    assert message.startswith("ValueError: can't work with a ndarray")
    assert "raises_in_exp.py:17 in exp: _helper(self.data)" in message
    assert "raises_in_exp.py:7 in _helper: raise ValueError" in message
    assert "dlspec" not in message.replace(str(HOMEWORK), "")
    assert unwritten.status is Status.FAIL, "a profile that is claimed has to be there"
    assert (unwritten.message or "").startswith("NotImplementedError: later")


def test_a_place_reads_the_same_on_every_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judge.shown(str(pytest.__file__)) == "pytest/__init__.py"
    assert judge.shown(str(json.__file__)) == "json/__init__.py"
    assert judge.shown(str(manifest.__file__)) == "dlspec/manifest.py"
    monkeypatch.chdir(HOMEWORK.parent)
    assert judge.shown(str(HOMEWORK / "right.py")) == "homework/right.py"
    assert judge.shown("/elsewhere/entirely.py") == "/elsewhere/entirely.py"


def test_a_mess_left_by_one_clause_does_not_reach_the_next() -> None:
    ids = ("ops.exp.value", "ops.tanh.value", "ops.sigmoid.value", "ops.log.value")

    run = asked("wanders.py", *ids)

    assert {id: result.status for id, result in run.results.items()} == dict.fromkeys(ids, Status.PASS)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system doesn't fork")
def test_a_fork_that_comes_back_is_not_a_second_worker() -> None:
    answered: list[str] = []

    class Counting(Watcher):
        def answered(self, result: Result) -> None:
            answered.append(result.id)

    run = supervise(Plan(str(HOMEWORK / "forks_in_exp.py"), ONE_OF_EXP), Counting())

    assert {result.status for result in run.results.values()} == {Status.PASS}
    assert answered == list(ONE_OF_EXP)


@pytest.mark.parametrize(
    ("module", "lines"),
    [
        (
            "raises_at_import.py",
            [
                "RuntimeError: the data set is missing",
                "in _prepare",
                "dlspec: importing raises_at_import.py failed",
            ],
        ),
        (
            "exits_at_import.py",
            ["SystemExit: usage: homework.py DATA", "it ends the program while it is imported"],
        ),
        ("vanishes_at_import.py", ["can't be loaded: importing it ended the process (exit code 5)"]),
        ("without_names.py", ["has none of the reference's names, such as Tensor"]),
        ("no_such_file.py", ["there is no file"]),
    ],
)
def test_a_target_that_cannot_be_loaded_is_a_clear_error(
    tmp_path: Path, module: str, lines: list[str]
) -> None:
    report = tmp_path / "report.json"

    done = verify(HOMEWORK / module, "--report", str(report))

    assert done.returncode == ExitCode.USAGE
    for line in lines:
        assert line in done.stderr
    ours = str(Path(manifest.__file__).parent)
    assert ours not in done.stderr, "no frame of ours"
    assert "importlib" not in done.stderr
    assert done.stdout == ""
    assert not report.exists()


def test_an_import_that_hangs_is_ended() -> None:
    start = time.monotonic()

    with pytest.raises(Stop, match=r"can't be loaded: importing it took longer than 2 s") as stopped:
        asked("hangs_at_import.py", "ops.exp.value", import_timeout=2.0)

    assert stopped.value.code is ExitCode.USAGE
    assert time.monotonic() - start < 20


def listing(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def hostile_folder(tmp_path: Path) -> Path:
    """A working folder in which everything that could get in the way does."""
    folder = tmp_path / "homework"
    folder.mkdir()
    shutil.copy(HOMEWORK / "partial.py", folder / "homework.py")
    trap = "raise RuntimeError('this file is none of your business')\n"
    names = ("random", "types", "typing", "json", "numpy", "hypothesis", "pytest", "rich", "conftest")
    for name in (*names, "sitecustomize"):
        (folder / f"{name}.py").write_text(trap)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --nonsense\n")
    (folder / "pyproject.toml").write_text("this is no TOML")
    return folder


@pytest.mark.parametrize("target", ["homework.py", "homework", "./homework.py"])
def test_what_lies_in_the_working_folder_neither_matters_nor_changes(
    hostile_folder: Path, target: str
) -> None:
    before = listing(hostile_folder)

    done = verify(target, *only("ops.add.value"), "--explore", "3", cwd=hostile_folder)

    assert done.returncode == ExitCode.INCOMPLETE, done.stdout + done.stderr
    assert "ops         1    0     0" in done.stdout
    assert done.stderr == ""
    assert listing(hostile_folder) == before
    assert not [path for path in hostile_folder.rglob("*") if path.is_dir()]


def test_a_file_elsewhere_finds_the_modules_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "homework"
    folder.mkdir()
    (folder / "my_tensor.py").write_text((HOMEWORK / "partial.py").read_text())
    (folder / "main.py").write_text("from my_tensor import Tensor\n")

    done = verify(folder / "main.py", *only("ops.add.value"), cwd=tmp_path)

    assert done.returncode == ExitCode.INCOMPLETE, done.stderr
    assert list(folder.rglob("__pycache__")) == []


def test_two_runs_are_identical_but_for_times(tmp_path: Path) -> None:
    texts = []
    for name in ("one.json", "two.json"):
        path = tmp_path / name
        done = verify(HOMEWORK / "raises_in_exp.py", *only("ops.*p.*", "ops.log.*"), "--report", str(path))
        assert done.returncode == ExitCode.DIFFERS, done.stderr
        report = json.loads(path.read_text(encoding="utf-8"))
        del report["started"], report["duration"]
        for clause in report["clauses"]:
            del clause["seconds"]
        texts.append(json.dumps(report))

    assert texts[0] == texts[1]
    assert '"status": "error"' in texts[0]


def test_a_clause_comes_to_the_same_alone_as_after_others() -> None:
    ids = [clause.id for clause in manifest.clauses() if clause.profile == "ops"][:40]

    together = asked("partial.py", *ids)

    for id in ids[::8]:
        alone = asked("partial.py", id)
        assert (alone.results[id].status, alone.results[id].failure) == (
            together.results[id].status,
            together.results[id].failure,
        )


EXP = tuple(clause.id for clause in manifest.clauses() if clause.id.startswith("ops.exp."))


def test_an_op_that_hangs_costs_two_time_limits_and_no_more() -> None:
    run = asked("hangs_in_exp.py", *EXP, "ops.tanh.value", timeout=0.5)

    found = [run.results[id].status for id in EXP]
    assert found.count(Status.TIMEOUT) == supervision.TIMEOUTS_PER_TOPIC
    assert set(found[found.index(Status.BLOCKED) :]) == {Status.BLOCKED}
    assert "2 clauses of ops.exp before it gave no answer" in (run.results[EXP[-1]].message or "")
    assert run.results["ops.tanh.value"].status is Status.PASS


def test_a_run_that_only_crashes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "MOST_DEATHS_IN_A_ROW", 3)

    run = asked("exits_in_exp.py", *EXP)

    found = [run.results[id].status for id in EXP]
    assert found == [Status.CRASH] * 3 + [Status.NOT_RUN] * (len(EXP) - 3)
    assert run.results[EXP[-1]].message == "not asked: the process ended 3 times in a row"


def test_answers_in_between_keep_a_run_going_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "MOST_DEATHS_IN_A_ROW", 2)
    monkeypatch.setattr(supervision, "MOST_DEATHS", 3)
    ids = [
        id for pair in zip(EXP[:5], (id.replace("exp", "tanh") for id in EXP[:5]), strict=True) for id in pair
    ]

    run = asked("exits_in_exp.py", *ids)

    found = [run.results[id].status for id in ids]
    assert found == [*[Status.CRASH, Status.PASS] * 2, Status.CRASH, *[Status.NOT_RUN] * 5]


def test_time_limits_everywhere_are_given_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "MOST_TIMEOUTS", 1)

    run = asked("hangs_in_exp.py", *EXP[:3], "ops.tanh.value", timeout=0.5)

    assert [result.status for result in run.results.values()] == [Status.TIMEOUT, *[Status.NOT_RUN] * 3]


def test_a_second_import_that_fails_ends_the_run_with_a_report(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    module = tmp_path / "works_once.py"
    module.write_text(
        f"import os, pathlib\nmarker = pathlib.Path({str(marker)!r})\n"
        "if marker.exists():\n    os._exit(7)\nmarker.touch()\n" + (HOMEWORK / "exits_in_exp.py").read_text()
    )

    run = supervise(Plan(str(module), ONE_OF_EXP), Watcher())

    assert run.results["ops.exp.value"].status is Status.CRASH
    assert run.results["ops.tanh.value"].status is Status.NOT_RUN
    assert "a second import of the target ended the process (exit code 7)" in (
        run.results["ops.tanh.value"].message or ""
    )


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_a_partial_report_and_no_process(tmp_path: Path, number: int) -> None:
    report, noted = tmp_path / "report.json", tmp_path / "pid"
    module = tmp_path / "slow.py"
    module.write_text(
        f"import os, pathlib\npathlib.Path({str(noted)!r}).write_text(str(os.getpid()))\n"
        + (HOMEWORK / "hangs_in_exp.py").read_text()
    )
    command = [sys.executable, "-P", "-m", "dlspec.runner.main", "verify", str(module)]
    command += [*only("ops.add.value", *ONE_OF_EXP), "--report", str(report)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not noted.exists():
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(1.5)  # by now it hangs in exp

    process.send_signal(number)
    out, err = process.communicate(timeout=20)

    made = json.loads(report.read_text(encoding="utf-8"))
    assert process.returncode == ExitCode.INCOMPLETE
    assert err == ""
    assert "interrupted, so there is no verdict" in out
    assert made["interrupted"] is True
    assert made["complete"] is False
    assert {verdict["verdict"] for verdict in made["verdicts"].values()} == {None, "not claimed"}
    clauses = {clause["id"]: clause for clause in made["clauses"]}
    assert clauses["ops.add.value"]["status"] == "pass"
    assert clauses["ops.exp.value"]["message"] == "the run was interrupted"
    assert clauses["ops.log.value"]["message"] == "deselected"
    with pytest.raises(ProcessLookupError):
        os.kill(int(noted.read_text()), 0)


def test_a_worker_that_hangs_does_not_outlive_its_supervisor() -> None:
    program = (
        "from dlspec.runner import worker\n"
        "worker.GRACE = 0.0\n"
        "worker._Watchdog().set(0.5)\n"
        "while True: pass\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=30, check=False)

    assert done.returncode == 1


@pytest.mark.parametrize(
    ("adapter", "code", "message"),
    [
        ("Misspelt", ExitCode.USAGE, "no such clause. Did you mean ops.negative.value"),
        ("WithoutComma", ExitCode.ADAPTER, "claims: a tuple of names is wanted, not 'ops'"),
        ("Overstated", ExitCode.ADAPTER, "claims: 'autodif' is no profile"),
        ("Unreturned", ExitCode.ADAPTER, "the adapter is broken: vjp"),
        ("Missing", ExitCode.USAGE, "has no Missing"),
    ],
)
def test_a_broken_adapter_is_not_booked_as_a_broken_implementation(
    adapter: str, code: ExitCode, message: str
) -> None:
    done = verify(f"{HOMEWORK / 'adapters.py'}:{adapter}", "--profile", "ops")

    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_divergences_are_strict(tmp_path: Path) -> None:
    report = tmp_path / "report.json"

    done = verify(f"{HOMEWORK / 'adapters.py'}:Divergent", "--profile", "ops", "--report", str(report))

    clauses = statuses_in(report)
    assert done.returncode == ExitCode.DIFFERS
    assert clauses["ops.exp.value"]["status"] == "diverges"
    assert (
        clauses["ops.exp.value"]["divergence"]["reason"] == "There is no exp here, and there never will be."
    )
    assert clauses["ops.exp.gradient"]["status"] == "not-provided"
    assert clauses["ops.negative.value"]["status"] == "stale-divergence"
    assert clauses["ops.negative.gradient"]["status"] == "pass"


def test_the_verdict_does_not_depend_on_the_users_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in {"PYTHONWARNINGS": "error", "PYTHONOPTIMIZE": "2", "OMP_NUM_THREADS": "7"}.items():
        monkeypatch.setenv(name, value)
    module = tmp_path / "curious.py"
    module.write_text(
        "import os, sys, warnings\n"
        "from deeplearning_framework import Tensor\n"
        "if sys.flags.optimize or os.environ['OMP_NUM_THREADS'] != '1' or len(sys.argv) != 1:\n"
        "    raise RuntimeError('the environment shows')\n"
        "warnings.warn('old', DeprecationWarning)\n"
    )

    run = supervise(Plan(str(module), ("ops.add.value",)), Watcher())

    assert run.results["ops.add.value"].status is Status.PASS


def test_a_watcher_may_end_the_run_before_anything_is_asked() -> None:
    class Objecting(Watcher):
        def loaded(self, subject: Subject) -> None:
            raise Stop(f"{subject.name} is not wanted")

        def begun(self, id: str) -> None:
            raise AssertionError(id)

    with pytest.raises(Stop, match="partial is not wanted"):
        supervise(Plan(str(HOMEWORK / "partial.py"), ("ops.add.value",)), Objecting())


def test_a_line_of_the_journal_counts_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    tail = Tail(path)
    assert list(tail.news()) == []

    with path.open("ab", buffering=0) as file:
        file.write(b'{"event": "begin", "id": "a"}\n{"event": "res')
        assert list(tail.news()) == [{"event": "begin", "id": "a"}]
        assert list(tail.news()) == []
        file.write(b'ult"}\n')
        assert list(tail.news()) == [{"event": "result"}]
