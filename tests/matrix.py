"""Every implementation that comes with the spec, asked in an environment of its own: `nox -s matrix`.

python -m tests.matrix FOLDER                    all of them
python -m tests.matrix FOLDER torch jax          some
python -m tests.matrix FOLDER --renew torch      store the report in `conformance`; no comparison
python -m tests.matrix FOLDER --brief            all, but of the slowest the committed scripts only

For each: an environment with its extra and nothing else; the verdict, whose report is held to the schema and
to the one in `conformance`; and the script of every clause that isn't kept, which has to show it. Whatever
can't be done is a failure; nothing is skipped.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from dlspec.implementations import SHIPPED
from dlspec.runner.report import schema

ROOT = Path(__file__).parent.parent
COMMITTED = ROOT / "conformance"

SIDE_BY_SIDE = min(2, os.cpu_count() or 1)
"""Runs at once. More would slow each other down until clauses on cost had nothing to measure with."""

PATIENCE = 300
"""Seconds for one clause: some of JAX take ten to compile, and more where another row runs beside it."""

LONGEST = ("jax", "jax_jit", "tinygrad", "chapter13", "dual_numbers")
"""What takes longest begins first, so that nobody waits for it at the end."""

SLOWEST = ("jax",)
"""What takes a quarter of an hour: each shape that an op meets for the first time is compiled."""

NOT_KEPT = frozenset({"fail", "error", "crash", "timeout", "diverges"})


class MatrixError(Exception):
    """Something that had to be done couldn't be, or showed what it must not."""


@dataclass
class Row:
    """What came of one implementation.

    Attributes:
        name: What it answers to.
        seconds: How long each part took.
        verdict: The last line of `dlspec verify`.
        problem: Why it failed; None where it didn't.
        output: What was printed on the way.
    """

    name: str
    seconds: dict[str, float] = field(default_factory=dict)
    verdict: str = ""
    problem: str | None = None
    output: list[str] = field(default_factory=list)

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Note how long something takes."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[part] = time.perf_counter() - start

    def run(self, *command: object, codes: Sequence[int] = (0,)) -> str:
        """Run a command in the project's folder; give what it prints.

        Raises:
            MatrixError: It ends with another exit code than these.
        """
        words = [str(word) for word in command]
        done = subprocess.run(
            words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False
        )
        self.output += [f"$ {' '.join(words)}", done.stdout.rstrip()]
        if done.returncode not in codes:
            raise MatrixError(f"{' '.join(words)}: exit code {done.returncode}")
        return done.stdout


