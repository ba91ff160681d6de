"""The glossary, and its tooltips on the pages of the tutorial."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from pagework import glossary
from pagework.places import DOCS
from pagework.source import PageError


def marked(html: str, **texts: str) -> str:
    """A page with tooltips."""
    root = ET.fromstring(f"<div>{html}</div>")
    glossary.mark(root, texts)
    return ET.tostring(root, encoding="unicode").removeprefix("<div>").removesuffix("</div>")


def test_every_entry_is_a_term_with_a_sentence() -> None:
    text = (DOCS / "glossary.md").read_text(encoding="utf-8")
    found = glossary.entries(text)

    assert len(found) == len(re.findall(r"^:   ", text, re.MULTILINE))
    assert [term for term, meaning in found.items() if not meaning.endswith(".")] == []


def test_tooltips_are_plain_text() -> None:
    texts = glossary.tooltips()

    assert "cotangent" in texts
    assert [text for text in texts.values() if re.search(r"[`$\\]", text)] == []
    assert [term for term in texts if "(" in term] == []


def test_the_first_mention_is_marked_and_no_other() -> None:
    assert marked("<p>A leaf. The leaf.</p><p>leaf</p>", leaf="green") == (
        '<p>A <abbr title="green">leaf</abbr>. The leaf.</p><p>leaf</p>'
    )


def test_a_mention_may_be_large_or_several() -> None:
    assert marked("<p>Cotangents add up.</p>", cotangent="x_bar") == (
        '<p><abbr title="x_bar">Cotangents</abbr> add up.</p>'
    )


def test_the_longest_term_counts() -> None:
    out = marked("<p>a gradient check of a gradient</p>", gradient="G", **{"gradient check": "C"})

    assert out == ('<p>a <abbr title="C">gradient check</abbr> of a <abbr title="G">gradient</abbr></p>')


def test_a_line_may_end_within_a_term() -> None:
    assert marked("<p>a gradient\ncheck</p>", **{"gradient check": "C"}) == (
        '<p>a <abbr title="C">gradient\ncheck</abbr></p>'
    )


def test_part_of_a_word_is_no_mention() -> None:
    for text in ("<p>massless</p>", "<p>loss-less</p>", "<p>no_loss</p>"):
        assert marked(text, loss="L") == text


@pytest.mark.parametrize("tag", ["h2", "code", "a", "pre", "summary"])
def test_what_is_no_prose_is_left_alone(tag: str) -> None:
    html = f"<{tag}>loss</{tag}><p>loss</p>"

    assert marked(html, loss="L") == f'<{tag}>loss</{tag}><p><abbr title="L">loss</abbr></p>'


def test_words_behind_an_element_are_prose_too() -> None:
    assert marked("<p><code>x</code> a loss, <em>a leaf</em></p>", loss="L", leaf="F") == (
        '<p><code>x</code> a <abbr title="L">loss</abbr>, <em>a <abbr title="F">leaf</abbr></em></p>'
    )


@pytest.mark.parametrize("kind", ["arithmatex", "admonition-title"])
def test_a_formula_and_a_title_are_left_alone(kind: str) -> None:
    html = f'<p><span class="one {kind}">loss</span></p>'

    assert marked(html, loss="L") == html


def test_a_term_that_stands_there_twice_is_refused() -> None:
    with pytest.raises(PageError, match="leaf stands there twice"):
        glossary.entries("leaf\n:   Green.\n\nleaf\n:   Brown.\n")
