"""The tables of accuracy are what was measured, the worst inputs are frozen, and every bound is used."""

from __future__ import annotations

import json
from collections.abc import Callable
from fnmatch import fnmatch
from types import SimpleNamespace
from typing import Any

import mpmath
import numpy as np
import pytest
from benchmarks import accuracy, bounds
from benchmarks.exact import OPS, ROWS, answer, errors

from dlspec import casefile
from dlspec.catalogue import BY_NAME
from dlspec.failure import ConformanceFailure
from dlspec.implementations import load
from dlspec.manifest import by_id
from dlspec.precision import Exact, ulps
from dlspec.tolerance import eps

FOUND = json.loads(accuracy.HISTORY.read_text(encoding="utf-8"))
BOUNDS = json.loads(bounds.HISTORY.read_text(encoding="utf-8"))


def test_the_page_is_what_was_measured() -> None:
    assert accuracy.PAGE.read_text(encoding="utf-8") == accuracy.page(FOUND)


@pytest.mark.parametrize("row", FOUND["table"], ids=lambda row: " ".join(list(row.values())[:4]))
def test_the_reference_is_within_its_budget(row: dict[str, Any]) -> None:
    precision = BY_NAME[row["op"]].precision
    assert precision is not None
    budget = precision.value if row["of"] == "value" else precision.pullback
    assert row["reference"]["per_depth"] <= budget


@pytest.mark.parametrize("op", OPS)
def test_the_worst_inputs_are_frozen(op: str) -> None:
    frozen = casefile.load(f"numerics.accuracy.{op}_over_the_whole_range")
    known = {
        (case["question"]["dtype"], number)
        for case in frozen
        for number in case["question"]["x"].ravel().tolist()
    }
    for row in FOUND["table"]:
        if row["op"] == op:
            worst = {(row["dtype"], float.fromhex(x)) for x in row["reference"]["x"]}
            assert worst <= known, row


def test_no_bound_is_exceeded() -> None:
    assert all(entry["ratio"] <= 1 for entry in BOUNDS["rows"] + BOUNDS["clauses"])


def test_every_bound_is_tight_enough_to_notice_a_fault() -> None:
    loose = [entry for entry in BOUNDS["clauses"] if entry["ratio"] < bounds.TOO_LOOSE]
    assert not [entry["bound"] for entry in loose if not bounds.reason(entry["bound"])]
    assert all(any(fnmatch(entry["bound"], pattern) for entry in loose) for pattern in bounds.REASONS)
    exact = {"ops.sum.gradient"}  # copies
    assert {e["bound"] for e in BOUNDS["rows"] if e["ratio"] < bounds.TOO_LOOSE} == exact


def test_the_ratios_come_from_millions_of_numbers() -> None:
    assert sum(entry["elements"] for entry in BOUNDS["rows"]) > 4e6


def exact(*numbers: str) -> Exact:
    with mpmath.workdps(50):
        array = np.array([mpmath.mpf(number) for number in numbers], dtype=object)
    return Exact(array, array)


def test_an_ulp_is_the_distance_of_numbers() -> None:
    got = np.array([1 + 2.0**-52, 2 + 2.0**-51, 1.0])
    assert ulps(got, exact("1", "2", "1"), np.float64).tolist() == [1, 1, 0]
    half = exact("1.00000000000000011102230246251565404236316680908203125")
    assert ulps(np.array([1.0]), half, np.float64).tolist() == [0.5]


def test_below_the_normal_numbers_an_ulp_is_the_smallest_of_them() -> None:
    least = 2.0**-1074
    assert ulps(np.array([least, 0.0]), exact("0", "9.8813e-324"), np.float64) == pytest.approx([1, 2], 1e-4)


def test_an_overflow_is_right_where_the_result_is_beyond_the_largest_number() -> None:
    got = np.array([np.inf, np.inf, np.nan], np.float32)
    assert ulps(got, exact("1e39", "1.7e38", "1"), np.float32).tolist()[0] == 0
    assert ulps(got, exact("1e39", "1.7e38", "1"), np.float32).tolist()[1] > 1e6
    assert ulps(got, exact("1e39", "1.7e38", "1"), np.float32).tolist()[2] == np.inf


@pytest.mark.filterwarnings("ignore:overflow encountered")  # what is beyond the type becomes infinite
@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("dtype", accuracy.DTYPES)
def test_the_quick_answer_agrees_with_mpmath(op: str, dtype: str) -> None:
    rng = np.random.default_rng(0)
    draw = accuracy.rows_of_logits if op in ROWS else accuracy.whole_range
    (question,) = draw(op, dtype, rng, 1)
    few = question.part(slice(0, None, len(question.x) // 20))
    right = answer(few)
    for k in range(len(few.x)):
        with mpmath.workdps(accuracy.DIGITS):
            value, bar, _ = accuracy.in_mpmath(few.part(slice(k, k + 1)))
        for numbers, quick, unit in (
            (value, right.value, right.value_unit),
            (bar, right.bar, right.bar_unit),
        ):
            true = np.array([np.longdouble(mpmath.nstr(v, 30)) for v in numbers])
            near = errors(quick[k].astype(dtype), true.reshape(quick[k].shape), unit[k].astype(np.longdouble))
            assert np.all(near <= 0.51)


Change = Callable[[Any, Any, Any], tuple[Any, Any]]


def altered(change: Change) -> Any:
    """The reference, with its answers changed."""
    reference = load("deeplearning_framework")

    def gradients(program: Any, x: Any, *, cotangent: Any) -> Any:
        value, (bar,) = reference.gradients(program, x, cotangent=cotangent)
        with np.errstate(all="ignore"):
            value, bar = change(value, bar, x.dtype)
        return value.astype(x.dtype), (bar.astype(x.dtype),)

    return SimpleNamespace(dtypes=reference.dtypes, gradients=gradients)


def flushed(x: Any, dtype: Any) -> Any:
    return np.where(np.abs(x) < np.finfo(dtype).smallest_normal, 0, x)


WRONG: dict[str, tuple[Change, set[str]]] = {
    "a value 32 eps off": (lambda y, g, t: (y * (1 + 32 * eps(t)), g), {"value"}),
    "a pullback 32 eps off": (lambda y, g, t: (y, g * (1 + 32 * eps(t))), {"pullback"}),
    "a value no digit of which is right": (lambda y, g, t: (y * 2, g), {"value", "over_the_whole_range"}),
    "a pullback of the other sign": (lambda y, g, t: (y, -g), {"pullback", "over_the_whole_range"}),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("op", OPS)
def test_a_wrong_implementation_fails(op: str, wrong: str) -> None:
    change, caught_by = WRONG[wrong]
    for name in caught_by:
        with pytest.raises(ConformanceFailure):
            by_id()[f"numerics.accuracy.{op}_{name}"].check(altered(change))


@pytest.mark.parametrize("op", OPS)
def test_zero_for_a_subnormal_number_is_forgiven_by_what_is_a_must(op: str) -> None:
    forgetful = altered(lambda y, g, t: (flushed(y, t), flushed(g, t)))
    by_id()[f"numerics.accuracy.{op}_over_the_whole_range"].check(forgetful)
    # The pullback of log_softmax is as large as what arrives; its value fades where one class is certain.
    fading = "value" if op == "log_softmax" else "pullback"
    with pytest.raises(ConformanceFailure):
        by_id()[f"numerics.accuracy.{op}_{fading}"].check(forgetful)
