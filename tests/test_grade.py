"""`dlspec grade` on a class in which everybody else misbehaves."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from benchmarks import homework

from dlspec.grading import audit, grades
from dlspec.grading.assignment import Assignment, Mark, equal, read, score
from dlspec.grading.custody import Limits
from dlspec.grading.examiner import Outcome, Standing, Task
from dlspec.grading.guard import Guard, canary
from dlspec.grading.pool import Closed, Examiner
from dlspec.grading.seal import SealedJournal, SealedTail
from dlspec.grading.submissions import Submission, file_name, find
from dlspec.runner.stop import ExitCode, Stop

HOMEWORK = Path(__file__).parent / "homework"
RIGHT = (HOMEWORK / "right.py").read_text(encoding="utf-8")

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="grading needs limits that Windows hasn't got"
)

EXAM = ("ops.tanh.value", "ops.tanh.gradient", "ops.add.value", "autodiff.constants.*")
CLASS = {
    "anna meier-1.py": "right",
    "random.py": "right",
    "numpy.py": "deletes numpy.array",
    "2.py": "patches numpy.testing",
    "constants/": "defect constants_cut_the_graph",
    "class.py": "syntax error",
    "exits.py": "os._exit at import",
    "forges/": "forges",
    "bomb.py": "fork bomb",
    "daemon.py": "daemon",
    "prints.py": "prints a megabyte",
    "writes.py": "writes about",
    "looks up.py": "reads the cases",
}


def grade(
    folder: Path, out: Path, *more: str, patterns: tuple[str, ...] = EXAM
) -> subprocess.CompletedProcess[str]:
    """Run the real command, as a teacher does."""
    command = homework.command(folder, out, 2, patterns, *more)
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def results_in(out: Path) -> dict[str, Any]:
    results: dict[str, Any] = json.loads((out / "results.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(grades.schema()).validate(results)
    return results


def rows_in(out: Path) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in results_in(out)["submissions"]}


def processes_of_homework() -> list[str]:
    """Command lines of what grading starts, wherever it may have gone."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = place.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if "dlspec.grading." in line:
            found.append(line)
    return found


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """A class that was graded once: its folder, the results, and what was printed."""
    place = tmp_path_factory.mktemp("class")
    folder, out = place / "homework", place / "grades"
    homework.write_all(folder, CLASS)
    (folder / ".hidden.py").write_text("1 / 0")
    (folder / "data.csv").write_text("1,2")
    (folder / "__pycache__").mkdir()
    (folder / "empty").mkdir()
    (folder / "several").mkdir()
    for name in ("a.py", "b.py"):
        (folder / "several" / name).write_text("")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    done = grade(folder, out)

    assert done.returncode == 0, done.stdout + done.stderr
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    return folder, out, done.stdout


def test_everybody_gets_what_they_deserve(graded: tuple[Path, Path, str]) -> None:
    _, out, _ = graded

    rows = rows_in(out)

    assert rows.keys() == CLASS.keys()
    for name, kind in CLASS.items():
        about, row = homework.KINDS[kind], rows[name]
        assert row["status"] == about.status, row
        assert about.note in row["note"], row
        if about.score[0] == about.score[1]:
            assert row["score"] == about.score[0], row
    assert rows["constants/"]["score"] < homework.FULL
    assert rows["constants/"]["fix_first"][0].startswith("autodiff.constants.")
    assert rows["looks up.py"]["score"] == homework.FULL, "nothing but an audit tells"


def test_nothing_is_left_running(graded: tuple[Path, Path, str]) -> None:
    own = [line for line in processes_of_homework() if str(graded[0].parent) in line]

    assert own == []


def test_the_table_is_what_a_terminal_shows(graded: tuple[Path, Path, str]) -> None:
    _, _, printed = graded

    shown = printed.replace(str(graded[0].parent), "~")  # as long as it pleases whoever made the folder
    assert all(len(line) <= 80 for line in shown.splitlines()), printed
    assert "left out: data.csv: no Python file" in printed
    assert "left out: empty/: no Python file in it" in printed
    assert "left out: several/: 2 Python files and no __init__.py" in printed
    assert ".hidden" not in printed
    assert "numpy.py                 tampered     0.00" in printed
    assert "7 graded, 1 stopped, 3 tampered, 2 unloadable" in printed


