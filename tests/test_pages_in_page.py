"""The cells of a page need no more than a page has: what is packed for it, NumPy, and what dlspec imports.

They are run here as the page runs them, one after the other without the static ones, from the packed files.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest

from pagework import runtime
from pagework.places import DOCS

FENCE = re.compile(
    r"^(?P<indent> *)(?P<ticks>`{3,})python run(?P<options>[^\n]*)\n(?P<code>.*?)^(?P=indent)(?P=ticks) *$",
    re.MULTILINE | re.DOTALL,
)
SECONDS = 30
"""Python in a page is about six times slower; nobody waits for much longer than that."""

PROGRAM = """
import json, sys
sys.path[:0] = sys.argv[1:]
from pagework.running import Notebook
notebook = Notebook()
for number, (kind, code) in enumerate(json.load(sys.stdin), start=1):
    result = notebook.run(code, f"cell {number}")
    if result.error and kind != "raises":
        sys.exit(result.error)
"""


def cells(page: Path) -> list[tuple[str, str]]:
    """The cells that the page runs: kind and text."""
    found = []
    for match in FENCE.finditer(page.read_text(encoding="utf-8")):
        kind = match["options"].strip().partition("=")[0]
        if kind != "static":
            found.append((kind, textwrap.dedent(match["code"])))
    return found


WITH_CELLS = [page for page in sorted(DOCS.rglob("*.md")) if cells(page)]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the page has, unpacked."""
    folder = tmp_path_factory.mktemp("page")
    items = [
        *runtime.package(),
        *runtime.own_of_spec(),
        *(item for each in runtime.cases().values() for item in each),
    ]
    for item in items:
        zipfile.ZipFile(io.BytesIO(item.content)).extractall(folder)
    return folder


@pytest.mark.parametrize("page", WITH_CELLS, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_the_cells_of_a_page_run_with_what_a_page_has(page: Path, packed: Path, tmp_path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, str(packed)],
        input=json.dumps(cells(page)),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=SECONDS,
        check=False,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )

    assert finished.returncode == 0, finished.stderr
