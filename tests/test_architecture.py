"""Arrows point one way: what each file may import."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import deeplearning_framework

PACKAGE = "deeplearning_framework"
ROOT = Path(deeplearning_framework.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

LAYERS_OF_THE_PACKAGE = {
    "errors": set(),
    "shapes": {"errors"},
    "rows": {"shapes"},
    "primitives": {"errors", "shapes", "rows"},
    "tensor": {"errors", "shapes", "rows", "primitives"},
    "graph": {"errors", "shapes", "tensor"},
    "layers": {"errors", "shapes", "primitives", "tensor", "layers"},
    "losses": {"errors", "shapes", "primitives", "tensor", "losses"},
    "optim": {"errors", "shapes", "primitives", "tensor", "optim"},
    "replay": {"errors", "shapes", "rows", "primitives", "tensor", "optim", "replay"},
}


def imports(file: Path) -> Iterator[str]:
    """Every module that a file names in an import, wherever in the file."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} has a relative import, which this test cannot place"
            if node.module == PACKAGE:
                yield from (f"{PACKAGE}.{alias.name}" for alias in node.names)
            elif node.module is not None:
                yield node.module


def part(file: Path) -> str:
    """The file or folder right under the package that a file belongs to."""
    return file.relative_to(ROOT).parts[0].removesuffix(".py")


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_only_numpy_and_the_standard_library_are_imported(file: Path) -> None:
    outside = {name.partition(".")[0] for name in imports(file)} - set(sys.stdlib_module_names)
    assert outside <= {"numpy", PACKAGE}


@pytest.mark.parametrize("file", [f for f in FILES if part(f) in LAYERS_OF_THE_PACKAGE], ids=part)
def test_arrows_point_one_way(file: Path) -> None:
    inside = {name.split(".")[1] for name in imports(file) if name.startswith(f"{PACKAGE}.")}
    assert inside <= LAYERS_OF_THE_PACKAGE[part(file)]


def test_the_arrows_are_drawn_for_every_part() -> None:
    parts = {part(file) for file in FILES} - {"__init__", "example", "rnn_example"}
    assert parts == set(LAYERS_OF_THE_PACKAGE)


def test_no_error_of_a_user_is_left_to_an_assert() -> None:
    for file in FILES:
        assert not [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Assert)]


def test_importing_the_package_loads_nothing_slow() -> None:
    code = (
        "import sys, numpy, numpy.typing; before = set(sys.modules); import deeplearning_framework; "
        "print(*sorted(m.partition('.')[0] for m in set(sys.modules) - before))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert PACKAGE in loaded
    assert loaded <= {PACKAGE, "__future__", "heapq", "_heapq", "threading"}
