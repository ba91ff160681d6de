"""How fast the reference is: from the runs and comparisons that are kept in `benchmarks/history`.

@speed           tables: the step by hand, the limit, the reference and other frameworks; `2`: on two threads
@cannot          what other frameworks don't do, and why
@compared_on     machine and versions of that comparison; `2` likewise
@trends          for each workload a drawing of all runs that are kept, and a table of its data
@growth          how cost grows with depth, width, batch and vocabulary
@choices         what single choices are worth, each with the same work without it
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from pagework.places import from_root
from pagework.plot import BOTTOM, COLOURS, DASHES, HEIGHT, LEFT, RIGHT, TOP, WIDTH
from pagework.showing import Page
from pagework.source import ROOT, PageError

HISTORY = ROOT / "benchmarks" / "history"

Run = Mapping[str, Any]

TRACKED = ("framework", "replay")
SHOWN = {"framework": "this framework", "replay": "the same, replayed", "limit": "the limit"}
TICKS = 4
HUNDRED, TENTH = 100, 0.1  # from here on no digits after the point; below, two digits


def comparison(threads: str = "") -> Run:
    """The comparison with other frameworks that is kept, on one thread or so many."""
    return kept(f"peers_{threads}_threads.json" if threads else "peers.json")


def kept(name: str) -> Run:
    """What a file of figures has.

    Raises:
        PageError: There is no such file.
    """
    file = HISTORY / name
    if not file.exists():
        raise PageError(f"there is no {from_root(file)}")
    found: Run = json.loads(file.read_text(encoding="utf-8"))
    return found


def runs() -> list[Run]:
    """All runs that are kept, the oldest first."""
    files = sorted((HISTORY / "runs").glob("*.json"))
    return sorted(
        (json.loads(file.read_text(encoding="utf-8")) for file in files), key=lambda run: str(run["date"])
    )


def speed(_: Page, threads: str) -> str:
    """Workloads and everybody who was asked, a table of ratios to the step by hand for each type."""
    run = comparison(threads)
    types = dict.fromkeys(name.rpartition(", ")[2] for name in run["steps"])
    return "\n\n".join(f"In {dtype}:\n\n{table(run, dtype)}" for dtype in types)


def table(run: Run, dtype: str) -> str:
    """That table, in Markdown.

    Raises:
        PageError: Nothing was compared in that type.
    """
    rows = {
        name.removesuffix(f", {dtype}"): row for name, row in run["steps"].items() if name.endswith(dtype)
    }
    if not rows:
        raise PageError(f"nothing was compared in {dtype!r}")
    sides = list(dict.fromkeys(side for row in rows.values() for side in row if side != "hand"))
    sides = [side for side in sides if any("ratio" in row.get(side, {}) for row in rows.values())]
    lines = [
        f"| step | by hand | {' | '.join(SHOWN.get(side, side) for side in sides)} |",
        f"|---|{'--:|' * (len(sides) + 1)}",
    ]
    for name, row in rows.items():
        cells = [ratio(row.get(side, {})) for side in sides]
        lines.append(f"| {name} | {duration(row['hand']['microseconds'][1])} | {' | '.join(cells)} |")
    return "\n".join(lines)


def ratio(figures: Mapping[str, Any]) -> str:
    """A ratio to three digits; a dash where there is none."""
    return digits(figures["ratio"][1]) if "ratio" in figures else "-"


def digits(value: float) -> str:
    """A number to three digits, without an exponent."""
    return f"{value:.0f}" if value >= HUNDRED else f"{value:.3g}" if value >= TENTH else f"{value:.2g}"


def duration(microseconds: float) -> str:
    """A time in the unit that suits it."""
    for unit, of_it in ((1e-3, "ns"), (1.0, "µs"), (1e3, "ms")):
        if microseconds < 1000 * unit:
            return f"{digits(microseconds / unit)} {of_it}"
    return f"{digits(microseconds / 1e6)} s"


def compared_on(_: Page, threads: str) -> str:
    """Machine, versions and commit of the comparison."""
    return origin(comparison(threads))


def origin(run: Run) -> str:
    """Where a run was made, in a sentence; which rows are of another commit than most, in a second one."""
    versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    machine, threads = run["machine"], run.get("threads", 1)
    commits: dict[str, list[str]] = {}
    for workload, measured in run.get("measured", {"": run}).items():
        commits.setdefault(measured["commit"], []).append(workload)
    most = max(commits, key=lambda commit: len(commits[commit]))
    dates = sorted(
        measured["date"] for measured in run.get("measured", {"": run}).values() if measured["commit"] == most
    )
    others = "".join(
        f" At `{commit}`: {'; '.join(workloads)}." for commit, workloads in commits.items() if commit != most
    )
    return (
        f"Measured {' to '.join(dict.fromkeys((dates[0], dates[-1])))} (UTC) at commit `{most}`, on "
        f"{'one core' if threads == 1 else f'{threads} cores'} of a machine with "
        f"{machine['cores']} ({machine['processor']}, {machine['system']}); {versions}.{others}"
    )


def cannot(_: Page, __: str) -> str:
    """What isn't in the tables, and why."""
    return "\n".join(f"- **{side}**, {where}: {why}." for side, where, why in refusals(comparison()))


