"""The tables of the performance page: each cell is what was measured, and what is missing is said."""

from __future__ import annotations

from typing import Any

import pytest
from benchmarks.peers.__main__ import PEERS
from benchmarks.workloads import WORKLOADS

from dlspec.catalogue import CATALOGUE
from pagework import measured, trends
from pagework.source import PageError

AIMS = {
    "XOR": {"says": "four rows", "at first": 4.0, "before": 3.5, "framework": 1.0, "replay": 0.5},
    "chain": {"says": "additions", "at first": 10.7, "before": 10.7, "framework": 4.0},
}


def ratios(**found: float) -> dict[str, Any]:
    """The figures of a workload."""
    return {side: {"ratio": [ratio - 0.1, ratio, ratio + 0.1]} for side, ratio in found.items()}


RUN = {
    "steps": {
        "chain, float64": ratios(framework=8, limit=0.9, replay=0.8),
        "XOR, float64": ratios(framework=3, limit=0.3, replay=0.6),
        "XOR, float32": ratios(framework=2, limit=0.3, replay=0.6),
        "chain, float32": ratios(framework=8, limit=0.9),
    }
}
BESIDE = {
    "steps": {
        "XOR, float32": ratios(framework=2, torch=10, mygrad=4) | ratios(**{"jax.jit": 0.5}),
        "XOR, float64": ratios(framework=3, torch=2) | ratios(**{"torch.compile": 1.5, "jax.jit": 0.5}),
        "chain, float64": ratios(framework=3) | {"torch": {"cannot": "it rests"}},
    }
}


def test_a_step_stands_beside_its_aim() -> None:
    assert measured.stood(RUN, BESIDE, AIMS, "float64").splitlines()[2:] == [
        "| four rows | 4 | 3.5 | 3 | 0.3 | 1 | 3 |",
        "| additions | 10.7 | 10.7 | 8 | 0.9 | 4 | 2 |",
    ]


def test_in_float32_the_one_that_is_hardest_to_leave_behind_is_the_aim() -> None:
    assert measured.stood(RUN, BESIDE, AIMS, "float32").splitlines()[2:] == [
        "| four rows | 2 | 0.3 | mygrad, 4 | 0.5 |",
        "| additions | 8 | 0.9 | - | - |",
    ]


def test_what_is_recorded_has_aims_of_its_own() -> None:
    assert measured.replayed(RUN, AIMS, "float64").splitlines()[2:] == [
        "| XOR | 3 | 0.6 | 0.3 | 0.5 |",
        "| chain | 8 | 0.8 | 0.9 | - |",
    ]
    assert measured.replayed(RUN, AIMS, "float32").splitlines()[2:] == ["| XOR | 2 | 0.6 | 0.3 |"]


def test_a_type_that_was_not_measured_is_no_table() -> None:
    with pytest.raises(PageError, match="nothing was measured in 'float16'"):
        measured.stood(RUN, BESIDE, AIMS, "float16")


def test_who_is_ahead_is_named_and_what_compiles_a_whole_step_is_not_asked() -> None:
    assert list(measured.standing(BESIDE)) == [
        "In 2 of 3 rows it is ahead of every framework that works op by op and of `torch.compile`."
        " It is not in these:\n",
        "- XOR, float64: this framework 3; torch.compile 1.5, torch 2",
    ]


def test_nobody_ahead_is_one_sentence() -> None:
    steps = {"XOR, float32": BESIDE["steps"]["XOR, float32"]}
    assert list(measured.standing({"steps": steps})) == [
        "In 1 of 1 rows it is ahead of every framework that works op by op and of `torch.compile`."
    ]


def test_memory_is_shown_where_there_is_any() -> None:
    run = {
        "steps": {
            "MLP": {"hand": {"megabytes": [3.91, 0.0]}, "framework": {"megabytes": [0.5, 0.0]}, "torch": {}},
            "XOR": {"hand": {"megabytes": [0.02, 0.0]}, "torch": {"megabytes": [12.3, 0]}},
            "chain": {"hand": {"megabytes": [0.02, 0.0]}},
        }
    }
    assert measured.peaked(run).splitlines() == [
        "| MB | hand | this framework | torch |",
        "|---|--:|--:|--:|",
        "| MLP | 3.91 | 0.5 | - |",
        "| XOR | 0.0 | - | 12.3 |",
    ]
    with pytest.raises(PageError, match="has no memory in it"):
        measured.peaked(RUN)


def test_who_needs_less_memory_is_named_if_the_system_can_tell() -> None:
    run = {
        "steps": {
            "MLP": {"framework": {"megabytes": [3.0, 0.0]}, "torch": {"megabytes": [2.2, 0.0]}},
            "RNN": {"framework": {"megabytes": [3.0, 0.0]}, "torch": {"megabytes": [2.9, 0.0]}},
            "XOR": {"framework": {"megabytes": [3.0, 0.0]}, "jax.jit": {"megabytes": [0.0, 0.0]}},
            "old": ratios(framework=3, torch=2),
        }
    }
    assert list(measured.leaner(run)) == [
        "In 2 of 3 rows it is ahead of every framework that works op by op and of `torch.compile`."
        " It is not in these:\n",
        "- MLP: this framework 3; torch 2.2",
    ]


def test_an_operation_is_shown_small_and_large() -> None:
    times = {way: [1.0, 2.0, 3.0] for way in ("forward", "pullback")}
    large = {"forward": [900.0, 1000.0, 1100.0], "pullback": [15.0, 20.0, 25.0]}
    run = {"operations": {"add": {"4": times, "32": times, "256": large}}}
    assert measured.timed(run, ["add"]).splitlines() == [
        "| operation | 4x4 forward | pullback | 256x256 forward | pullback |",
        "|---|--:|--:|--:|--:|",
        "| add | 2 µs | 2 µs | 1 ms | 20 µs |",
    ]
    with pytest.raises(PageError, match="no operation tanh was measured"):
        measured.timed(run, ["add", "tanh"])


def test_every_workload_has_an_aim_and_no_other() -> None:
    assert [f"{name}, {dtype}" for dtype in ("float64", "float32") for name in measured.aims()] == list(
        WORKLOADS
    )


def test_what_is_shown_and_who_is_to_be_left_behind_exists() -> None:
    assert set(measured.ON_THE_PAGE) <= {op.name for op in CATALOGUE}
    assert set(measured.OP_BY_OP) <= PEERS.keys()


def test_rows_of_another_commit_are_told_apart() -> None:
    run = {
        "date": "2026-01-02 00:10",
        "commit": "b",
        "machine": {"processor": "an abacus", "cores": 2, "system": "Linux"},
        "versions": {"NumPy": "2.4.6"},
        "threads": 2,
        "measured": {
            "XOR": {"date": "2026-01-02 00:00", "commit": "b"},
            "MLP": {"date": "2026-01-02 00:10", "commit": "b"},
            "chain": {"date": "2026-01-01 00:00", "commit": "a"},
            "sum": {"date": "2026-01-01 00:00", "commit": "a"},
            "product": {"date": "2026-01-02 00:10", "commit": "b"},
        },
    }
    assert trends.origin(run) == (
        "Measured 2026-01-02 00:00 to 2026-01-02 00:10 (UTC) at commit `b`, on 2 cores of a machine with 2 "
        "(an abacus, Linux); NumPy 2.4.6. At `a`: chain; sum."
    )
