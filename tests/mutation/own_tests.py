"""Our own tests are asked about mutants of the core of dlspec: what is right, how far from it, what follows.

Each mutant has a process of its own, in which pytest runs the tests that run the statement which is
different, until one fails. A test that only starts other processes isn't asked, since these wouldn't have
the mutant.
"""

from __future__ import annotations

import gc
import importlib
import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.mutation.mutants import Change, Mutant, Wanted, mutants_of
from tests.mutation.packages import LinesRun, Package, lines_that_run
from tests.mutation.processes import in_processes

ROOT = Path(__file__).parents[2]
DLSPEC = Package("dlspec", ROOT / "spec" / "dlspec")

CORE = ("oracle", "tolerance", "runner.verdict")

TESTS = ("test_oracle.py", "test_answers.py", "test_tolerance.py", "test_comparisons.py", "test_verdict.py")
"""The tests that are about these."""

LEFT_OUT = "tests/test_oracle.py::test_the_answers_of_frozen_cases_follow_from_the_definitions"
"""What takes a minute. What it notices, a quick test has to notice as well."""

QUIET = ("-q", "-p", "no:cacheprovider", "--assert=plain", "--tb=no")

PATIENCE = 300.0
"""Seconds by the clock for all of a mutant's tests."""


@dataclass
class Survey:
    """What is known of the tests from running them on dlspec as it is."""

    seconds: dict[str, float]
    lines: dict[str, dict[str, set[int]]]
    noticed: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def tests_for(self, mutant: Mutant) -> list[str]:
        """The tests that may notice a mutant, the likeliest first."""
        path = DLSPEC.modules[mutant.module]
        wanted = lines_that_run(path, mutant.line)
        ids = [
            id
            for id in self.seconds
            if wanted is None or not wanted.isdisjoint(self.lines[id].get(str(path), ()))
        ]
        before = self.noticed[mutant.change.place]
        return sorted(ids, key=lambda id: (-before[id], self.seconds[id]))


class _Watch:
    """A pytest plugin: how long each test takes, the lines that it runs, and which one failed."""

    def __init__(self, *, trace: bool) -> None:
        self.trace = trace
        self.seconds: dict[str, float] = {}
        self.lines: dict[str, dict[str, list[int]]] = {}
        self.failed: list[str] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        start = time.process_time()
        if self.trace:
            with LinesRun(DLSPEC.folder) as lines:
                answer = yield
            self.lines[item.nodeid] = {file: sorted(numbers) for file, numbers in lines.items()}
        else:
            answer = yield
        self.seconds[item.nodeid] = time.process_time() - start
        return answer

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)


def _warm_up() -> None:
    """Import here what every process would otherwise import for itself."""
    for name in ("hypothesis", "hypothesis.strategies", "mpmath", "numpy", "numpy.testing", "jsonschema"):
        importlib.import_module(name)
    DLSPEC.code  # noqa: B018 -- for the first time
    os.chdir(ROOT)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    gc.collect()
    gc.freeze()


def surveyed() -> Survey:
    """Run every test on dlspec as it is.

    Raises:
        SystemExit: One fails: then nothing can be learned from mutants.
    """
    found = dict(in_processes(["time", "lines"], _survey, children=2, patience=10 * PATIENCE))
    for answer in found.values():
        if "died" in answer or answer["code"] or answer["failed"]:
            raise SystemExit(
                f"surveying the tests: {answer.get('died') or answer['failed'] or answer['code']}"
            )
    lines = {
        id: {file: set(numbers) for file, numbers in files.items()}
        for id, files in found["lines"]["lines"].items()
    }
    return Survey(found["time"]["seconds"], lines)


def _survey(task: str) -> dict[str, Any]:
    DLSPEC.put_on(None)
    watch = _Watch(trace=task == "lines")
    files = [str(Path("tests", name)) for name in TESTS]
    code = pytest.main([*QUIET, "--deselect", LEFT_OUT, *files], plugins=[watch])
    return {"code": int(code), "failed": watch.failed, "seconds": watch.seconds, "lines": watch.lines}


@dataclass(frozen=True)
class Trial:
    """A mutant and the tests that are to be run on it."""

    mutant: Mutant
    tests: tuple[str, ...]


class Core:
    """The core of dlspec, with our own tests."""

    canary = Change(
        "tolerance.rounding",
        ("return np.asarray(units * eps(dtype) * np.abs(scale) + smallest(dtype), dtype=np.float64)",),
        ("return np.asarray(units / eps(dtype) * np.abs(scale) + smallest(dtype), dtype=np.float64)",),
    )
    listed = Path(__file__).parent / "dlspec.toml"
    heading = """\
# Mutants of dlspec's core that our own tests don't notice, and why: `nox -s mutation -- dlspec`.
"""

    def mutants(self, wanted: Wanted) -> Iterator[Mutant]:
        """The mutants of the core in some places."""
        for place in CORE:
            name = f"{DLSPEC.name}.{place}"
            yield from mutants_of(DLSPEC.modules[name], name, place, wanted)

    def tried(self, chosen: Iterator[Mutant], children: int) -> Iterator[tuple[Mutant, dict[str, Any]]]:
        """Run our own tests on mutants."""
        _warm_up()
        survey = surveyed()
        trials = (Trial(mutant, tuple(survey.tests_for(mutant))) for mutant in chosen)
        for trial, answer in in_processes(trials, tested, children=children, patience=PATIENCE):
            if "noticed" in answer:
                survey.noticed[trial.mutant.change.place][answer["noticed"]] += 1
            yield trial.mutant, answer


def tested(trial: Trial) -> dict[str, Any]:
    """In a process of its own: run the tests on a mutant until one fails."""
    if not trial.tests:
        return {"asked": 0}
    DLSPEC.put_on(trial.mutant)
    watch = _Watch(trace=False)
    code = pytest.main([*QUIET, "-x", *trial.tests], plugins=[watch])
    if watch.failed or code == pytest.ExitCode.INTERRUPTED:  # the latter where a file can't be imported
        return {"noticed": watch.failed[0] if watch.failed else "import"}
    if code != pytest.ExitCode.OK or len(watch.seconds) != len(trial.tests):
        return {"noticed": "import", "how": f"pytest ended with {code}"}
    return {"asked": len(trial.tests)}
