"""The adapter for PyTorch, as far as it can be looked at where PyTorch isn't installed."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from dlspec.implementation import Divergence
from dlspec.implementations import SHIPPED, read_divergences
from dlspec.manifest import by_id
from dlspec.runner.divergences import checked

DECLARED = read_divergences(Path(str(files("dlspec.implementations") / "torch.toml")))


def test_it_is_shipped() -> None:
    assert SHIPPED["torch"].place == "dlspec.implementations.torch:Torch"
    assert SHIPPED["torch"].extra == "torch"


def test_every_divergence_means_a_clause_and_gives_its_reason() -> None:
    assert set(checked(DECLARED, by_id())) == {divergence.id for divergence in DECLARED}


@pytest.mark.parametrize("divergence", DECLARED, ids=lambda divergence: divergence.id)
def test_a_divergence_is_put_in_a_few_words_and_links_to_an_open_place(divergence: Divergence) -> None:
    assert len(divergence.reason.split()) in range(6, 60)
    assert not divergence.reason.endswith(".")
    assert divergence.link is None or divergence.link.startswith(
        ("https://github.com/", "https://docs.pytorch.org/")
    )


def test_nothing_is_declared_of_a_profile_that_is_not_claimed() -> None:
    assert not [divergence for divergence in DECLARED if by_id()[divergence.id].profile == "objects"]
