"""What JAX and MyGrad are declared to do differently, as far as it can be looked at without them."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from dlspec.implementations import SHIPPED, read_divergences
from dlspec.manifest import by_id
from dlspec.runner.divergences import checked

CLAIMED = {"ops", "autodiff", "numerics", "errors"}
FILES = [
    Path(str(files("dlspec.implementations") / name)) for name in ("jax.toml", "jax_jit.toml", "mygrad.toml")
]


def test_they_are_shipped() -> None:
    assert [SHIPPED[target].extra for target in ("jax", "jax_jit", "mygrad")] == ["jax", "jax", "mygrad"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_divergence_means_a_clause_and_gives_its_reason(path: Path) -> None:
    declared = read_divergences(path)

    assert set(checked(declared, by_id())) == {divergence.id for divergence in declared}
    for divergence in declared:
        assert len(divergence.reason.split()) in range(6, 60), divergence.id
        assert not divergence.reason.endswith("."), divergence.id
        assert divergence.link is None or divergence.link.startswith("https://"), divergence.id


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_nothing_is_declared_of_a_profile_that_is_not_claimed(path: Path) -> None:
    assert {by_id()[divergence.id].profile for divergence in read_divergences(path)} <= CLAIMED
