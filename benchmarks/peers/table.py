"""What a comparison with other frameworks found, as text for a terminal and for a page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "history"

NAME, BY_HAND, COLUMN = 15, 5, 6  # characters
HEADS = {
    "hand": ("hand", "ms"),
    "framework": ("frame", "work"),
    "replay": ("re-", "play"),
    "torch.compile": ("torch", "comp."),
    "autograd": ("auto-", "grad"),
    "jax.jit": ("jax", "jit"),
    "mygrad": ("my-", "grad"),
    "tinygrad": ("tiny-", "grad"),
}
"""How the names of sides stand in narrow columns."""


def history(threads: int = 1) -> Path:
    """Where a comparison is kept."""
    return FOLDER / ("peers.json" if threads == 1 else f"peers_{threads}_threads.json")


def kept(threads: int = 1) -> dict[str, Any]:
    """The comparison that is committed."""
    found: dict[str, Any] = json.loads(history(threads).read_text(encoding="utf-8"))
    return found


def sides(run: dict[str, Any]) -> tuple[list[str], list[str]]:
    """What was compared with the work by hand: who does most of it, and who doesn't."""
    rows = list(run["steps"].values())
    able = Counter({side: 0 for row in rows for side in row if side != "hand"})
    able.update(side for row in rows for side, found in row.items() if "ratio" in found)
    most = [side for side, count in able.items() if 2 * count > len(rows)]
    return most, [side for side in able if side not in most]


def rows(run: dict[str, Any], dtype: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The workloads in one type, each with what was found."""
    for workload, row in run["steps"].items():
        name, _, of = workload.rpartition(", ")
        if of == dtype:
            yield name, row


def ratio(side: dict[str, Any] | None) -> str:
    """A ratio in at most five characters; a dash where there is none."""
    if side is None or "ratio" not in side:
        return "-"
    value = side["ratio"][1]
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}" if value >= 0.1 else f"{value:.3f}"


def megabytes(side: dict[str, Any] | None) -> str:
    """The peak of a step in at most five characters; a dash where it isn't known."""
    if side is None or "megabytes" not in side:
        return "-"
    value = side["megabytes"][0]
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def milliseconds(row: dict[str, Any]) -> str:
    """How long a step takes by hand, in at most five characters."""
    value = row["hand"]["microseconds"][1] / 1000
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}" if value >= 0.1 else f"{value:.3f}"


def reasons(run: dict[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    """Who can't do what: the side, why, and the workloads."""
    found: dict[tuple[str, str], list[str]] = {}
    for workload, row in run["steps"].items():
        for side, figures in row.items():
            if "cannot" in figures:
                found.setdefault((side, figures["cannot"]), []).append(workload)
    for (side, why), workloads in found.items():
        yield side, why, workloads


def text(run: dict[str, Any]) -> str:
    """Tables of 80 columns."""
    most, others = sides(run)
    lines = []
    for dtype in ("float64", "float32"):
        found = list(rows(run, dtype))
        if not found:
            continue
        lines += [f"{dtype}: time of a step, relative to the one by hand", ""]
        for k in range(2):
            heads = [HEADS.get(name, ("", name))[k] for name in ["hand", *most]]
            lines.append(" " * NAME + _line(heads))
        lines += [
            name.ljust(NAME) + _line([milliseconds(row), *(ratio(row.get(side)) for side in most)])
            for name, row in found
        ]
        lines.append("")
        if any("megabytes" in row["hand"] for _, row in found):
            lines += [f"{dtype}: MB at the peak of a step, beyond what is there before it", ""]
            lines += [
                name.ljust(NAME) + _line([megabytes(row.get(side)) for side in ["hand", *most]])
                for name, row in found
            ]
            lines.append("")
    for side in others:
        done = [
            f"{ratio(row[side])} in {name}"
            for name, row in run["steps"].items()
            if "ratio" in row.get(side, {})
        ]
        lines.append(f"{side}: {', '.join(done) or 'nothing'}")
    for side, why, workloads in reasons(run):
        if side not in others:
            lines.append(f"{side}, not {', '.join(workloads)}: {why}")
    return "\n".join(lines)


def _line(cells: list[str]) -> str:
    first, *rest = cells
    return first.rjust(BY_HAND) + "".join(cell.rjust(COLUMN) for cell in rest)
