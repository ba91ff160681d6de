"""What is said of built pages without a browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from pagework import check_site
from pagework.check_site import HEAVY, problems

PAGE = (
    '<!doctype html><html lang="en"><head><title>t</title>{head}</head>'
    "<body><article><h1>t</h1>{body}</article></body></html>"
)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site of two pages that are in order, which nothing has to be on."""
    monkeypatch.setattr(check_site, "_left_out", lambda site: iter(()))
    check_site.parsed.cache_clear()
    (tmp_path / "more").mkdir()
    write(tmp_path / "index.html", '<p id="here"><a href="more/page.html#there">x</a></p>')
    write(tmp_path / "more" / "page.html", '<p id="there"><a href="../index.html#here">x</a></p>')
    return tmp_path


def write(path: Path, body: str, head: str = "") -> None:
    path.write_text(PAGE.format(body=body, head=head), encoding="utf-8")


def test_pages_that_are_in_order_give_no_cause_for_complaint(site: Path) -> None:
    assert list(problems(site)) == []


def test_an_empty_site_is_a_problem(tmp_path: Path) -> None:
    assert list(problems(tmp_path)) == [f"{tmp_path} has no pages; build them first"]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('<a href="nowhere.html">x</a>', "leads to nowhere.html, where there is nothing"),
        ('<a href="more/page.html#gone">x</a>', "leads to more/page.html#gone, but there is no such place"),
        ('<a href="#gone">x</a>', "leads to #gone, but there is no such place"),
        ('<a href="../../elsewhere.html">x</a>', "leads to ../../elsewhere.html, where there is nothing"),
        ('<img src="gone.png" alt="x">', "leads to gone.png, where there is nothing"),
        ('<img src="data:image/png;base64,AA==">', "an image without alt"),
        ('<svg viewBox="0 0 1 1"></svg>', "a drawing without words"),
        ('<svg role="img" aria-label=""></svg>', "a drawing without words"),
        ('<i id="a"></i><i id="a"></i>', "the id a is there 2 times"),
        ("<h1>again</h1>", "it has 2 headings of the first kind, not one"),
        ('<script src="https://cdn.example/x.js"></script>', "asks cdn.example for something"),
        ('<img alt="x" srcset="//cdn.example/x.png 2x">', "asks cdn.example for something"),
        ('<i style="background:url(https://cdn.example/x.png)"></i>', "asks cdn.example for something"),
        (f"<!--{'x' * HEAVY}-->", "no page may have more than 500,000"),
    ],
)
def test_what_is_wrong_with_a_page_is_said(site: Path, body: str, problem: str) -> None:
    write(site / "page.html", body)
    found = list(problems(site))
    assert len(found) == 1
    assert found[0].startswith("page.html: ")
    assert problem in found[0]


def test_a_style_of_somebody_else_is_a_request_and_a_link_to_them_is_none(site: Path) -> None:
    write(
        site / "page.html",
        '<a href="https://e.example/">x</a>',
        '<link rel="canonical" href="https://e.example/">',
    )
    assert list(problems(site)) == []
    check_site.parsed.cache_clear()
    write(site / "page.html", "", '<link rel="stylesheet" href="https://e.example/x.css">')
    assert [problem.partition(": ")[2] for problem in problems(site)] == [
        "line 1: asks e.example for something"
    ]


def test_drawings_with_words_and_those_that_are_not_heard_are_in_order(site: Path) -> None:
    write(
        site / "page.html",
        '<svg role="img" aria-label="a graph"><g><svg/></g></svg>'
        '<span aria-hidden="true"><br><svg></svg></span><svg aria-hidden="true"/>',
    )
    assert [problem for problem in problems(site) if "first" not in problem] == [
        'page.html: line 1: a drawing without words; it wants role="img" and aria-label'
    ], "the one inside a drawing that has words is a drawing of its own"


def test_styles_and_scripts_may_not_ask_anybody(site: Path) -> None:
    (site / "x.css").write_text('@import "https://cdn.example/y.css"; a{b:url(z.woff2)}', encoding="utf-8")
    (site / "x.js").write_text(
        'fetch("https://cdn.example/y"); "http://www.w3.org/2000/svg"', encoding="utf-8"
    )
    assert list(problems(site)) == [
        "x.css: asks cdn.example for something",
        "x.css: leads to z.woff2, where there is nothing",
        "x.js: names https://cdn.example/y, which it may ask",
    ]
    assert list(problems(site, "x.js"))[2:] == []


def test_a_clause_without_a_place_and_a_name_without_an_entry_are_problems(tmp_path: Path) -> None:
    check_site.parsed.cache_clear()
    write(tmp_path / "index.html", "")
    found = list(problems(tmp_path))
    assert "the clause ops.tanh.gradient has no place on clauses/laws.html" in found
    assert "the reference has no entry for deeplearning_framework.tensor.Tensor.backward" in found
    assert "the reference has no entry for deeplearning_framework.tensor.Tensor.grad" in found
    assert "the reference has no entry for deeplearning_framework.primitives.tanh_vjp" in found
    assert not [problem for problem in found if "._" in problem and ".__" not in problem]
