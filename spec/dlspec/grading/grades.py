"""What came of everyone: `results.json`, which `grades.schema.json` describes, `results.csv`, and a report
each.

Beside them, under `finished`, stands what is known of each submission with a digest of everything it
depends on. A rerun takes from there what hasn't changed. Every file takes its place in one step, so that an
interruption leaves the old one or the new one.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

import dlspec
from dlspec import SPEC_VERSION, manifest
from dlspec.clause import Clause
from dlspec.faults import diagnosis
from dlspec.grading.assignment import Assignment, Mark, missing, score
from dlspec.grading.custody import MEGABYTE, Limits
from dlspec.grading.examiner import Outcome, Standing, subject_of
from dlspec.grading.submissions import LeftOut, Submission, file_name
from dlspec.runner import report as reports
from dlspec.runner.blocking import FAILED, Collapse, collapse
from dlspec.runner.result import Result, Status
from dlspec.runner.stop import ExitCode, Stop
from dlspec.runner.supervise import Run
from dlspec.runner.verdict import statuses, verdict

SCHEMA_VERSION = 1

Json = dict[str, Any]

PROMISE = (
    "Each submission ran by itself, within limits, on a copy in a private folder. This is no security "
    "sandbox: it ran with the rights of whoever graded it. Changes to what judges it are looked for; who "
    "means to can hide them, but not from the audit, which is judged in another process."
)

MOST_FIXES = 3
ACCUSED = (*FAILED, Status.NOT_PROVIDED)


@dataclass(frozen=True)
class Exam:
    """What everybody is asked, and under which circumstances.

    Attributes:
        ids: The clauses, in order.
        options: As a report keeps them.
        limits: What each submission may use.
        audit: The digest of the fresh cases, where there is an audit.
    """

    ids: tuple[str, ...]
    options: reports.Options
    limits: Limits
    audit: str | None

    def digest(self, submission: Submission) -> str:
        """One digest of everything that decides what comes of a submission."""
        parts = [submission.digest(), code_sha256(), manifest.cases_sha256(), np.__version__]
        parts += [platform.python_version(), json.dumps(self.ids), json.dumps(asdict(self.options))]
        parts += [json.dumps(asdict(self.limits)), self.audit or ""]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def profiles(self) -> list[str]:
        """The profiles of which a MUST is asked, in the spec's order."""
        counted = {clause.profile for clause in self.musts()}
        return [profile for profile in manifest.PROFILES if profile in counted]

    def musts(self) -> list[Clause]:
        """The clauses that count."""
        return [manifest.by_id()[id] for id in self.ids if manifest.by_id()[id].level == "MUST"]


@cache
def code_sha256() -> str:
    """One digest of this package's code: what was judged by another is judged anew."""
    folder = Path(dlspec.__file__).parent
    digest = hashlib.sha256(SPEC_VERSION.encode())
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()


def row_of(exam: Exam, submission: Submission, outcome: Outcome) -> Json:
    """What is kept of a submission. Its score isn't: that follows, and weights may change."""
    believed = outcome.standing in (Standing.GRADED, Standing.STOPPED)
    passed = {r["id"] for r in outcome.results if believed and r["status"] == Status.PASS}
    musts = exam.musts()
    profiles = {
        profile: {
            "passed": sum(clause.id in passed for clause in musts if clause.profile == profile),
            "total": sum(clause.profile == profile for clause in musts),
        }
        for profile in exam.profiles
    }
    return {
        "name": submission.name,
        "sha256": submission.digest(),
        "status": str(outcome.standing),
        "profiles": profiles,
        "seconds": round(outcome.seconds, 2),
        "peak_memory_mb": round(outcome.peak / MEGABYTE, 1),
        "audited": outcome.audited,
        "namespaces": outcome.namespaces,
        "note": outcome.note or _not_there(exam, outcome),
        "fix_first": _fix_first(musts, outcome) if believed else [],
    }


