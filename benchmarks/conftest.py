"""Collects the ratios that the benchmarks find, and shows them at the end."""

from __future__ import annotations

import pytest

RATIOS = pytest.StashKey[dict[str, float]]()


@pytest.fixture
def ratios(request: pytest.FixtureRequest) -> dict[str, float]:
    """Where a benchmark leaves its ratio to hand-written NumPy."""
    return request.config.stash.setdefault(RATIOS, {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show the ratios."""
    found = config.stash.get(RATIOS, {})
    if found:
        terminalreporter.write_sep("-", "time of a training step, relative to hand-written NumPy")
        for name, ratio in found.items():
            terminalreporter.write_line(f"{name:<16} {ratio:6.2f}")
