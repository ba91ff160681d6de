"""Collects what the benchmarks find, shows it at the end, and keeps it if asked to.

--save       add the run to `benchmarks/history/runs`
--compare    fail where a step takes longer than in the last run that was kept of such a machine
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import growth, instructions, operands, pairs, tracking
from benchmarks.workloads import WORKLOADS


@dataclass
class Session:
    """A run under way.

    Attributes:
        quick: Whether nothing is kept or compared, so that a look is enough.
        before: What it is compared with.
        found: The figures of each workload.
        counts: The instructions of each workload that are counted.
        operations: For each op and size what it takes forward, and its pullback, in microseconds.
        growth: For each series the sizes, and what a step and a part of it cost in microseconds.
        lines: What there is to say at the end.
    """

    quick: bool = True
    before: tracking.Run | None = None
    found: dict[str, tracking.Figures] = field(default_factory=dict)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    operations: operands.Times = field(default_factory=dict)
    growth: dict[str, list[tuple[int, float, float]]] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def note(self, way: str, op: str, side: int, benchmark: BenchmarkFixture) -> None:
        """Keep the quartiles of what was just timed; with `--benchmark-disable` nothing was."""
        if benchmark.stats is not None:
            found = benchmark.stats.stats
            taken = tracking.rounded(1e6 * seconds for seconds in (found.q1, found.median, found.q3))
            self.operations.setdefault(op, {}).setdefault(str(side), {})[way] = taken


SESSION = pytest.StashKey[Session]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options."""
    group = parser.getgroup("history of speed")
    group.addoption("--save", action="store_true", help="keep what is found in benchmarks/history/runs")
    group.addoption("--compare", action="store_true", help="fail where a step is slower than in the last")


def pytest_configure(config: pytest.Config) -> None:
    """Find what to compare with.

    Raises:
        pytest.UsageError: There is nothing.
    """
    quick = not (config.getoption("--save") or config.getoption("--compare"))
    session = config.stash[SESSION] = Session(quick)
    if config.getoption("--compare"):
        session.before = tracking.last_alike(tracking.runs())
        if session.before is None:
            raise pytest.UsageError("no run of such a machine is kept: `nox -s bench -- --save` keeps one")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes long and is only for who keeps or compares it, and what can't be had."""
    quick = config.stash[SESSION].quick
    left_out = ("test_instructions",) * (quick or not instructions.available()) + ("test_growth",) * quick
    if quick:
        left_out += tuple(
            f"test_step[{name}-{side}" for name in WORKLOADS for side in pairs.SIDES.keys() - tracking.QUICK
        )
    items[:] = [item for item in items if not item.name.startswith(left_out)]


@pytest.fixture
def session(request: pytest.FixtureRequest) -> Session:
    """The run under way."""
    return request.config.stash[SESSION]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Keep what was found of each kind, if all of that kind was."""
    found = session.config.stash[SESSION]
    if not session.config.getoption("--save"):
        return
    if missing := WORKLOADS.keys() - found.found.keys():
        found.lines.append(f"not kept: {len(missing)} workloads weren't measured")
    else:
        found.lines.append(f"kept: {tracking.save(tracking.record(found.found, found.counts))}")
    if found.growth.keys() == growth.SERIES.keys():
        growth.HISTORY.write_text(tracking.dumped(growth.record(found.growth)), encoding="utf-8")
        found.lines.append(f"kept: {growth.HISTORY}")
    if operands.all_in(found.operations):
        run = tracking.record({}, {}) | {"operations": found.operations}
        del run["steps"], run["instructions"]
        operands.HISTORY.write_text(tracking.dumped(run), encoding="utf-8")
        found.lines.append(f"kept: {operands.HISTORY}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show the ratios."""
    session = config.stash[SESSION]
    if session.found:
        terminalreporter.write_sep("-", "time of a step, relative to hand-written NumPy")
        for name, figures in session.found.items():
            ratios = {side: each["ratio"][1] for side, each in figures.items() if side != "hand"}
            terminalreporter.write_line(_line(name, ratios))
    if session.counts:
        terminalreporter.write_sep("-", "instructions of a step, relative to hand-written NumPy")
        for name, counts in session.counts.items():
            ratios = {side: count / counts["hand"] for side, count in counts.items() if side != "hand"}
            terminalreporter.write_line(_line(name, ratios))
    elif session.found and not instructions.available():
        terminalreporter.write_line("Valgrind isn't installed: no instructions were counted")
    for name, costs in session.growth.items():
        terminalreporter.write_sep("-", f"{name}: microseconds, and for each {growth.SERIES[name][2]}")
        for size, cost, each in costs:
            terminalreporter.write_line(
                f"{size:>9,} {growth.SERIES[name][1]:<6} {cost:>12,.1f} {each:>10.4g}"
            )
    if session.before is not None:
        terminalreporter.write_line(f"compared with {session.before['commit']} of {session.before['date']}")
    for line in session.lines:
        terminalreporter.write_line(line)


def _line(name: str, ratios: Mapping[str, float]) -> str:
    return f"{name:<28} " + "   ".join(f"{side} {ratio:7.3f}" for side, ratio in ratios.items())
