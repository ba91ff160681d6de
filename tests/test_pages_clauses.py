"""What pages say of each clause, and from where they know."""

from __future__ import annotations

import pytest

from dlspec import manifest
from dlspec.faults import faults
from dlspec.faults.exam import read_matrix
from pagework import clauses, reference_pages
from pagework.clauses import catching, kept_by, pinning, place_of, satisfied_by, sheet_of, sheets
from pagework.places import as_html, relative
from pagework.source import PageError


def test_a_law_is_one_sheet_with_a_clause_for_each_row() -> None:
    law = sheet_of("ops.*.gradient")
    assert law is sheet_of("ops.tanh.gradient") is sheet_of("layers.linear.gradient")
    assert law.is_law
    assert law.topic == "ops.laws"
    assert {"ops.tanh.gradient", "layers.linear.gradient"} <= set(law.ids)
    assert "{op}" in law.sentence
    other = sheet_of("autodiff.fan_out.a_value_used_twice_receives_the_sum")
    assert not other.is_law
    assert other.ids == (other.anchor,)


def test_every_clause_is_on_one_sheet() -> None:
    ids = [id for sheet in sheets().values() for id in sheet.ids]
    assert sorted(ids) == sorted(manifest.by_id())


def test_a_clause_that_is_not_there_is_an_error_that_names_another() -> None:
    with pytest.raises(PageError, match=r"no clause ops\.tanh\.gradiant; did you mean ops\.tanh\.gradient"):
        sheet_of("ops.tanh.gradiant")


def test_a_clause_is_satisfied_by_the_code_in_which_faults_make_it_fail() -> None:
    places = satisfied_by(["ops.tanh.gradient"])
    assert places[0].dotted == "primitives.tanh_vjp"
    assert (places[0].file, places[0].symbol) == ("primitives.py", "tanh_vjp")
    known = {
        hunk.place
        for fault, row in read_matrix().items()
        if "ops.tanh.gradient" in row
        for hunk in faults()[fault].hunks
    }
    assert {place.dotted for place in places} == known


def test_a_symbol_is_pinned_by_the_clauses_that_fail_when_it_is_wrong() -> None:
    ids = pinning("primitives.py", "tanh_vjp")
    assert "ops.tanh.gradient" in ids
    assert set(ids) <= set(pinning("primitives.py", ""))
    assert set(pinning("tensor.py", "Tensor.backward")) <= set(pinning("tensor.py", "Tensor"))
    assert pinning("primitives.py", "tanh_vj") == []


def test_what_a_clause_catches_begins_with_the_fault_that_is_most_its_own() -> None:
    rows = read_matrix()
    for id, found in catching().items():
        assert all(id in rows[fault] for fault in found)
        assert len(rows[found[0]]) == min(len(rows[fault]) for fault in found)


def test_places_of_diffs_are_files_and_symbols() -> None:
    place = place_of("layers.rnn.LSTMCell.forward")
    assert (place.file, place.symbol) == ("layers/rnn.py", "LSTMCell.forward")
    with pytest.raises(PageError, match=r"the reference has no nowhere\.at_all"):
        place_of("nowhere.at_all")


def test_who_keeps_a_clause_is_what_the_reports_say() -> None:
    for id in ("ops.tanh.gradient", "objects.backward.the_cotangent_is_not_written_to"):
        found = kept_by([id])
        statuses = {report.key: report.statuses.get(id, "not-run") for report in clauses.reports()}
        assert {report.key for report in found["all"]} == {k for k, s in statuses.items() if s == "pass"}
        assert {report.key for report in found["unclaimed"]} == {
            k for k, s in statuses.items() if s == "not-claimed"
        }
        assert {report.key for report in found["declared"]} == {
            k for k, s in statuses.items() if s == "diverges"
        }
        assert not found["some"], "one clause is kept or it isn't"
    assert clauses.reports()[-1].key == clauses.CONTROL


def test_every_public_name_has_a_place_in_the_reference() -> None:
    text = reference_pages.public_names("reference.md")
    assert "| [`Tensor`](reference/tensor.md#deeplearning_framework.tensor.Tensor) |" in text
    unlinked = [line for line in text.splitlines()[2:] if not line.startswith("| [")]
    assert unlinked == []


def test_private_and_undescribed_symbols_lead_to_what_they_are_in() -> None:
    home = reference_pages.home
    assert home("tensor.py", "_walk") == "reference/tensor.md"
    assert home("tensor.py", "Tensor._adopt") == "reference/tensor.md#deeplearning_framework.tensor.Tensor"
    assert home("layers/base.py", "Path") == "reference/layers.md"
    assert home("example.py", "main") is None


def test_ways_between_pages() -> None:
    assert relative("a/b.md#c", "a/b.md") == "#c"
    assert relative("a/b.md#c", "a/d.md") == "b.md#c"
    assert relative("e.md", "a/d.md") == "../e.md"
    assert as_html("../a/b.md#c.md") == "../a/b.html#c.md"
    assert as_html("#c") == "#c"
