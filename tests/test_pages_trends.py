"""What the performance page draws and tabulates: that it shows what was measured, and is well-formed."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import pytest

from pagework import trends
from pagework.source import PageError

SVG = "{http://www.w3.org/2000/svg}"


def run(day: int, *ratios: float, processor: str = "an abacus") -> dict[str, Any]:
    """A run in which steps took this, relative to those by hand."""
    figures = {
        side: {"ratio": [ratio - 0.1, ratio, ratio + 0.1], "starts": [ratio - 0.2, ratio + 0.2]}
        for side, ratio in zip(trends.TRACKED, ratios, strict=False)
    }
    return {
        "date": f"2026-01-0{day} 00:00",
        "commit": f"{day}" * 10,
        "machine": {"processor": processor, "cores": 2, "system": "Linux"},
        "versions": {"Python": "CPython 3.11.7", "NumPy": "2.4.6"},
        "steps": {"XOR, float64": {"hand": {"microseconds": [19, 20, 21]}, **figures}},
        "instructions": {"XOR, float64": {"hand": 100, "framework": 250}},
    }


def parsed(html: str) -> ET.Element:
    """A figure, which is well-formed but for one of HTML's attributes without a value."""
    return ET.fromstring(html.replace(" data-search-exclude", ""))


def svg(html: str) -> ET.Element:
    """The drawing in a figure."""
    drawing = parsed(html).find(f"{SVG}svg")
    assert drawing is not None
    return drawing


def test_a_run_more_is_a_point_more_and_less_time_is_lower() -> None:
    drawing = svg(trends.figure("XOR, float64", [run(1, 3.0, 1.0), run(2, 2.0, 1.0), run(3, 2.5, 1.0)], "t"))
    (line, _) = drawing.iter(f"{SVG}polyline")
    (x1, y1), (x2, y2), (x3, y3) = ([float(n) for n in p.split(",")] for p in line.attrib["points"].split())
    assert x1 < x2 < x3
    assert y1 < y3 < y2
    assert len(list(drawing.iter(f"{SVG}circle"))) == 6
    assert len(list(drawing.iter(f"{SVG}polygon"))) == 2


def test_every_choice_has_its_line_with_what_was_measured() -> None:
    step = {"id": "x", "says": "one way or another", "ratio": 1.5, "quartiles": [1.25, 12.5]}
    text = trends.chosen({"date": "2026-01-01", "machine": "an abacus", "steps": [step]})
    assert "| one way or another | 1.5 | 1.25 to 12.5 |" in text.splitlines()
    assert text.endswith("Measured on 2026-01-01 (UTC): an abacus.")


def test_a_drawing_says_what_it_shows() -> None:
    drawing = svg(trends.figure("XOR, float64", [run(1, 3.0), run(2, 2.0)], "t"))
    title, text = drawing.find(f"{SVG}title"), drawing.find(f"{SVG}desc")
    assert title is not None
    assert text is not None
    assert title.text == "XOR, float64: time of a step, relative to the one by hand"
    assert text.text == "2 runs, from 2026-01-01 00:00 to 2026-01-02 00:00. The last: this framework 2."
    assert drawing.attrib["aria-labelledby"] == f"{title.attrib['id']} {text.attrib['id']}"


def test_the_data_stands_under_the_drawing_the_newest_first() -> None:
    table = parsed(trends.figure("XOR, float64", [run(1, 3.0), run(2, 2.0)], "t")).find(".//tbody")
    assert table is not None
    rows = [["".join(cell.itertext()) for cell in row] for row in table]
    assert rows[0] == ["2026-01-02 00:00", "2222222222", "20 µs", "2 (1.8 to 2.2)", "2.5"]
    assert [row[3] for row in rows] == ["2 (1.8 to 2.2)", "3 (2.8 to 3.2)"]


def test_each_machine_has_drawings_of_its_own() -> None:
    found = list(trends.drawn([run(1, 3.0), run(2, 9.0, processor="a slide rule"), run(3, 2.0)]))
    assert found[::2] == ["**an abacus, Linux, CPython 3.11**", "**a slide rule, Linux, CPython 3.11**"]
    assert ["<summary>2 runs<" in figure for figure in found[1::2]] == [True, False]
    assert "<summary>1 run<" in found[3]
    ids = [parsed(figure)[0][0].attrib["id"] for figure in found[1::2]]
    assert len(set(ids)) == 2


def test_nothing_kept_is_no_page() -> None:
    with pytest.raises(PageError, match=r"no run is kept in benchmarks/history/runs"):
        list(trends.drawn([]))


def test_a_table_has_everybody_who_could() -> None:
    found = run(1, 3.0)
    found["steps"]["chain, float64"] = {
        "hand": {"microseconds": [5800, 5810, 5900]},
        "framework": {"ratio": [9, 9.5, 10]},
        "abacus": {"cannot": "it has ten rows"},
    }
    assert trends.table(found, "float64").splitlines() == [
        "| step | by hand | this framework |",
        "|---|--:|--:|",
        "| XOR | 20 µs | 3 |",
        "| chain | 5.81 ms | 9.5 |",
    ]
    assert list(trends.refusals(found)) == [("abacus", "chain in float64", "it has ten rows")]
    with pytest.raises(PageError, match="nothing was compared in 'float32'"):
        trends.table(found, "float32")


def test_growth_says_what_each_part_costs() -> None:
    series = {"Depth": {"of": "nodes", "each": "node", "costs": [[10, 50.0, 5.0], [1000, 4100.0, 4.1]]}}
    assert trends.grown({"series": series}).splitlines()[4:6] == [
        "| 10 | 50 µs | 5 µs |",
        "| 1,000 | 4.1 ms | 4.1 µs |",
    ]
