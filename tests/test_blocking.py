"""What follows from what: dependencies, the failures that they explain, and what is shown of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlspec import manifest
from dlspec.clause import Clause
from dlspec.runner import screen
from dlspec.runner.blocking import FAILED, Collapse, collapse
from dlspec.runner.result import Result, Status, Subject
from dlspec.runner.stop import ExitCode
from dlspec.runner.supervise import Run
from dlspec.runner.verdict import statuses, verdict

SUBJECT = Subject("homework", None, manifest.PROFILES, ("float64",), ())
GRADIENT, LAYER, TRAINING = (
    "ops.mm.gradient",
    "layers.linear.gradient",
    "training.trajectories.a_network_learns_xor_step_by_step",
)


def collapsed(statuses_of: Mapping[str, Status], declared: tuple[str, ...] = ()) -> Collapse:
    """What remains where everything else passes."""
    clauses = manifest.clauses()
    outcomes = {clause.id: statuses_of.get(clause.id, Status.PASS) for clause in clauses}
    final = statuses(clauses, outcomes, manifest.PROFILES, declared)
    return collapse(clauses, final, manifest.rests_on())


def test_a_failure_that_depends_on_another_is_blocked_by_it() -> None:
    found = collapsed({GRADIENT: Status.FAIL, LAYER: Status.ERROR})

    assert found.final[GRADIENT] is Status.FAIL
    assert found.final[LAYER] is Status.BLOCKED
    assert found.blocked_by == {LAYER: (GRADIENT,)}
    assert found.first() == [(GRADIENT, 1)]


def test_what_stands_between_need_not_fail() -> None:
    found = collapsed({GRADIENT: Status.FAIL, TRAINING: Status.FAIL})

    assert found.final[LAYER] is Status.PASS
    assert found.blocked_by == {TRAINING: (GRADIENT,)}


def test_only_the_first_cause_is_named() -> None:
    found = collapsed({GRADIENT: Status.FAIL, LAYER: Status.FAIL, TRAINING: Status.FAIL})

    assert found.blocked_by == {LAYER: (GRADIENT,), TRAINING: (GRADIENT,)}
    assert found.first() == [(GRADIENT, 2)]


def test_what_blocks_most_comes_first() -> None:
    found = collapsed(
        {
            "ops.tanh.gradient": Status.FAIL,
            GRADIENT: Status.FAIL,
            LAYER: Status.FAIL,
            TRAINING: Status.FAIL,
        }
    )

    assert found.first() == [(GRADIENT, 2), ("ops.tanh.gradient", 1)]
    assert found.blocked_by[TRAINING] == ("ops.tanh.gradient", GRADIENT)


def test_a_declared_divergence_blocks_nothing() -> None:
    """Otherwise a framework that means to differ in one place would be excused everywhere above it."""
    found = collapsed({GRADIENT: Status.FAIL, LAYER: Status.FAIL}, declared=(GRADIENT,))

    assert found.final[GRADIENT] is Status.DIVERGES
    assert found.final[LAYER] is Status.FAIL
    assert not found.blocked_by


def test_a_declared_divergence_stays_one_whatever_it_depends_on() -> None:
    found = collapsed({GRADIENT: Status.FAIL, LAYER: Status.FAIL}, declared=(LAYER,))

    assert found.final[LAYER] is Status.DIVERGES
    assert not found.blocked_by


def test_a_declared_divergence_does_not_shield_from_what_it_depends_on() -> None:
    found = collapsed({GRADIENT: Status.FAIL, LAYER: Status.FAIL, TRAINING: Status.FAIL}, declared=(LAYER,))

    assert found.blocked_by == {TRAINING: (GRADIENT,)}


def test_a_declaration_that_has_become_untrue_neither_blocks_nor_is_blocked() -> None:
    found = collapsed({GRADIENT: Status.FAIL}, declared=(LAYER,))

    assert found.final[LAYER] is Status.STALE_DIVERGENCE


@pytest.mark.parametrize("status", [Status.NOT_PROVIDED, Status.NOT_RUN])
def test_what_is_missing_or_was_not_asked_blocks_nothing_and_is_not_blocked(status: Status) -> None:
    assert not collapsed({GRADIENT: status, LAYER: Status.FAIL}).blocked_by
    assert not collapsed({GRADIENT: Status.FAIL, LAYER: status}).blocked_by


def test_a_recommendation_blocks_nothing() -> None:
    """Nobody has to keep a SHOULD, so a MUST can't wait for it."""
    clauses = [
        replace(clause, level="SHOULD") if clause.id == GRADIENT else clause for clause in manifest.clauses()
    ]
    final = {clause.id: Status.PASS for clause in clauses} | {GRADIENT: Status.FAIL, LAYER: Status.FAIL}

    assert not collapse(clauses, final, manifest.rests_on()).blocked_by


