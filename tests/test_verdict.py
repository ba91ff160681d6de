"""The algebra of verdicts: what follows from which statuses, and what never does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlspec.manifest import PROFILES
from dlspec.runner.result import Status
from dlspec.runner.stop import ExitCode
from dlspec.runner.verdict import Verdict, Word, settled, statuses, verdict

UNSETTLED = [
    status
    for status in Status
    if status not in (Status.DIVERGES, Status.STALE_DIVERGENCE, Status.NOT_CLAIMED)
]
"""What may come of asking a clause, before declarations are taken into account."""


@dataclass(frozen=True)
class Entry:
    """A clause, as far as a verdict looks at it."""

    id: str
    profile: str = "ops"
    level: str = "MUST"


MUSTS = tuple(Entry(f"ops.tanh.law{number}") for number in range(4))
SHOULD = Entry("ops.tanh.wish", level="SHOULD")


def judged(
    outcomes: Mapping[str, Status],
    clauses: tuple[Entry, ...] = MUSTS,
    claims: tuple[str, ...] = ("ops",),
    declared: tuple[str, ...] = (),
    interrupted: bool = False,
) -> Verdict:
    final = statuses(clauses, outcomes, claims, declared)
    return verdict(PROFILES, clauses, final, claims, interrupted=interrupted)


def all_pass_but(**others: Status) -> dict[str, Status]:
    return {entry.id: others.get(entry.id.rpartition(".")[2], Status.PASS) for entry in MUSTS}


def word_on_ops(made: Verdict) -> Word | None:
    return made.profiles[0].word


@pytest.mark.parametrize(
    ("status", "declared"),
    [
        (Status.PASS, Status.STALE_DIVERGENCE),
        (Status.FAIL, Status.DIVERGES),
        (Status.ERROR, Status.DIVERGES),
        (Status.CRASH, Status.DIVERGES),
        (Status.TIMEOUT, Status.DIVERGES),
        (Status.NOT_PROVIDED, Status.DIVERGES),
        (Status.BLOCKED, Status.BLOCKED),
        (Status.NOT_RUN, Status.NOT_RUN),
    ],
)
def test_a_declaration_excuses_what_went_wrong_and_nothing_else(status: Status, declared: Status) -> None:
    assert settled(status, declared=True) is declared
    assert settled(status, declared=False) is status


def test_every_status_has_its_row_above() -> None:
    assert {Status.PASS, *UNSETTLED} == set(UNSETTLED)
    assert len(UNSETTLED) == 8


@pytest.mark.parametrize(
    ("status", "word", "code"),
    [
        (Status.PASS, Word.CONFORMS, ExitCode.CONFORMS),
        (Status.FAIL, Word.PARTIAL, ExitCode.DIFFERS),
        (Status.ERROR, Word.PARTIAL, ExitCode.DIFFERS),
        (Status.CRASH, Word.PARTIAL, ExitCode.DIFFERS),
        (Status.TIMEOUT, Word.PARTIAL, ExitCode.DIFFERS),
        (Status.NOT_PROVIDED, Word.PARTIAL, ExitCode.DIFFERS),
        (Status.BLOCKED, Word.PARTIAL, ExitCode.DIFFERS),
        (Status.NOT_RUN, Word.INCOMPLETE, ExitCode.INCOMPLETE),
    ],
)
def test_one_must_decides(status: Status, word: Word, code: ExitCode) -> None:
    made = judged(all_pass_but(law2=status))

    assert word_on_ops(made) is word
    assert made.exit_code is code


@pytest.mark.parametrize(
    ("status", "word", "code"),
    [
        (Status.PASS, Word.PARTIAL, ExitCode.DIFFERS),
        (Status.FAIL, Word.DIVERGES, ExitCode.CONFORMS),
        (Status.ERROR, Word.DIVERGES, ExitCode.CONFORMS),
        (Status.CRASH, Word.DIVERGES, ExitCode.CONFORMS),
        (Status.TIMEOUT, Word.DIVERGES, ExitCode.CONFORMS),
        (Status.NOT_PROVIDED, Word.DIVERGES, ExitCode.CONFORMS),
        (Status.BLOCKED, Word.PARTIAL, ExitCode.DIFFERS),
        (Status.NOT_RUN, Word.INCOMPLETE, ExitCode.INCOMPLETE),
    ],
)
def test_one_declared_must_decides(status: Status, word: Word, code: ExitCode) -> None:
    made = judged(all_pass_but(law2=status), declared=("ops.tanh.law2",))

    assert word_on_ops(made) is word
    assert made.exit_code is code


@pytest.mark.parametrize("status", UNSETTLED)
@pytest.mark.parametrize("declared", [False, True])
def test_a_should_is_reported_and_never_counted(status: Status, declared: bool) -> None:
    outcomes = {**all_pass_but(), SHOULD.id: status}
    made = judged(outcomes, (*MUSTS, SHOULD), declared=(SHOULD.id,) if declared else ())

    assert word_on_ops(made) is Word.CONFORMS
    assert made.exit_code is ExitCode.CONFORMS
    assert made.profiles[0].total == len(MUSTS)
    assert sum(made.profiles[0].shoulds.values()) == 1
    assert made.complete == (status is not Status.NOT_RUN)


def test_the_denominator_is_the_list_of_the_spec_and_not_what_was_asked() -> None:
    made = judged({MUSTS[0].id: Status.PASS})

    assert made.profiles[0].total == 4
    assert made.profiles[0].passed == 1
    assert word_on_ops(made) is Word.INCOMPLETE


def test_words_as_they_are_printed() -> None:
    one = judged(all_pass_but(law1=Status.FAIL), declared=("ops.tanh.law1",))
    two = judged(
        all_pass_but(law1=Status.FAIL, law2=Status.CRASH), declared=("ops.tanh.law1", "ops.tanh.law2")
    )
    three_of_four = judged(all_pass_but(law1=Status.NOT_PROVIDED))

    assert str(one.profiles[0]) == "conforms with 1 declared divergence"
    assert str(two.profiles[0]) == "conforms with 2 declared divergences"
    assert str(three_of_four.profiles[0]) == "partial 3/4"
    assert str(one.profiles[1]) == "not claimed"


def test_a_failure_tells_more_than_what_was_left_out() -> None:
    made = judged(all_pass_but(law1=Status.NOT_RUN, law2=Status.FAIL))

    assert word_on_ops(made) is Word.INCOMPLETE
    assert made.exit_code is ExitCode.DIFFERS
    assert not made.complete


def test_what_is_not_claimed_is_not_judged() -> None:
    clauses = (*MUSTS, Entry("scale.depth.far", "scale"))
    final = statuses(clauses, all_pass_but(), ("ops",), ())
    made = verdict(PROFILES, clauses, final, ("ops",))

    assert final["scale.depth.far"] is Status.NOT_CLAIMED
    assert [profile.profile for profile in made.claimed] == ["ops"]
    assert made.exit_code is ExitCode.CONFORMS
    assert made.complete


def test_a_profile_without_a_single_must_shows_nothing() -> None:
    made = judged({}, clauses=(SHOULD,))

    assert word_on_ops(made) is Word.INCOMPLETE
    assert made.exit_code is ExitCode.INCOMPLETE


def test_an_interrupted_run_has_no_verdict_however_well_it_went() -> None:
    made = judged(all_pass_but(), interrupted=True)

    assert word_on_ops(made) is None
    assert str(made.profiles[0]) == "no verdict"
    assert made.exit_code is ExitCode.INCOMPLETE
    assert not made.complete


ENTRIES = st.lists(
    st.builds(
        Entry,
        id=st.integers(0, 99).map("clause{}".format),
        profile=st.sampled_from(PROFILES[:3]),
        level=st.sampled_from(["MUST", "SHOULD"]),
    ),
    unique_by=lambda entry: entry.id,
    max_size=12,
).map(tuple)


@given(st.data(), ENTRIES)
def test_nothing_but_passes_and_declared_failures_ever_conforms(
    data: st.DataObject, clauses: tuple[Entry, ...]
) -> None:
    ids = [entry.id for entry in clauses]
    outcomes = data.draw(st.dictionaries(st.sampled_from(ids), st.sampled_from(UNSETTLED))) if ids else {}
    declared = tuple(data.draw(st.sets(st.sampled_from(ids)))) if ids else ()
    claims = tuple(data.draw(st.sets(st.sampled_from(PROFILES[:3]))))

    made = judged(outcomes, clauses, claims, declared)

    broken = (Status.FAIL, Status.ERROR, Status.CRASH, Status.TIMEOUT, Status.NOT_PROVIDED)
    for profile in made.profiles:
        musts = [entry for entry in clauses if entry.profile == profile.profile and entry.level == "MUST"]
        kept = [
            outcomes.get(entry.id) in broken
            if entry.id in declared
            else outcomes.get(entry.id) is Status.PASS
            for entry in musts
        ]
        assert profile.total == len(musts)
        assert profile.conforms == (profile.profile in claims and bool(musts) and all(kept))
    assert (made.exit_code is ExitCode.CONFORMS) == (
        bool(claims) and all(profile.conforms for profile in made.claimed)
    )


@given(ENTRIES, st.sampled_from([Status.NOT_RUN, Status.BLOCKED, Status.NOT_PROVIDED]))
def test_a_skip_is_never_a_pass(clauses: tuple[Entry, ...], skipped: Status) -> None:
    made = judged(dict.fromkeys((entry.id for entry in clauses), skipped), clauses, PROFILES)

    assert made.exit_code is not ExitCode.CONFORMS
    assert not any(profile.passed or profile.conforms for profile in made.profiles)


@given(st.data(), ENTRIES)
def test_asking_less_never_makes_a_verdict_better(data: st.DataObject, clauses: tuple[Entry, ...]) -> None:
    outcomes = {entry.id: data.draw(st.sampled_from(UNSETTLED)) for entry in clauses}
    fewer = {id: status for id, status in outcomes.items() if data.draw(st.booleans())}

    whole, narrowed = judged(outcomes, clauses, PROFILES), judged(fewer, clauses, PROFILES)

    for before, after in zip(whole.profiles, narrowed.profiles, strict=True):
        assert before.conforms or not after.conforms
        assert before.passed >= after.passed
        assert before.total == after.total
