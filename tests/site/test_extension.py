"""What Markdown with directives, cells and formulas becomes."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import markdown
import pytest

from pagework import listings, rendering
from pagework.source import PageError

EXTENSIONS = [
    *("admonition", "attr_list", "md_in_html", "tables", "pymdownx.arithmatex", "pymdownx.details"),
    *("pymdownx.superfences", "pymdownx.tabbed", "pagework.extension"),
]


def made(text: str) -> str:
    """A page as HTML."""
    configs = {"pymdownx.arithmatex": {"generic": True}, "pymdownx.tabbed": {"alternate_style": True}}
    return str(markdown.Markdown(extensions=EXTENSIONS, extension_configs=configs).convert(text))


def code_in(text: str) -> list[str]:
    """What a browser would take for the text of each listing."""
    return [
        html.unescape(re.sub(r"<[^>]+>", "", each))
        for each in re.findall(r"<pre>(?:<span></span>)?<code>(.*?)</code></pre>", text, re.DOTALL)
    ]


def test_code_is_the_source_of_a_symbol_to_the_letter() -> None:
    page = made("@code primitives.py::tanh_vjp")
    assert code_in(page) == [listings.find("primitives.py", "tanh_vjp").text]
    place = "reference/primitives.html#deeplearning_framework.primitives.tanh_vjp"
    assert f'<span class="filename"><a href="{place}">' in page


def test_several_symbols_are_one_listing() -> None:
    (text,) = code_in(made("@code primitives.py::tanh tanh_vjp TANH"))
    assert text.count("def ") == 2
    assert "\n\n\ndef tanh_vjp" in text, "neighbours stand as far apart as in the file"
    assert text.endswith("TANH = Rule(tanh, tanh_vjp)\n") or "TANH = Rule(" in text


@pytest.mark.parametrize(
    "around",
    ["{}", '!!! note "A note"\n\n    {}', "- a list\n\n    {}", '=== "A tab"\n\n    !!! tip\n\n        {}'],
)
def test_directives_and_cells_stand_at_any_indentation(around: str) -> None:
    indent = " " * (len(around.rpartition("\n")[2]) - 2)
    plain = made("@code errors.py::ShapeError")
    (listing,) = re.findall(r'<div id="errors.py::ShapeError".*?</div>', plain, re.DOTALL)
    assert listing in made(around.format("@code errors.py::ShapeError"))
    cell = f"```python run\n{indent}for number in (1, 2):\n{indent}    print(number)\n{indent}```"
    page = made(around.format(cell))
    assert code_in(page) == ["for number in (1, 2):\n    print(number)\n"]
    assert "<samp>1\n2</samp></pre>" in page


def test_what_stands_in_a_fence_means_itself() -> None:
    text = "````text\n@code nowhere.py::nothing\n```python run\n1 / 0\n```\n````\n"
    assert code_in(made(text)) == ["@code nowhere.py::nothing\n```python run\n1 / 0\n```\n"]


def test_other_lines_with_an_at_are_left_alone() -> None:
    assert made("@somebody said so") == "<p>@somebody said so</p>"


def test_cells_are_counted_and_say_of_what_kind_they_are() -> None:
    page = made(
        "```python run hidden\nx = 6\n```\n\ntext\n\n```python run\nx * 7\n```\n\n"
        "```python run raises\nx / 0\n```\n\n```python run static\nprint(x)\n```\n"
    )
    assert re.findall(r'<div class="pyrun" data-cell="(\d)" data-kind="(\w+)"( hidden)?', page) == [
        ("1", "hidden", " hidden"),
        ("2", "run", ""),
        ("3", "raises", ""),
        ("4", "static", ""),
    ]
    assert "<samp>42</samp>" in page
    assert '<div class="pyrun-output" data-raised><pre tabindex="0"><samp>Traceback' in page
    assert page.count("pyrun-output") == 3


def test_a_figure_is_drawn_in_the_colours_of_the_page_and_has_words() -> None:
    cell = '```python run figure="a leads to \'b\' & back"\n"digraph { a -> b -> a }"\n```'
    page = made(cell)
    assert 'data-kind="figure" data-alt="a leads to &#x27;b&#x27; &amp; back"' in page
    (figure,) = re.findall(r"<figure.*</figure>", page, re.DOTALL)
    assert '<svg role="img" aria-label="a leads to &#x27;b&#x27; &amp; back"' in figure
    assert "black" not in figure
    assert " id=" not in figure, "two graphs of a page would have the same"
    assert figure.count("currentColor") > 3


def test_svg_is_taken_as_it_is_but_for_its_words() -> None:
    drawing = "<svg viewBox='0 0 1 1' role='img' aria-label='other words'><path d='M0 0'/></svg>"
    figure = rendering.figure(drawing, "a dot")
    assert figure.count("aria-label") == 1
    assert 'aria-label="a dot"' in figure
    assert "<path d='M0 0'/>" in figure


def test_a_clause_is_its_sentence_its_check_and_who_keeps_it() -> None:
    page = made("@clause ops.kinks.relu_is_flat_at_zero")
    assert "MUST" in re.sub(r"<details.*", "", page, flags=re.DOTALL)
    assert 'href="clauses/ops.html#ops.kinks.relu_is_flat_at_zero"' in page
    assert "def test_relu_is_flat_at_zero(" in code_in(page)[0]
    assert "Passes in deeplearning_framework, " in page


def test_a_law_speaks_of_an_op_and_its_clause_of_that_op() -> None:
    assert "the pullback of an op" in made("@clause ops.*.gradient").lower()
    assert "<code>tanh</code>" in made("@clause ops.tanh.gradient")
    assert 'href="clauses/laws.html#ops.*.gradient"' in made("@clause ops.*.gradient")


def test_exercises_have_their_data_beside_them() -> None:
    for line, start in (
        ("@break primitives.py::tanh_vjp fault=tanh_ignores_what_arrives clauses=ops.tanh.*", "source"),
        ("@build primitives.py::tanh_vjp clauses=ops.tanh.*", "start"),
    ):
        page = made(f'!!! exercise "Do it"\n\n    {line}')
        (text,) = re.findall(r'class="pyexercise-data">(.*?)</script>', page, re.DOTALL)
        data: dict[str, Any] = json.loads(text)
        assert code_in(page)[0] == data[start]
        assert f'<div class="pyexercise" data-kind="{data["kind"]}">' in page
        assert data["source"] in code_in(page) or data["kind"] == "break"


def test_formulas_are_typeset_with_words_for_those_who_listen() -> None:
    page = made("So $x^2$ and\n\n$$\n\\begin{aligned} a &= b \\\\ c &= d \\end{aligned}\n$$\n")
    assert page.count('class="katex"') == 2
    assert page.count("<math") == 2
    assert "arithmatex" not in page


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("@code tensor.py::Tensor.backwards", "no symbol Tensor.backwards; did you mean Tensor.backward"),
        ("@code nowhere.py::x", "can't be read"),
        ("@code", "written @code FILE::SYMBOL"),
        ("@clause ops.tanh.nothing", "no clause ops.tanh.nothing"),
        ("@break primitives.py::tanh fault=nothing clauses=ops.tanh.*", "no planted fault nothing"),
        ("@section ops.nothing", "no such file of clauses"),
        ("@profile nothing", "no such profile"),
        ("@faults nothing", "no such area"),
        ("@implementation nothing", "no report conformance/nothing.json"),
        ("```python run\n1 / 0\n```", "line 1: cell 1 raised"),
        ("```python run raises\n1\n```", "ought to raise"),
        ("```python run figure\n''\n```", "no option"),
        ('```python run figure="x"\n"digraph {"\n```', "syntax error"),
        ("```python run\n1", "line 1: the cell that begins here doesn't end"),
        ("$\\nothing$", "Undefined control sequence: \\\\nothing"),
    ],
)
def test_what_can_not_be_shown_fails_the_page(text: str, message: str) -> None:
    with pytest.raises(PageError, match=message):
        made(text)
