"""The comparison with other frameworks: what is kept of it, and what is left of a run that was cut off."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks import pairs
from benchmarks.peers import __main__ as peers
from benchmarks.peers import table
from benchmarks.workloads import WORKLOADS

XOR, CHAIN = "XOR, float64", "chain of 10000, float64"


def run(*workloads: str, commit: str = "a", **more: Any) -> dict[str, Any]:
    """A run that measured these."""
    return {
        "machine": {"processor": "an abacus"},
        "threads": 1,
        "versions": {"NumPy": "2.4.6"},
        "measured": {name: {"date": "today", "commit": commit} for name in workloads},
        "steps": {name: {"hand": {"microseconds": [1, 2, 3]}, "by": {"ratio": commit}} for name in workloads},
        **more,
    }


def test_a_row_that_is_measured_again_takes_the_place_of_the_old_one_and_the_others_stay() -> None:
    both = peers.merged(run(CHAIN, XOR), run(XOR, commit="b"))
    assert list(both["steps"]) == [XOR, CHAIN]
    assert [both["steps"][name]["by"]["ratio"] for name in (XOR, CHAIN)] == ["b", "a"]
    assert [both["measured"][name]["commit"] for name in (XOR, CHAIN)] == ["b", "a"]


@pytest.mark.parametrize(
    "other",
    [
        {"machine": {"processor": "a slide rule"}},
        {"threads": 2},
        {"versions": {"NumPy": "1.0", "JAX": "1"}},
    ],
)
def test_rows_of_another_machine_or_release_do_not_stand_beside_new_ones(other: dict[str, Any]) -> None:
    assert list(peers.merged(run(CHAIN, **other), run(XOR))["steps"]) == [XOR]


def test_a_release_that_only_one_of_the_runs_has_is_no_difference() -> None:
    kept = run(CHAIN, versions={"NumPy": "2.4.6", "JAX": "1"})
    assert peers.merged(kept, run(XOR))["versions"] == {"NumPy": "2.4.6", "JAX": "1"}


def test_what_was_measured_at_this_commit_needs_not_be_done_again() -> None:
    kept = run(CHAIN)
    assert peers.to_do([XOR, CHAIN], kept, "a") == [XOR]
    assert peers.to_do([XOR, CHAIN], kept, "b") == [XOR, CHAIN]
    assert peers.to_do([XOR, CHAIN], None, "a") == [XOR, CHAIN]


def test_files_that_were_changed_since_the_commit_make_everything_new() -> None:
    assert peers.to_do([CHAIN], run(CHAIN, commit="a+"), "a+") == [CHAIN]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["abakus"], "no peer is called abakus"),
        (["--only", "nothing"], "no workload matches 'nothing'; there are XOR, float64"),
        (["--threads", "0"], "--threads 0: this machine has"),
        (["--save", "torch"], "--save keeps whole rows"),
        (["--resume"], "say both"),
    ],
)
def test_what_makes_no_sense_is_said(
    asked: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["peers", "folder", *asked])
    with pytest.raises(SystemExit):
        peers.arguments()
    assert message in capsys.readouterr().err


def test_peers_are_named_before_or_after_what_is_asked_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["peers", "folder", "--only", "XOR", "torch", "autograd"])
    asked = peers.arguments()
    assert asked.names == ["torch", "autograd"]
    assert asked.workloads == [XOR, "XOR, float32"]


def test_on_several_threads_the_large_arrays_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr(sys, "argv", ["peers", "folder", "--threads", "2"])
    kinds = {WORKLOADS[name]().kind for name in peers.arguments().workloads if "10^7" not in name}
    assert kinds == {"mlp"}
    assert sum("10^7" in name for name in peers.arguments().workloads) == 6


def test_the_reference_is_compared_without_any_peer() -> None:
    versions: dict[str, str] = {}
    row = peers.compared(XOR, {}, versions)
    assert list(row) == ["hand", *(side for side in pairs.SIDES if side != "hand")]
    assert all(len(row[side]["ratio"]) == 3 for side in row if side != "hand")
    assert versions == {"NumPy": np.__version__}
    if Path("/proc/self/clear_refs").exists():
        assert row["framework"]["megabytes"][0] < 1
    text = table.text({"steps": {XOR: row}})
    assert "float64: time of a step" in text


class Clocked:
    """A side that says it takes so long."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def seconds_per_step(self) -> float:
        """The time."""
        return self.seconds


def test_who_is_much_slower_takes_fewer_turns() -> None:
    workers: Any = {"hand": Clocked(0.01), "near": Clocked(0.09), "far": Clocked(0.2)}
    taken = pairs.in_turns(workers, 7, few=3)
    assert {side: len(found) for side, found in taken.items()} == {"hand": 7, "near": 7, "far": 3}
    assert [len(found) for found in pairs.ratios(taken).values()] == [7, 3]
    # A turn is as long for who is slow on something small.
    small: Any = {"hand": Clocked(1e-6), "far": Clocked(1e-3)}
    assert len(pairs.in_turns(small, 7, few=3)["far"]) == 7


@pytest.mark.parametrize(
    ("step", "peak", "left"),
    [
        (lambda: np.ones(5_000_000).sum(), 40, 0),
        (lambda: None, 0, 0),
    ],
)
def test_the_peak_of_a_step_is_what_it_needs_at_once(
    step: Callable[[], None], peak: float, left: float
) -> None:
    found = pairs.memory_of(step)
    if found is None:
        pytest.skip("the system doesn't tell")
    assert found == pytest.approx([peak, left], abs=1)


def test_what_a_step_leaves_is_told() -> None:
    left: list[Any] = []
    found = pairs.memory_of(lambda: left.append(np.ones(1_000_000)))
    if found is None:
        pytest.skip("the system doesn't tell")
    assert found[1] == pytest.approx(8, abs=1)


def test_two_threads_are_limited_to_two_and_timed_by_the_clock_on_the_wall() -> None:
    worker = pairs.Worker("tests.sleeper", XOR, threads=2)
    try:
        asked = time.monotonic()
        assert worker.seconds_per_step() == pytest.approx(0.01, rel=0.9)
        assert time.monotonic() - asked >= pairs.PAUSE
        assert math.isclose(worker.results()[0], 2)
    finally:
        worker.stop()
    worker = pairs.Worker("tests.sleeper", XOR)
    try:
        assert worker.seconds_per_step() < 0.005
        assert math.isclose(worker.results()[0], 1)
    finally:
        worker.stop()
