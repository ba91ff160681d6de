"""The adapter for PyTorch, as far as it can be looked at where PyTorch isn't installed."""

from __future__ import annotations

import sys

import pytest

from dlspec.implementations import SHIPPED, TargetError, load


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "dlspec.implementations.torch", raising=False)


def test_it_is_shipped() -> None:
    assert SHIPPED["torch"].place == "dlspec.implementations.torch:Torch"


@pytest.mark.usefixtures("without_torch")
def test_where_it_is_missing_the_message_is_how_to_get_it() -> None:
    with pytest.raises(
        TargetError, match=r'^torch is not installed: pip install "deeplearning-framework\[torch\]"$'
    ):
        load("torch")
