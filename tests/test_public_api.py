"""The names that the package offers."""

from __future__ import annotations

import importlib
import inspect
import tomllib
from pathlib import Path

import numpy as np
import pytest

import deeplearning_framework as dl
from deeplearning_framework import SGD, Linear, MSELoss, Sequential, Sigmoid, Tanh, Tensor, primitives

HOMES = {
    "errors": [
        "ArgumentError",
        "DTypeError",
        "FrameworkError",
        "GradientError",
        "IndexRangeError",
        "MissingStateFileError",
        "ReplayError",
        "ShapeError",
        "StateError",
    ],
    "layers": [
        "Embedding",
        "LSTMCell",
        "Layer",
        "Linear",
        "RNNCell",
        "Relu",
        "Sequential",
        "Sigmoid",
        "Tanh",
    ],
    "losses": ["CrossEntropyLoss", "MSELoss"],
    "optim": ["SGD"],
    "primitives": ["Rule"],
    "tensor": ["Tensor", "apply", "no_grad"],
}


def test_the_public_names_are_these() -> None:
    assert sorted(dl.__all__) == sorted(
        [name for names in HOMES.values() for name in names] + ["__version__"]
    )
    assert len(set(dl.__all__)) == len(dl.__all__)


@pytest.mark.parametrize("module", HOMES)
def test_each_is_the_same_object_in_its_own_module(module: str) -> None:
    home = importlib.import_module(f"deeplearning_framework.{module}")
    for name in HOMES[module]:
        assert getattr(home, name) is getattr(dl, name)
    if hasattr(home, "__all__"):
        assert set(home.__all__) == set(HOMES[module])


def test_pictures_of_graphs_have_a_module_of_their_own() -> None:
    graph = importlib.import_module("deeplearning_framework.graph")
    assert graph.__all__ == ["dot", "steps"]
    assert all(inspect.getdoc(getattr(graph, name)) for name in graph.__all__)


def test_replays_have_a_module_of_their_own() -> None:
    replay = importlib.import_module("deeplearning_framework.replay")
    assert replay.__all__ == ["Replay"]
    assert inspect.getdoc(replay.Replay)


def test_the_version_is_that_of_the_distribution() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    assert dl.__version__ == project["project"]["version"]


def test_every_public_object_explains_itself() -> None:
    for name in set(dl.__all__) - {"__version__"}:
        thing = getattr(dl, name)
        assert inspect.getdoc(thing), name
        if inspect.isclass(thing):
            for attribute, member in vars(thing).items():
                if inspect.isfunction(member) and not attribute.startswith("_"):
                    assert inspect.getdoc(member), f"{name}.{attribute}"


def test_every_operation_states_its_shape_and_its_source() -> None:
    rules = {name: rule for name, rule in vars(primitives).items() if isinstance(rule, dl.Rule)}
    assert len(rules) == 24
    for name, rule in rules.items():
        assert rule.forward.__name__ == rule.name == name.lower()
        assert rule.vjp.__name__ == f"{rule.name}_vjp"
        documentation = inspect.getdoc(rule.forward) or ""
        for part in ("$$", "Shape:", "Source:"):
            assert part in documentation, f"{name} has no {part}"


@pytest.mark.parametrize(
    ("error", "standard"),
    [
        (dl.ShapeError, ValueError),
        (dl.ArgumentError, ValueError),
        (dl.StateError, ValueError),
        (dl.MissingStateFileError, FileNotFoundError),
        (dl.MissingStateFileError, dl.StateError),
        (dl.DTypeError, TypeError),
        (dl.IndexRangeError, IndexError),
        (dl.GradientError, RuntimeError),
        (dl.ReplayError, RuntimeError),
    ],
)
def test_each_error_is_also_the_standard_one(error: type[Exception], standard: type[Exception]) -> None:
    assert issubclass(error, standard)
    assert issubclass(error, dl.FrameworkError)


def test_the_quick_start_runs_as_it_was_published() -> None:
    np.random.seed(0)

    data = Tensor(np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), autograd=True)
    target = Tensor(np.array([[0], [1], [1], [0]]), autograd=True)
    model = Sequential([Linear(2, 3), Tanh(), Linear(3, 1), Sigmoid()])
    criterion = MSELoss()
    optimizer = SGD(parameters=model.get_parameters(), alpha=0.1)
    losses = []
    for _ in range(1000):
        predictions = model.forward(data)
        loss = criterion.forward(predictions, target)
        losses.append(loss.item())
        loss.backward(Tensor(np.ones_like(loss.data)))
        optimizer.step()

    assert losses[-1] < losses[0] / 2