def refusals(run: Run) -> Iterator[tuple[str, str, str]]:
    """Who doesn't do what: the side, the workloads, and why."""
    found: dict[tuple[str, str], list[str]] = {}
    for workload, row in run["steps"].items():
        for side, figures in row.items():
            if "cannot" in figures:
                found.setdefault((side, figures["cannot"]), []).append(workload)
    for (side, why), workloads in found.items():
        kinds = dict.fromkeys(workload.rpartition(", ")[0] for workload in workloads)
        everything = len(kinds) == len({name.rpartition(", ")[0] for name in run["steps"]})
        types = {workload.rpartition(", ")[2] for workload in workloads}
        which = "everything" if everything else ", ".join(kinds)
        yield side, which if len(types) > 1 else f"{which} in {types.pop()}", why


def trends(_: Page, __: str) -> str:
    """A drawing for each workload and machine, and under it what was drawn."""
    return "\n\n".join(drawn(runs()))


def drawn(found: Sequence[Run]) -> Iterator[str]:
    """The figures, machine by machine, as HTML.

    Raises:
        PageError: No run is kept.
    """
    if not found:
        raise PageError(f"no run is kept in {from_root(HISTORY / 'runs')}")
    machines: dict[str, list[Run]] = {}
    for run in found:
        python = run["versions"]["Python"].rpartition(".")[0]
        machine = f"{run['machine']['processor']}, {run['machine']['system']}, {python}"
        machines.setdefault(machine, []).append(run)
    for number, (machine, on_it) in enumerate(machines.items()):
        yield f"**{machine}**"
        for workload in dict.fromkeys(name for run in on_it for name in run["steps"]):
            yield figure(workload, [run for run in on_it if workload in run["steps"]], f"trend-{number}")


def figure(workload: str, found: Sequence[Run], prefix: str) -> str:
    """The drawing of one workload, with a title and a description, and a table of its data."""
    id = f"{prefix}-" + "".join(c if c.isalnum() else "-" for c in workload)
    sides = [side for side in TRACKED if any(side in run["steps"][workload] for run in found)]
    last = found[-1]["steps"][workload]
    newest = "; ".join(f"{SHOWN[side]} {digits(last[side]['ratio'][1])}" for side in sides if side in last)
    several = f"{len(found)} run{'s' * (len(found) > 1)}"
    described = f"{several}, from {found[0]['date']} to {found[-1]['date']}. The last: {newest}."
    heads = "".join(f"<th>{SHOWN[side]}</th><th>instructions</th>" for side in sides)
    rows = "".join(
        f"<tr><td>{run['date']}</td><td><code>{escape(run['commit'])}</code></td>"
        f"<td>{duration(run['steps'][workload]['hand']['microseconds'][1])}</td>"
        + "".join(_cells(run, workload, side) for side in sides)
        + "</tr>"
        for run in reversed(found)
    )
    return (
        f'<figure class="trend" data-search-exclude>'
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-labelledby="{id}-title {id}-text" font-family="sans-serif" font-size="12">'
        f'<title id="{id}-title">{escape(workload)}: time of a step, relative to the one by hand</title>'
        f'<desc id="{id}-text">{escape(described)}</desc>{"".join(_curves(workload, found, sides))}</svg>'
        f"<figcaption>{escape(workload)}</figcaption><details><summary>{several}</summary>"
        f"<table><thead><tr><th>date</th><th>commit</th><th>by hand</th>{heads}</tr></thead>"
        f"<tbody>{rows}</tbody></table></details></figure>"
    )


