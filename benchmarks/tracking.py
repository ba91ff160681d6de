"""What a run of the benchmarks found, kept to be compared with: `nox -s bench -- --save` and `-- --compare`.

What is kept are ratios to hand-written NumPy, each measured in the same minute as the step by hand; no time
is compared with a time of another day. Which differences mean nothing is measured, too: each workload is
started several times, in fresh processes, and the ratios of these starts differ by what the layout of memory
and the machine's other work do to them.
"""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import instructions, pairs

STARTS = 4
ROUNDS = 3  # in each start
AGAIN = 2  # how often what looks like a regression is measured again
MORE_INSTRUCTIONS = 1.02
"""Counts are exact, but a release of Python or NumPy moves them; a change below this is nobody's business."""

QUICK = {side: pairs.SIDES[side] for side in ("framework", "hand")}
"""What is timed where nothing is kept or compared, once."""

NOT_TRACKED = ("limit",)
"""Sides that are measured to compare with, and are nobody's regression."""

RUNS = Path(__file__).parent / "history" / "runs"

Figures = dict[str, dict[str, list[float]]]
"""Of one workload, for each side: `ratio` to hand-written NumPy, or `microseconds` by hand, both as lower
quartile, median and upper quartile over all rounds; and `starts`, the lowest and the highest median of one.
"""
Run = dict[str, Any]


def measured(workload: str, starts: int = STARTS, sides: Mapping[str, str] = pairs.SIDES) -> Figures:
    """Measure a workload in several fresh starts."""
    ratios: dict[str, list[list[float]]] = {}
    by_hand: list[float] = []
    for _ in range(starts):
        taken = pairs.times(workload, ROUNDS, sides)
        by_hand += taken["hand"]
        for side, found in pairs.ratios(taken).items():
            ratios.setdefault(side, []).append(found)
    figures: Figures = {"hand": {"microseconds": quartiles([1e6 * seconds for seconds in by_hand])}}
    for side, found_in_starts in ratios.items():
        medians = [statistics.median(found) for found in found_in_starts]
        figures[side] = {
            "ratio": quartiles([ratio for found in found_in_starts for ratio in found]),
            "starts": rounded([min(medians), max(medians)]),
        }
    return figures


def quartiles(values: Sequence[float]) -> list[float]:
    """The lower quartile, the median and the upper quartile."""
    return rounded(np.quantile(values, [0.25, 0.5, 0.75]).tolist())


def rounded(values: Iterable[float]) -> list[float]:
    """The same to four digits, which is more than is known."""
    return [float(f"{value:.4g}") for value in values]


def regressions(workload: str, now: Figures, before: Run | None) -> list[str]:
    """What takes longer than in a former run, beyond the noise.

    Every start has to be slower than the slowest of the former run's. If nothing has changed, all orders of
    the eight starts are alike, and this one comes up once in 70 times. And the medians have to be further
    apart than the starts of either run are among themselves.
    """
    found = []
    then: Figures = (before or {}).get("steps", {}).get(workload, {})
    for side, figures in now.items():
        if side == "hand" or side in NOT_TRACKED or side not in then:
            continue
        old, new = then[side], figures
        spread = max(old["starts"][1] - old["starts"][0], new["starts"][1] - new["starts"][0])
        slower = new["ratio"][1] - old["ratio"][1]
        if new["starts"][0] > old["starts"][1] and slower > spread:
            found.append(
                f"{workload}, {side}: {new['ratio'][1]:.3g} times as long as by hand, "
                f"{old['ratio'][1]:.3g} before; starts differ by {spread:.2g}"
            )
    return found


def confirmed(
    workload: str, figures: Figures, before: Run, sides: Mapping[str, str] = pairs.SIDES
) -> Figures:
    """The figures, measured again where they look like a regression; the last ones that do, or don't."""
    for _ in range(AGAIN):
        if not regressions(workload, figures, before):
            break
        figures = measured(workload, sides=sides)
    return figures


def counted(workload: str) -> dict[str, int]:
    """Instructions of a step by hand, and with everything that is tracked."""
    return {
        side: instructions.per_step(module, workload)
        for side, module in pairs.SIDES.items()
        if side not in NOT_TRACKED
    }


def more_instructions(workload: str, now: Mapping[str, int], before: Run | None) -> list[str]:
    """Which sides take more instructions than in a former run, relative to those of the step by hand."""
    then = (before or {}).get("instructions", {}).get(workload, {})
    if "hand" not in then:
        return []
    # Relative: another release of NumPy changes both.
    return [
        f"{workload}, {side}: {count} instructions, {then[side]} before"
        for side, count in now.items()
        if side != "hand"
        and side in then
        and count / now["hand"] > MORE_INSTRUCTIONS * then[side] / then["hand"]
    ]


def machine() -> dict[str, Any]:
    """What kind of machine this is."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _processor() -> str:
    """The processor's name."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """What it ran with."""
    blas: Mapping[str, Any] = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "NumPy": np.__version__,
        "BLAS": f"{blas['name']} {blas['version']}",
    }


def commit() -> str:
    """The commit that was measured; with a plus where files have been changed since."""
    root = Path(__file__).parent.parent

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    return (git("rev-parse", "--short=10", "HEAD") or "unknown") + "+" * bool(
        git("status", "--porcelain", "src")
    )


def when() -> dict[str, str]:
    """The date, and the commit."""
    return {"date": time.strftime("%Y-%m-%d %H:%M", time.gmtime()), "commit": commit()}


def record(steps: Mapping[str, Figures], counts: Mapping[str, Mapping[str, int]]) -> Run:
    """A run, as it is kept."""
    return {
        **when(),
        "machine": machine(),
        "versions": versions(),
        "steps": dict(steps),
        "instructions": dict(counts),
    }


def save(run: Run, folder: Path = RUNS) -> Path:
    """Keep a run."""
    folder.mkdir(parents=True, exist_ok=True)
    day = run["date"].replace(" ", "-").replace(":", "")
    file = folder / f"{day}-{run['commit'].rstrip('+')}.json"
    file.write_text(dumped(run), encoding="utf-8")
    return file


def dumped(run: Run) -> str:
    """As JSON; a list of numbers stands on one line."""
    text = json.dumps(run, indent=1, ensure_ascii=False) + "\n"
    return re.sub(
        r"\[[^\[\]{}]*\]",
        lambda found: re.sub(r"\s+", " ", found[0]).replace("[ ", "[").replace(" ]", "]"),
        text,
    )


def runs(folder: Path = RUNS) -> list[Run]:
    """All that are kept, the oldest first."""
    return sorted(
        (json.loads(file.read_text(encoding="utf-8")) for file in folder.glob("*.json")),
        key=lambda run: str(run["date"]),
    )


def kind(run: Run) -> tuple[str, ...]:
    """What has to be alike for ratios to be comparable: the machine, and the releases of Python and NumPy."""
    releases = [".".join(run["versions"][name].split(".")[:2]) for name in ("Python", "NumPy")]
    return (run["machine"]["processor"], run["machine"]["system"], *releases)


def last_alike(found: Sequence[Run]) -> Run | None:
    """The last run on a machine of this kind."""
    here = kind({"machine": machine(), "versions": versions()})
    return next((run for run in reversed(found) if kind(run) == here), None)
