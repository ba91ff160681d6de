"""The likely mistake: when it is named, and when nothing is said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from benchmarks import diagnosis as measured
from tests.homework.mistakes import MISTAKES

from dlspec import manifest
from dlspec.faults import answers, exam, faults, reach
from dlspec.faults.answers import Answer, Known, answer_of
from dlspec.faults.diagnosis import Diagnosis, diagnose, of_run
from dlspec.implementation import Divergence
from dlspec.runner import words
from dlspec.runner.result import Result, Status

RIGHT = Path(__file__).parent / "homework" / "right.py"
GRADIENT, CONSTANTS, VALUE, SHAPE = (
    f"ops.tanh.{law}" for law in ("gradient", "fan_out", "value", "cotangent_shapes")
)
THIRD = 1 / 3
DOUBLE = ("float64", "float32")


def failure(id: str, got: Any, expected: Any = 0.125, **others: Any) -> Result:
    parts = {
        "message": f"cotangent of x is {got}",
        "what": "cotangent of x",
        "index": [0],
        "got": got,
        "expected": expected,
        "bound": 1e-16,
        "ratio": None,
        "case": {},
        "case_number": 1,
        "found_by": "frozen",
        **others,
    }
    return Result(id, Status.FAIL, 0.0, parts["message"], parts)


def passed(*ids: str) -> dict[str, Result]:
    return {id: Result(id, Status.PASS) for id in ids}


def failed(*results: Result) -> dict[str, Result]:
    return {result.id: result for result in results}


def fault(*results: Result, size: int = 2) -> Known:
    return Known("tanh", size, {result.id: answer_of(result) for result in results})


TABLE = {"half_of_it": fault(failure(GRADIENT, THIRD), failure(CONSTANTS, 2 * THIRD))}


def named(
    results: Mapping[str, Result], table: Mapping[str, Known] = TABLE, **others: Any
) -> dict[str, tuple[str, ...]]:
    found = diagnose(results, others.get("excused", ()), others.get("dtypes", DOUBLE), table)
    return {id: diagnosis.faults for id, diagnosis in found.items()}


def test_the_same_wrong_answers_are_the_same_mistake() -> None:
    results = failed(failure(GRADIENT, THIRD), failure(CONSTANTS, 2 * THIRD)) | passed(VALUE)

    expected = Diagnosis(("half_of_it",), clauses=2, ulp=0.0)
    assert diagnose(results, (), DOUBLE, TABLE) == {GRADIENT: expected, CONSTANTS: expected}
    assert expected.mistakes == ("half of it",)


def test_other_code_may_round_otherwise_by_a_few_ulp() -> None:
    near, far = THIRD * (1 + 3 * 2**-52), THIRD * (1 + 30 * 2**-52)

    found = diagnose(failed(failure(GRADIENT, near), failure(CONSTANTS, 2 * near)), (), DOUBLE, TABLE)
    assert found[GRADIENT].ulp == pytest.approx(3, abs=1)
    assert not named(failed(failure(GRADIENT, far), failure(CONSTANTS, 2 * far)))


def test_in_single_precision_an_ulp_is_larger() -> None:
    near = THIRD * (1 + 3 * 2**-23)
    results = failed(failure(GRADIENT, near), failure(CONSTANTS, 2 * near))

    assert not named(results)
    assert named(results, dtypes=("float32",)) == {GRADIENT: ("half_of_it",), CONSTANTS: ("half_of_it",)}


@pytest.mark.parametrize("other", [{"index": [1]}, {"case_number": 2}, {"what": "cotangent of y"}])
def test_the_same_number_elsewhere_is_another_one(other: dict[str, Any]) -> None:
    assert not named(failed(failure(GRADIENT, THIRD, **other), failure(CONSTANTS, 2 * THIRD)))


def test_what_the_fault_would_fail_has_to_fail() -> None:
    assert not named(failed(failure(GRADIENT, THIRD)) | passed(CONSTANTS))


def test_what_was_not_asked_speaks_neither_for_it_nor_against() -> None:
    assert named(failed(failure(GRADIENT, THIRD))) == {GRADIENT: ("half_of_it",)}
    missing = Result(CONSTANTS, Status.NOT_PROVIDED, 0.0, "op tanh")
    assert named({**failed(failure(GRADIENT, THIRD)), CONSTANTS: missing}) == {GRADIENT: ("half_of_it",)}


def test_one_wrong_answer_among_many_right_ones_is_forgiven_and_a_third_is_not() -> None:
    ids = [clause.id for clause in manifest.clauses() if clause.id.startswith("ops.mm.")][:9]
    table = {"it": fault(*(failure(id, THIRD) for id in ids))}

    assert len(named(failed(*(failure(id, THIRD) for id in ids[1:]), failure(ids[0], 0.7)), table)) == 8
    others = [failure(id, 0.7) for id in ids[:3]]
    assert not named(failed(*others, *(failure(id, THIRD) for id in ids[3:])), table)


@pytest.mark.parametrize("got", [0.0, "nan", "inf"])
def test_a_zero_or_nan_among_other_failures_says_nothing(got: Any) -> None:
    table = {"nothing_arrives": fault(failure(GRADIENT, got))}

    assert not named(failed(failure(GRADIENT, got), failure(VALUE, THIRD)), table)


def test_an_exception_says_nothing() -> None:
    error = Result(GRADIENT, Status.ERROR, 0.0, "ValueError: no")

    assert not named({GRADIENT: error}, {"it_raises": fault(replace(error, message="TypeError: yes"))})


def test_two_faults_that_explain_the_same_are_both_named_the_simpler_first() -> None:
    row = TABLE["half_of_it"]
    results = failed(failure(GRADIENT, THIRD), failure(CONSTANTS, 2 * THIRD))

    assert named(results, {"a_long_one": replace(row, size=9), "the_short_one": row}) == dict.fromkeys(
        (GRADIENT, CONSTANTS), ("the_short_one", "a_long_one")
    )


def test_of_three_that_explain_the_same_none_is_named() -> None:
    results = failed(failure(GRADIENT, THIRD), failure(CONSTANTS, 2 * THIRD))

    assert not named(results, dict.fromkeys(("one", "another", "a_third"), TABLE["half_of_it"]))


def test_two_mistakes_have_two_names() -> None:
    table = TABLE | {"another": fault(failure(VALUE, 0.7), failure(SHAPE, 0.9))}
    results = failed(
        *(failure(id, got) for id, got in ((GRADIENT, THIRD), (CONSTANTS, 2 * THIRD))),
        *(failure(id, got) for id, got in ((VALUE, 0.7), (SHAPE, 0.9))),
    )
    assert {len(known.answers) for known in table.values()} == {2}

    assert named(results, table) == {
        **dict.fromkeys((GRADIENT, CONSTANTS), ("half_of_it",)),
        **dict.fromkeys((VALUE, SHAPE), ("another",)),
    }


def test_what_explains_more_is_named_first() -> None:
    table = TABLE | {"only_a_part": fault(failure(GRADIENT, THIRD))}
    results = failed(failure(GRADIENT, THIRD), failure(CONSTANTS, 2 * THIRD))

    assert set(named(results, table).values()) == {("half_of_it",)}


def test_what_is_declared_is_no_evidence() -> None:
    results = failed(failure(GRADIENT, THIRD), failure(CONSTANTS, 2 * THIRD))

    assert CONSTANTS not in named(results, excused=(CONSTANTS,))


# What is kept.


def test_answers_survive_being_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "TABLE", tmp_path / "answers.json")
    table = {
        "b": Known("tanh", 3, {GRADIENT: Answer("0badcafe", THIRD), VALUE: Answer("error")}),
        "a": Known("sum", 1, {SHAPE: Answer("12345678", "nan")}),
    }

    answers.write(table, [clause.id for clause in manifest.clauses()])

    assert answers.read() == table


def test_every_fault_has_its_answers_and_nothing_else_has() -> None:
    assert list(exam._unanswered()) == []


def test_the_table_is_small() -> None:
    assert answers.TABLE.stat().st_size < 1_000_000


def sat(target: str, *ids: str) -> exam.Sitting:
    (sitting,) = exam.sit({target: list(ids)}, jobs=1)
    assert sitting.broken is None
    return sitting


@pytest.mark.parametrize("id", ["sum_pulls_back_ones", "multiply_gradients_swapped"])
def test_a_planted_fault_answers_what_the_table_says(id: str) -> None:
    caught_by = faults()[id].caught_by
    assert caught_by is not None

    sitting = sat(f"fault:{id}", caught_by)

    assert answers.of_results(sitting.results.values())[caught_by] == answers.read()[id].answers[caught_by]


@pytest.mark.parametrize("number", [0, 5, 9])
def test_a_mistake_in_other_code_is_known_again(number: int, tmp_path: Path) -> None:
    mistake = MISTAKES[number]
    (expected,) = mistake.same
    path = tmp_path / "homework.py"
    path.write_text(mistake.planted_in(RIGHT.read_text(encoding="utf-8")), encoding="utf-8")

    sitting = sat(str(path), *answers.read()[expected].answers)

    found = diagnose(sitting.results, (), sitting.dtypes, answers.read())
    assert expected in next(iter(found.values())).faults


def test_every_mistake_can_be_planted_and_is_a_fault_that_there_is() -> None:
    right = RIGHT.read_text(encoding="utf-8")

    for mistake in MISTAKES:
        compile(mistake.planted_in(right), mistake.name, "exec")
        assert mistake.same <= faults().keys()
    with pytest.raises(ValueError, match="stands there 0 times"):
        MISTAKES[0].planted_in("")


def test_a_change_is_noticed_by_what_runs_it() -> None:
    run = {
        "ops.tanh.value": frozenset({"primitives.tanh"}),
        "ops.exp.value": frozenset({"primitives.exp"}),
    }
    (hunk,) = faults()["exp_gradient_uses_the_operand"].hunks

    assert reach.noticed_by([hunk], run) == ["ops.exp.value"]
    assert reach.noticed_by([replace(hunk, place="primitives")], run) == list(run)
    assert reach.noticed_by([replace(hunk, place="tensor.Tensor")], run) == list(run)


# What is shown.


def test_a_run_in_which_nothing_fails_reads_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    def read() -> dict[str, Known]:
        raise AssertionError("read")

    monkeypatch.setattr(answers, "read", read)
    declared = {VALUE: Divergence(VALUE, "accuracy", "meant")}
    results = {**passed(GRADIENT), **failed(failure(VALUE, THIRD))}

    assert of_run(results, declared, DOUBLE) == {}
    with pytest.raises(AssertionError, match="read"):
        of_run(results, {}, DOUBLE)


def test_the_mistake_takes_two_lines_and_then_one() -> None:
    diagnosis = Diagnosis(("half_of_it", "a_part_of_it"), clauses=3, ulp=1.2)

    assert words.mistake_lines(diagnosis, known=False) == [
        "  Likely mistake: half of it, or a part of it",
        "    agrees to 2 ulp in 3 clauses: dlspec explain fault:half_of_it",
    ]
    assert words.mistake_lines(diagnosis, known=True) == ["  Likely mistake: half of it, or a part of it"]
    without_number = Diagnosis(("half_of_it",), clauses=1, ulp=None)
    assert words.mistake_lines(without_number, known=False)[1].startswith("    agrees in 1 clause: ")


def test_a_failure_with_its_likely_mistake_fits_its_lines() -> None:
    clause = manifest.by_id()[GRADIENT]
    result = Result(GRADIENT, Status.ERROR, 0.0, "\n".join(f"line {number}" for number in range(40)))
    mistake = words.mistake_lines(Diagnosis(("half_of_it",), 2, 0.0), known=False)

    lines = words.failure_lines(clause, result, Status.ERROR, ["  script: here"], mistake)

    assert len(lines) == words.LINES
    assert lines[-3:] == [*mistake, "  script: here"]


# What was measured.


def test_the_page_says_what_was_measured() -> None:
    found = json.loads(measured.HISTORY.read_text(encoding="utf-8"))

    assert measured.PAGE.read_text(encoding="utf-8") == measured.page(found)
    assert [fault["id"] for fault in found["planted"]] == measured.sample()


def test_few_failures_remain_of_a_single_mistake() -> None:
    found = json.loads(measured.HISTORY.read_text(encoding="utf-8"))
    remain = sorted(len(fault["remain"]) for fault in found["planted"] if fault["failed"])

    assert remain[len(remain) // 2] <= 3
