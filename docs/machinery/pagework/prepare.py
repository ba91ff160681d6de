"""Fetches what pages need from npm: `python -m pagework.prepare`, once before they are built.

`docs/package-lock.json` says exactly what. Packages go into the environment that this runs in, and what a
browser needs of them into `docs/assets/vendor`, which git ignores.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from pagework.places import DOCS
from pagework.rendering import MODULES, node

VENDOR = DOCS / "assets" / "vendor"


def install() -> None:
    """Have npm install what the lock names, unless it has already."""
    place = MODULES.parent
    place.mkdir(parents=True, exist_ok=True)
    names = ("package.json", "package-lock.json", ".npmrc")
    installed = place / "installed.json"
    lock = (DOCS / "package-lock.json").read_bytes()
    if installed.exists() and installed.read_bytes() == lock:
        return
    # npm begins by emptying the folder. If it then fails, what was said of it before is no longer true.
    installed.unlink(missing_ok=True)
    for name in names:
        shutil.copyfile(DOCS / name, place / name)
    done = subprocess.run([node("npm"), "ci", "--no-audit", "--no-fund"], cwd=place, check=False)
    if done.returncode != 0:
        sys.exit("npm didn't bring what docs/package-lock.json names, for the reason that it gives above")
    installed.write_bytes(lock)


def copy() -> None:
    """Copy what a browser needs."""
    shutil.rmtree(VENDOR, ignore_errors=True)
    _copy(MODULES / "iframe-worker" / "shim" / "index.js", VENDOR / "iframe-worker.js")
    _copy(MODULES / "@viz-js" / "viz" / "dist" / "viz-global.js", VENDOR / "viz-global.js")
    katex = MODULES / "katex" / "dist"
    for font in sorted((katex / "fonts").glob("*.woff2")):
        _copy(font, VENDOR / "katex" / "fonts" / font.name)
    # Every browser that runs the page reads WOFF2; the other kinds aren't copied.
    style = (katex / "katex.min.css").read_text(encoding="utf-8")
    style = re.sub(r',url\([^)]*\.(?:woff|ttf)\) format\("\w+"\)', "", style)
    (VENDOR / "katex" / "katex.min.css").write_text(style, encoding="utf-8")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


if __name__ == "__main__":
    install()
    copy()
