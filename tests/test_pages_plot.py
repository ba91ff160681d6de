"""Drawings of the tutorial: that they are SVG, and show what they are given."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from pagework.plot import lines, places, surface, valley

SVG = "{http://www.w3.org/2000/svg}"


def drawn(text: str) -> ET.Element:
    """The drawing, if it is well-formed and asks nobody for anything."""
    root = ET.fromstring(text)
    assert root.tag == f"{SVG}svg"
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    return root


def points(line: ET.Element) -> list[tuple[float, float]]:
    """Where a line goes."""
    return [(float(x), float(y)) for x, _, y in (p.partition(",") for p in line.attrib["points"].split())]


def texts(root: ET.Element) -> list[str]:
    """What is written in a drawing."""
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def test_a_curve_rises_where_its_numbers_do() -> None:
    (line,) = drawn(lines({"loss": [1.0, 3.0, 2.0]}, x="step", y="loss")).iter(f"{SVG}polyline")
    (_, first), (_, second), (_, third) = points(line)

    assert second < third < first, "y counts downwards in SVG"
    assert [x for x, _ in points(line)] == sorted(x for x, _ in points(line))


def test_points_have_places_of_their_own() -> None:
    (line,) = drawn(lines({"": [(0.0, 1.0), (1.0, 1.0), (10.0, 2.0)]})).iter(f"{SVG}polyline")
    (a, _), (b, _), (c, _) = points(line)

    assert c - b > 8 * (b - a)


def test_equal_factors_are_equal_distances_on_a_logarithmic_scale() -> None:
    root = drawn(lines({"one": [1.0, 0.1, 0.01]}, log=True))
    (line,) = root.iter(f"{SVG}polyline")
    (_, a), (_, b), (_, c) = points(line)

    assert abs((b - a) - (c - b)) < 0.5
    assert {"1", "0.1", "0.01"} <= set(texts(root))


def test_every_line_is_named_and_no_two_look_alike() -> None:
    names = ["plain", "a < b", "third", "fourth"]
    root = drawn(lines({name: [float(k), 1.0] for k, name in enumerate(names)}))

    assert set(names) <= set(texts(root))
    strokes = {(line.get("stroke"), line.get("stroke-dasharray")) for line in root.iter(f"{SVG}polyline")}
    assert len(strokes) == len(names)


def test_constant_numbers_are_a_level_line() -> None:
    (line,) = drawn(lines({"": [2.0, 2.0, 2.0]})).iter(f"{SVG}polyline")

    assert len({y for _, y in points(line)}) == 1


def test_a_walk_through_a_valley_ends_at_its_middle() -> None:
    root = drawn(valley({"walk": [(-4.0, 1.0), (-2.0, 0.5), (0.0, 0.0)]}, (1.0, 9.0)))
    (line,) = root.iter(f"{SVG}polyline")
    first = next(root.iter(f"{SVG}ellipse"))

    assert points(line)[-1] == (float(first.attrib["cx"]), float(first.attrib["cy"]))
    assert float(first.attrib["rx"]) > float(first.attrib["ry"])


def test_a_surface_has_its_border_where_it_is_one_half() -> None:
    heights = [[0.0, 0.0, 1.0, 1.0]] * 4
    root = drawn(surface(heights, {(0.0, 0.0): "zero", (1.0, 0.0): "one"}, side=400))
    border = [path for path in root.iter(f"{SVG}path") if path.get("stroke") == "currentColor"]

    assert len(border) == 1
    assert border[0].attrib["d"] == "M200 300v100M200 200v100M200 100v100M200 0v100"
    assert {"zero", "one"} <= set(texts(root))


def test_a_map_names_neighbours_together() -> None:
    root = drawn(places({"one": (0.0, 0.0), "two": (0.01, 0.0), "three": (5.0, 1.0)}))

    assert texts(root) == ["one, two", "three"]


def test_a_unit_of_a_map_is_as_long_to_the_right_as_upwards() -> None:
    circles = drawn(places({"a": (0.0, 0.0), "b": (5.0, 1.0)})).iter(f"{SVG}circle")
    (x1, y1), (x2, y2) = [(float(c.attrib["cx"]), float(c.attrib["cy"])) for c in circles]

    assert x2 > x1
    assert y2 < y1
    assert abs((x2 - x1) / (y1 - y2) - 5) < 0.01
