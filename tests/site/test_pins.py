"""What is added to the docstrings of the reference."""

from __future__ import annotations

import re

import griffe
import pytest

from pagework.clauses import pinning
from pagework.pins import Pins, pinned
from pagework.reference_pages import described
from pagework.source import PACKAGE, ROOT


@pytest.fixture(scope="module")
def package() -> griffe.Object:
    extensions = griffe.load_extensions(Pins)
    loaded = griffe.load(
        "deeplearning_framework",
        search_paths=[ROOT / PACKAGE / ".."],
        extensions=extensions,
        docstring_parser="google",
    )
    assert isinstance(loaded, griffe.Object)
    return loaded


def docstring(package: griffe.Object, name: str) -> str:
    found = package[name].docstring
    assert found is not None
    return str(found.value)


def test_an_entry_names_the_clauses_that_are_most_its_own_and_counts_the_others(
    package: griffe.Object,
) -> None:
    text = docstring(package, "tensor.Tensor.backward")
    assert text.endswith("{: .pins }")
    (line,) = [each for each in text.splitlines() if each.startswith("**Pinned by**")]
    ids = pinning("tensor.py", "Tensor.backward")
    named = re.findall(r"\[`([\w.]+)`\]\(\.\./clauses/\w+\.md#\1\)", line)
    assert named == ids[: len(named)]
    counts = [
        int(number)
        for number in re.findall(r"\((\d+)\)|and (\d+) elsewhere", line)
        for number in number
        if number
    ]
    assert len(named) + sum(counts) == len(ids)


def test_an_entry_says_where_the_tutorial_explains_it(package: griffe.Object) -> None:
    assert (
        "**Explained in** [7. Nonlinearity](../tutorial/07_nonlinearity.md#primitives.py::tanh)"
        in docstring(package, "primitives.tanh")
    )


def test_what_nobody_pins_and_nobody_sees_stays_as_it_is(package: griffe.Object) -> None:
    assert pinned("graph.py", "dot") == ""
    assert "_walk" not in described("tensor.py")
    assert "Pinned" not in docstring(package, "tensor._walk")


def test_sections_of_a_docstring_are_still_found(package: griffe.Object) -> None:
    found = package["tensor.Tensor.backward"].docstring
    assert found is not None
    kinds = [section.kind.value for section in found.parse("google")]
    assert kinds == ["text", "parameters", "raises", "text"]


def test_code_below_a_double_colon_needs_but_one(package: griffe.Object) -> None:
    assert "It is called as the step is:\n\n    def step" in docstring(package, "replay.Replay")
