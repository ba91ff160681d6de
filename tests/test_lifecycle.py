"""The programs of steps that the spec plays, and the reference under a machine that makes up its own."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dlspec import casefile
from dlspec.clauses.objects.lifecycle import OBJECTS, TENSORS, Play
from dlspec.implementation import TapeImplementation
from dlspec.implementations import load
from dlspec.lifecycle import ACCEPTED, EITHER, REFUSED, Step

FROZEN = {
    "objects.lifecycle.tensors_and_gradients": TENSORS,
    "objects.lifecycle.blocks_and_cut_histories": OBJECTS,
}


def reference() -> TapeImplementation:
    found = load("deeplearning_framework")
    assert isinstance(found, TapeImplementation)
    return found


@pytest.mark.parametrize("clause", FROZEN)
def test_every_kind_of_step_follows_every_other(clause: str) -> None:
    programs = [case["program"] for case in casefile.load(clause)]
    seen = {(one[0], following[0]) for program in programs for one, following in pairwise(program)}
    assert len(programs) >= 30
    assert {(one, other) for one in FROZEN[clause] for other in FROZEN[clause]} - seen == set()


@pytest.mark.parametrize("clause", FROZEN)
def test_every_outcome_is_predicted_often(clause: str) -> None:
    outcomes: Counter[str] = Counter()
    for case in casefile.load(clause):
        play = Play(reference(), case["start"])
        play.run(case["program"], comparing=False)
        outcomes.update(play.outcomes)
    assert outcomes[ACCEPTED] >= 50
    assert outcomes[REFUSED] >= 20
    assert outcomes[EITHER] >= 5


class Lives(RuleBasedStateMachine):
    """Hypothesis chooses the next step itself, and everything is compared after each."""

    def __init__(self) -> None:
        super().__init__()
        self.play = Play(reference(), np.array([[3.0, -2.0], [-1.0, 2.0]]), flags=True)

    @rule(step=st.one_of([st.tuples(st.just(kind), *told).map(list) for kind, told in OBJECTS.items()]))
    def take(self, step: Step) -> None:
        self.play.take(step)

    @invariant()
    def all_is_as_the_model_knows_it(self) -> None:
        self.play.compare("so far")

    def teardown(self) -> None:
        self.play.close()


Lives.TestCase.settings = settings(
    max_examples=30,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
TestLives: Any = Lives.TestCase
