"""The JSON report: it keeps to its schema, says all that is known, and is written whole or not at all."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from dlspec import SPEC_VERSION, manifest
from dlspec.implementation import Divergence
from dlspec.runner import report as reports
from dlspec.runner.blocking import collapse
from dlspec.runner.result import Result, Status, Subject
from dlspec.runner.stop import ExitCode, Stop
from dlspec.runner.supervise import Run
from dlspec.runner.verdict import Word, statuses, verdict

HOMEWORK = Path(__file__).parent / "homework"
Json = dict[str, Any]

SUBJECT = Subject("homework", "1.2", ("ops", "scale"), ("float64",), ())
FAILURE = {
    "message": "tanh[1] is 2.0, expected 1.0 (1 of 3 elements wrong)",
    "what": "tanh",
    "index": [1],
    "got": 2.0,
    "expected": 1.0,
    "bound": 1e-16,
    "ratio": 1e16,
    "case": {"x": {"dtype": "float64", "shape": [1], "data": ["0x0.0p+0"]}},
    "case_number": 3,
    "found_by": "frozen",
}


def validate(report: Json) -> None:
    jsonschema.validate(report, reports.schema(), cls=jsonschema.Draft202012Validator)


def built(
    outcomes: dict[str, Result], declared: tuple[Divergence, ...] = (), interrupted: bool = False
) -> Json:
    clauses = manifest.clauses()
    by_id = {divergence.id: divergence for divergence in declared}
    run = Run(SUBJECT, outcomes, {"ops.tanh.value": "import numpy as np\n"}, interrupted=interrupted)
    run.no_scripts["ops.exp.value"] = "nothing shows"
    found = {id: result.status for id, result in outcomes.items()}
    collapsed = collapse(clauses, statuses(clauses, found, SUBJECT.claims, by_id), manifest.rests_on())
    final = collapsed.final
    return reports.build(
        target="homework.py",
        clauses=clauses,
        selected={clause.id for clause in clauses if clause.profile == "ops"},
        run=run,
        collapsed=collapsed,
        diagnoses={},
        verdict=verdict(manifest.PROFILES, clauses, final, SUBJECT.claims, interrupted=interrupted),
        divergences=by_id,
        options=reports.Options(profiles=("ops",)),
        started="2030-01-02T03:04:05+00:00",
        duration=1.5,
    )


def entry(report: Json, id: str) -> Json:
    return next(clause for clause in report["clauses"] if clause["id"] == id)


def test_the_schema_is_a_schema_and_lists_what_the_code_knows() -> None:
    schema = reports.schema()

    jsonschema.Draft202012Validator.check_schema(schema)
    clause = schema["properties"]["clauses"]["items"]["properties"]
    assert set(clause["status"]["enum"]) == set(Status)
    assert set(schema["$defs"]["counts"]["properties"]) == {"total", *Status}
    assert tuple(schema["$defs"]["profile"]["enum"]) == manifest.PROFILES
    assert tuple(schema["properties"]["verdicts"]["required"]) == manifest.PROFILES
    verdicts = schema["properties"]["verdicts"]["additionalProperties"]["properties"]
    assert set(verdicts["verdict"]["enum"]) == {*Word, None}
    assert schema["properties"]["schema"]["const"] == reports.SCHEMA_VERSION


def test_every_object_of_the_schema_is_closed() -> None:
    def objects(schema: Any) -> list[Json]:
        if isinstance(schema, list):
            return [found for item in schema for found in objects(item)]
        if not isinstance(schema, dict):
            return []
        own = [schema] if schema.get("type") == "object" else []
        return own + [found for item in schema.values() for found in objects(item)]

    found = objects(reports.schema())

    assert len(found) > 8
    assert all("additionalProperties" in schema for schema in found)


def test_every_outcome_fits_the_schema() -> None:
    ids = [clause.id for clause in manifest.clauses() if clause.profile == "ops"]
    outcomes = {
        id: Result(id, status, 0.25, None if status is Status.PASS else "why", None)
        for id, status in zip(
            ids,
            [s for s in Status if s not in (Status.DIVERGES, Status.STALE_DIVERGENCE, Status.NOT_CLAIMED)],
            strict=False,
        )
    }
    outcomes["ops.tanh.value"] = Result("ops.tanh.value", Status.FAIL, 0.5, "wrong", FAILURE)
    declared = (
        Divergence(ids[0], "scope", "It holds, though."),
        Divergence(ids[1], "scope", "It doesn't."),
    )

    for divergences in ((), declared):
        for interrupted in (False, True):
            validate(built(outcomes, divergences, interrupted))


def test_a_report_says_what_is_known() -> None:
    outcomes = {
        "ops.add.value": Result("ops.add.value", Status.PASS, 0.25),
        "ops.tanh.value": Result("ops.tanh.value", Status.FAIL, 0.5, "wrong", FAILURE),
    }

    report = built(outcomes)

    assert report["spec"]["version"] == SPEC_VERSION
    assert report["spec"]["cases_sha256"] == manifest.cases_sha256()
    assert report["implementation"] == {
        "name": "homework",
        "version": "1.2",
        "target": "homework.py",
        "claims": ["ops", "scale"],
        "dtypes": ["float64"],
    }
    assert [clause["id"] for clause in report["clauses"]] == [clause.id for clause in manifest.clauses()]
    assert entry(report, "ops.tanh.value") == {
        "id": "ops.tanh.value",
        "profile": "ops",
        "level": "MUST",
        "status": "fail",
        "seconds": 0.5,
        "message": "wrong",
        "failure": FAILURE,
        "reproduce": "import numpy as np\n",
    }
    assert entry(report, "ops.add.value")["status"] == "pass"
    assert entry(report, "ops.exp.value")["no_script"] == "nothing shows"
    scale = next(clause["id"] for clause in report["clauses"] if clause["profile"] == "scale")
    assert entry(report, scale)["status"] == "not-run"
    assert entry(report, scale)["message"] == "deselected"
    layers = next(clause["id"] for clause in report["clauses"] if clause["profile"] == "layers")
    assert entry(report, layers)["status"] == "not-claimed"
    assert report["verdicts"]["ops"]["verdict"] == "incomplete"
    assert report["verdicts"]["ops"]["must"]["fail"] == 1
    assert report["verdicts"]["layers"]["verdict"] == "not claimed"
    assert (report["complete"], report["interrupted"], report["exit_code"]) == (False, False, 1)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda report: report.update(extra=1),
        lambda report: report.pop("complete"),
        lambda report: report["clauses"][0].update(status="skipped"),
        lambda report: report["clauses"][0].update(surprise=None),
        lambda report: report["clauses"][0].update(status="fail"),  # and no message
        lambda report: report["clauses"][0].update(status="diverges", message="why"),  # and no declaration
        lambda report: report["verdicts"].pop("ops"),
        lambda report: report["verdicts"]["ops"].update(verdict="excellent"),
        lambda report: report.update(exit_code=17),
        lambda report: report["spec"].update(cases_sha256="none"),
    ],
)
def test_the_schema_refuses_what_is_no_report(spoil: Any) -> None:
    report = built({"ops.add.value": Result("ops.add.value", Status.PASS)})
    report["clauses"][0].pop("message", None)
    report["clauses"][0]["status"] = "pass"
    validate(report)

    spoil(report)

    with pytest.raises(jsonschema.ValidationError):
        validate(report)


def verify(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "dlspec.runner.main", "verify", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_real_report_keeps_to_the_schema(tmp_path: Path) -> None:
    path, scripts = tmp_path / "report.json", tmp_path / "scripts"
    declared = tmp_path / "declared.toml"
    declared.write_text(
        '[[divergence]]\nid = "ops.log.value"\ncategory = "scope"\nreason = "Homework 2."\nlink = "https://example.org"\n'
    )

    done = verify(
        *(str(HOMEWORK / "partial.py"), "--profile", "ops", "--report", str(path)),
        *("--divergences", str(declared), "--scripts", str(scripts)),
    )

    assert done.returncode == ExitCode.DIFFERS, done.stderr
    text = path.read_text(encoding="utf-8")
    report = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    validate(report)
    failing = entry(report, "ops.exp.value")
    assert failing["status"] == "fail"
    assert failing["failure"]["expected"] != failing["failure"]["got"]
    assert (scripts / "ops.exp.value.py").read_text(encoding="utf-8") == failing["reproduce"]
    assert entry(report, "ops.log.value")["divergence"] == {
        "category": "scope",
        "reason": "Homework 2.",
        "link": "https://example.org",
    }
    assert report["options"]["divergences"] == "declared.toml"
    assert report["implementation"]["claims"] == ["ops", "numerics", "errors"]
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


def test_a_script_shows_the_failure_by_itself(tmp_path: Path) -> None:
    done = verify(str(HOMEWORK / "partial.py"), "--only", "ops.exp.value", "--scripts", str(tmp_path))
    assert done.returncode == ExitCode.DIFFERS, done.stderr

    shown = subprocess.run(
        [sys.executable, str(tmp_path / "ops.exp.value.py")], capture_output=True, text=True, check=False
    )

    assert re.match(r"exp\S*: got \S+ expected \S+\n$", shown.stdout)
    assert "AssertionError" in shown.stderr


def test_a_path_that_cannot_be_written_is_found_before_anything_runs(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "no" / "such" / "folder.json"):
        # The target would be a usage error of its own; that it isn't mentioned shows that it wasn't tried.
        done = verify("no_such_homework.py", "--report", str(path))

        assert done.returncode == ExitCode.USAGE
        assert f"dlspec: --report {path}: " in done.stderr
        assert "no_such_homework" not in done.stderr


def test_writing_leaves_the_old_report_whole_when_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.json"
    path.write_text("the old one")

    def full(*arguments: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(Stop, match="can't be written: No space left on device") as stopped:
        reports.write({}, path)

    assert stopped.value.code is ExitCode.INCOMPLETE
    assert path.read_bytes() == b"the old one"
    assert os.listdir(tmp_path) == ["report.json"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no JSON, or not all of it"),
        ("[]", "is no report"),
        ('{"schema": 1, "clauses": []}', "is no report of `dlspec verify`: as a whole: "),
        ('{"schema": "1", "clauses": []}', "is no report"),
        ('{"schema": 2, "clauses": []}', "was written by a newer dlspec: its format is version 2"),
        ('{"schema": 0, "clauses": []}', "is no report"),
        (None, "can't be read"),
    ],
)
def test_what_is_no_report_is_not_read(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "report.json"
    if text is not None:
        path.write_text(text)

    with pytest.raises(Stop, match=message):
        reports.read(path)


def test_a_report_cut_off_anywhere_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    reports.write(built({"ops.add.value": Result("ops.add.value", Status.PASS)}), path)
    assert reports.read(path)["complete"] is False
    text = path.read_text(encoding="utf-8")

    for kept in (0, 1, len(text) // 3, len(text) - 3):
        path.write_text(text[:kept], encoding="utf-8")
        with pytest.raises(Stop, match="is no JSON, or not all of it"):
            reports.read(path)


def test_what_does_not_keep_to_the_schema_is_named(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    report = built({})
    report["clauses"][3]["status"] = "excellent"
    path.write_text(json.dumps(report), encoding="utf-8")

    with pytest.raises(Stop, match=r"\['clauses'\]\[3\]\['status'\]: 'excellent'"):
        reports.read(path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_no_space_for_the_report_is_one_line_after_the_verdict() -> None:
    before = os.stat("/dev/full")

    done = verify(str(HOMEWORK / "partial.py"), "--only", "ops.exp.*", "--report", "/dev/full")

    assert done.returncode == ExitCode.INCOMPLETE
    assert done.stderr == "dlspec: --report /dev/full: can't be written: No space left on device\n"
    assert "ops.exp.value" in done.stdout, "what was found out is shown all the same"
    assert os.stat("/dev/full").st_rdev == before.st_rdev, "the device is left alone"


def test_two_runs_at_once_leave_a_whole_report(tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-m", "dlspec.runner.main", "verify", str(HOMEWORK / "partial.py")]
    options = ["--only", "ops.exp.*", "--report", "report.json"]
    runs = [
        subprocess.Popen([*command, *options], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for _ in range(2)
    ]

    outputs = [run.communicate(timeout=120)[0] for run in runs]

    assert [run.returncode for run in runs] == [ExitCode.DIFFERS] * 2, outputs
    assert os.listdir(tmp_path) == ["report.json"]
    validate(reports.read(tmp_path / "report.json"))