def _not_there(exam: Exam, outcome: Outcome) -> str:
    """What was to be asked, and isn't there at all."""
    subject = subject_of(outcome)
    absent = [] if subject is None else [p for p in exam.profiles if p not in subject.claims]
    return f"has nothing of {', '.join(absent)}" if absent else ""


def _fix_first(musts: Sequence[Clause], outcome: Outcome) -> list[str]:
    """The failures that others follow from, most of all first; then one of each other topic, what is missing
    last.
    """
    judged = _collapsed(outcome)
    if judged is None:
        return []
    final = judged.final
    accused = [clause.id for clause in musts if final[clause.id] in ACCUSED]
    first = {id.rpartition(".")[0]: id for id, _ in reversed(judged.first()) if id in accused}
    found = dict(reversed(first.items()))
    for id in sorted(accused, key=lambda id: final[id] is Status.NOT_PROVIDED):
        found.setdefault(id.rpartition(".")[0], id)
    return list(found.values())[:MOST_FIXES]


def _collapsed(outcome: Outcome) -> Collapse | None:
    """The final statuses, and what follows from what."""
    subject = subject_of(outcome)
    if subject is None:
        return None
    outcomes = {r["id"]: Status(r["status"]) for r in outcome.results}
    clauses = manifest.clauses()
    return collapse(clauses, statuses(clauses, outcomes, subject.claims, ()), manifest.rests_on())


def report_of(exam: Exam, submission: Submission, outcome: Outcome, started: str) -> Json | None:
    """The report as `dlspec verify --report` writes it; None where there is nothing to report."""
    subject, judged = subject_of(outcome), _collapsed(outcome)
    if subject is None or judged is None:
        return None
    run = Run(subject, {r["id"]: Result.from_json(r) for r in outcome.results}, dict(outcome.scripts))
    clauses = manifest.clauses()
    return reports.build(
        target=submission.name,
        clauses=clauses,
        selected=frozenset(exam.ids),
        run=run,
        collapsed=judged,
        diagnoses=diagnosis.of_run(run.results, (), subject.dtypes),
        verdict=verdict(manifest.PROFILES, clauses, judged.final, subject.claims),
        divergences={},
        options=exam.options,
        started=started,
        duration=outcome.seconds,
    )


def graded(row: Json, assignment: Assignment) -> Json:
    """A row with its score, and what the assignment says of it."""
    marks = {profile: Mark(mark["passed"], mark["total"]) for profile, mark in row["profiles"].items()}
    lacking = missing(assignment, marks)
    believed = row["status"] in (Standing.GRADED, Standing.STOPPED)
    notes = [row["note"]] if row["note"] else []
    if believed and lacking:
        notes.append(f"required, and not whole: {', '.join(lacking)}")
    return {**row, "score": score(assignment, marks), "note": "; ".join(notes)}


@dataclass(frozen=True)
class Gradebook:
    """The folder with the results."""

    folder: Path

    def remembered(self, exam: Exam, submission: Submission) -> Json | None:
        """What is known of a submission from a run before, if nothing has changed since."""
        try:
            stored = json.loads(self._finished(submission.name).read_text(encoding="utf-8"))
            if stored["digest"] == exam.digest(submission):
                row: Json = stored["row"]
                return row
        except (OSError, ValueError, LookupError, TypeError):
            pass  # none, or one that was damaged: it is found out anew
        return None

    def remember(self, exam: Exam, submission: Submission, outcome: Outcome, row: Json, started: str) -> None:
        """Keep what came of a submission. What was lost is not kept: it is tried again."""
        report = report_of(exam, submission, outcome, started)
        place = self.folder / "reports" / f"{file_name(submission.name)}.json"
        if report is None:
            place.unlink(missing_ok=True)
        else:
            write(place, json.dumps(report, indent=2, allow_nan=False) + "\n")
        told = self.folder / "reports" / f"{file_name(submission.name)}.txt"
        if outcome.details:
            write(told, outcome.details + "\n")
        else:
            told.unlink(missing_ok=True)
        if outcome.standing is not Standing.LOST:
            stored = {"digest": exam.digest(submission), "row": row}
            write(self._finished(submission.name), json.dumps(stored, indent=2) + "\n")

    def _finished(self, name: str) -> Path:
        return self.folder / "finished" / f"{file_name(name)}.json"

    def publish(self, results: Json) -> None:
        """Write the results for people and for machines."""
        write(self.folder / "results.json", json.dumps(results, indent=2, allow_nan=False) + "\n")
        write(self.folder / "results.csv", as_csv(results))

    def report_place(self, name: str) -> str | None:
        """Where a submission's report, or the traceback of its import, stands within the folder."""
        for ending in ("json", "txt"):
            place = f"reports/{file_name(name)}.{ending}"
            if (self.folder / place).exists():
                return place
        return None


