"""Whether a step has become slower is told from noise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks import instructions, pairs, tracking

XOR = "XOR, float64"
SIDES = {side: pairs.SIDES[side] for side in ("hand", "framework")}


def run_with(ratio: float, lowest: float, highest: float, **more: Any) -> tracking.Run:
    """A run that found this for one side of one workload."""
    figures = {"ratio": [lowest, ratio, highest], "starts": [lowest, highest]}
    return {"steps": {XOR: {"hand": {"microseconds": [1, 2, 3]}, "framework": figures}}, **more}


@pytest.mark.parametrize(
    ("now", "worse"),
    [
        ((2.0, 1.95, 2.05), False),
        ((1.5, 1.45, 1.55), False),
        ((2.08, 2.04, 2.1), False),  # starts overlap
        ((2.09, 2.06, 2.3), False),  # noisy: starts differ by more than the medians
        ((2.3, 2.25, 2.35), True),
    ],
)
def test_only_what_lies_beyond_all_starts_is_a_regression(
    now: tuple[float, float, float], worse: bool
) -> None:
    found = tracking.regressions(XOR, run_with(*now)["steps"][XOR], run_with(2.0, 1.95, 2.05))
    assert bool(found) == worse
    assert not worse or found == [
        f"{XOR}, framework: 2.3 times as long as by hand, 2 before; starts differ by 0.1"
    ]


def test_what_is_new_is_no_regression() -> None:
    now = run_with(9, 8, 10)["steps"][XOR]
    assert tracking.regressions(XOR, now, None) == []
    assert tracking.regressions("another", now, run_with(1, 1, 1)) == []


def test_more_instructions_are_told_relative_to_those_by_hand() -> None:
    before = {"instructions": {XOR: {"hand": 1000, "framework": 3000}}}
    assert tracking.more_instructions(XOR, {"hand": 2000, "framework": 6000}, before) == []
    assert tracking.more_instructions(XOR, {"hand": 1000, "framework": 3050}, before) == []
    assert tracking.more_instructions(XOR, {"hand": 1000, "framework": 3090}, before) == [
        f"{XOR}, framework: 3090 instructions, 3000 before"
    ]
    assert tracking.more_instructions(XOR, {"hand": 1000, "framework": 9999}, None) == []


def test_a_run_is_kept_and_found_again(tmp_path: Path) -> None:
    older = tracking.record(run_with(1, 1, 1)["steps"], {}) | {"date": "2026-01-01 00:00"}
    newer = tracking.record(run_with(2, 2, 2)["steps"], {XOR: {"hand": 1}}) | {"date": "2026-01-02 00:00"}
    for run in (newer, older):
        tracking.save(run, tmp_path)
    assert tracking.runs(tmp_path) == [older, newer]
    assert tracking.last_alike(tracking.runs(tmp_path)) == newer
    elsewhere = newer | {"machine": newer["machine"] | {"processor": "an abacus"}}
    assert tracking.last_alike([older, elsewhere]) == older
    assert tracking.last_alike([elsewhere]) is None


def test_another_release_of_python_is_another_machine() -> None:
    run = tracking.record({}, {})
    assert tracking.kind(run) == tracking.kind(json.loads(tracking.dumped(run)))
    older = run | {"versions": run["versions"] | {"Python": "CPython 3.9.1"}}
    assert tracking.kind(run) != tracking.kind(older)


class Clock:
    """A machine with as much noise as was seen on one: of rounds, of starts, and of the whole machine."""

    def __init__(self, slower: float = 1.0) -> None:
        self.noise = np.random.default_rng(0)
        self.slower = slower

    def times(self, workload: str, rounds: int, sides: Any) -> dict[str, list[float]]:
        """Seconds that a step takes, for each side and round of one start."""
        start, machine = 1 + 0.01 * self.noise.standard_normal(), 1 + self.noise.random(rounds)
        steps = {"hand": 20e-6, "framework": 60e-6 * start * self.slower}
        return {
            side: list(steps[side] * machine * (1 + 0.01 * self.noise.standard_normal(rounds)))
            for side in sides
        }


def test_a_slowdown_of_a_tenth_is_noticed_and_an_unchanged_step_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    monkeypatch.setattr(pairs, "times", clock.times)
    before = {"steps": {XOR: tracking.measured(XOR, sides=SIDES)}}
    for _ in range(50):
        again = tracking.confirmed(XOR, tracking.measured(XOR, sides=SIDES), before, SIDES)
        assert tracking.regressions(XOR, again, before) == []
    clock.slower = 1.1
    for _ in range(50):
        slow = tracking.confirmed(XOR, tracking.measured(XOR, sides=SIDES), before, SIDES)
        assert len(tracking.regressions(XOR, slow, before)) == 1


@pytest.mark.skipif(not instructions.available(), reason="Valgrind isn't installed")
def test_instructions_are_the_same_each_time_and_more_with_a_planted_slowdown() -> None:
    first, again = (instructions.per_step("benchmarks.hand", XOR) for _ in range(2))
    assert abs(first - again) < first / 1000
    usual, slow = (instructions.per_step(side, XOR) for side in ("benchmarks.framework", "tests.slowed"))
    assert slow > 1.05 * usual


def test_what_cannot_be_done_is_said_with_the_reason() -> None:
    with pytest.raises(pairs.CannotDoError, match=r"ModuleNotFoundError: No module named 'tests.nothing'"):
        pairs.Worker("tests.nothing", XOR)


def test_what_is_recorded_first_is_not_what_is_timed() -> None:
    turns: list[float] = []
    for ask_results in (True, False):
        worker = pairs.Worker("tests.starter", XOR)
        try:
            if ask_results:
                worker.results()
            turns += [worker.seconds_per_step() for _ in range(2)]
            taken = worker.results()[0]
        finally:
            worker.stop()
        # So many steps fill a turn, which one that was timed while it records would have been taken for.
        assert taken > 10 * pairs.STEPS
    assert max(turns) < 0.01


def test_a_side_that_gets_something_else_is_noticed() -> None:
    right = pairs.by_hand(XOR)
    pairs.assert_same(XOR, right, right, "hand")
    wrong = [x + 1e-6 for x in right]
    with pytest.raises(AssertionError, match="framework"):
        pairs.assert_same(XOR, wrong, right, "framework")
    whole = [np.array([1.0, 2.0])]
    with pytest.raises(AssertionError, match="framework: float32 instead of float64"):
        pairs.assert_same(XOR, [x.astype("float32") for x in whole], whole, "framework")