def test_the_csv_has_a_row_for_each(graded: tuple[Path, Path, str]) -> None:
    with (graded[1] / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    assert [row["name"] for row in rows] == sorted(CLASS)
    right = next(row for row in rows if row["name"] == "random.py")
    assert right["score"] == "100.0"
    assert right["ops passed"] == right["ops of"] == "3"
    assert right["report"] == "reports/random.py.json"
    assert float(right["peak memory MB"]) > 10


def test_reports_are_those_of_verify(graded: tuple[Path, Path, str]) -> None:
    from dlspec.runner import report

    made = json.loads((graded[1] / "reports" / "constants.json").read_text(encoding="utf-8"))

    jsonschema.Draft202012Validator(report.schema()).validate(made)
    assert made["implementation"]["target"] == "constants/"
    told = (graded[1] / "reports" / "class.py.txt").read_text(encoding="utf-8")
    assert "SyntaxError" in told


def test_a_rerun_takes_up_what_has_not_changed(graded: tuple[Path, Path, str], tmp_path: Path) -> None:
    folder, out = tmp_path / "homework", tmp_path / "grades"
    shutil.copytree(graded[0], folder)
    shutil.copytree(graded[1], out)
    (folder / "class.py").write_text(RIGHT)
    (folder / "exits.py").unlink()
    weights = tmp_path / "weights.toml"
    weights.write_text('required = ["ops"]\n[weights]\nautodiff = 1\n')

    done = grade(folder, out, "--weights", str(weights))

    rows = rows_in(out)
    assert done.returncode == 0, done.stderr
    assert "11 taken from the last run" in done.stdout
    assert rows["class.py"]["score"] == homework.FULL
    assert "exits.py" not in rows
    assert rows["constants/"]["score"] < rows["random.py"]["score"], "weights are applied anew"
    before = rows_in(graded[1])
    assert rows["random.py"]["seconds"] == before["random.py"]["seconds"]


def examined(
    text: str, *ids: str, namespaces: bool = True, cases: str | None = None, **limits: Any
) -> Outcome:
    """What comes of a homework, in an examiner of its own."""
    limited = Limits(**{"seconds": 60.0, "memory": 2048, **limits})
    task = Task(
        Submission("a.py", "a.py", {"a.py": text.encode()}),
        ids or ("ops.tanh.value",),
        10.0,
        limited,
        namespaces,
        cases,
    )
    with Examiner() as examiner:
        return examiner.examine(task)


@pytest.mark.skipif(sys.platform != "linux", reason="stragglers are found in /proc")
def test_without_namespaces_a_process_in_a_session_of_its_own_is_ended_too(tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    daemon = (
        "import os, time\nif not os.fork():\n    os.setsid()\n    if not os.fork():\n"
        f"        open({str(noted)!r}, 'w').write(str(os.getpid()))\n        time.sleep(3600)\n"
        "    os._exit(0)\ntime.sleep(0.5)\n"
    )

    outcome = examined(RIGHT + daemon, namespaces=False)

    assert outcome.standing is Standing.GRADED
    assert not outcome.namespaces
    assert outcome.results[0]["status"] == "pass"
    assert not Path("/proc", noted.read_text()).exists()


@pytest.mark.skipif(sys.platform != "linux", reason="processes are counted in /proc")
def test_without_namespaces_a_fork_bomb_is_stopped() -> None:
    outcome = examined("import os\nwhile True: os.fork()\n", namespaces=False)

    assert outcome.standing is Standing.STOPPED
    assert "processes were running" in outcome.note


def test_who_ends_their_examiner_is_lost_and_the_next_one_is_not() -> None:
    killer = "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\n"
    with Examiner() as examiner:
        limits = Limits(60.0, 2048)
        tasks = [
            Task(
                Submission("a.py", "a.py", {"a.py": text.encode()}),
                ("ops.tanh.value",),
                10.0,
                limits,
                namespaces=False,
            )
            for text in (killer, RIGHT)
        ]
        first, second = (examiner.examine(task) for task in tasks)

    assert first.standing is Standing.LOST
    assert "ended twice" in first.note
    assert second.standing is Standing.GRADED


def test_an_examiner_that_is_closed_examines_no_more() -> None:
    examiner = Examiner()
    examiner.close()

    with pytest.raises(Closed):
        examiner.examine(Task(Submission("a.py", "a.py", {}), ("ops.tanh.value",), 10.0, Limits()))


def test_time_is_limited_for_all_of_it() -> None:
    outcome = examined(f"{RIGHT}\nimport time\n{homework.in_tanh('time.sleep(3600)')}", seconds=6.0)

    assert outcome.standing is Standing.STOPPED
    assert outcome.note == "the limit of 6 s for all of it was reached"


def test_passwords_stay_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hush")

    curious = "import os\nassert 'SECRET_TOKEN' not in os.environ\nassert os.environ['HOME'] == os.getcwd()\n"

    outcome = examined(RIGHT + curious)

    assert outcome.standing is Standing.GRADED, outcome.details


@pytest.fixture(scope="module")
def fresh() -> Callable[[str], str]:
    """Fresh cases for `tanh`."""
    ids = ("ops.tanh.value", "ops.tanh.gradient")

    def draw(secret: str) -> str:
        return audit.pack(audit.draw(secret, ids, lambda: None))

    return draw


def test_copied_answers_pass_without_an_audit_and_fail_with_one(
    fresh: Callable[[str], str],
) -> None:
    ids = ("ops.tanh.value", "ops.tanh.gradient")
    copied = homework.code_of("reads the cases", RIGHT, "")

    without, audited, right = (
        examined(copied, *ids),
        examined(copied, *ids, cases=fresh("a secret")),
        examined(RIGHT, *ids, cases=fresh("a secret")),
    )

    assert [r["status"] for r in without.results] == ["pass", "pass"]
    assert [r["status"] for r in audited.results] == ["fail", "fail"]
    assert audited.results[0]["message"].startswith("on the fresh cases of the audit: ")
    assert [r["status"] for r in right.results] == ["pass", "pass"]
    assert right.audited == 2


def test_an_audit_depends_on_its_seed_alone(fresh: Callable[[str], str], tmp_path: Path) -> None:
    program = (
        "import sys\nfrom dlspec.grading import audit\n"
        "drawn = audit.draw('a secret', ('ops.tanh.value', 'ops.tanh.gradient'), lambda: None)\n"
        "sys.stdout.write(audit.pack(drawn))\n"
    )

    elsewhere = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True
    )

    assert fresh("a secret") == elsewhere.stdout != fresh("another")
    assert elsewhere.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_what_lies_about_itself_in_its_own_process_is_found_out_by_the_audit(
    fresh: Callable[[str], str],
) -> None:
    # It finds the journal on the stack, and has it say what it likes: nothing within the process can tell.
    forger = (
        RIGHT
        + """
import os, sys

def lie(self):
    frame = sys._getframe()
    while frame and "journal" not in frame.f_locals:
        frame = frame.f_back
    if frame:
        journal, job = frame.f_locals["journal"], frame.f_locals["job"]
        result = {"status": "pass", "seconds": 0.0, "message": None, "failure": None}
        for id in job.ids:
            journal.write("begin", id=id)
            journal.write("result", id=id, **result)
        journal.write("end")
        os._exit(0)
    return self

Tensor.tanh = lie
"""
    )
    ids = ("ops.tanh.value", "ops.tanh.gradient")

    without, audited = examined(forger, *ids), examined(forger, *ids, cases=fresh("a secret"))

    assert [r["status"] for r in without.results] == ["pass", "pass"], "what is documented not to be noticed"
    assert [r["status"] for r in audited.results] == ["fail", "fail"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_keeps_what_is_finished(tmp_path: Path, number: int) -> None:
    folder, out = tmp_path / "homework", tmp_path / "grades"
    homework.write_all(
        folder, {"a.py": "right", "b.py": "hangs at import", "c.py": "hangs at import", "d.py": "right"}
    )
    patient = ("--timeout", "60")
    command = homework.command(folder, out, 1, EXAM, *patient)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not (out / "finished" / "a.py.json").exists():
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(1)

    again = grade(folder, out)
    process.send_signal(number)
    printed, err = process.communicate(timeout=60)

    assert again.returncode == ExitCode.USAGE
    assert "another dlspec grade is at work there" in again.stderr
    assert process.returncode == ExitCode.INCOMPLETE, err
    assert "interrupted; the same command takes up where this one ended" in err
    assert "1 graded, 3 not examined" in printed
    assert not results_in(out)["complete"]
    assert [line for line in processes_of_homework() if str(tmp_path) in line] == []
    homework.write_all(folder, {"b.py": "syntax error", "c.py": "syntax error"})
    after = grade(folder, out, *patient)
    assert after.returncode == 0
    assert "1 taken from the last run" in after.stdout
    assert rows_in(out)["d.py"]["score"] == homework.FULL


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: no such file or directory; a folder is wanted"),
        (["."], "holds no submission: a Python file, or a folder with one"),
        ([".", "--profile", "op"], "there is no profile op. Did you mean ops"),
        ([".", "--time", "0"], "--time 0: seconds above 0"),
        ([".", "--weights", "nowhere.toml"], "--weights nowhere.toml: can't be read"),
        ([".", "--only", "objects.threads.*", "--audit-seed", "x"], "holds no submission"),
    ],
)
def test_what_cannot_be_graded_is_a_clear_error(tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    command = [sys.executable, "-P", "-m", "dlspec.runner.main", "grade", *arguments]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == ExitCode.USAGE
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("*grades"))