IDS = tuple(clause.id for clause in manifest.clauses())
OUTCOMES = st.dictionaries(st.sampled_from(IDS), st.sampled_from([*FAILED, Status.NOT_PROVIDED]), max_size=40)


@settings(max_examples=25)
@given(OUTCOMES, st.sets(st.sampled_from(IDS), max_size=10))
def test_collapsing_changes_no_verdict(outcomes: dict[str, Status], declared: set[str]) -> None:
    """Being blocked excuses nothing, and no pass is lost."""
    clauses = manifest.clauses()
    asked = {clause.id: outcomes.get(clause.id, Status.PASS) for clause in clauses}
    before = statuses(clauses, asked, manifest.PROFILES, declared)
    after = collapse(clauses, before, manifest.rests_on())

    judged = [
        verdict(manifest.PROFILES, clauses, final, manifest.PROFILES) for final in (before, after.final)
    ]
    assert judged[0].exit_code == judged[1].exit_code
    assert [profile.word for profile in judged[0].profiles] == [
        profile.word for profile in judged[1].profiles
    ]
    assert [profile.passed for profile in judged[0].profiles] == [p.passed for p in judged[1].profiles]
    changed = {id for id in before if before[id] is not after.final[id]}
    assert changed == set(after.blocked_by)
    assert all(before[id] in FAILED for id in changed)


@settings(max_examples=25)
@given(OUTCOMES)
def test_what_blocks_is_a_failure_that_is_shown(outcomes: dict[str, Status]) -> None:
    found = collapsed(outcomes)

    for id, roots in found.blocked_by.items():
        assert roots
        for root in roots:
            assert found.final[root] in FAILED
            assert root in manifest.rests_on()[id]


def test_blocked_is_no_pass() -> None:
    clauses = manifest.clauses()
    found = collapsed({GRADIENT: Status.FAIL, LAYER: Status.FAIL})
    made = verdict(manifest.PROFILES, clauses, found.final, manifest.PROFILES)

    layers = next(profile for profile in made.profiles if profile.profile == "layers")
    assert not layers.conforms
    assert layers.passed == layers.total - 1
    assert made.exit_code is ExitCode.DIFFERS


# What is declared.


def test_no_clause_depends_on_itself() -> None:
    assert not [id for id, others in manifest.rests_on().items() if id in others]


def test_a_law_depends_on_laws_of_its_row_and_on_itself_for_simpler_rows() -> None:
    direct = manifest.depends_on()

    assert {"ops.tanh.value", "ops.tanh.cotangent_shapes", "ops.add.gradient"} <= direct["ops.tanh.gradient"]
    assert "ops.mm.gradient" in direct["layers.linear.gradient"]
    assert "layers.linear.gradient" in direct["layers.rnn_cell.gradient"]
    assert not any(id.startswith("ops.tanh.") for id in direct["ops.add.gradient"])


def with_dependencies(**of: tuple[str, ...]) -> tuple[Clause, ...]:
    return tuple(
        replace(clause, depends=of.get(clause.id.replace(".", "_"), ())) for clause in manifest.clauses()
    )


