"""Python for the reader's browser, packed into the built site: `python -m pagework.runtime SITE --cache DIR`.

What the page needs is had from PyPI and npm by their own clients, held against the digests below, and kept in
that folder for the next time. Nothing of it is ever part of the source.

Pages open from a disk as well as from a server, and a page on a disk may load nothing but scripts. So each
bundle is cut into scripts that bring a piece of it in base64; `docs/js/bundles.js` puts them together:

    core         Pyodide and NumPy: all that a cell needs
    package      the reference, and what runs cells (pagework.inpage)
    spec         dlspec and what it imports: Hypothesis, mpmath
    cases-ops    the frozen cases of a profile, likewise for the others that have some
    pytest       for cells that import it

`manifest.js` says what there is. Where something can't be had, it says what and why, and the buttons of the
pages do so too.
"""

from __future__ import annotations

import argparse
import base64
import email
import gzip
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
PLACE = Path("assets", "py")
"""Where in the site the bundles are."""

PIECE = 1 << 20
"""Bytes in a script, before base64: small enough to show progress, large enough for few requests."""

PYTHON = "3.14"
PURE = ("--platform=any", "--implementation=py", "--abi=none")
WASM = ("--platform=pyemscripten_2026_0_wasm32", "--implementation=cp", "--abi=cp314")


class UnavailableError(Exception):
    """Something that the page needs can't be had; `str` says what, and why."""


@dataclass(frozen=True)
class Package:
    """A package that the page needs, exactly as it was when this was tried.

    Attributes:
        requirement: Name and version.
        file: The file that is wanted.
        sha256: Its digest.
        options: For whom pip is to download it; None for a package of npm.
        within: The file that carries the wanted one, where that is published nowhere by itself.
    """

    requirement: str
    file: str
    sha256: str
    options: tuple[str, ...] | None = PURE
    within: str | None = None


PYODIDE = Package(
    "pyodide@314.0.3",
    "pyodide-314.0.3.tgz",
    "d7f7d24f8db486c7eda7280f3b0f7517524c8e43e8b086c6ee6ae8016658b484",
    options=None,
)

# NumPy publishes no wheel for browsers. This one was built by the makers of Pyodide, whose lock file has
# the same digest; of what is on PyPI, Open WebUI carries it. Nobody is to run that, so it doesn't matter
# that it asks for an older Python than the page's.
NUMPY = Package(
    "open-webui==0.12.4",
    "numpy-2.4.3-cp314-cp314-pyemscripten_2026_0_wasm32.whl",
    "0cad9c1b91f0082e4f959bc0e0bf5835a2efbba6ab3b1e9d1fe6e7e564cca98e",
    options=(*PURE, "--ignore-requires-python"),
    within="open_webui/frontend/pyodide/",
)

SPEC = (
    Package(
        "hypothesis==6.170.15",
        "hypothesis-6.170.15-cp314-cp314-pyemscripten_2026_0_wasm32.whl",
        "1138c03edf4c4401afb28e50255644b4ab4e1ad52864456cd4e84458ba8c671a",
        options=WASM,
    ),
    Package(
        "mpmath==1.4.1",
        "mpmath-1.4.1-py3-none-any.whl",
        "dc4f0ea2304480d4a9a48a94c1020571558ade522b44a6912efac63a586e140f",
    ),
    Package(
        "sortedcontainers==2.4.0",
        "sortedcontainers-2.4.0-py2.py3-none-any.whl",
        "a163dcaede0f1c021485e957a39245190e74249897e2ae4b2aa38595db237ee0",
    ),
)

PYTEST = (
    Package(
        "pytest==9.2.0",
        "pytest-9.2.0-py3-none-any.whl",
        "07acdcf88ec174f907dc01af70bf52d49b014bbab03faeeade31c96b18c2e588",
    ),
    Package(
        "pluggy==1.7.0",
        "pluggy-1.7.0-py3-none-any.whl",
        "7dd7b0d8832ba3cb632c306926ded123429211b83641b35dc5c41ad2d34f9bec",
    ),
    Package(
        "iniconfig==2.3.1",
        "iniconfig-2.3.1-py3-none-any.whl",
        "9121e2c1fdb355232495be3194c8dfe87ccc2d5dee45947b78e68f499790d7a7",
    ),
    Package(
        "packaging==26.4",
        "packaging-26.4-py3-none-any.whl",
        "81383611a09c1bc0b08b76e0fd5829d7c6824c65b27a6aee339da133f4233ea2",
    ),
    Package(
        "pygments==2.21.0",
        "pygments-2.21.0-py3-none-any.whl",
        "2363c69b61c4a97c838da3b130dcd6468f4848992b21a82f2a63ec34377137d9",
    ),
)

CORE = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
"""What is wanted of Pyodide, beside its lock file."""


