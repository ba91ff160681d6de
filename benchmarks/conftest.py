"""Collects the ratios that the benchmarks find, and shows them at the end."""

from __future__ import annotations

import pytest

RATIOS = pytest.StashKey[dict[str, dict[str, float]]]()


@pytest.fixture
def ratios(request: pytest.FixtureRequest) -> dict[str, dict[str, float]]:
    """Where a benchmark leaves ratios to hand-written NumPy."""
    return request.config.stash.setdefault(RATIOS, {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show the ratios."""
    found = config.stash.get(RATIOS, {})
    if found:
        terminalreporter.write_sep("-", "time of a step, relative to hand-written NumPy")
        for name, ratios in found.items():
            each = "   ".join(f"{side} {ratio:7.3f}" for side, ratio in ratios.items())
            terminalreporter.write_line(f"{name:<28} {each}")
