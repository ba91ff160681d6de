"""The errata of a page: that each defect has clauses, and every link leads to something that exists."""

from __future__ import annotations

import re

import pytest

from dlspec import manifest
from dlspec.faults import chapter13, faults
from dlspec.runner.matrix import defects
from pagework import errata
from pagework.places import CONFORMANCE, DOCS
from pagework.showing import Page
from pagework.source import PageError

PAGE = Page("from_chapter_13.md", lambda html: html)


def test_every_defect_is_told_with_its_clauses() -> None:
    text = errata.told(PAGE, "chapter13")
    known = defects(CONFORMANCE / "chapter13.toml")

    sections = re.split(r"^### ", text, flags=re.MULTILINE)[1:]
    assert len(sections) == len(known)
    for section, defect in zip(sections, known, strict=True):
        assert defect.story in section
        assert all(f"[`{id}`](" in section for id in errata.matching(defect))


def test_a_pattern_names_every_clause_that_it_matches() -> None:
    (stumbling,) = [d for d in defects(CONFORMANCE / "chapter13.toml") if d.id == "a step that stumbles"]

    every = {c.id for c in manifest.clauses() if c.id.startswith("errors.optimizer.")}
    assert every
    assert every <= set(errata.matching(stumbling))


def test_a_planted_fault_stands_with_the_defect_that_it_brings_back() -> None:
    text = errata.told(PAGE, "chapter13")
    section = next(s for s in text.split("### ") if s.startswith("A list of layers that is everybody's"))

    assert "[sequentials share a default](faults/layers.md#sequentials_share_a_default)" in section


def test_a_fault_stands_with_one_defect_alone() -> None:
    text = errata.told(PAGE, "chapter13")

    recursion = next(s for s in text.split("### ") if s.startswith("Recursion"))
    assert "#the_walk_is_recursive)" in recursion
    assert text.count("#the_walk_is_recursive)") == 1


def test_faults_are_named_with_the_clause_that_catches_them() -> None:
    text = errata.planted(PAGE, "ops_are_told_apart_by_part_of_their_name")

    caught = faults()["ops_are_told_apart_by_part_of_their_name"].caught_by
    assert "(faults/engine.md#ops_are_told_apart_by_part_of_their_name)" in text
    assert f"[`{caught}`](" in text


@pytest.mark.parametrize("argument", ["", "no_such_fault"])
def test_a_fault_that_is_none_is_refused(argument: str) -> None:
    with pytest.raises(PageError, match="there is no planted fault"):
        errata.planted(PAGE, argument)


def test_an_implementation_of_which_nothing_is_told_is_refused() -> None:
    with pytest.raises(PageError, match="nothing is told"):
        errata.told(PAGE, "torch")


def test_the_page_names_every_public_name_of_the_book() -> None:
    text = (DOCS / "from_chapter_13.md").read_text(encoding="utf-8")

    classes = [
        name
        for name, value in vars(chapter13).items()
        if isinstance(value, type) and value.__module__ == chapter13.__name__
    ]
    assert {"Tensor", "SGD", "RNNCell"} <= set(classes)
    assert [name for name in classes if f"`{name}" not in text] == []
