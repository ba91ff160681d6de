"""The bundles that bring Python into a page: packed so that the page can put them together again."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import re
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pagework import runtime
from pagework.runtime import Item, Package, UnavailableError

ONE = Package("one==1.0", "one-1.0-py3-none-any.whl", hashlib.sha256(b"one").hexdigest())
MANIFEST = re.compile(r"pagework\.bundles\.manifest\((?P<json>.*)\);\n", re.DOTALL)
PIECE = re.compile(r'pagework\.bundles\.take\("(?P<name>[\w-]+)", (?P<number>\d+), "(?P<text>[\w+/=]*)"\);\n')


def manifest(site: Path) -> dict[str, Any]:
    match = MANIFEST.fullmatch((site / runtime.PLACE / "manifest.js").read_text(encoding="utf-8"))
    assert match is not None
    found: dict[str, Any] = json.loads(match["json"])
    return found


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "index.html").touch()
    return folder


def test_a_bundle_can_be_put_together_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "PIECE", 7)
    items = [Item("a.txt", b"first, and quite long" * 9, "file"), Item("b.zip", b"second", "zip")]
    said = runtime.write("thing", items, tmp_path)

    whole = b""
    for number, script in enumerate(said["scripts"]):
        match = PIECE.fullmatch((tmp_path / script).read_text(encoding="ascii"))
        assert match is not None
        assert (match["name"], match["number"]) == ("thing", str(number))
        whole += base64.b64decode(match["text"])
    parts = [whole[file["start"] : file["start"] + file["bytes"]] for file in said["files"]]
    assert gzip.decompress(parts[0]) == items[0].content
    assert parts[1] == b"second"
    assert [file["gzip"] for file in said["files"]] == [True, False]
    assert said["bytes"] == sum((tmp_path / script).stat().st_size for script in said["scripts"])


def test_the_name_of_a_script_changes_with_its_content(tmp_path: Path) -> None:
    first = runtime.write("thing", [Item("a.zip", b"1", "zip")], tmp_path)["scripts"]

    assert runtime.write("thing", [Item("a.zip", b"1", "zip")], tmp_path)["scripts"] == first
    assert runtime.write("thing", [Item("a.zip", b"2", "zip")], tmp_path)["scripts"] != first


def test_the_package_has_what_a_cell_imports() -> None:
    (item,) = runtime.package()
    names = zipfile.ZipFile(io.BytesIO(item.content)).namelist()

    assert {"deeplearning_framework/tensor.py", "pagework/inpage/bridge.py", "pagework/running.py"} <= set(
        names
    )
    assert runtime.package() == [item]


def test_every_profile_has_its_cases() -> None:
    bundles = runtime.cases()

    assert "cases-ops" in bundles
    names = zipfile.ZipFile(io.BytesIO(bundles["cases-ops"][0].content)).namelist()
    assert "dlspec/cases/ops/tanh.json" in names


def test_what_is_kept_is_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ONE.file).write_bytes(b"one")
    monkeypatch.setattr(runtime, "_fetched", lambda *_: pytest.fail("fetched"))

    assert runtime.had(ONE, tmp_path) == tmp_path / ONE.file


def test_another_file_than_it_was_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetched(package: Package, place: Path) -> Path:
        (place / package.file).write_bytes(b"another")
        return place / package.file

    monkeypatch.setattr(runtime, "_fetched", fetched)
    with pytest.raises(UnavailableError, match=r"one-1\.0.* has the digest .* is wanted"):
        runtime.had(ONE, tmp_path)
    assert not (tmp_path / ONE.file).exists()


def test_numpy_is_had_though_its_carrier_wants_an_older_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    about = "open_webui-0.12.4.dist-info"
    with zipfile.ZipFile(shelf / "open_webui-0.12.4-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{runtime.NUMPY.within}{runtime.NUMPY.file}", b"one")
        wheel.writestr(
            f"{about}/METADATA",
            "Metadata-Version: 2.1\nName: open-webui\nVersion: 0.12.4\nRequires-Python: <3.13\n",
        )
        wheel.writestr(
            f"{about}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: none\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr(f"{about}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", shelf.as_uri())

    kept = runtime.had(replace(runtime.NUMPY, sha256=ONE.sha256), tmp_path / "cache")

    assert kept.read_bytes() == b"one"


def test_a_site_without_python_says_why(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise UnavailableError("pyodide can't be fetched: no route to host")

    monkeypatch.setattr(runtime, "_fetched", refuse)
    arguments = [str(site), "--cache", str(tmp_path / "cache")]

    assert runtime.main(arguments) == 0
    assert "The pages will not run Python: pyodide can't be fetched" in capsys.readouterr().err
    assert manifest(site) == {"missing": "pyodide can't be fetched: no route to host", "bundles": {}}
    assert runtime.main([*arguments, "--required"]) == 1


def test_a_command_that_fails_is_told_by_its_last_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UnavailableError, match=r"one==1\.0 can't be fetched: last"):
        runtime._call(["python", "-c", "import sys; sys.exit('first\\nlast')"], tmp_path, ONE)
    assert capsys.readouterr().err == "fetching one==1.0\n  first\n  last\n"


def test_a_folder_that_is_no_site_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        runtime.main([str(tmp_path), "--cache", str(tmp_path)])
    assert "is no built site" in capsys.readouterr().err


def test_whoever_made_a_part_is_named_with_its_licence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = json.dumps(
        {"name": "pyodide", "version": "1", "license": "MPL-2.0", "homepage": "https://a.example"}
    )
    with tarfile.open(tmp_path / runtime.PYODIDE.file, "w:gz") as archive:
        member = tarfile.TarInfo("package/package.json")
        member.size = len(about)
        archive.addfile(member, io.BytesIO(about.encode()))
    monkeypatch.setattr(runtime, "had", lambda package, cache: cache / package.file)
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr(
            "one-1.0.dist-info/METADATA",
            "Name: one\nVersion: 1.0\nLicense-Expression: MIT\n"
            "Project-URL: Changelog, https://c.example\nProject-URL: Source, https://b.example\n",
        )
    said = runtime.licenses({"core": [Item(ONE.file, wheel.getvalue(), "wheel")]}, tmp_path)

    assert said.splitlines()[2:] == [
        "one 1.0: MIT, https://b.example",
        "pyodide 1: MPL-2.0, https://a.example",
    ]