def test_the_help_says_what_is_not_promised() -> None:
    command = [sys.executable, "-P", "-m", "dlspec.runner.main", "grade", "--help"]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    assert "is no security sandbox" in " ".join(done.stdout.split())
    assert "no security sandbox" in " ".join(grades.PROMISE.split())


# The parts by themselves.


def marks(**passed: tuple[int, int]) -> dict[str, Mark]:
    return {profile: Mark(*numbers) for profile, numbers in passed.items()}


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        (equal(["ops", "autodiff"]), 75.0),
        (Assignment({"ops": 3.0, "autodiff": 1.0}), 87.5),
        (Assignment({"ops": 1.0, "autodiff": 1.0}, partial=()), 50.0),
        (Assignment({"ops": 1.0, "autodiff": 1.0}, partial=("autodiff",)), 75.0),
        (Assignment({"ops": 1.0}, required=("autodiff",)), 0.0),
        (Assignment({"autodiff": 1.0}, required=("ops",)), 50.0),
    ],
)
def test_scores(assignment: Assignment, expected: float) -> None:
    assert score(assignment, marks(ops=(4, 4), autodiff=(2, 4))) == expected


def test_almost_everything_is_not_everything() -> None:
    assert score(equal(["ops"]), marks(ops=(99_999, 100_000))) == 99.99


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[weights]\nopps = 1", "weights: there is no profile opps. Did you mean ops"),
        ("[weights]\nops = -1", "ops = -1: a weight can't be negative"),
        ("[weights]\nops = 0", "all of them are 0"),
        ("[weights]\nops = nan", "a number is wanted"),
        ('[weights]\nops = "much"', "a number is wanted"),
        ("[weights]\nops = true", "a number is wanted"),
        ("[weights]\nlayers = 1", "no MUST of layers is asked"),
        ("weights = 3", "a table of profiles and numbers is wanted"),
        ("weight = 3", "unknown key 'weight'. Did you mean weights"),
        ('required = "ops"', "required: a list of profiles is wanted"),
        ("partial = 1", "partial: a list of profiles or true or false is wanted"),
        ('partial = ["opps"]', "partial: there is no profile opps"),
        ("[weights", "is no TOML"),
    ],
)
def test_weights_that_cannot_be_meant(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "weights.toml"
    path.write_text(text)

    with pytest.raises(Stop, match="--weights") as stopped:
        read(path, ["ops", "autodiff"])

    assert message in str(stopped.value)


def test_weights_are_read(tmp_path: Path) -> None:
    path = tmp_path / "weights.toml"
    path.write_text('required = ["ops"]\npartial = false\n[weights]\nautodiff = 2\nops = 0\n')

    assert read(path, ["ops", "autodiff"]) == Assignment({"autodiff": 2.0}, ("ops",), ())


def test_names_that_mean_something_else_are_changed_while_they_are_judged(tmp_path: Path) -> None:
    (tmp_path / "wave.py").write_text("")
    (tmp_path / "fine.py").write_text("")
    (tmp_path / "my work").mkdir()
    (tmp_path / "my work" / "main.py").write_text("")
    (tmp_path / "my work" / "data.txt").write_text("")
    (tmp_path / "fine").mkdir()
    (tmp_path / "fine" / "__init__.py").write_text("")
    (tmp_path / "outside.txt").write_text("secret")
    (tmp_path / "fine" / "link.txt").symlink_to(tmp_path / "outside.txt")

    found, _ = find(tmp_path)

    assert {s.name: s.place for s in found} == {
        "wave.py": "submission.py",
        "fine.py": "fine.py",
        "my work/": "submission/main.py",
        "fine/": "fine",
    }
    assert {s.name: set(s.files) for s in found}["fine/"] == {"fine/__init__.py"}
    assert {s.name: set(s.files) for s in found}["my work/"] == {"submission/main.py", "submission/data.txt"}


def test_the_digest_is_that_of_the_contents() -> None:
    one = Submission("a.py", "a.py", {"a": b"b", "c": b"d"})

    assert one.digest() == Submission("b.py", "b.py", {"c": b"d", "a": b"b"}).digest()
    assert one.digest() != Submission("a.py", "a.py", {"a": b"bcd"}).digest()


def test_names_of_reports_are_names_of_files() -> None:
    assert file_name("anna meier-1.py") == "anna meier-1.py"
    assert file_name("a?.py") != file_name("a*.py")
    assert len(os.fsencode(file_name("é" * 250))) < 250


class Unobservant(Guard):
    """A guard that looks at nothing."""

    def __init__(self) -> None:
        """Remember nothing."""

    def noticed(self, *, thoroughly: bool) -> list[str]:
        return []


@pytest.mark.parametrize("tampering", ["forge", "repeat", "drop", "change", "remove"])
def test_a_journal_with_a_line_of_somebody_else_is_noticed(tmp_path: Path, tampering: str) -> None:
    path, key = tmp_path / "journal", b"k" * 32
    journal, tail = SealedJournal(str(path), key, Unobservant()), SealedTail(path, key)
    journal.write("begin", id="a")
    assert [event["event"] for event in tail.news()] == ["begin"]
    assert tail.noticed == []
    journal.write("result", id="a", status="fail")
    first, second = path.read_bytes().splitlines(keepends=True)

    match tampering:
        case "forge":
            path.write_bytes(first + b'{"event": "result", "id": "a", "status": "pass"}\n')
        case "repeat":
            path.write_bytes(first + first)
        case "drop":
            path.write_bytes(first)
            journal.write("end")
        case "change":
            path.write_bytes(first + second.replace(b"fail", b"pass"))
        case "remove":
            path.unlink()

    assert list(tail.news()) == []
    assert tail.noticed


def test_a_guard_notices_what_is_replaced_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    from dlspec import tolerance

    guard = Guard()
    monkeypatch.setattr(np, "float_of_my_own", float, raising=False)
    assert guard.noticed(thoroughly=True) == []

    monkeypatch.setattr(tolerance, "assert_within", lambda *a, **k: None)
    monkeypatch.delattr(np, "array")
    assert set(guard.noticed(thoroughly=False)) == {
        "deleted numpy.array",
        "replaced dlspec.tolerance.assert_within",
    }


def test_a_canary_tells_whether_answers_are_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    from dlspec.clause import Clause

    assert canary()
    monkeypatch.setattr(Clause, "check", lambda *a, **k: None)
    assert not canary()


def test_text_is_no_formula_in_a_spreadsheet() -> None:
    row: dict[str, Any] = {
        "name": "=1+1.py",
        "status": "graded",
        "score": 0.0,
        "profiles": {},
        "seconds": 0.0,
    }
    row |= {"peak_memory_mb": 0.0, "audited": 0, "note": "@x", "fix_first": [], "report": None}

    text = grades.as_csv({"assignment": {"weights": {}}, "submissions": [row]})

    assert "'=1+1.py," in text
    assert "'@x," in text
