"""The check that every line of the reference and every clause is on some page."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlspec import manifest
from pagework import clauses, literate, source
from pagework.literate import Missing, missing, shown
from pagework.source import PageError, Source, Span

TEXT = '''"""A module."""

import math

ONE = 1


class Thing:
    """A thing."""

    def first(self) -> int:
        return ONE

    # Why there is a second.
    def second(self) -> int:
        return 2


# A remark on nothing.

def last() -> float:
    return math.pi
'''


@pytest.fixture
def file() -> Source:
    return Source("somewhere.py", TEXT)


def test_what_no_page_shows_is_named_by_line_and_symbol(file: Source) -> None:
    found = list(missing(file, {"head", "ONE", "Thing.head", "Thing.first"}))
    assert found == [
        Missing("somewhere.py", Span(14, 16), "Thing.second"),
        Missing("somewhere.py", Span(19, 19), None),
        Missing("somewhere.py", Span(21, 22), "last"),
    ]
    assert str(found[0]) == "somewhere.py:14-16: Thing.second is on no page"
    assert "somewhere.py:19: belongs to no symbol" in str(found[1])


def test_a_file_of_which_everything_is_shown_misses_nothing(file: Source) -> None:
    everything = {"head", "ONE", "Thing.head", "Thing.first", "Thing.second", "last"}
    assert [each.symbol for each in missing(file, everything)] == [None]


def test_a_class_shows_all_of_its_methods() -> None:
    found = shown(["Text.\n\n@code errors.py::ShapeError FrameworkError\n"])
    (path,) = found
    assert path.endswith("/errors.py")
    assert {"ShapeError.head", "FrameworkError.head"} <= found[path]


def test_code_in_a_fence_shows_nothing() -> None:
    assert shown(["```text\n@code errors.py::ShapeError\n```\n"]) == {}


def test_a_page_that_names_what_is_not_there_is_an_error() -> None:
    with pytest.raises(PageError, match="ShapeErrors; did you mean ShapeError"):
        shown(["@code errors.py::ShapeErrors\n"])


def test_every_line_of_the_reference_has_a_symbol_that_a_page_can_name() -> None:
    homeless = [
        str(each)
        for path in literate.files()
        for each in missing(source.read(path), set(source.read(path).finest))
    ]
    assert homeless == []


def test_every_clause_stands_on_exactly_one_page() -> None:
    assert clauses.topics().keys() == clauses.homes().keys()
    assert {id for sheets in clauses.topics().values() for sheet in sheets for id in sheet.ids} == set(
        manifest.by_id()
    )


def test_a_topic_on_two_pages_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.md").write_text("@section ops.kinks\n", encoding="utf-8")
    monkeypatch.setattr(clauses, "DOCS", tmp_path)
    with pytest.raises(PageError, match=r"ops\.kinks stands on one\.md and on two\.md"):
        clauses.homes.__wrapped__()
