"""The README keeps its word: its commands, its programs, and what it says they print.

`python tests/test_readme.py` writes what they print now into the README.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from dlspec.runner.stop import ExitCode

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")

WHOLE, PART = "printed by", "found in"
QUOTED = re.compile(
    rf"^<!-- ({WHOLE}|{PART}): dlspec ([^\n]+) -->\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL
)


def blocks(language: str) -> list[str]:
    """The fenced blocks in a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def python_block(containing: str) -> str:
    """The one Python block that contains a word."""
    (found,) = (block for block in blocks("python") if containing in block)
    return found


def dlspec(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run the command line as from a terminal 80 columns wide."""
    return subprocess.run(
        [sys.executable, "-m", "dlspec.runner.main", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"COLUMNS": "80", "NO_COLOR": "1"},
    )


def printed(kind: str, command: str) -> str:
    """What a command of the README prints, or the part of it that is quoted: the first failure."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "homework.py").write_text(python_block("# homework.py"), encoding="utf-8")
        output = dlspec(*command.split(), cwd=Path(folder)).stdout
    lines = "".join(f"{line.rstrip()}\n" for line in output.strip().splitlines())
    if kind == WHOLE:
        return lines
    (first, *_) = re.findall(r"^FAIL.*?\n(?=\n)", lines, re.MULTILINE | re.DOTALL)
    return str(first)


def timeless(output: str) -> str:
    """Output without what differs from run to run and from machine to machine, line breaks included."""
    output = re.sub(r"(Python|NumPy) [0-9][\w.]*", r"\1", output)
    # The last digits of a tanh are the processor's business.
    output = re.sub(r"-?[0-9]+\.[0-9]{7,}", lambda number: f"{float(number[0]):.6g}", output)
    return " ".join(re.sub(r"\([0-9.]+ s\)", "(time)", output).split())


def set_up_and_run() -> list[str]:
    """The commands of the README that need nothing but a clone."""
    return [line for block in blocks("sh") for line in block.splitlines() if "-m venv" in line]


def test_the_commands_are_one_line_and_stay_inside_the_clone() -> None:
    run, test, read = set_up_and_run()
    for command in (run, test, read):
        first, *others = command.split(" && ")
        assert first == "python3 -m venv .venv"
        assert all(other.startswith(".venv/bin/") for other in others)
    assert run.endswith("dlspec verify deeplearning_framework")
    assert test.endswith("nox")
    assert read.endswith("nox -s serve")


def test_the_build_runs_the_test_command_to_the_letter() -> None:
    _, test, _ = set_up_and_run()
    assert test in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(("kind", "command", "quoted"), QUOTED.findall(README), ids=lambda part: part[:40])
def test_what_is_quoted_is_what_is_printed(kind: str, command: str, quoted: str) -> None:
    assert timeless(printed(kind, command)) == timeless(quoted)


def test_the_quick_start_runs_and_learns() -> None:
    np.random.seed(0)
    quick_start = python_block("epoch in range")
    first: dict[str, Any] = {}
    exec(quick_start.replace("range(1000)", "range(1)"), first)
    np.random.seed(0)
    last: dict[str, Any] = {}
    exec(quick_start, last)
    assert last["loss"].item() < first["loss"].item()


def test_the_adapter_is_complete_and_conforms(tmp_path: Path) -> None:
    (tmp_path / "adapter.py").write_text(python_block("class Mine"), encoding="utf-8")
    (command,) = (line for block in blocks("sh") for line in block.splitlines() if "adapter.py" in line)
    finished = dlspec(*command.split()[1:], cwd=tmp_path)
    assert finished.returncode == ExitCode.CONFORMS, finished.stdout + finished.stderr


def test_the_gradient_check_passes() -> None:
    namespace: dict[str, Any] = {}
    exec(python_block("check_gradient"), namespace)
    namespace["test_my_swish"]()


def test_every_block_is_tried_here() -> None:
    assert len(blocks("python")) == 4
    assert len(blocks("text")) == len(QUOTED.findall(README)) == 2


def rewrite() -> None:
    """Put what the commands print now into the README, where that is another thing than before."""

    def current(match: re.Match[str]) -> str:
        output = printed(match[1], match[2])
        if timeless(output) == timeless(match[3]):
            return match[0]
        return f"<!-- {match[1]}: dlspec {match[2]} -->\n```text\n{output}```"

    (ROOT / "README.md").write_text(QUOTED.sub(current, README), encoding="utf-8")


if __name__ == "__main__":
    rewrite()
