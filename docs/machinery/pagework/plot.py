"""Small drawings as SVG, from numbers alone: curves, maps, a decision surface, walks through a valley.

They stand in the tutorial's figure cells, when the site is built and in a reader's browser alike, so they
need nothing that a page hasn't got. Text and axes take the colour of the page; lines have colours that are
seen on white and on black, and dashes for whoever doesn't see the colours.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from types import ModuleType

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 16, 34, 44
COLOURS = ("#3b82f6", "#d97706", "#16a34a", "#a855f7")
DASHES = ("", "7 3", "2 3", "9 3 2 3")

NEIGHBOURS = 24
"""How close two points are whose names would be written over each other."""

Point = tuple[float, float]


def lines(
    series: Mapping[str, Sequence[float | Point]], *, x: str = "", y: str = "", log: bool = False
) -> str:
    """Draw curves.

    Args:
        series: For each name the heights, at 0, 1, 2 and so on, or the points.
        x: What is measured to the right.
        y: What is measured upwards.
        log: Whether heights stand on a logarithmic scale; they are positive then.

    Returns:
        The drawing, as the text of an ``<svg>``.
    """
    curves = {name: _points(values) for name, values in series.items()}
    every = [point for curve in curves.values() for point in curve]
    height: Callable[[float], float] = math.log10 if log else float
    left, right = min(a for a, _ in every), max(a for a, _ in every)
    low, high = min(height(b) for _, b in every), max(height(b) for _, b in every)
    if log:
        low, high = math.floor(low), math.ceil(high)
    ticks = _ticks(low, high, whole=log)
    low, high = min(low, ticks[0]), max(high, ticks[-1])
    place_x = _scale(left, right, LEFT, WIDTH - RIGHT)
    place_y = _scale(low, high, HEIGHT - BOTTOM, TOP)

    parts = []
    for tick in ticks:
        at = _number(place_y(tick))
        parts.append(f'<path d="M{LEFT} {at}H{WIDTH - RIGHT}" stroke="currentColor" opacity=".15"/>')
        parts.append(_text(LEFT - 6, float(at) + 4, _label(10**tick if log else tick), "end"))
    parts += [
        _text(place_x(tick), HEIGHT - BOTTOM + 18, _label(tick), "middle")
        for tick in _ticks(left, right)
        if left <= tick <= right
    ]
    for number, curve in enumerate(curves.values()):
        path = " ".join(f"{_number(place_x(a))},{_number(place_y(height(b)))}" for a, b in curve)
        parts.append(f'<polyline points="{path}" {_stroke(number)}/>')
    parts += _legend(list(curves), 14)
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, x, "middle"))
    parts.append(f'<g transform="translate(13 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)">')
    parts.append(_text(0, 0, y, "middle") + "</g>")
    return _svg(parts, WIDTH, HEIGHT)


def valley(walks: Mapping[str, Sequence[Point]], curvatures: Point) -> str:
    """Draw walks down the valley ``(a x² + b y²) / 2``, seen from above with lines of equal height.

    Args:
        walks: For each name the points that it came through.
        curvatures: The numbers a and b.

    Returns:
        The drawing, as the text of an ``<svg>``.
    """
    a, b = curvatures
    every = [point for walk in walks.values() for point in walk]
    wide = max(abs(x) for x, _ in every) * 1.1
    high = max(abs(y) for _, y in every) * 1.25
    place_x, place_y = _scale(-wide, wide, 8, WIDTH - 8), _scale(-high, high, HEIGHT - 34, 8)
    per_x, per_y = (WIDTH - 16) / (2 * wide), (HEIGHT - 42) / (2 * high)
    highest = a * wide**2 / 2
    parts = [
        f'<clipPath id="valley"><rect x="8" y="8" width="{WIDTH - 16}" height="{HEIGHT - 42}"/></clipPath>',
        '<g clip-path="url(#valley)" fill="none">',
    ]
    for k in range(1, 9):
        level = highest * (k / 8) ** 2
        rx, ry = per_x * math.sqrt(2 * level / a), per_y * math.sqrt(2 * level / b)
        parts.append(
            f'<ellipse cx="{WIDTH / 2:g}" cy="{_number(place_y(0))}" rx="{_number(rx)}" ry="{_number(ry)}" '
            'stroke="currentColor" opacity=".25"/>'
        )
    for number, walk in enumerate(walks.values()):
        places = [(_number(place_x(x)), _number(place_y(y))) for x, y in walk]
        parts.append(f'<polyline points="{" ".join(map(",".join, places))}" {_stroke(number)}/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="2.5" fill="{COLOURS[number]}"/>' for x, y in places]
    parts.append("</g>")
    parts += _legend(list(walks), HEIGHT - 12)
    return _svg(parts, WIDTH, HEIGHT)


def places(points: Mapping[str, Point]) -> str:
    """Draw a map of named points, in which a unit is as long to the right as upwards.

    Points that nearly touch share one line of names.

    Args:
        points: For each name where it is.

    Returns:
        The drawing, as the text of an ``<svg>``.
    """
    columns, rows = zip(*points.values(), strict=True)
    scale = min(
        (WIDTH - 120) / (max(columns) - min(columns) or 1.0), (HEIGHT - 40) / (max(rows) - min(rows) or 1.0)
    )
    middle_x, middle_y = (max(columns) + min(columns)) / 2, (max(rows) + min(rows)) / 2
    groups: list[list[tuple[str, Point]]] = []
    for name, (x, y) in points.items():
        at = WIDTH / 2 + (x - middle_x) * scale, HEIGHT / 2 - (y - middle_y) * scale
        near = [group for group in groups if math.dist(at, group[0][1]) < NEIGHBOURS]
        if near:
            near[0].append((name, at))
        else:
            groups.append([(name, at)])
    parts = [
        f'<rect x="1" y="1" width="{WIDTH - 2}" height="{HEIGHT - 2}" fill="none" stroke="currentColor" '
        'opacity=".2"/>'
    ]
    for group in groups:
        places_x, places_y = zip(*(at for _, at in group), strict=True)
        parts += [
            f'<circle cx="{_number(x)}" cy="{_number(y)}" r="4" fill="{COLOURS[0]}"/>'
            for x, y in zip(places_x, places_y, strict=True)
        ]
        names, y = ", ".join(name for name, _ in group), sum(places_y) / len(group) + 4
        if max(places_x) < WIDTH / 2:
            parts.append(_text(max(places_x) + 10, y, names, "start"))
        else:
            parts.append(_text(min(places_x) - 10, y, names, "end"))
    return _svg(parts, WIDTH, HEIGHT)


def surface(heights: Sequence[Sequence[float]], points: Mapping[Point, str], side: int = 300) -> str:
    """Draw a function on a square, in shades, with the line where it is one half, and some points.

    Args:
        heights: Its values, from 0 to 1: rows from the bottom up, each from the left to the right.
        points: Where points are, on a square from -0.5 to 1.5, and what to write beside them.
        side: The size of the drawing.

    Returns:
        The drawing, as the text of an ``<svg>``.
    """
    rows, columns = len(heights), len(heights[0])
    wide, high = side / columns, side / rows
    shades: dict[int, list[str]] = {}
    border = []
    for r, row in enumerate(heights):
        top = side - (r + 1) * high
        for c, value in enumerate(row):
            at = f"M{_number(c * wide)} {_number(top)}"
            shades.setdefault(round(value * 12), []).append(f"{at}h{wide:.4g}v{high:.4g}h-{wide:.4g}z")
            if c + 1 < columns and round(value) != round(row[c + 1]):
                border.append(f"M{_number((c + 1) * wide)} {_number(top)}v{high:.4g}")
            if r + 1 < rows and round(value) != round(heights[r + 1][c]):
                border.append(f"{at}h{wide:.4g}")
    parts = [f'<rect width="{side}" height="{side}" fill="none" stroke="currentColor" opacity=".4"/>']
    parts += [
        f'<path d="{"".join(cells)}" fill="{COLOURS[1]}" opacity="{shade / 15:.2f}" '
        'shape-rendering="crispEdges"/>'
        for shade, cells in sorted(shades.items())
        if shade
    ]
    parts.append(f'<path d="{"".join(border)}" stroke="currentColor" stroke-width="2" fill="none"/>')
    place_x, place_y = _scale(-0.5, 1.5, 0, side), _scale(-0.5, 1.5, side, 0)
    for (x, y), name in points.items():
        parts.append(
            f'<circle cx="{_number(place_x(x))}" cy="{_number(place_y(y))}" r="4" fill="currentColor"/>'
        )
        parts.append(_text(place_x(x) + 9, place_y(y) + 4, name, "start"))
    return _svg(parts, side, side)


def modules(package: ModuleType) -> str:
    """Draw the modules of a package, from those that need no others to those that nobody needs.

    Args:
        package: The package. Programs in it, called `example` or so, are left out.

    Returns:
        Text for Graphviz: an arrow from each module to those that import it, unless it follows from others.
    """
    assert package.__file__ is not None
    folder = Path(package.__file__).parent
    lines: dict[str, int] = {}
    arrows: set[tuple[str, str]] = set()
    for file in sorted(folder.rglob("*.py")):
        part = file.relative_to(folder).with_suffix("").parts[0]
        if part == "__init__" or "example" in part:
            continue
        text = file.read_text(encoding="utf-8")
        lines[part] = lines.get(part, 0) + sum(bool(line.strip()) for line in text.splitlines())
        arrows |= {(used, part) for used in _imported(text, package.__name__) if used != part}
    arrows = {arrow for arrow in arrows if arrow[0] in lines}

    def leads(start: str, end: str) -> bool:
        return any(a == start and (b == end or leads(b, end)) for a, b in arrows)

    def follows(start: str, end: str) -> bool:
        return any(a == start and b != end and leads(b, end) for a, b in arrows)

    boxes = [f'"{part}" [label="{part}\\n{count} lines"]' for part, count in lines.items()]
    drawn = [f'"{a}" -> "{b}"' for a, b in sorted(arrows) if not follows(a, b)]
    return "\n".join(["digraph {", "node [shape=box, style=rounded]", *boxes, *drawn, "}"])


def _imported(text: str, package: str) -> Iterator[str]:
    """The modules of a package that a text imports."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            name, _, rest = node.module.partition(".")
            if name == package:
                yield from [rest.partition(".")[0]] if rest else [alias.name for alias in node.names]


