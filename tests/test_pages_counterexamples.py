"""How a page tells of a failure."""

from __future__ import annotations

import pytest

from dlspec import manifest
from dlspec.runner.result import Result, Status
from pagework.inpage.counterexamples import said


@pytest.mark.parametrize(
    ("bound", "ratio", "text"),
    [
        (0.0, 5.0, "No rounding excuses this: the right answer is exact."),
        (1e-3, 2.5, "Rounding excuses 0.001; this is 2.5 times as far off."),
        (1e-9, 5e8, "Rounding excuses 1e-09; this is 500 million times as far off."),
        (1e-15, 9e14, "Rounding excuses 1e-15; this is 900 million million times as far off."),
        (2e-308, 2e307, "Rounding excuses 2e-308; this is far beyond that."),
    ],
)
def test_how_far_off_it_is(bound: float, ratio: float, text: str) -> None:
    failure = {"what": "y", "index": [1], "got": "0.0", "expected": "0.5", "bound": bound, "ratio": ratio}
    failure["case"] = None
    clause = manifest.by_id()["ops.tanh.gradient"]
    *_, last = said(clause, Result(clause.id, Status.FAIL, failure=failure))
    assert last == text
