"""What is fetched from npm before pages are built."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pagework import prepare


def test_where_npm_fails_it_is_told_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "installed.json").write_text("an older lock", encoding="utf-8")
    monkeypatch.setattr(prepare, "MODULES", tmp_path / "node_modules")
    monkeypatch.setattr(prepare, "node", lambda name: name)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess((), 1))

    with pytest.raises(SystemExit, match=r"npm didn't bring what docs/package-lock\.json names"):
        prepare.install()

    assert not (tmp_path / "installed.json").exists()
