"""Pages as everybody has to be able to use them: WCAG 2.1 AA by axe, light and dark; narrow; search."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from browser.using import Opener

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]

KINDS = (
    "index.html",
    "deep_dive_explanation.html",
    "tutorial/*.html",
    "playground.html",
    "reference*.html",
    "spec.html",
    "clauses/scale.html",
    "matrix.html",
    "faults/optimizer.html",
    "performance.html",
    "decisions/index.html",
)
"""One page of each kind, by a pattern of which the first is meant."""


def of_each_kind(site: Path) -> list[str]:
    """The pages to look at."""
    found = [next(iter(sorted(site.glob(pattern))), None) for pattern in KINDS]
    return [path.relative_to(site).as_posix() for path in found if path is not None]


def violations(page: Page, axe: str) -> list[str]:
    """What axe finds: which rule, and where first."""
    page.evaluate(axe)
    # By itself it asks for stylesheets once more, which a page on a disk may not.
    options = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"], "preload": False}
    result: dict[str, Any] = page.evaluate("options => axe.run(document, options)", options)
    return [f"{found['id']}: {found['nodes'][0]['html'][:200]}" for found in result["violations"]]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing(opened: Opener, site: Path, axe: str, base: str, dark: bool) -> None:
    if base.startswith("file:"):
        return  # the same pages
    found = {}
    for path in of_each_kind(site):
        page = opened(path, dark=dark)
        found[path] = violations(page, axe)
        page.close()
    assert {path: those for path, those in found.items() if those} == {}


def test_what_an_exercise_says_bars_nobody(opened: Opener, axe: str) -> None:
    for dark in (False, True):
        page = opened("index.html", dark=dark)
        box = page.locator(".pyexercise").first
        box.get_by_role("button", name="Break it for me").click()
        box.get_by_role("button", name="Run the clauses").click()
        expect(box.locator(".py-told").first).to_be_visible()
        page.locator(".pyrun").first.get_by_role("button", name="Run").click()
        expect(page.locator(".pyrun [role=status]").first).to_contain_text("Done in")
        assert violations(page, axe) == []
        page.close()


def test_nothing_is_wider_than_a_narrow_window(opened: Opener, site: Path) -> None:
    wide = []
    for path in of_each_kind(site):
        page = opened(path, width=400)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wide.append(path)
        page.close()
    assert wide == []


def test_search_finds_a_word(opened: Opener) -> None:
    page = opened("index.html")
    page.locator(".md-search__input").first.click()
    page.keyboard.type("pullback")
    expect(page.locator(".md-search-result__item").first).to_be_visible()
    page.close()


def test_the_index_of_the_search_waits_until_it_is_wanted(opened: Opener) -> None:
    page = opened("index.html")
    if page.url.startswith("file:"):
        pytest.skip("on a disk the index is a script, and there is nothing to wait for")
    asked = "performance.getEntriesByType('resource').some((one) => one.name.endsWith('search_index.json'))"
    page.wait_for_load_state("networkidle")
    assert not page.evaluate(asked)
    page.locator(".md-search__input").first.click()
    page.wait_for_function(asked)
    page.close()