class Environments:
    """A virtual environment for each extra, made when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        """Keep them in `folder`, from run to run."""
        self._folder = folder
        self._locks = {shipped.extra: threading.Lock() for shipped in SHIPPED.values()}

    def made(self, row: Row) -> Path:
        """The folder of commands of the environment that an implementation needs.

        Raises:
            MatrixError: What it needs can't be installed here.
        """
        extra = SHIPPED[row.name].extra
        place = self._folder / (extra or "numpy")
        commands = place / ("Scripts" if os.name == "nt" else "bin")
        # Those that need NumPy alone share one: none of them could get into another's way.
        with self._locks[extra]:
            if not commands.exists():
                row.run(sys.executable, "-m", "venv", place)
            extras = ",".join(filter(None, ("spec", extra)))
            row.run(commands / "python", "-m", "pip", "install", "--quiet", "--editable", f".[{extras}]")
        return commands


def judged(row: Row, commands: Path, folder: Path, renew: bool) -> None:
    """Give one implementation its verdict, and hold its report to everything that it has to keep.

    Raises:
        MatrixError: It doesn't.
    """
    report = folder / f"{row.name}.json"
    report.unlink(missing_ok=True)
    with row.timed("verify"):
        printed = row.run(
            *(commands / "dlspec", "verify", row.name, "--report", report, "--timeout", PATIENCE),
            codes=(0, 1),
        )
    row.verdict = " ".join(printed.rstrip().rpartition("\n\n")[2].split())
    stored = json.loads(report.read_text(encoding="utf-8"))
    Draft202012Validator(schema()).validate(stored)
    if not stored["complete"] or stored["interrupted"]:
        raise MatrixError("the report is incomplete")
    explained(row.name, stored)
    with row.timed("repros"):
        row.run(commands / "dlspec", "reproduce", report, "--all", "--jobs", SIDE_BY_SIDE)
    committed = COMMITTED / report.name
    if renew:
        committed.write_bytes(report.read_bytes())
    elif committed.exists():
        row.run(commands / "dlspec", "compare", committed, report)
    else:
        raise MatrixError(f"there is no {committed.relative_to(ROOT)}: nox -s matrix -- --renew {row.name}")


def shown(row: Row, commands: Path) -> None:
    """Run the script of every clause that the committed report of an implementation has as not kept.

    Raises:
        MatrixError: One doesn't show it.
    """
    committed = COMMITTED / f"{row.name}.json"
    with row.timed("repros"):
        row.run(commands / "dlspec", "reproduce", committed, "--all", "--jobs", SIDE_BY_SIDE)
    row.verdict = "not asked, but shown by the scripts of its committed report"


def defects(name: str) -> tuple[dict[str, Any], ...]:
    """What is known to be wrong with an implementation that is not meant to conform: the negative control."""
    path = COMMITTED / f"{name}.toml"
    return tuple(tomllib.loads(path.read_text(encoding="utf-8"))["defect"]) if path.exists() else ()


def explained(name: str, report: dict[str, Any]) -> None:
    """See that every clause that isn't kept is declared; or, of the negative control, a known defect's doing.

    Raises:
        MatrixError: One isn't.
    """
    known = defects(name)
    patterns = [pattern for defect in known for pattern in defect["clauses"]]
    accused = [entry["id"] for entry in report["clauses"] if entry["status"] in NOT_KEPT]
    if known:
        unexplained = [id for id in accused if not any(fnmatchcase(id, pattern) for pattern in patterns)]
        if unexplained:
            raise MatrixError(f"no defect explains {', '.join(unexplained)}")
        if report["exit_code"] == 0:
            raise MatrixError("the negative control conforms")
    elif report["exit_code"] != 0:
        statuses = Counter(entry["status"] for entry in report["clauses"])
        raise MatrixError(f"it doesn't conform: {dict(statuses)}")


def main() -> int:
    """Ask whoever was named; say what came of each, and how long it took."""
    asked = _arguments()
    asked.folder.mkdir(parents=True, exist_ok=True)
    environments = Environments(asked.folder.resolve() / "environments")

    def one(name: str) -> Row:
        row = Row(name)
        try:
            with row.timed("install"):
                commands = environments.made(row)
            if asked.brief and name in SLOWEST:
                shown(row, commands)
            else:
                judged(row, commands, asked.folder.resolve(), asked.renew)
        except MatrixError as failed:
            row.problem = str(failed)
        except Exception as error:
            row.problem = f"{type(error).__name__}: {error}"
        return row

    in_order = sorted(asked.names, key=lambda name: name not in LONGEST)
    rows = {}
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for done in as_completed([pool.submit(one, name) for name in in_order]):
            row = done.result()
            rows[row.name] = row
            _show(row)
    return _summed_up([rows[name] for name in asked.names])


def _show(row: Row) -> None:
    took = ", ".join(f"{part} {seconds:.0f} s" for part, seconds in row.seconds.items())
    print(f"{row.name}: {row.verdict or 'no verdict'}  [{took}]", flush=True)
    if row.problem is not None:
        print("\n".join(["", *row.output, "", f"{row.name}: {row.problem}", ""]), flush=True)


def _summed_up(rows: Sequence[Row]) -> int:
    failed = [row for row in rows if row.problem is not None]
    print()
    for row in rows:
        parts = "  ".join(f"{row.seconds.get(part, 0):4.0f}" for part in ("install", "verify", "repros"))
        print(f"{row.name:<24}{parts}  {'in order' if row.problem is None else 'FAILED'}")
    for row in failed:
        print(f"FAILED  {row.name}: {row.problem}")
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The conformance matrix.")
    parser.add_argument("folder", type=Path, help="where environments and reports are kept")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(SHIPPED)}; by default all")
    parser.add_argument("--renew", action="store_true", help="store the reports in `conformance`")
    parser.add_argument(
        "--brief",
        action="store_true",
        help=f"of {', '.join(SLOWEST)} only run the scripts of the committed report",
    )
    asked = parser.parse_intermixed_args()  # the option may stand before the names
    if unknown := set(asked.names) - SHIPPED.keys():
        parser.error(f"nothing that comes with the spec is called {', '.join(sorted(unknown))}")
    asked.names = [name for name in SHIPPED if name in asked.names] or list(SHIPPED)
    return asked


if __name__ == "__main__":
    sys.exit(main())