def had(package: Package, cache: Path) -> Path:
    """The file of a package: from the cache, or fetched into it.

    Raises:
        UnavailableError: It can't be had, or isn't what it was.
    """
    kept = cache / package.file
    if kept.is_file() and _digest(kept) == package.sha256:
        return kept
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as place:
        fetched = _fetched(package, Path(place))
        if (digest := _digest(fetched)) != package.sha256:
            raise UnavailableError(
                f"{package.file} of {package.requirement} has the digest {digest}, "
                f"where {package.sha256} is wanted"
            )
        fetched.replace(kept)
    return kept


def _fetched(package: Package, place: Path) -> Path:
    if package.options is None:
        _call([_npm(), "pack", "--silent", package.requirement], place, package)
    else:
        options = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--quiet"]
        pip = [sys.executable, "-m", "pip", "download", *options, f"--python-version={PYTHON}"]
        _call([*pip, *package.options, package.requirement], place, package)
    if package.within is None:
        return _one_of(package, place.glob(package.file))
    carrier = _one_of(package, place.glob("*.whl"))
    with zipfile.ZipFile(carrier) as archive:
        try:
            content = archive.read(package.within + package.file)
        except KeyError:
            raise UnavailableError(f"{package.requirement} has no {package.within}{package.file}") from None
    carrier.unlink()
    (place / package.file).write_bytes(content)
    return place / package.file


def _npm() -> str:
    # The environment's own first: a wheel brings it.
    found = shutil.which("npm", path=str(Path(sys.executable).parent)) or shutil.which("npm")
    if found is None:
        raise UnavailableError("npm isn't there, by which Pyodide is had")
    return found


def _call(command: Sequence[str], place: Path, package: Package) -> None:
    print(f"fetching {package.requirement}", file=sys.stderr)
    answer = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        said = [line for line in answer.stderr.splitlines() if line.strip()]
        # pip ends in the same words when there is no network and when a version doesn't suit; before them it
        # says which of the two it was, at length.
        for line in said:
            print(f"  {line[:300]}", file=sys.stderr)
        raise UnavailableError(f"{package.requirement} can't be fetched: {' '.join(said[-1:])[:300]}")


def _one_of(package: Package, files: Iterable[Path]) -> Path:
    found = list(files)
    if len(found) != 1:
        raise UnavailableError(f"{package.requirement} didn't bring {package.file}")
    return found[0]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass(frozen=True)
class Item:
    """A file of a bundle.

    Attributes:
        name: What it is called.
        content: Its bytes.
        kind: What the page does with it: `file` (hands it to Pyodide), `wheel` or `zip` (unpacks it).
    """

    name: str
    content: bytes
    kind: str


def core(cache: Path) -> list[Item]:
    """Pyodide and NumPy."""
    numpy = had(NUMPY, cache)
    with tarfile.open(had(PYODIDE, cache)) as archive:

        def content(name: str) -> bytes:
            member = archive.extractfile(f"package/{name}")
            if member is None:
                raise UnavailableError(f"{PYODIDE.requirement} has no {name}")
            return member.read()

        lock = json.loads(content("pyodide-lock.json"))
        if lock["packages"]["numpy"]["sha256"] != NUMPY.sha256:
            raise UnavailableError(f"{PYODIDE.requirement} asks for another NumPy than {NUMPY.file}")
        items = [Item(name, content(name), "file") for name in CORE]
    # Of the hundreds of packages in the lock only the one that is here.
    lock["packages"] = {"numpy": lock["packages"]["numpy"]}
    items.append(Item("pyodide-lock.json", json.dumps(lock).encode(), "file"))
    return [*items, Item(numpy.name, numpy.read_bytes(), "file")]


def package() -> list[Item]:
    """The reference, and the modules that run in the page."""
    files = {path: path.relative_to(ROOT / "src") for path in (ROOT / "src").rglob("*.py")}
    machinery = ROOT / "docs" / "machinery"
    shared = [machinery / "pagework" / name for name in ("__init__.py", "live.py", "plot.py", "running.py")]
    inpage = (machinery / "pagework" / "inpage").rglob("*.py")
    files |= {path: path.relative_to(machinery) for path in (*shared, *inpage)}
    return [Item("package.zip", zipped(files), "zip")]


def spec(cache: Path) -> list[Item]:
    """The spec without its cases, and what it imports."""
    return [*wheels(SPEC, cache), *own_of_spec()]


def own_of_spec() -> list[Item]:
    """The spec without its cases."""
    folder = ROOT / "spec"
    faults = folder / "dlspec" / "faults"
    data = [
        folder / "dlspec" / "clauses.lock",
        *(faults / name for name in ("answers.json", "matrix.json")),
        *faults.glob("*.toml"),
    ]
    files = [*folder.rglob("*.py"), *data]
    return [Item("dlspec.zip", zipped({path: path.relative_to(folder) for path in files}), "zip")]


def cases() -> dict[str, list[Item]]:
    """The frozen cases, profile by profile."""
    folder = ROOT / "spec"
    return {
        f"cases-{profile.name}": [
            Item(
                f"{profile.name}.zip",
                zipped({path: path.relative_to(folder) for path in profile.glob("*.json")}),
                "zip",
            )
        ]
        for profile in sorted((folder / "dlspec" / "cases").iterdir())
        if profile.is_dir()
    }