@pytest.fixture
def fresh_manifest(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Whatever of the manifest is remembered is found anew, before and after."""
    for function in (manifest.depends_on, manifest.rests_on, manifest._matching):
        monkeypatch.setattr(manifest, function.__name__, function.__wrapped__)
    return monkeypatch


def test_lint_finds_a_dependency_that_is_no_clause(fresh_manifest: pytest.MonkeyPatch) -> None:
    made = with_dependencies(ops_tanh_value=("ops.tanh.shape", "ops.tahn.shape", "training.*.nothing"))
    fresh_manifest.setattr(manifest, "clauses", lambda: made)

    assert [problem for problem in manifest.lint() if "depends" in problem] == [
        "ops.tanh.value: depends on ops.tahn.shape, but no clause has such an id",
        "ops.tanh.value: depends on training.*.nothing, but no clause has such an id",
    ]


def test_lint_finds_clauses_that_depend_on_each_other(fresh_manifest: pytest.MonkeyPatch) -> None:
    made = with_dependencies(ops_tanh_value=("ops.tanh.shape",), ops_tanh_shape=("ops.tanh.value",))
    fresh_manifest.setattr(manifest, "clauses", lambda: made)

    (problem,) = (problem for problem in manifest.lint() if "each other" in problem)
    assert "ops.tanh.value" in problem
    assert "ops.tanh.shape" in problem


# What is shown.


def shown(found: Collapse) -> list[str]:
    run = Run(SUBJECT, {id: Result(id, s, 0.0, "wrong") for id, s in found.final.items() if s in {*FAILED}})
    run.results |= {id: Result(id, Status.FAIL, 0.0, "wrong") for id in found.blocked_by}
    out = screen.console()
    with out.capture() as captured:
        screen.show_failures(out, run, found, manifest.clauses(), {}, {})
        screen.show_first(out, found)
        screen.show_summary(
            out, verdict(manifest.PROFILES, manifest.clauses(), found.final, manifest.PROFILES)
        )
    return captured.get().splitlines()


def test_what_is_blocked_is_counted_and_not_listed() -> None:
    lines = shown(collapsed({GRADIENT: Status.FAIL, LAYER: Status.FAIL, TRAINING: Status.FAIL}))

    assert not [line for line in lines if LAYER in line]
    assert "2 more clauses fail, but depend on one of these." in lines
    place = lines.index("FIX THIS FIRST")
    assert lines[place + 1] == f"  {GRADIENT}  (unblocks 2)"
    assert lines[place + 3].split() == [
        *("profile", "pass", "fail", "error", "blocked", "absent", "MUST", "SHOULD", "verdict")
    ]
    row = next(line for line in lines if line.startswith("layers"))
    assert row.split()[4:6] == ["1", "0"]


def test_where_nothing_is_blocked_nothing_is_said_of_it() -> None:
    lines = shown(collapsed({GRADIENT: Status.FAIL}))

    assert not [line for line in lines if "FIRST" in line or "blocked" in line or "depend" in line]


def test_at_most_a_handful_is_to_be_fixed_first() -> None:
    rows = ("tanh", "negative", "exp", "log", "relu", "sum", "max")
    broken = {f"ops.{row}.{law}": Status.FAIL for row in rows for law in ("gradient", "fan_out")}

    lines = shown(collapsed(broken))

    place = lines.index("FIX THESE FIRST")
    assert len([line for line in lines[place:] if "(unblocks " in line]) == screen.MOST_FIRST
    assert "  and 2 more that others depend on" in lines


def test_everything_fits_eighty_columns() -> None:
    longest = max(IDS, key=len)
    lines = shown(Collapse(dict.fromkeys(IDS, Status.PASS) | {longest: Status.FAIL}, {LAYER: (longest,)}))

    place = lines.index("FIX THIS FIRST")
    assert lines[place + 1 : place + 3] == [f"  {longest}", "    (unblocks 1)"]
    assert max(map(len, lines[place:])) <= 80
