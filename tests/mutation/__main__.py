"""What escapes the spec, and what escapes our own tests: `nox -s mutation`.

python -m tests.mutation              the reference, with the spec as its tests
python -m tests.mutation dlspec       the core of dlspec, with `tests`
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from tests.mutation import survivors
from tests.mutation.mutants import Change, Mutant, Wanted

HERE = Path(__file__).parent


class Subject(Protocol):
    """Something whose mutants are tried."""

    canary: Change
    """A mutant that has to be noticed."""
    listed: Path
    """Where its survivors are listed."""
    heading: str
    """How that file begins."""

    def mutants(self, wanted: Wanted) -> Iterator[Mutant]:
        """The mutants in some places."""
        ...

    def tried(self, chosen: Iterator[Mutant], children: int) -> Iterator[tuple[Mutant, dict[str, Any]]]:
        """Try mutants; gives what came of each: `noticed` (by what), `died` (how), or neither.

        Raises:
            SystemExit: What is mutated isn't in order to begin with.
        """
        ...


def subject(name: str) -> Subject:
    """What is called so on the command line."""
    if name == "reference":
        from tests.mutation.spec_as_tests import Reference

        return Reference()
    from tests.mutation.own_tests import Core

    return Core()


def main() -> int:
    """Try the mutants, and hold the list of survivors to what comes of them."""
    asked = _arguments()
    about = subject(asked.subject)
    reasons = survivors.read(about.listed) if about.listed.exists() else ()
    listed = {change for reason in reasons for change in reason.changes}
    whole = not (asked.only or asked.listed)

    places = {change.place for change in listed}

    def wanted(place: str) -> bool:
        return re.search(asked.only, place) is not None and (place in places or not asked.listed)

    def chosen() -> Iterator[Mutant]:
        # What the canary says is to be known before anything is concluded from the others.
        for mutant in about.mutants(lambda place: place == about.canary.place):
            if mutant.change == about.canary:
                yield mutant
        for mutant in about.mutants(wanted):
            if mutant.change != about.canary and (mutant.change in listed or not asked.listed):
                yield mutant

    start = time.monotonic()
    tried: list[Change] = []
    survived: list[Change] = []
    died: list[Change] = []
    for mutant, answer in about.tried(chosen(), asked.children):
        tried.append(mutant.change)
        if asked.log:
            with Path(asked.log).open("a", encoding="utf-8") as log:
                log.write(json.dumps({"mutant": str(mutant.change), "line": mutant.line, **answer}) + "\n")
        if "died" in answer:
            died.append(mutant.change)
        elif "noticed" not in answer:
            survived.append(mutant.change)
        if sys.stderr.isatty() or len(tried) % 100 == 0:
            print(f"\r{len(tried)} tried, {len(survived)} survive", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)

    found = survivors.problems(reasons, survived, tried, all_tried=whole)
    if about.canary not in tried:
        found.insert(0, f"the canary isn't made, so nothing is known:\n{about.canary}")
    elif about.canary in survived:
        found.insert(0, f"the canary survives, so nothing is tested at all:\n{about.canary}")
    if asked.renew:
        survivors.write(
            about.listed, about.heading, survivors.renewed(reasons, survived, tried, all_tried=whole)
        )
    for problem in found:
        print(problem, end="\n\n")
    _summary(reasons, tried, survived, died, time.monotonic() - start)
    return 1 if found else 0


def _summary(
    reasons: tuple[survivors.Reason, ...],
    tried: list[Change],
    survived: list[Change],
    died: list[Change],
    seconds: float,
) -> None:
    killed = len(tried) - len(survived)
    print(f"{len(tried)} mutants in {seconds / 60:.0f} min: {killed} noticed, {len(survived)} not")
    if died:
        print(f"  of the noticed ones {len(died)} ended their process or ran out of time")
    for kind, meaning in survivors.KINDS.items():
        changes = {change for reason in reasons if reason.kind == kind for change in reason.changes}
        if count := len(changes & set(survived)):
            print(f"  {count:4} {kind}: {meaning}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("subject", nargs="?", default="reference", choices=["reference", "dlspec"])
    parser.add_argument("--only", default="", metavar="REGEX", help="only places such as tensor.Tensor.item")
    parser.add_argument("--listed", action="store_true", help="only the mutants that are listed as survivors")
    parser.add_argument(
        "--renew", action="store_true", help="bring the list up to date; new ones need a reason"
    )
    parser.add_argument("--children", type=int, default=os.cpu_count() or 1, metavar="N", help="at a time")
    parser.add_argument("--log", metavar="FILE", help="a line of JSON for each mutant")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
