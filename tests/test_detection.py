"""What the page says of gradient checkers is what was measured, of faults that exist."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks import detection

from dlspec.faults import faults, random_faults

FOUND = json.loads(detection.HISTORY.read_text(encoding="utf-8"))
ROOT = Path(__file__).parent.parent


def test_the_page_is_what_was_measured() -> None:
    assert detection.PAGE.read_text(encoding="utf-8") == detection.page(FOUND)


def test_every_fault_exists() -> None:
    measured = [row["id"] for row in FOUND["faults"]] + FOUND["crashes"]
    assert set(measured) <= faults().keys()
    assert len(measured) == len(set(measured))


def test_every_fault_stands_where_the_page_says_and_is_counted_where_it_belongs() -> None:
    known = {fault.change.id: fault for fault in detection.planted()[0]}
    for row in FOUND["faults"]:
        fault = known[row["id"]]
        assert (row["area"], row["in"] == "gradient") == (fault.area, fault.gradient), row["id"]


def test_every_random_fault_is_still_the_same() -> None:
    for row in FOUND["random"]:
        assert row["says"] == str(random_faults.fault(row["number"]))


def test_every_checker_was_there_and_none_raised_a_false_alarm() -> None:
    assert FOUND["checkers"] == list(detection.CHECKERS)
    assert not any(FOUND["false_alarms"].values())


@pytest.mark.parametrize("op", detection.CALLS)
def test_the_inputs_are_the_same_every_time_and_not_the_same_for_each_seed(op: str) -> None:
    for call in detection.CALLS[op]:
        first, again, other = (detection.operands(op, call, seed) for seed in (0, 0, 1))
        assert [x.shape for x in first] == list(call.shapes)
        assert all(map(np.array_equal, first, again))
        assert not any(map(np.array_equal, first, other))


def test_the_page_refuses_an_example_that_is_none() -> None:
    example = next(iter(detection.WHY.values()))[0]
    rows = [{**row, "caught": ["jax"]} if row["id"] == example else row for row in FOUND["faults"]]
    with pytest.raises(ValueError, match=f"{example} doesn't escape"):
        detection.page({**FOUND, "faults": rows})


@pytest.mark.skipif(not hasattr(os, "fork"), reason="each fault is planted in a fork")
def test_measured_again_it_is_the_same() -> None:
    ids = ["relu_leaks", "tanh_derivative_from_the_value", "log_gradient_with_epsilon"]
    command = [sys.executable, "-m", "benchmarks.detection", "--jobs", "1", "--only", *ids]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    here = {"check_gradient", "value", "check_gradient_defined"}
    for row in FOUND["faults"]:
        if row["id"] in ids:
            (line,) = [line for line in run.stdout.splitlines() if line.startswith(f"{row['id']}: ")]
            assert here & set(line.partition(": ")[2].split(", ")) == here & set(row["caught"])