def _points(values: Sequence[float | Point]) -> list[Point]:
    return [
        (float(value[0]), float(value[1])) if isinstance(value, tuple) else (float(number), float(value))
        for number, value in enumerate(values)
    ]


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    span = (high - low) or 1.0
    return lambda value: start + (value - low) / span * (end - start)


def _ticks(low: float, high: float, whole: bool = False) -> list[float]:
    """Some round numbers from about the lowest to about the highest."""
    raw = max(high - low, 1e-12) / 5
    size = 10.0 ** math.floor(math.log10(raw))
    step = size * next(factor for factor in (1, 2, 5, 10) if factor * size >= raw * 0.999)
    if whole:
        step = max(1.0, float(round(step)))
    return [step * k for k in range(math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9) + 1)]


def _legend(names: list[str], y: float) -> list[str]:
    """A sample of each line with its name, side by side; nothing for a single line without a name."""
    parts = []
    left = float(LEFT)
    for number, name in enumerate(names):
        if name:
            parts.append(f'<path d="M{left:g} {y - 4:g}h24" {_stroke(number)}/>')
            parts.append(_text(left + 30, y, name, "start"))
            left += 54 + 6.5 * len(name)
    return parts


def _stroke(number: int) -> str:
    colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return f'fill="none" stroke="{colour}" stroke-width="2"{dashes}'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    if not text:
        return ""
    return (
        f'<text x="{_number(x)}" y="{_number(y)}" text-anchor="{anchor}" fill="currentColor">'
        f"{escape(text)}</text>"
    )


def _label(value: float) -> str:
    short = f"{value:.4g}"
    return short.replace("e+0", "e").replace("e-0", "e-")


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _svg(parts: list[str], width: int, height: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" font-size="12">{"".join(parts)}</svg>'
    )
