"""Implementations without a tape: what can't be asked of them is not provided, and no accident."""

from __future__ import annotations

import pytest

from dlspec.failure import NotProvided
from dlspec.implementations.dual_numbers import DualNumbers
from dlspec.manifest import clauses
from dlspec.runner.judge import ask
from dlspec.runner.result import Status

OF_TAPES = [clause for clause in clauses() if clause.of_tape]


def test_a_clause_about_tapes_is_not_provided_without_one() -> None:
    for clause in OF_TAPES:
        with pytest.raises(NotProvided, match="leaf, backward and grad"):
            clause.check(DualNumbers())


def test_the_clauses_about_tapes_are_those_of_objects_and_some_of_scale() -> None:
    assert {clause.profile for clause in OF_TAPES} == {"objects", "scale"}
    assert "scale.memory.after_backward_a_graph_is_gone" in {clause.id for clause in OF_TAPES}
    assert "scale.depth.a_thousand_inputs" not in {clause.id for clause in OF_TAPES}


def test_the_verdict_says_so() -> None:
    clause = next(clause for clause in OF_TAPES if clause.profile == "scale")

    result, _ = ask(clause, DualNumbers(), examples=0, seed=0)

    assert result.status is Status.NOT_PROVIDED