def wheels(packages: Sequence[Package], cache: Path) -> list[Item]:
    """Packages as they are."""
    return [Item(package.file, had(package, cache).read_bytes(), "wheel") for package in packages]


def zipped(files: Mapping[Path, Path]) -> bytes:
    """An archive that is the same whenever it is made of the same files.

    Args:
        files: Where each is, and what it is called in the archive.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path, name in sorted(files.items(), key=lambda item: item[1].as_posix()):
            archive.writestr(zipfile.ZipInfo(name.as_posix()), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def write(name: str, items: Sequence[Item], folder: Path) -> dict[str, Any]:
    """Write a bundle as scripts.

    Args:
        name: Its name.
        items: What is in it.
        folder: Where the scripts go.

    Returns:
        What the manifest says of it.
    """
    index, parts, start = [], [], 0
    for item in items:
        # Wheels and zips are compressed already.
        packed = item.name.endswith((".whl", ".zip"))
        part = item.content if packed else gzip.compress(item.content, 9, mtime=0)
        index.append(
            {"name": item.name, "kind": item.kind, "gzip": not packed, "start": start, "bytes": len(part)}
        )
        parts.append(part)
        start += len(part)
    whole = b"".join(parts)
    # The name changes with the content, so that a browser never mixes what it kept with what is new.
    stem = f"{name}-{hashlib.sha256(whole).hexdigest()[:10]}"
    scripts = []
    for number, first in enumerate(range(0, len(whole), PIECE)):
        text = base64.b64encode(whole[first : first + PIECE]).decode()
        script = folder / f"{stem}-{number}.js"
        script.write_text(f'pagework.bundles.take("{name}", {number}, "{text}");\n', encoding="ascii")
        scripts.append(script.name)
    return {
        "scripts": scripts,
        "bytes": sum((folder / script).stat().st_size for script in scripts),
        "files": index,
    }


SOURCES = ("source", "source code", "repository", "homepage")
"""What a wheel calls the address of its source, the best first."""


def licenses(bundles: Mapping[str, Sequence[Item]], cache: Path) -> str:
    """What others have made of the bundles, under which licences, and where its source is."""
    with tarfile.open(had(PYODIDE, cache)) as archive:
        member = archive.extractfile("package/package.json")
        assert member is not None
        about = json.loads(member.read())
    lines = [f"{about['name']} {about['version']}: {about['license']}, {about['homepage']}"]
    for item in (item for items in bundles.values() for item in items if item.name.endswith(".whl")):
        with zipfile.ZipFile(io.BytesIO(item.content)) as wheel:
            (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
            found = email.message_from_bytes(wheel.read(name))
        licence = found["License-Expression"] or str(found["License"] or "").partition("\n")[0]
        named = (place.partition(", ") for place in found.get_all("Project-URL", []))
        places = {label.lower(): place for label, _, place in named}
        place = next((places[label] for label in SOURCES if label in places), found["Home-page"])
        lines.append(f"{found['Name']} {found['Version']}: {licence}, {place}")
    intro = (
        "What these scripts carry besides this project. Each wheel in them has the text of its licence in it."
    )
    return "\n".join([intro, "", *sorted(lines, key=str.lower), ""])


def build(site: Path, cache: Path) -> str | None:
    """Put the bundles into a site.

    Args:
        site: The folder of the built site.
        cache: Where downloads are kept.

    Returns:
        Why there are none, or None.
    """
    folder = site / PLACE
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    missing = None
    bundles: dict[str, list[Item]] = {}
    try:
        bundles = {"core": core(cache), "package": package(), "spec": spec(cache), **cases()}
        bundles["pytest"] = wheels(PYTEST, cache)
    except (UnavailableError, OSError) as error:
        missing, bundles = str(error), {}
    manifest = {
        "missing": missing,
        "bundles": {name: write(name, items, folder) for name, items in bundles.items()},
    }
    if not missing:
        (folder / "licenses.txt").write_text(licenses(bundles, cache), encoding="utf-8")
    text = f"pagework.bundles.manifest({json.dumps(manifest, indent=1)});\n"
    (folder / "manifest.js").write_text(text, encoding="utf-8")
    return missing


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; see the module's docstring."""
    parser = argparse.ArgumentParser(
        prog="python -m pagework.runtime", description="Pack Python into a site."
    )
    parser.add_argument("site", type=Path, help="folder of the built site")
    parser.add_argument("--cache", type=Path, required=True, help="folder in which downloads are kept")
    parser.add_argument("--required", action="store_true", help="fail where something can't be had")
    options = parser.parse_args(arguments)
    if not (options.site / "index.html").is_file():
        parser.error(f"{options.site} is no built site: it has no index.html")
    missing = build(options.site, options.cache)
    if missing is not None:
        print(f"The pages will not run Python: {missing}", file=sys.stderr)
        return 1 if options.required else 0
    size = sum(path.stat().st_size for path in (options.site / PLACE).iterdir())
    print(f"{size / 1e6:.1f} MB of Python are in {options.site / PLACE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
