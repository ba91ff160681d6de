"""A browser, and the built pages in it: over http, and from the disk as they lie there.

    pytest docs/machinery/browser --site FOLDER

The browser is the Chromium of this machine; `CHROMIUM` names another. Whatever a page asks of anybody else,
and whatever it writes to the console as an error, fails the checks that had it open.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from browser.using import PATIENCE, Opener
from pagework import serve

FLAGS = (
    "--no-sandbox",  # a container has none
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The folder of the built pages."""
    parser.addoption("--site", type=Path, required=True, help="folder of the built pages")


@pytest.fixture(scope="session")
def site(pytestconfig: pytest.Config) -> Path:
    """The folder of the built pages."""
    folder: Path = pytestconfig.getoption("--site").resolve()
    if not (folder / "index.html").is_file():
        pytest.exit(f"{folder} is no built site: it has no index.html", 2)
    return folder


@pytest.fixture(scope="session")
def axe() -> str:
    """The text of axe-core, which npm has brought with the rest."""
    modules = Path(sys.prefix) / "share" / "pagework" / "node_modules"
    return (modules / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.exit(f"none of {', '.join(NAMES)} is on the path; CHROMIUM may name one", 2)
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def over_http(site: Path) -> Iterator[str]:
    """The address of the pages, served."""
    with serve.server(site, 0) as pages:
        thread = threading.Thread(target=pages.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{pages.server_address[1]}"
        pages.shutdown()


@pytest.fixture(scope="module", params=["http", "file"])
def base(request: pytest.FixtureRequest, site: Path, over_http: str) -> str:
    """The address of the pages: served, and on the disk."""
    return over_http if request.param == "http" else site.as_uri()


class Watch:
    """What a page asks for, and what goes wrong in it.

    Attributes:
        foreign: Addresses that are none of the site's.
        errors: What the console calls an error, and exceptions that nobody caught.
    """

    def __init__(self, base: str, context: BrowserContext) -> None:
        """Watch every page of a context."""
        self.foreign: list[str] = []
        self.errors: list[str] = []
        own = (base, "blob:", "data:")
        context.on(
            "request", lambda asked: None if asked.url.startswith(own) else self.foreign.append(asked.url)
        )
        context.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        context.on("weberror", lambda raised: self.errors.append(str(raised.error)))


@pytest.fixture(scope="module")
def opened(browser: Browser, base: str) -> Iterator[Opener]:
    """Opens pages of the site, each in a browser that knows nothing yet, and watches them."""
    contexts: list[tuple[BrowserContext, Watch]] = []

    def open_(
        path: str, *, before: str = "", without: str = "", width: int = 1200, dark: bool = False
    ) -> Page:
        """Open a page.

        Args:
            path: From the root of the site.
            before: A script that runs before any of the page's.
            without: Addresses, as a pattern, that can't be had.
            width: Of the window.
            dark: Whether the reader's system is dark.
        """
        scheme = "dark" if dark else "light"
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
        )
        context.set_default_timeout(PATIENCE)
        if before:
            context.add_init_script(before)
        if without:
            context.route(without, lambda route: route.abort())
        watch = Watch(base, context)
        if not without:  # what can't be had is an error to the console
            contexts.append((context, watch))
        page = context.new_page()
        page.goto(f"{base}/{path}")
        return page

    yield open_
    for context, _ in contexts:
        context.close()
    assert [address for _, watch in contexts for address in watch.foreign] == []
    assert [error for _, watch in contexts for error in watch.errors] == []
