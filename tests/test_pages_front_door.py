"""The front door of the tutorial, and the map that stands on it."""

from __future__ import annotations

import re

import deeplearning_framework
from pagework.places import DOCS
from pagework.plot import modules


def test_the_front_door_leads_to_every_chapter_in_order() -> None:
    text = (DOCS / "deep_dive_explanation.md").read_text(encoding="utf-8")
    linked = re.findall(r"^\| \[(\d+\. [^]]+)\]\(tutorial/(\d\d_\w+\.md)\)", text, re.MULTILINE)
    chapters = sorted((DOCS / "tutorial").glob("[0-9][0-9]_*.md"))
    titles = [
        re.search(r"^# (.+)$", chapter.read_text(encoding="utf-8"), re.MULTILINE) for chapter in chapters
    ]
    assert [name for _, name in linked] == [chapter.name for chapter in chapters]
    assert [title for title, _ in linked] == [title[1] for title in titles if title]


def test_the_map_has_an_arrow_for_what_follows_from_no_others() -> None:
    drawn = modules(deeplearning_framework)
    arrows = set(re.findall(r'"(\w+)" -> "(\w+)"', drawn))
    assert ("primitives", "tensor") in arrows
    assert ("tensor", "layers") in arrows
    # tensor knows of errors, by way of others too.
    assert ("errors", "tensor") not in arrows
    assert not {name for arrow in arrows for name in arrow} & {"example", "rnn_example", "__init__"}


def test_the_map_counts_lines_of_files_and_of_folders() -> None:
    drawn = modules(deeplearning_framework)
    counts = {name: int(count) for name, count in re.findall(r'"(\w+)" \[label="\w+\\n(\d+) lines"\]', drawn)}
    assert counts["primitives"] > counts["errors"] > 10
    assert counts["layers"] > 300
