"""How the pages find symbols of the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from pagework import source
from pagework.source import PageError, Shown, Source, Span

TEXT = '''\
# A licence.
"""A file."""

from __future__ import annotations

import os
import sys

__all__ = ["Box", "size"]

LEFT, RIGHT = 0, 1
# Too small for a neutrino.
# Too large for a mouse.
LIMIT: int = 9
"""What goes in."""

assert LIMIT > 0


@staticmethod
def size(box):
    return box.size


class Empty:
    pass


# Where things are put.
@final
class Box:
    """A box."""

    __slots__ = ("_size",)

    # Smaller ones are lost.
    def __init__(self, size):
        self._size = size

    @property
    def size(self):
        def inner():
            return self._size

        return inner()

    def open(self):
        pass

    @size.setter
    def size(self, value):
        self._size = value

    alias = open


if __name__ == "__main__":
    print(size(Box(1)))
'''


@pytest.fixture
def file() -> Source:
    return Source("box.py", TEXT)


def shown(file: Source, symbol: str) -> list[str]:
    return [file.text(span) for span in file.find(symbol)]


def test_the_head_of_a_file_ends_before_its_first_definition(file: Source) -> None:
    (head,) = shown(file, "head")
    assert head.startswith("# A licence.")
    assert head.endswith('__all__ = ["Box", "size"]')


def test_an_assignment_has_the_comments_above_it_and_the_text_below(file: Source) -> None:
    assert shown(file, "LIMIT") == [
        "# Too small for a neutrino.\n# Too large for a mouse.\nLIMIT: int = 9\n"
        '"""What goes in."""\n\nassert LIMIT > 0'
    ]


def test_names_assigned_together_are_shown_together(file: Source) -> None:
    assert file.find("LEFT") == file.find("RIGHT") == (Span(11, 11),)


def test_decorators_belong_to_what_they_decorate(file: Source) -> None:
    assert shown(file, "size") == ["@staticmethod\ndef size(box):\n    return box.size"]
    assert shown(file, "Box")[0].startswith("# Where things are put.\n@final\nclass Box:")


def test_the_head_of_a_class_ends_before_its_first_method(file: Source) -> None:
    assert shown(file, "Box.head")[0].endswith('    __slots__ = ("_size",)')
    assert shown(file, "Empty.head") == shown(file, "Empty") == ["class Empty:\n    pass"]


def test_a_class_without_a_docstring_has_a_head_all_the_same() -> None:
    file = Source("x.py", "class A:\n    # Why.\n    def b(self): ...\n")
    assert shown(file, "A.head") == ["class A:"]
    assert shown(file, "A.b") == ["    # Why.\n    def b(self): ..."]


def test_setters_belong_to_the_property(file: Source) -> None:
    getter, setter = shown(file, "Box.size")
    assert "return inner()" in getter
    assert setter.startswith("    @size.setter")


def test_an_attribute_after_the_methods_has_a_name_of_its_own(file: Source) -> None:
    assert shown(file, "Box.alias") == ["    alias = open"]


def test_what_runs_as_a_program_is_a_symbol(file: Source) -> None:
    assert shown(file, "__main__") == ['if __name__ == "__main__":\n    print(size(Box(1)))']


def test_a_class_is_made_of_its_head_and_methods(file: Source) -> None:
    assert file.parts("Box") == ("Box.head", "Box.__init__", "Box.size", "Box.open", "Box.alias")
    assert file.parts("Box.open") == ("Box.open",)


def test_a_symbol_that_is_gone_is_refused_and_the_nearest_one_named(file: Source) -> None:
    with pytest.raises(PageError, match=r"box\.py has no symbol Box\.opens; did you mean Box\.open\?"):
        file.find("Box.opens")
    with pytest.raises(PageError, match=r"has no symbol Box\.size\.inner"):
        file.find("Box.size.inner")


FILES = sorted(
    path.relative_to(source.ROOT).as_posix()
    for folder in ("src", "examples", "spec")
    for path in (source.ROOT / folder).rglob("*.py")
)


@pytest.mark.parametrize("path", FILES)
def test_every_statement_of_the_project_has_exactly_one_finest_symbol(path: str) -> None:
    file = source.read(path)
    taken = [line for spans in file.finest.values() for span in set(spans) for line in span]
    together = len(set(taken)) < len(taken)
    assert not together or any("," in line.partition("=")[0] for line in file.lines), "a line has two owners"
    nobody = [
        line
        for number, line in enumerate(file.lines, 1)
        if line.strip() and not line.lstrip().startswith("#") and number not in set(taken)
    ]
    assert not nobody


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("tensor.py", "src/deeplearning_framework/tensor.py"),
        ("layers/rnn.py", "src/deeplearning_framework/layers/rnn.py"),
        ("spec/dlspec/oracle.py", "spec/dlspec/oracle.py"),
        ("examples/adam.py", "examples/adam.py"),
    ],
)
def test_a_path_of_the_reference_may_be_written_short(written: str, path: str) -> None:
    assert source.resolved(written) == path
    assert Path(source.ROOT / path).exists()


def test_a_page_shows_what_its_code_lines_say_at_any_depth() -> None:
    page = "\n".join(
        [
            "Text with `@code in.py::line`.",
            "@code tensor.py::Tensor.head Node",
            "    @code primitives.py::tanh",
            "```` text",
            "@code quoted.py::only",
            "```",
            "````",
            "@code errors.py::head  ",
        ]
    )
    assert list(source.shown_by(page)) == [
        Shown("src/deeplearning_framework/tensor.py", ("Tensor.head", "Node")),
        Shown("src/deeplearning_framework/primitives.py", ("tanh",)),
        Shown("src/deeplearning_framework/errors.py", ("head",)),
    ]


@pytest.mark.parametrize("line", ["@code", "@code a.py", "@code a.py::", "@code a b::c", "@code ::c"])
def test_a_code_line_that_says_nothing_is_refused(line: str) -> None:
    with pytest.raises(PageError, match="written @code FILE::SYMBOL"):
        source.parsed(line)


def test_a_file_that_is_gone_is_refused() -> None:
    with pytest.raises(PageError, match=r"spec/nothing\.py can't be read: No such file"):
        source.read("spec/nothing.py")
