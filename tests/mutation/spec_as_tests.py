"""The spec, and nothing but the spec, is asked about mutants of the reference.

Each mutant has a process of its own, a fork of one that has imported the spec and no framework. There the
reference is imported, with the one file changed, and asked clause after clause until one isn't kept.

Only clauses that run the statement which is different can notice anything, so only these are asked: first
those that have noticed something in the same function, then quick ones.
"""

from __future__ import annotations

import gc
import signal
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.mutation.mutants import Change, Mutant, Wanted, mutants_of
from tests.mutation.packages import LinesRun, Package, lines_that_run
from tests.mutation.processes import in_processes

from dlspec import casefile, manifest
from dlspec.implementations import load
from dlspec.runner.judge import ask
from dlspec.runner.result import Status

REFERENCE = Package("deeplearning_framework", Path(__file__).parents[2] / "src" / "deeplearning_framework")
UNBOUND = {"example", "rnn_example", "graph"}
"""What the spec doesn't bind: programs that users run, and pictures."""

CANARY = Change(
    "primitives.add", ("return x + y, (x.shape, y.shape)",), ("return x - y, (x.shape, y.shape)",)
)
"""A mutant that has to die, lest all be well only because nobody looks."""

SECONDS, FACTOR = 5.0, 10.0
"""Processor time for a clause: so much, and so many times what it takes on the reference."""

PATIENCE = 300.0
"""Seconds by the clock for all of a mutant's clauses."""


@dataclass
class Survey:
    """What is known of the clauses from asking them about the reference as it is.

    Attributes:
        seconds: The processor time that each takes.
        lines: The lines, by file, that each runs.
        noticed: How often each has noticed something in a place.
    """

    seconds: dict[str, float]
    lines: dict[str, dict[str, set[int]]]
    noticed: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def clauses_for(self, mutant: Mutant) -> list[str]:
        """The clauses that may notice a mutant, the likeliest first."""
        path = REFERENCE.modules[mutant.module]
        wanted = lines_that_run(path, mutant.line)
        if wanted is None:
            # In the spec's own order: what an import leaves behind may matter to the first who looks alone.
            return list(self.seconds)
        ids = [id for id in self.seconds if not wanted.isdisjoint(self.lines[id].get(str(path), ()))]
        before = self.noticed[mutant.change.place]
        return sorted(ids, key=lambda id: (-before[id], self.seconds[id]))


def surveyed() -> Survey:
    """Ask every clause about the reference as it is.

    Raises:
        SystemExit: One isn't kept: then nothing can be learned from mutants.
    """
    tasks = ["time", "lines"]
    found = dict(in_processes(tasks, _survey, children=len(tasks), patience=10 * PATIENCE))
    for task in tasks:
        if "died" in found[task]:
            raise SystemExit(f"surveying the spec: {found[task]['died']}")
    wrong = [id for id, answer in found["time"].items() if answer["status"] != Status.PASS]
    if wrong:
        raise SystemExit(f"the reference itself doesn't keep {', '.join(wrong)}")
    seconds = {id: answer["seconds"] for id, answer in found["time"].items()}
    lines = {
        id: {file: set(numbers) for file, numbers in files.items()} for id, files in found["lines"].items()
    }
    return Survey(seconds, lines)


def _survey(task: str) -> dict[str, Any]:
    REFERENCE.put_on(None)
    impl = load(REFERENCE.name)
    found: dict[str, Any] = {}
    for id, clause in manifest.by_id().items():
        if task == "lines":
            with LinesRun(REFERENCE.folder) as lines:
                ask(clause, impl)
            found[id] = {file: sorted(numbers) for file, numbers in lines.items()}
        else:
            result, _ = ask(clause, impl)
            found[id] = {"status": result.status, "seconds": result.seconds}
    return found


def _warm_up() -> None:
    """Import and read here what every process would otherwise import and read for itself."""
    REFERENCE.code  # noqa: B018 -- for the first time
    for clause in manifest.clauses():
        if clause.frozen_as is not None:
            casefile.load(clause.frozen_as)
    # A collection in a process would visit all of this, and so copy it.
    gc.collect()
    gc.freeze()


@dataclass(frozen=True)
class Trial:
    """A mutant and the clauses that it is to be asked."""

    mutant: Mutant
    clauses: tuple[tuple[str, float], ...]


class Reference:
    """The reference, with the spec and only the spec as its tests."""

    canary = CANARY
    listed = Path(__file__).parent / "reference.toml"
    heading = """\
# Mutants of the reference that the spec doesn't notice, and why: `nox -s mutation`, CONTRIBUTING.md.
"""

    def mutants(self, wanted: Wanted) -> Iterator[Mutant]:
        """The mutants of the reference in some places."""
        for name, path in REFERENCE.modules.items():
            place = name.removeprefix(REFERENCE.name).removeprefix(".")
            if path.name != "__init__.py" and place not in UNBOUND:
                yield from mutants_of(path, name, place, wanted)

    def tried(self, chosen: Iterator[Mutant], children: int) -> Iterator[tuple[Mutant, dict[str, Any]]]:
        """Ask the spec about mutants."""
        _warm_up()
        survey = surveyed()
        trials = (
            Trial(
                mutant,
                tuple((id, SECONDS + FACTOR * survey.seconds[id]) for id in survey.clauses_for(mutant)),
            )
            for mutant in chosen
        )
        for trial, answer in in_processes(trials, asked, children=children, patience=PATIENCE):
            if "noticed" in answer:
                survey.noticed[trial.mutant.change.place][answer["noticed"]] += 1
            yield trial.mutant, answer


def asked(trial: Trial) -> dict[str, Any]:
    """In a process of its own: import the mutant, and ask it until a clause isn't kept."""
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    REFERENCE.put_on(trial.mutant)
    try:
        impl = load(REFERENCE.name)
    except BaseException as raised:
        return {"noticed": "import", "how": repr(raised)[:200]}
    if impl.claims != manifest.PROFILES or impl.dtypes != ("float64", "float32"):
        return {"noticed": "claims", "how": f"{impl.claims} {impl.dtypes}"}
    for id, limit in trial.clauses:
        # When it runs out, the process ends.
        signal.setitimer(signal.ITIMER_PROF, limit)
        result, _ = ask(manifest.by_id()[id], impl)
        if result.status is not Status.PASS and id.startswith("scale."):
            # These measure: on a busy machine one may fail by chance, and hardly twice.
            result, _ = ask(manifest.by_id()[id], impl)
        if result.status is not Status.PASS:
            return {"noticed": id, "how": f"{result.status}: {(result.message or '')[:200]}"}
    return {"asked": len(trial.clauses)}
