"""The built pages on this machine, for whoever reads them."""

from __future__ import annotations

import threading
import urllib.request
from pathlib import Path

import pytest

from pagework import serve


def test_the_pages_are_served_and_not_kept(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("hello", encoding="utf-8")
    with serve.server(tmp_path, 0) as pages:
        threading.Thread(target=pages.serve_forever, daemon=True).start()
        with urllib.request.urlopen(f"http://127.0.0.1:{pages.server_address[1]}/") as answer:
            assert answer.read() == b"hello"
            assert answer.headers["Cache-Control"] == "no-cache"
        pages.shutdown()


def test_where_a_port_is_taken_another_one_does(tmp_path: Path) -> None:
    with serve.server(tmp_path, 0) as first, serve.server(tmp_path, first.server_address[1]) as second:
        assert second.server_address[1] != first.server_address[1]


def test_a_folder_that_is_no_site_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        serve.main([str(tmp_path)])
    assert "is no built site" in capsys.readouterr().err


def test_a_port_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        serve.main([str(tmp_path), "--port", "65536"])
    assert "a number from 0 to 65535 is wanted" in capsys.readouterr().err
