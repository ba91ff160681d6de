"""What single choices are worth: both sides of each pair do the same work."""

from __future__ import annotations

import json

import numpy as np
import pytest
from benchmarks import steps


@pytest.mark.parametrize("step", steps.steps(), ids=lambda step: step.id)
def test_both_sides_give_the_same_numbers(step: steps.Step) -> None:
    without, with_it = step.without(), step.with_it()
    one, other = (np.asarray(getattr(side, "data", side)) for side in (without, with_it))
    # The two sum in different orders, and no sum here has more than 512 terms.
    np.testing.assert_allclose(one, other, rtol=512 * np.finfo(float).eps, atol=512 * np.finfo(float).eps)


def test_the_stored_figures_are_of_these_choices() -> None:
    stored = json.loads(steps.HISTORY.read_text(encoding="utf-8"))
    assert [(step["id"], step["says"]) for step in stored["steps"]] == [
        (step.id, step.says) for step in steps.steps()
    ]


def test_ratios_are_of_times() -> None:
    slow = steps.Step("x", "", lambda: sum(range(20_000)), lambda: sum(range(200)))
    assert min(steps.ratios(slow, rounds=3)) > 10
