"""Growth: what a step costs for each of its parts stays the same, however many there are."""

from __future__ import annotations

import pytest

from benchmarks import growth
from benchmarks.conftest import Session

AT_MOST = 4
"""Times what a part costs at its cheapest: caches are left and pages fetched, but a power more would be a
factor of two to ten from size to size.
"""


@pytest.mark.parametrize("name", growth.SERIES)
def test_growth(session: Session, name: str) -> None:
    costs = session.growth[name] = growth.measured(name)
    cheapest = min(each for _, _, each in costs)
    # What comes once a step is spread over few parts at first.
    for size, _, each in costs[costs.index(min(costs, key=lambda found: found[2])) :]:
        assert each <= AT_MOST * cheapest, f"{size}: {each} microseconds for each part, {cheapest} at best"
