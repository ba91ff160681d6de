"""The programs in the package: they run, and what they claim to have learned is so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deeplearning_framework.rnn_example import NUMBER, answer, make_stories, make_story


def run(module: str, folder: Path) -> str:
    program = [sys.executable, "-W", "error", "-m", f"deeplearning_framework.{module}"]
    finished = subprocess.run(program, capture_output=True, text=True, check=False, cwd=folder, timeout=120)
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    assert list(folder.iterdir()) == []
    return finished.stdout


def test_the_first_example_learns_exclusive_or(tmp_path: Path) -> None:
    output = run("example", tmp_path)
    losses = [float(loss) for loss in re.findall(r"loss ([\d.]+)", output)]
    assert len(losses) > 4
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.01
    assert "4 of 4 right" in output
    rows = re.findall(r"^ (\d)  (\d) +(\d) +([\d.]+)$", output, re.MULTILINE)
    assert [(int(a) ^ int(b)) for a, b, _, _ in rows] == [int(truth) for *_, truth, _ in rows]
    assert [round(float(p)) for *_, p in rows] == [0, 1, 1, 0]


@pytest.fixture(scope="module")
def story_output(tmp_path_factory: pytest.TempPathFactory) -> str:
    return run("rnn_example", tmp_path_factory.mktemp("empty"))


def test_the_second_example_answers_about_stories_it_has_not_seen(story_output: str) -> None:
    held_out = [float(share) for share in re.findall(r"held-out ([\d.]+)%", story_output)]
    baseline = re.search(r"last place named is right for ([\d.]+)%", story_output)
    assert baseline is not None
    assert "chance is 25%" in story_output
    assert held_out[-1] > 80 > float(baseline[1]) + 10


def test_the_second_example_tells_stories(story_output: str) -> None:
    told = story_output.partition("Stories it tells")[2].strip().splitlines()
    assert len(told) == 5
    assert sum("(consistent)" in story for story in told) >= 3


def test_the_rule_that_judges_stories_finds_the_latest_place() -> None:
    moves = ["mary", "to", "kitchen", ".", "john", "to", "garden", ".", "mary", "to", "office", ".", "where"]
    assert answer([*moves, "mary", "?"]) == "office"
    assert answer([*moves, "john", "?"]) == "garden"
    assert answer([*moves, "sandra", "?"]) is None
    rng = np.random.default_rng(0)
    for _ in range(50):
        story = make_story(rng)
        assert answer(story) == story[-1]
    assert make_stories(rng, 3).shape == (3, 16)
    assert len(NUMBER) == 11
