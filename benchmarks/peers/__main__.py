"""The reference beside other frameworks, each in an environment of its own: `nox -s peers`.

python -m benchmarks.peers FOLDER                     all of them, on every workload
python -m benchmarks.peers FOLDER torch jax           some
python -m benchmarks.peers FOLDER --only 'XOR|MLP'    on some
python -m benchmarks.peers FOLDER --threads 2         on two threads and cores, what has large arrays
python -m benchmarks.peers FOLDER --save              keep it in `benchmarks/history/peers.json`
python -m benchmarks.peers FOLDER --save --resume     go on with a run that was cut off
python -m benchmarks.peers FOLDER --install           only make the environments

Each has to get what is got by hand before it is timed; then all take turns. What can't be installed, or can't
do a workload, is listed with the reason. A workload is kept as soon as it is done, with a date and commit of
its own.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import pairs, tracking
from benchmarks.pairs import CannotDoError, Worker
from benchmarks.peers import table
from benchmarks.workloads import WORKLOADS

ROOT = Path(__file__).parent.parent.parent
ROUNDS = 7
FEW = 3  # rounds of who is ten times slower than by hand: nobody asks for the third digit there
PATIENCE = 150.0  # seconds; the longest that has come to an end is to compile, in 80 on a busy machine
SEVERAL = r"MLP|10\^7"
"""What is timed on several threads: the rest has no array that NumPy, or anybody, would divide among them."""

PEERS = {
    "torch": ("torch", "benchmarks.peers.torch"),
    "torch.compile": ("torch", "benchmarks.peers.torch_compile"),
    "torch sparse": ("torch", "benchmarks.peers.torch_sparse"),
    "jax.jit": ("jax", "benchmarks.peers.jax"),
    "autograd": ("autograd", "benchmarks.peers.autograd"),
    "mygrad": ("mygrad", "benchmarks.peers.mygrad"),
    "tinygrad": ("tinygrad", "benchmarks.peers.tinygrad"),
    "micrograd": ("micrograd", "benchmarks.peers.micrograd"),
}
"""What they are called, with the extra that brings each and the module that does the work with it."""

ALONE = {"torch sparse": "embedding"}
"""Who does one kind of work in its own way, and the rest as another peer does: it isn't asked for that."""


def environment(extra: str, folder: Path) -> Path:
    """The Python of an environment with what an extra brings, and this NumPy.

    Raises:
        CannotDoError: It can't be installed.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = project["optional-dependencies"][extra]
    place = folder / extra
    python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    commands: list[list[str | Path]] = [] if python.exists() else [[sys.executable, "-m", "venv", place]]
    commands.append([python, "-m", "pip", "install", "--quiet", f"numpy=={np.__version__}", *requirements])
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            raise CannotDoError(f"can't be installed: {(errors or ['no reason given'])[-1]}")
    return python


def compared(
    workload: str, pythons: dict[str, Path], versions: dict[str, str], threads: int = 1
) -> dict[str, dict[str, Any]]:
    """What each side takes for a workload; of those that can't do it, why."""
    row: dict[str, dict[str, Any]] = {}
    expected = pairs.by_hand(workload)
    with ExitStack() as stack:
        workers: dict[str, Worker] = {}
        sides = [(side, module, sys.executable) for side, module in pairs.SIDES.items()]
        sides += [
            (side, PEERS[side][1], str(python))
            for side, python in pythons.items()
            if ALONE.get(side, "") in workload
        ]
        for side, module, python in sides:
            try:
                worker = Worker(module, workload, python, PATIENCE, threads)
                stack.callback(worker.stop)
                pairs.assert_same(workload, worker.results(), expected, side)
                worker.seconds_per_step()
            except (CannotDoError, AssertionError) as error:
                why = str(error) if isinstance(error, CannotDoError) else "gets something else"
                row[side] = {"cannot": why}
            else:
                workers[side] = worker
                versions.update(worker.versions)
        del expected
        taken = pairs.in_turns(workers, ROUNDS, FEW)
        row["hand"] = {"microseconds": tracking.quartiles([1e6 * seconds for seconds in taken["hand"]])}
        for side, found in pairs.ratios(taken).items():
            row[side] = {"ratio": tracking.quartiles(found)}
        for side, worker in workers.items():
            if megabytes := worker.megabytes():
                row[side]["megabytes"] = megabytes
    order = ["hand", *(side for side, *_ in sides if side != "hand")]
    return {side: row[side] for side in order}


