"""The report of a run: everything that can be known of it, as JSON that `report.schema.json` describes.

Two runs of the same spec on the same implementation differ in `started`, `duration` and `seconds` alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dlspec import SPEC_VERSION, manifest
from dlspec.implementation import Divergence
from dlspec.runner.blocking import Collapse
from dlspec.runner.result import Status
from dlspec.runner.stop import ExitCode, Stop
from dlspec.runner.supervise import Run
from dlspec.runner.verdict import ProfileVerdict, Verdict

if TYPE_CHECKING:
    from dlspec.clause import Clause
    from dlspec.faults.diagnosis import Diagnosis

SCHEMA_VERSION = 1

Json = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """What the command line asked for, as far as it changes what a report says.

    Attributes:
        profiles: The profiles the run was narrowed to; empty for all.
        only: The patterns of ids it was narrowed to; empty for all.
        explore: How many cases were drawn beyond the frozen ones.
        seed: Where the drawing started.
        timeout: Seconds that one clause was given.
        divergences: The name of the file with declared divergences.
    """

    profiles: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    explore: int = 0
    seed: int = 0
    timeout: float = 30.0
    divergences: str | None = None


def schema() -> Json:
    """The JSON Schema of reports."""
    text = resources.files("dlspec.runner").joinpath("report.schema.json").read_text(encoding="utf-8")
    stored: Json = json.loads(text)
    return stored


def build(
    *,
    target: str,
    clauses: Sequence[Clause],
    selected: Collection[str],
    run: Run,
    collapsed: Collapse,
    diagnoses: Mapping[str, Diagnosis],
    verdict: Verdict,
    divergences: Mapping[str, Divergence],
    options: Options,
    started: str,
    duration: float,
) -> Json:
    """The report of a run.

    Args:
        target: What `dlspec verify` was given.
        clauses: The spec's list of clauses.
        selected: The ids of those that were to be asked.
        run: What came of asking.
        collapsed: The final status of every clause, and what is blocked by what.
        diagnoses: What the mistakes may be, by clause.
        verdict: The verdict.
        divergences: What is declared, by clause.
        options: What the run was asked for.
        started: When it began, in ISO 8601.
        duration: How many seconds it took.
    """
    subject = run.subject
    return {
        "schema": SCHEMA_VERSION,
        "spec": {"version": SPEC_VERSION, "clauses": len(clauses), "cases_sha256": manifest.cases_sha256()},
        "implementation": {
            "name": subject.name,
            "version": subject.version,
            "target": target,
            "claims": list(subject.claims),
            "dtypes": list(subject.dtypes),
        },
        "environment": {
            "python": platform.python_version(),
            "python_implementation": platform.python_implementation(),
            "numpy": np.__version__,
            "platform": platform.platform(),
            "machine": platform.machine(),
        },
        "options": {
            key: list(value) if isinstance(value, tuple) else value for key, value in asdict(options).items()
        },
        "started": started,
        "duration": round(duration, 3),
        "complete": verdict.complete,
        "interrupted": verdict.interrupted,
        "exit_code": int(verdict.exit_code),
        "verdicts": {profile.profile: _verdict(profile) for profile in verdict.profiles},
        "fix_first": [{"clause": id, "unblocks": count} for id, count in collapsed.first()],
        "clauses": [
            {
                **_clause(clause, clause.id in selected, run, collapsed, divergences.get(clause.id)),
                **({"diagnosis": diagnoses[clause.id].to_json()} if clause.id in diagnoses else {}),
            }
            for clause in clauses
        ],
    }


def _verdict(profile: ProfileVerdict) -> Json:
    return {
        "verdict": None if profile.word is None else str(profile.word),
        "text": str(profile),
        "must": _counts(profile.musts),
        "should": _counts(profile.shoulds),
    }


def _counts(counts: Mapping[Status, int]) -> Json:
    return {
        "total": sum(counts.values()),
        **{str(status): counts[status] for status in Status if counts.get(status)},
    }


def _clause(
    clause: Clause, selected: bool, run: Run, collapsed: Collapse, divergence: Divergence | None
) -> Json:
    result, status = run.results.get(clause.id), collapsed.final[clause.id]
    entry: Json = {
        "id": clause.id,
        "profile": clause.profile,
        "level": clause.level,
        "status": str(status),
        "seconds": 0.0 if result is None else round(result.seconds, 6),
    }
    if result is not None and result.message is not None:
        entry["message"] = result.message
    elif status is Status.NOT_RUN:
        entry["message"] = "the run was interrupted" if selected else "deselected"
    if result is not None and result.failure is not None:
        entry["failure"] = dict(result.failure)
    if result is not None and clause.id in collapsed.blocked_by:
        entry["outcome"] = str(result.status)
        entry["blocked_by"] = list(collapsed.blocked_by[clause.id])
    if clause.id in run.scripts:
        entry["reproduce"] = run.scripts[clause.id]
    elif clause.id in run.no_scripts:
        entry["no_script"] = run.no_scripts[clause.id]
    if divergence is not None:
        entry["divergence"] = {
            "category": divergence.category,
            "reason": divergence.reason,
            "link": divergence.link,
        }
    return entry


def check_path(path: Path) -> None:
    """Find out, before anything runs, whether a report can be written there.

    Raises:
        Stop: It can't.
    """
    if path.is_dir():
        raise Stop(f"--report {path}: that is a folder; a file is wanted")
    if _is_device(path):
        return
    beside = _beside(path)
    try:
        beside.touch(exist_ok=False)
        beside.unlink()
    except OSError as error:
        raise Stop(f"--report {path}: can't be written: {error.strerror}") from error


def write(report: Json, path: Path) -> None:
    """Write a report, whole or not at all.

    Raises:
        Stop: It can't be written.
    """
    beside = path if _is_device(path) else _beside(path)
    try:
        beside.write_text(_lines(report), encoding="utf-8")
        if beside is not path:
            beside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            if beside is not path:
                beside.unlink()
        raise Stop(f"--report {path}: can't be written: {error.strerror}", ExitCode.INCOMPLETE) from error


def _is_device(path: Path) -> bool:
    """Whether what stands there is no file, such as `/dev/stdout`: it is written to, not replaced."""
    return path.exists() and not path.is_file()


def _lines(report: Json) -> str:
    """A report as JSON with a line for each clause: half as long as with one for each word, and two reports
    differ in the lines of the clauses that differ.
    """
    others = {key: value for key, value in report.items() if key != "clauses"}
    head = json.dumps({**others, "clauses": []}, indent=2, allow_nan=False).removesuffix("[]\n}")
    entries = ",\n".join(f"    {json.dumps(entry, allow_nan=False)}" for entry in report.get("clauses", ()))
    return f"{head}[\n{entries}\n  ]\n}}\n"


def _beside(path: Path) -> Path:
    """Where a report is put together: in the same folder, so that it takes its place in one step."""
    return path.with_name(f".{path.name}.{os.getpid()}")


def read(path: Path) -> Json:
    """A report from its file.

    Raises:
        Stop: There is none, or not a whole one that this version knows how to read.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Stop(f"{path}: can't be read: {error.strerror}") from error
    except ValueError as error:
        raise Stop(f"{path}: is no JSON, or not all of it: {error}") from error
    version = report.get("schema") if isinstance(report, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise Stop(
            f"{path}: was written by a newer dlspec: its format is version {version}, and this one reads "
            f"version {SCHEMA_VERSION}. Upgrade: pip install -U deeplearning-framework"
        )
    if version != SCHEMA_VERSION:
        raise Stop(f"{path}: is no report of `dlspec verify`")
    # Imported here: most commands read no report.
    import jsonschema

    wrong = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema()).iter_errors(report))
    if wrong is not None:
        place = "".join(f"[{part!r}]" for part in wrong.absolute_path) or "as a whole"
        raise Stop(f"{path}: is no report of `dlspec verify`: {place}: {wrong.message[:200]}")
    whole: Json = report
    return whole
