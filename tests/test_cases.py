"""Frozen cases: the same exam for everybody, and a way for new finds to join it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from dlspec import casefile, freeze
from dlspec.clause import OpCase, clause, law
from dlspec.failure import ConformanceFailure
from dlspec.implementations import load
from dlspec.implementations.dual_numbers import Dual, DualNumbers
from dlspec.manifest import by_id, clauses, lint
from dlspec.oracle import answer_of

values = st.one_of(
    st.floats(),
    st.integers(),
    st.text(),
    st.booleans(),
    st.none(),
    npst.arrays(
        st.sampled_from([np.float64, np.float32, np.int8, np.uint64]),
        npst.array_shapes(min_dims=0, min_side=0),
    ),
)
nested = st.recursive(
    values, lambda inner: st.tuples(inner, inner) | st.lists(inner, max_size=2), max_leaves=4
)


@given(st.dictionaries(st.text(min_size=1), nested, max_size=3))
@settings(deadline=None, database=None, derandomize=True)
def test_what_is_stored_is_what_is_read(case: dict[str, Any]) -> None:
    again = casefile.decode(json.loads(json.dumps(casefile.encode(case))))

    def same(one: Any, other: Any) -> bool:
        if isinstance(one, np.ndarray):
            return (
                bool((one.dtype, one.shape) == (other.dtype, other.shape))
                and one.tobytes() == other.tobytes()
            )
        if isinstance(one, (tuple, list)):
            return type(one) is type(other) and all(map(same, one, other)) and len(one) == len(other)
        if isinstance(one, dict):
            return bool(one.keys() == other.keys()) and all(same(one[key], other[key]) for key in one)
        return bool(one == other)

    # NaN has many bit patterns and hexadecimal only one name for them.
    if "nan" not in json.dumps(casefile.encode(case)):
        assert same(case, again)


def test_the_spec_as_a_text_is_in_order() -> None:
    assert lint() == []


def test_inputs_do_not_depend_on_the_implementation() -> None:
    seen: dict[str, list[Any]] = {}

    class Watched(DualNumbers):
        def __init__(self, name: str) -> None:
            self.name = name
            seen[name] = []

        def constant(self, array: Any) -> Dual:
            seen[self.name].append(np.array(array))
            return super().constant(array)

    for name in ("one", "other"):
        by_id()["ops.mm.value"].check(Watched(name))

    assert len(seen["one"]) == len(seen["other"]) > 10
    assert all(np.array_equal(a, b) for a, b in zip(seen["one"], seen["other"], strict=True))


def test_every_op_is_asked_about_every_kind_of_shape() -> None:
    for op_clause in (by_id()["ops.add.value"], by_id()["ops.sum.value"], by_id()["ops.transpose.value"]):
        operands = [OpCase.load(stored).operands for stored in casefile.load(op_clause.frozen_as or "")]
        shapes = [operand.shape for case in operands for operand in case]
        assert {0, 1, 2, 3} <= {len(shape) for shape in shapes}
        assert any(0 in shape for shape in shapes), op_clause.id
        assert any(1 in shape for shape in shapes), op_clause.id
        assert any(len(set(shape)) == len(shape) > 1 for shape in shapes), op_clause.id


def cases_of_ops() -> Iterator[tuple[str, list[OpCase]]]:
    for id in sorted({each.frozen_as for each in clauses() if each.op is not None and each.frozen_as}):
        yield id, [OpCase.load(stored) for stored in casefile.load(id)]


def test_frozen_numbers_are_exact_in_float32() -> None:
    for id, cases in cases_of_ops():
        if not id.endswith(".demanding"):
            assert all(case.fits("float32") for case in cases), id


def test_demanding_cases_use_every_digit_of_either_type() -> None:
    for id, cases in cases_of_ops():
        if not id.endswith(".demanding"):
            continue
        full = [case for case in cases if case.operands[0].size and case.cotangent.size]
        assert any(case.fits("float32") for case in full), id
        assert any(not case.fits("float32") for case in full), id
        # Of numbers with few digits in use, none would be left after these many.
        for case in full:
            digits = case.cotangent[case.cotangent != 0] * 2**12
            assert not np.all(digits == np.round(digits)), id
        uneven = [case.cotangent for case in full if case.cotangent.size > 1]
        assert len(uneven) < len(full) / 2 or any((cotangent == 0).any() for cotangent in uneven), id


class WrongAbove(DualNumbers):
    """Its relu is wrong for numbers above 3 and a half."""

    name, dtypes = "wrong above", ("float64",)

    def __init__(self) -> None:
        def relu(value: Any) -> Dual:
            right = DualNumbers.ops["relu"](value)
            return Dual(np.where(right.x > 3.9, 0.0, right.x), right.dot)

        self.ops = {**DualNumbers.ops, "relu": relu}


def test_what_exploring_finds_is_shrunk_and_can_be_promoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = by_id()["ops.relu.value"]
    path = casefile.path_of(original.frozen_as or "")
    mild = [
        stored for stored in casefile.load(original.frozen_as or "") if np.all(stored["operands"][0] < 3.9)
    ]
    monkeypatch.setattr(casefile, "FOLDER", tmp_path)
    casefile.load.cache_clear()
    copy = casefile.path_of(original.frozen_as or "")
    copy.parent.mkdir()
    copy.write_text(casefile.dumps(original.frozen_as or "", mild))
    assert copy != path

    try:
        original.check(WrongAbove())
        with pytest.raises(ConformanceFailure) as caught:
            original.check(WrongAbove(), examples=300)

        failure = caught.value
        assert failure.found_by == "explore"
        assert failure.case is not None
        assert casefile.decode(failure.case["operands"])[0].size == 1, "shrunk to a single number"

        assert freeze.promote(original.id, failure.case) == original.frozen_as
        casefile.load.cache_clear()
        with pytest.raises(ConformanceFailure) as again:
            original.check(WrongAbove())
        assert again.value.found_by == "frozen"
        original.check(load("dual_numbers"))
    finally:
        casefile.load.cache_clear()


def test_a_clause_has_to_say_must_or_should() -> None:
    def test_nothing(impl: Any) -> None:
        """A sentence without force."""

    test_nothing.__module__ = "dlspec.clauses.ops.test_x"
    with pytest.raises(ValueError, match="neither MUST nor SHOULD"):
        clause()(test_nothing)
    with pytest.raises(ValueError, match="neither MUST nor SHOULD"):
        law()(test_nothing)


def test_the_cases_have_to_fit_the_parameters() -> None:
    def test_parameters(impl: Any, x: Any) -> None:
        """It MUST take what it is given."""

    test_parameters.__module__ = "dlspec.clauses.ops.test_x"
    with pytest.raises(TypeError, match=r"takes \['x'\], the cases give \['y'\]"):
        clause(cases={"y": st.none()})(test_parameters)


def test_two_oracles_have_to_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    real = answer_of

    def off(*arguments: Any, exact: bool) -> Any:
        answer = real(*arguments, exact=exact)
        if not exact and answer.value.size:
            answer.value[...] *= 1.001
        return answer

    monkeypatch.setattr(freeze, "answer_of", off)
    with pytest.raises(ArithmeticError, match="disagree"):
        freeze.freeze(["ops.tanh"], check=True)


def test_what_is_frozen_is_in_order_and_stays() -> None:
    assert freeze.freeze(check=True) == []
    assert freeze.freeze() == []


def test_a_tampered_answer_about_accuracy_is_not_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = "numerics.accuracy.sigmoid_over_the_whole_range"
    stored = [dict(case) for case in casefile.load(id)]
    question = stored[-1]["question"]
    last = question["answer"]["pullback"][-1]
    answer = {**question["answer"], "pullback": [*question["answer"]["pullback"][:-1], f"-{last}"]}
    stored[-1]["question"] = {**question, "answer": answer}
    path = tmp_path / "cases" / "numerics" / casefile.path_of(id).name
    path.parent.mkdir(parents=True)
    path.write_text(casefile.dumps(id, stored))
    monkeypatch.setattr(casefile, "FOLDER", tmp_path / "cases")
    casefile.load.cache_clear()
    try:
        assert freeze.freeze([id], check=True) == [id]
    finally:
        casefile.load.cache_clear()


def test_a_tampered_answer_is_not_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = [dict(case) for case in casefile.load("ops.tanh")]
    stored[-1]["value"] = stored[-1]["value"] * (1 + 2**-52)
    monkeypatch.setattr(casefile, "FOLDER", tmp_path)
    casefile.load.cache_clear()
    (tmp_path / "ops").mkdir()
    (tmp_path / "ops" / "tanh.json").write_text(casefile.dumps("ops.tanh", stored))

    try:
        assert freeze.freeze(["ops.tanh"], check=True) == ["ops.tanh"]
        assert freeze.freeze(["ops.exp"], check=True) == ["ops.exp"], "missing"
        assert freeze.freeze(["ops.exp", "ops.tanh"]) == ["ops.exp", "ops.tanh"]
        assert freeze.freeze(["ops.exp", "ops.tanh"], check=True) == []
    finally:
        casefile.load.cache_clear()


def test_freezing_an_unknown_id_is_refused() -> None:
    with pytest.raises(LookupError, match="nothing is frozen under this id"):
        freeze.freeze(["ops.tanh.tanh_is_even"])