def results_of(
    *,
    exam: Exam,
    assignment: Assignment,
    rows: Sequence[Json],
    left_out: Sequence[LeftOut],
    missing_rows: int,
    started: str,
    duration: float,
) -> Json:
    """Everything, in an order that depends on names alone.

    Args:
        exam: What was asked.
        assignment: What it is worth.
        rows: One for each submission, with its score.
        left_out: What was no submission.
        missing_rows: How many submissions were not examined any more.
        started: When the run began.
        duration: How many seconds it took.
    """
    return {
        "schema": SCHEMA_VERSION,
        "spec": {
            "version": SPEC_VERSION,
            "clauses": len(manifest.clauses()),
            "cases_sha256": manifest.cases_sha256(),
        },
        "environment": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "platform": platform.platform(),
        },
        "options": {
            "profiles": list(exam.options.profiles),
            "only": list(exam.options.only),
            "timeout": exam.options.timeout,
        },
        "limits": asdict(exam.limits),
        "assignment": {
            "weights": dict(assignment.weights),
            "required": list(assignment.required),
            "partial": list(assignment.partial),
        },
        "audit_sha256": exam.audit,
        "promise": PROMISE,
        "started": started,
        "duration": round(duration, 3),
        "complete": not missing_rows,
        "missing": missing_rows,
        "left_out": [asdict(entry) for entry in left_out],
        "submissions": sorted(rows, key=lambda row: str(row["name"])),
    }


def as_csv(results: Json) -> str:
    """A row for each submission: for a spreadsheet."""
    profiles = list(results["assignment"]["weights"])
    asked = [p for p in manifest.PROFILES if any(p in row["profiles"] for row in results["submissions"])]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    head = ["name", "status", "score"]
    for profile in asked:
        head += [f"{profile} passed", f"{profile} of", f"{profile} weight"]
    writer.writerow([*head, "seconds", "peak memory MB", "audited", "note", "fix first", "report"])
    for row in results["submissions"]:
        cells: list[Any] = [_harmless(row["name"]), row["status"], row["score"]]
        for profile in asked:
            mark = row["profiles"][profile]
            weight = results["assignment"]["weights"][profile] if profile in profiles else 0.0
            cells += [mark["passed"], mark["total"], weight]
        cells += [row["seconds"], row["peak_memory_mb"], row["audited"], _harmless(row["note"])]
        writer.writerow([*cells, " ".join(row["fix_first"]), _harmless(row["report"] or "")])
    return out.getvalue()


def _harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def schema() -> Json:
    """The JSON Schema of `results.json`."""
    text = resources.files("dlspec.grading").joinpath("grades.schema.json").read_text(encoding="utf-8")
    stored: Json = json.loads(text)
    return stored


def write(path: Path, text: str) -> None:
    """Write a file, whole or not at all.

    Raises:
        Stop: It can't be written.
    """
    beside = path.with_name(f".{path.name[:100]}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise Stop(f"{path}: can't be written: {error.strerror}", ExitCode.INCOMPLETE) from error
