"""The reference beside other frameworks, each in an environment of its own: `nox -s peers`.

python -m benchmarks.peers FOLDER                     all of them, on every workload
python -m benchmarks.peers FOLDER torch jax           some
python -m benchmarks.peers FOLDER --only 'XOR|MLP'    on some
python -m benchmarks.peers FOLDER --save              keep it in `benchmarks/history/peers.json`

Each has to get what is got by hand before it is timed; then all take turns. What can't be installed, or can't
do a workload, is listed with the reason.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tomllib
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import pairs, tracking
from benchmarks.pairs import CannotDoError, Worker
from benchmarks.peers.table import HISTORY, text
from benchmarks.workloads import WORKLOADS

ROOT = Path(__file__).parent.parent.parent
ROUNDS = 7
PATIENCE = 240.0  # seconds; the longest is to compile

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
    workload: str, pythons: dict[str, Path], versions: dict[str, dict[str, str]]
) -> dict[str, dict[str, Any]]:
    """What each side takes for a workload; of those that can't do it, why."""
    row: dict[str, dict[str, Any]] = {}
    expected = pairs.by_hand(workload)
    with ExitStack() as stack:
        workers: dict[str, Worker] = {}
        sides = [(side, module, sys.executable) for side, module in pairs.SIDES.items()]
        sides += [(side, PEERS[side][1], str(python)) for side, python in pythons.items()]
        for side, module, python in sides:
            try:
                worker = Worker(module, workload, python, PATIENCE)
                stack.callback(worker.stop)
                pairs.assert_same(workload, worker.results(), expected, side)
                worker.seconds_per_step()
            except (CannotDoError, AssertionError) as error:
                why = str(error) if isinstance(error, CannotDoError) else "gets something else"
                row[side] = {"cannot": why}
            else:
                workers[side] = worker
                versions[side] = worker.versions
        taken = pairs.in_turns(workers, ROUNDS)
    row["hand"] = {"microseconds": tracking.quartiles([1e6 * seconds for seconds in taken["hand"]])}
    for side, found in pairs.ratios(taken).items():
        row[side] = {"ratio": tracking.quartiles(found)}
    order = ["hand", *(side for side, *_ in sides if side != "hand")]
    return {side: row[side] for side in order}


def main() -> None:
    """Compare, and say how it went."""
    parser = argparse.ArgumentParser(prog="nox -s peers --", description=__doc__)
    parser.add_argument("folder", type=Path, help="where environments are kept")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(PEERS)}; by default all")
    parser.add_argument("--only", default="", metavar="REGEX", help="workloads")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what is found")
    parser.add_argument("--save", action="store_true", help=f"keep it in {HISTORY.relative_to(ROOT)}")
    asked = parser.parse_args()
    if unknown := set(asked.names) - PEERS.keys():
        parser.error(f"no peer is called {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}")
    workloads = [name for name in WORKLOADS if re.search(asked.only, name)]
    if asked.save and (asked.names or asked.only):
        parser.error("only a whole run is kept")

    pythons: dict[str, Path] = {}
    missing: dict[str, dict[str, Any]] = {}
    for name in asked.names or PEERS:
        try:
            pythons[name] = environment(PEERS[name][0], asked.folder)
        except CannotDoError as error:
            missing[name] = {"cannot": str(error)}
    versions: dict[str, dict[str, str]] = {}
    run = tracking.record({}, {})
    del run["instructions"]
    for workload in workloads:
        print(workload, file=sys.stderr, flush=True)
        run["steps"][workload] = compared(workload, pythons, versions) | missing
        run["versions"] |= {name: value for own in versions.values() for name, value in own.items()}
        if asked.json:
            # After each workload: what half an hour has found isn't lost with the other half.
            asked.json.write_text(tracking.dumped(run), encoding="utf-8")
    print(text(run))
    if asked.save:
        HISTORY.write_text(tracking.dumped(run), encoding="utf-8")


if __name__ == "__main__":
    main()