def merged(kept: tracking.Run | None, run: tracking.Run) -> tracking.Run:
    """A run with the workloads that it hasn't measured from the one before, if they may stand side by side.

    They may if machine, threads and every release that both name are the same.
    """
    if (
        kept is None
        or any(kept[what] != run[what] for what in ("machine", "threads"))
        or any(kept["versions"].get(name, version) != version for name, version in run["versions"].items())
    ):
        return run
    both = dict(run)
    both["versions"] = kept["versions"] | run["versions"]
    for what in ("measured", "steps"):
        found = kept[what] | run[what]
        both[what] = {workload: found[workload] for workload in WORKLOADS if workload in found}
    return both


def to_do(workloads: Iterable[str], kept: tracking.Run | None, commit: str) -> list[str]:
    """The workloads that weren't measured at a commit yet; all, if files have been changed since it."""
    done = {
        workload
        for workload, measured in (kept or {"measured": {}})["measured"].items()
        if measured["commit"] == commit and not commit.endswith("+")
    }
    return [workload for workload in workloads if workload not in done]


def arguments() -> argparse.Namespace:
    """What is asked for; `workloads` are those that match."""
    parser = argparse.ArgumentParser(
        prog="nox -s peers --", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where environments are kept")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(PEERS)}; by default all")
    parser.add_argument("--only", metavar="REGEX", help="workloads")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="and cores; by default one")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what is found")
    parser.add_argument("--save", action="store_true", help="keep each workload as it is done")
    parser.add_argument("--resume", action="store_true", help="leave out what is kept of this commit")
    parser.add_argument("--install", action="store_true", help="make the environments, and no more")
    asked = parser.parse_intermixed_args()
    if unknown := set(asked.names) - PEERS.keys():
        parser.error(f"no peer is called {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}")
    cores = os.cpu_count() or 1
    if not 1 <= asked.threads <= cores:
        parser.error(f"--threads {asked.threads}: this machine has {cores} cores")
    if asked.save and asked.names:
        parser.error("--save keeps whole rows: name no peers")
    if asked.resume and not asked.save:
        parser.error("--resume goes on with what --save kept: say both")
    only = asked.only or (SEVERAL if asked.threads > 1 else "")
    asked.workloads = [name for name in WORKLOADS if re.search(only, name)]
    if not asked.workloads:
        parser.error(f"no workload matches {only!r}; there are {', '.join(WORKLOADS)}")
    return asked


def installed(names: Iterable[str], folder: Path) -> tuple[dict[str, Path], dict[str, dict[str, Any]]]:
    """The Python of each peer, and why there is none."""
    pythons: dict[str, Path] = {}
    missing: dict[str, dict[str, Any]] = {}
    for name in names:
        try:
            pythons[name] = environment(PEERS[name][0], folder)
        except CannotDoError as error:
            missing[name] = {"cannot": str(error)}
    return pythons, missing


def main() -> None:
    """Compare, and say how it went."""
    asked = arguments()
    pythons, missing = installed(asked.names or PEERS, asked.folder)
    if asked.install:
        for name in asked.names or PEERS:
            print(f"{name}: {missing[name]['cannot'] if name in missing else pythons[name]}")
        sys.exit(1 if missing else 0)

    history = table.history(asked.threads)
    kept = table.kept(asked.threads) if history.exists() else None
    workloads = to_do(asked.workloads, kept, tracking.commit()) if asked.resume else asked.workloads
    run = tracking.record({}, {}) | {"threads": asked.threads, "measured": {}}
    del run["instructions"]
    for workload in workloads:
        began = time.monotonic()
        run["steps"][workload] = compared(workload, pythons, run["versions"], asked.threads) | missing
        run["measured"][workload] = tracking.when()
        print(f"{workload}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        if asked.json:
            asked.json.write_text(tracking.dumped(run), encoding="utf-8")
        if asked.save:
            history.write_text(tracking.dumped(merged(kept, run)), encoding="utf-8")
    if run["steps"]:
        print(table.text(run))
    if asked.save and history.exists():
        stale = [name for name in table.kept(asked.threads)["steps"] if name not in run["steps"]]
        print(f"kept in {history.relative_to(ROOT)}" + f"; from before: {', '.join(stale)}" * bool(stale))


if __name__ == "__main__":
    main()