def _cells(run: Run, workload: str, side: str) -> str:
    """A ratio with the range of its starts, and the instructions, relative to those by hand."""
    figures, counts = run["steps"][workload].get(side), run["instructions"].get(workload, {})
    starts = (
        f"{digits(figures['ratio'][1])} ({' to '.join(map(digits, figures['starts']))})" if figures else "-"
    )
    counted = digits(counts[side] / counts["hand"]) if side in counts else "-"
    return f"<td>{starts}</td><td>{counted}</td>"


def _curves(workload: str, found: Sequence[Run], sides: Sequence[str]) -> Iterator[str]:
    """Grid, bands of noise, lines and points: a run's place is its number, from the left."""
    steps = [run["steps"][workload] for run in found]
    highest = max(step[side]["starts"][1] for step in steps for side in sides if side in step)
    right, low, top = WIDTH - RIGHT, HEIGHT - BOTTOM, TOP

    def x(number: int) -> float:
        return round(
            (LEFT + right) / 2 if len(found) == 1 else LEFT + number * (right - LEFT) / (len(found) - 1), 1
        )

    def y(value: float) -> float:
        return round(float(low - value / (1.05 * highest) * (low - top)), 1)

    for tick in range(TICKS + 1):
        value = tick * highest / TICKS
        yield f'<path d="M{LEFT} {y(value)}H{right}" stroke="currentColor" opacity=".15"/>'
        beside = f'x="{LEFT - 6}" y="{y(value) + 4}"'
        yield f'<text {beside} text-anchor="end" fill="currentColor">{digits(value)}</text>'
    for number, run in enumerate(found):
        # As many as don't run into each other.
        if number % (1 + len(found) // 8) == 0:
            yield (
                f'<text x="{x(number)}" y="{low + 18}" text-anchor="middle" fill="currentColor">'
                f"{escape(run['commit'][:7])}</text>"
            )
    for number, side in enumerate(sides):
        colour, dash = COLOURS[number], DASHES[number]
        at = [(x(k), step[side]) for k, step in enumerate(steps) if side in step]
        band = [(place, y(each["starts"][0])) for place, each in at]
        band += [(place, y(each["starts"][1])) for place, each in reversed(at)]
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        line = " ".join(f"{place},{y(each['ratio'][1])}" for place, each in at)
        around = " ".join(f"{a},{b}" for a, b in band)
        yield f'<polygon points="{around}" fill="{colour}" stroke="{colour}" opacity=".25"/>'
        yield f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'
        for place, each in at:
            yield f'<circle cx="{place}" cy="{y(each["ratio"][1])}" r="3" fill="{colour}"/>'
        left = LEFT + 170 * number
        yield f'<path d="M{left} 14h24" stroke="{colour}" stroke-width="2"{dashes}/>'
        yield f'<text x="{left + 30}" y="18" fill="currentColor">{SHOWN[side]}</text>'


def growth(_: Page, __: str) -> str:
    """What was measured of growth, as tables."""
    return grown(kept("growth.json"))


def grown(run: Run) -> str:
    """For each series the sizes, what a step costs at each, and what that is for each part of it."""
    lines = []
    for name, series in run["series"].items():
        lines += [
            f"**{name}**",
            "",
            f"| {series['of']} | a step | for each {series['each']} |",
            "|--:|--:|--:|",
        ]
        for size, microseconds, each in series["costs"]:
            lines.append(f"| {size:,} | {duration(microseconds)} | {duration(each)} |")
        lines.append("")
    return "\n".join(lines)


def choices(_: Page, __: str) -> str:
    """For each choice how many times as long the same work takes without it, and where that was measured."""
    return chosen(kept("steps.json"))


def chosen(run: Run) -> str:
    """That table, with the quartiles of the rounds."""
    lines = ["| the same work, without the choice or with it | times as long without | half of the rounds |"]
    lines.append("|---|--:|--:|")
    for step in run["steps"]:
        low, high = (digits(quartile) for quartile in step["quartiles"])
        lines.append(f"| {step['says']} | {digits(step['ratio'])} | {low} to {high} |")
    return "\n".join([*lines, "", f"Measured on {run['date']} (UTC): {run['machine']}."])


DIRECTIVES = {
    "speed": speed,
    "cannot": cannot,
    "compared_on": compared_on,
    "trends": trends,
    "growth": growth,
    "choices": choices,
}
