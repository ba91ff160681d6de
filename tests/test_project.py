"""The project around the code: versions, tools, and what is said in more than one place."""

from __future__ import annotations

import ast
import io
import os
import re
import subprocess
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

import deeplearning_framework
import dlspec

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def tracked() -> Iterator[Path]:
    """Every file that belongs to the project."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        names = listed.stdout.rstrip("\0").split("\0")
        yield from (path for name in names if (path := ROOT / name).is_file())
    else:  # unpacked from an sdist, which holds nothing else
        kept = (path for path in ROOT.rglob("*") if not any(part.startswith(".") for part in path.parts))
        yield from (path for path in kept if path.is_file() and path.suffix != ".pyc")


def texts() -> Iterator[tuple[str, str]]:
    """Every text file of the project, with its name."""
    for path in tracked():
        try:
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def nox_sessions() -> dict[str, str]:
    """Every session of the noxfile, with its docstring."""
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return {
        function.name: ast.get_docstring(function) or ""
        for function in functions
        if any(ast.unparse(decorator).startswith("nox.session") for decorator in function.decorator_list)
    }


def default_sessions() -> list[str]:
    """What plain `nox` runs."""
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    (value,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "nox.options.sessions"
    )
    found: list[str] = ast.literal_eval(value)
    return found


def test_the_version_is_the_same_everywhere() -> None:
    version = PYPROJECT["project"]["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## (\S+) \(specification (\S+)\)$", changelog, re.MULTILINE)
    assert newest is not None
    assert deeplearning_framework.__version__ == version == newest[1]
    assert newest[2] == dlspec.SPEC_VERSION


def test_both_packages_say_that_they_are_typed() -> None:
    for package in (deeplearning_framework, dlspec):
        assert package.__file__ is not None
        assert (Path(package.__file__).parent / "py.typed").exists()


def test_numpy_is_all_that_the_framework_needs() -> None:
    assert [re.split(r"\W", requirement)[0] for requirement in PYPROJECT["project"]["dependencies"]] == [
        "numpy"
    ]


def test_every_session_says_in_one_sentence_what_it_does() -> None:
    sessions = nox_sessions()
    assert {
        "lint",
        "types",
        "spec",
        "tests",
        "verify",
        "faults",
        "examples",
        "docs",
        "bench",
        "build",
    } <= sessions.keys()
    for name, sentence in sessions.items():
        assert re.fullmatch(r"[A-Z][^\n]*\.", sentence), name


def test_contributing_lists_the_sessions_as_they_are() -> None:
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\*?) ?\| (.+) \|$", contributing, re.MULTILINE)
    assert {name: sentence for name, _, sentence in rows} == nox_sessions()
    assert [name for name, star, _ in rows if star] == default_sessions()


def comments(source: str) -> Iterator[str]:
    """The comments of a Python file."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return (token.string for token in tokens if token.type == tokenize.COMMENT)


def test_every_exception_from_the_linter_carries_its_reason() -> None:
    source = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    ignores = source.split("[tool.ruff.lint.per-file-ignores]")[1].split("\n[")[0]
    rules = re.findall(r'^ +"([A-Z]+[0-9]+)",(.*)$', ignores, re.MULTILINE)
    assert rules
    assert [rule for rule, reason in rules if not re.match(r" +# .", reason)] == []

    bare = [
        f"{name}: {comment}"
        for name, text in texts()
        if name.endswith(".py")
        for comment in comments(text)
        if "noqa" in comment and not re.search(r"noqa: [A-Z]+[0-9]+(, [A-Z]+[0-9]+)* (-- |\()\w", comment)
    ]
    assert bare == []


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    folders = "|".join(("work", "root", "opt", "home"))
    # An address on the web may have such a part; a path begins with one.
    machine = re.compile(rf"(?<![\w./~$}}])/(?:{folders})/\w")
    registry = re.compile("|".join(("pypi" + r"\.org", "python" + r"hosted\.org")))
    found = [
        f"{name}: {match[0]}"
        for name, text in texts()
        for pattern in (machine, registry)
        for match in pattern.finditer(text)
    ]
    assert found == []


def test_the_continuous_build_can_be_run() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
