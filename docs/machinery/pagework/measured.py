"""Tables of what was measured: where the reference stands, beside its aims and beside others.

@steps TYPE      whole steps in `float64` or `float32`: what there was, what there is, the limit and the aim
@replays TYPE    the same, recorded and repeated
@operations      single operations at the smallest and the largest size, each with its pullback
@measured_on     machine, versions and commit of the last run that is kept; `operations`, `growth`: of these
@ahead           where another framework that runs op by op, or `torch.compile`, is as fast or faster
@peaks           memory at the peak of a step, beside other frameworks; and where one of them needs less

What is aimed at, and what there was before there were runs, stands in `benchmarks/history/aims.json`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pagework.showing import Page
from pagework.source import PageError
from pagework.trends import HISTORY, SHOWN, Run, comparison, digits, duration, kept, origin, runs

OP_BY_OP = ("torch", "torch.compile", "torch sparse", "autograd", "mygrad", "micrograd")
"""Who is to be left behind in every row; `torch.compile` compiles, and is how PyTorch is made fast."""

ON_THE_PAGE = (
    *("add", "multiply", "tanh", "sigmoid", "sum", "mm", "index_select", "softmax", "cross_entropy"),
    *("linear", "rnn_cell", "lstm_cell"),
)
"""The operations that are shown: the file has all."""

PEAKS = ("hand", "framework", "replay", "limit", "torch", "torch.compile", "jax.jit", "autograd", "mygrad")
"""Whose memory is shown; tinygrad keeps its own, and shows none."""


def aims() -> dict[str, dict[str, Any]]:
    """For each workload what it is, what is aimed at, and what was measured before runs were kept."""
    found: dict[str, dict[str, Any]] = json.loads((HISTORY / "aims.json").read_text(encoding="utf-8"))
    return found


def last() -> Run:
    """The last run that is kept.

    Raises:
        PageError: There is none.
    """
    found = runs()
    if not found:
        raise PageError("no run is kept in benchmarks/history/runs")
    return found[-1]


def steps(_: Page, dtype: str) -> str:
    """Whole steps in one type."""
    return stood(last(), comparison(), aims(), dtype)


def stood(run: Run, beside: Run, aimed: Mapping[str, Mapping[str, Any]], dtype: str) -> str:
    """That table: with an aim in float64; in float32 it is to be ahead of others.

    Raises:
        PageError: Nothing was measured in that type.
    """
    found = dict(_of(run, aimed, dtype))
    if dtype == "float64":
        head = "| step | at first | before | now | the limit | aim | now / aim |"
    else:
        head = "| step | now | the limit | to be ahead of | now / that |"
    lines = [head, f"|---|{'--:|' * (head.count('|') - 2)}"]
    for name, row in found.items():
        aim, now, limit = aimed[name], row["framework"]["ratio"][1], row["limit"]["ratio"][1]
        if dtype == "float64":
            goal = float(aim["framework"])
            cells = [digits(aim["at first"]), digits(aim["before"]), digits(now), digits(limit), digits(goal)]
            cells.append(digits(now / goal))
        else:
            others = sorted(_others(beside["steps"].get(f"{name}, {dtype}", {})))
            ahead_of = [(f"{side}, {digits(ratio)}", digits(now / ratio)) for ratio, side in others]
            cells = [digits(now), digits(limit), *(ahead_of[0] if ahead_of else ("-", "-"))]
        lines.append(f"| {aim['says']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def replays(_: Page, dtype: str) -> str:
    """Steps that are recorded and repeated, in one type."""
    return replayed(last(), aims(), dtype)


def replayed(run: Run, aimed: Mapping[str, Mapping[str, Any]], dtype: str) -> str:
    """That table; the aims are of float64."""
    head = "| step | framework | replay | the limit |" + " aim |" * (dtype == "float64")
    lines = [head, f"|---|{'--:|' * (head.count('|') - 2)}"]
    for name, row in _of(run, aimed, dtype):
        if "replay" not in row:
            continue
        cells = [digits(row[side]["ratio"][1]) for side in ("framework", "replay", "limit")]
        if dtype == "float64":
            goal = aimed[name].get("replay")
            cells.append("-" if goal is None else digits(goal))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def operations(_: Page, __: str) -> str:
    """Single operations, with their pullbacks."""
    return timed(kept("operations.json"), ON_THE_PAGE)


def timed(run: Run, names: Iterable[str]) -> str:
    """That table: the smallest and the largest size.

    Raises:
        PageError: An operation wasn't measured.
    """
    found = run["operations"]
    if missing := [name for name in names if name not in found]:
        raise PageError(f"no operation {', '.join(missing)} was measured")
    sizes = sorted(map(int, next(iter(found.values()))))
    ends = (sizes[0], sizes[-1])
    heads = " | ".join(f"{size}x{size} forward | pullback" for size in ends)
    lines = [f"| operation | {heads} |", f"|---|{'--:|' * 4}"]
    for name in names:
        cells = [duration(found[name][str(size)][way][1]) for size in ends for way in ("forward", "pullback")]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def measured_on(_: Page, what: str) -> str:
    """Where it was measured, and at which commit."""
    return origin(kept(f"{what}.json") if what else last())


def ahead(_: Page, __: str) -> str:
    """Where another is as fast, or faster."""
    return "\n".join(standing(comparison()))


def standing(run: Run) -> Iterator[str]:
    """A sentence on all, and a point of a list for each row in which somebody is ahead."""
    behind = []
    for workload, row in run["steps"].items():
        own = row["framework"]["ratio"][1]
        if faster := sorted(other for other in _others(row) if other[0] <= own):
            behind.append(_told(workload, digits(own), [(side, digits(ratio)) for ratio, side in faster]))
    yield from _ahead(len(run["steps"]), behind)


def _ahead(rows: int, behind: list[str]) -> Iterator[str]:
    yield (
        f"In {rows - len(behind)} of {rows} rows it is ahead of every framework that works op by op and of "
        "`torch.compile`." + " It is not in these:\n" * bool(behind)
    )
    yield from behind


def _told(workload: str, own: str, others: Iterable[tuple[str, str]]) -> str:
    return f"- {workload}: this framework {own}; {', '.join(f'{side} {figure}' for side, figure in others)}"


def peaks(_: Page, __: str) -> str:
    """Memory at the peak of a step, and who needs less."""
    run = comparison()
    return "\n".join([peaked(run), "", *leaner(run)])


def peaked(run: Run) -> str:
    """That table; of steps that take a quarter of a megabyte or more with somebody.

    Raises:
        PageError: It wasn't measured.
    """
    lines = []
    rows = run["steps"].items()
    sides = [side for side in PEAKS if any("megabytes" in row.get(side, {}) for _, row in rows)]
    if not sides:
        raise PageError("the comparison that is kept has no memory in it: measure it anew")
    lines = [f"| MB | {' | '.join(SHOWN.get(side, side) for side in sides)} |", f"|---|{'--:|' * len(sides)}"]
    for workload, row in rows:
        found = [row.get(side, {}).get("megabytes", [None])[0] for side in sides]
        if max(value or 0 for value in found) >= GRAIN:
            lines.append(f"| {workload} | {' | '.join(map(_megabytes, found))} |")
    return "\n".join(lines)


def leaner(run: Run) -> Iterator[str]:
    """As for time, a sentence and a list of who needs less, where there is a difference to be seen."""
    behind, rows = [], 0
    for workload, row in run["steps"].items():
        if "megabytes" not in row["framework"]:
            continue
        rows += 1
        own = row["framework"]["megabytes"][0]
        found = [(row[side]["megabytes"][0], side) for side in OP_BY_OP if "megabytes" in row.get(side, {})]
        if less := sorted(other for other in found if other[0] < own - GRAIN):
            behind.append(_told(workload, _megabytes(own), [(side, _megabytes(mb)) for mb, side in less]))
    yield from _ahead(rows, behind)


GRAIN = 0.25
"""Megabytes that the system counts by."""


def _megabytes(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}" if value >= 1 else f"{value:.1f}"


def _of(run: Run, aimed: Iterable[str], dtype: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The workloads of a run in one type, in the order of the aims."""
    found = [name for name in aimed if f"{name}, {dtype}" in run["steps"]]
    if not found:
        raise PageError(f"nothing was measured in {dtype!r}")
    for name in found:
        yield name, run["steps"][f"{name}, {dtype}"]


def _others(row: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[float, str]]:
    """Who is to be left behind, with the ratio of each."""
    for side in OP_BY_OP:
        if "ratio" in row.get(side, {}):
            yield row[side]["ratio"][1], side


DIRECTIVES = {
    "steps": steps,
    "replays": replays,
    "operations": operations,
    "measured_on": measured_on,
    "ahead": ahead,
    "peaks": peaks,
}
