"""The page that runs: cells and exercises as a reader uses them, over http and from a disk."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from browser.using import PATIENCE, Opener


@pytest.fixture(scope="module")
def chapter() -> str:
    """A chapter that has cells, something to break and something to build."""
    return "tutorial/07_nonlinearity.html"


@pytest.fixture(scope="module")
def page(opened: Opener, chapter: str) -> Iterator[Page]:
    """A chapter in which Python has been started once, for all the checks that don't mind."""
    opened_page = opened(chapter)
    yield opened_page
    opened_page.close()


def first(page: Page) -> Locator:
    """The first cell that has buttons."""
    return page.locator(".pyrun[data-kind=run]").first


def exercise(page: Page, kind: str) -> Locator:
    return page.locator(f".pyexercise[data-kind={kind}]").first


def data(box: Locator) -> dict[str, str]:
    found: dict[str, str] = json.loads(box.locator(".pyexercise-data").text_content() or "")
    return found


def press(box: Locator, button: str) -> None:
    """Press a button, and wait until what it started has ended."""
    box.evaluate("box => { delete box.dataset.state; }")
    box.get_by_role("button", name=button).first.click()
    box.page.wait_for_function("box => box.dataset.state", arg=box.element_handle(), timeout=PATIENCE)


def run(cell: Locator, code: str) -> str:
    """Write code into a cell and run it; what is below it then."""
    if not cell.locator("textarea").is_visible():
        cell.get_by_role("button", name="Edit").click()
    cell.locator("textarea").fill(code)
    press(cell, "Run")
    return str(cell.locator(".pyrun-output").text_content() or "")


def status(box: Locator) -> str:
    return str(box.locator("[role=status]").inner_text())


def test_nothing_is_loaded_before_run_is_pressed(page: Page) -> None:
    assert page.evaluate("pagework.engine.started") is False
    assert (
        page.evaluate(
            "performance.getEntriesByType('resource').filter(e => e.name.includes('assets/py')).length"
        )
        == 0
    )


def test_a_cell_prints_what_it_printed_when_the_site_was_built(page: Page) -> None:
    cell = first(page)
    built = cell.locator(".pyrun-output").text_content()
    press(cell, "Run")

    assert (cell.locator(".pyrun-output").text_content() or "").strip() == (built or "").strip()
    assert status(cell).startswith("Done in")


def test_cells_share_their_names_and_run_those_above_first(page: Page) -> None:
    cells = page.locator(".pyrun[data-kind=run]")
    run(cells.nth(0), "shared = 41")
    assert run(cells.nth(1), "shared + 1") == "42\n"


def test_an_exception_is_shown_with_its_line(page: Page) -> None:
    cell = first(page)
    said = run(cell, "x = 1\nx / 0\nx = 2")

    assert said.startswith("Traceback (most recent call last):")
    assert said.endswith("ZeroDivisionError: division by zero")
    assert cell.get_attribute("data-state") == "raised"
    mark = cell.locator(".py-mark")
    assert mark.evaluate("mark => mark.style.getPropertyValue('--line')") == "1"


def test_an_import_that_is_not_there_is_told(page: Page) -> None:
    assert "There is no torch in this page." in run(first(page), "import torch")


def test_pytest_and_hypothesis_can_be_imported(page: Page) -> None:
    code = "import pytest, hypothesis\nprint(pytest.__name__, hypothesis.__name__)"
    assert run(first(page), code) == "pytest hypothesis\n"


def test_ten_megabytes_do_not_freeze_the_page(page: Page) -> None:
    cell = first(page)
    said = run(cell, "print('x' * 10_000_000)")

    assert "9,900,001 more characters were printed than are shown here." in said
    assert len(said) < 110_000


def test_stop_ends_an_endless_loop_and_run_goes_on(page: Page) -> None:
    cell = first(page)
    cell.locator("textarea").fill("while True:\n    pass")
    cell.get_by_role("button", name="Run").click()
    stop = cell.get_by_role("button", name="Stop")
    expect(stop).to_be_visible()
    page.wait_for_timeout(300)
    stop.click()

    expect(cell.locator("[role=status]")).to_have_text("Stopped. Run starts Python anew.")
    assert page.evaluate("document.activeElement.textContent") == "Run"
    assert run(cell, "6 * 7") == "42\n"


def test_an_endless_print_can_be_stopped(page: Page) -> None:
    cell = first(page)
    cell.locator("textarea").fill("while True:\n    print('again')")
    cell.get_by_role("button", name="Run").click()
    expect(cell.locator("samp")).to_contain_text("again")
    cell.get_by_role("button", name="Stop").click()

    expect(cell.locator("[role=status]")).to_have_text("Stopped. Run starts Python anew.")


def test_reset_brings_back_what_was_there(page: Page) -> None:
    cell = first(page)
    cell.get_by_role("button", name="Reset").click()

    assert not cell.locator("textarea").is_visible()
    assert cell.locator("pre > code").is_visible()
    assert status(cell) == "As it was."


def test_the_keyboard_can_do_everything(page: Page) -> None:
    cell = first(page)
    cell.get_by_role("button", name="Edit").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"
    page.keyboard.press("Control+A")
    page.keyboard.type("if True:")
    page.keyboard.press("Enter")
    page.keyboard.type("print('typed')")
    assert cell.locator("textarea").input_value() == "if True:\n    print('typed')"
    page.keyboard.press("Control+Enter")
    expect(cell.locator("samp")).to_have_text("typed\n")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.textContent") == "Run"
    cell.get_by_role("button", name="Reset").click()


def test_a_broken_rule_fails_its_clause_with_a_shrunk_counterexample(page: Page) -> None:
    box = exercise(page, "break")
    press(box, "Run the clauses")
    assert box.get_attribute("data-state") == "passed"
    box.get_by_role("button", name="Break it for me").click()
    assert box.locator("textarea").input_value() == data(box)["broken"]
    press(box, "Run the clauses")

    assert box.get_attribute("data-state") == "failed"
    assert "you broke it, and the spec noticed" in box.locator(".py-verdict").inner_text()
    told = box.locator(".py-told").first.inner_text()
    assert "should be" in told
    assert "Hypothesis found this, and shrank it" in told
    box.get_by_role("button", name="Reset").click()
    assert not box.locator(".py-clauses").is_visible()


def test_what_is_built_is_judged(page: Page) -> None:
    box = exercise(page, "build")
    press(box, "Run the clauses")
    assert box.get_attribute("data-state") == "failed"
    box.locator("textarea").fill(data(box)["source"])
    press(box, "Run the clauses")

    assert box.get_attribute("data-state") == "passed"
    assert box.locator(".py-verdict").inner_text() == "Every clause holds: that's it."


def test_a_text_that_is_no_python_is_told(page: Page) -> None:
    box = exercise(page, "build")
    box.locator("textarea").fill("def")
    press(box, "Run the clauses")

    assert "SyntaxError" in box.locator(".pyrun-output").inner_text()
    assert box.locator(".py-mark").count() == 1


def test_loading_can_be_stopped_and_taken_up_again(opened: Opener, chapter: str) -> None:
    page = opened(chapter)
    cell = first(page)
    cell.get_by_role("button", name="Run").click()
    cell.get_by_role("button", name="Stop").click()
    expect(cell.locator("[role=status]")).to_have_text("Stopped. Run starts Python anew.")

    press(cell, "Run")
    assert status(cell).startswith("Done in")
    page.close()


def test_a_second_tab_is_a_python_of_its_own(page: Page, chapter: str) -> None:
    other = page.context.new_page()
    other.goto(page.url)
    assert "NameError" in run(first(other), "shared")
    assert run(first(other), "shared = 'other'\nshared") == "'other'\n"
    other.close()


def test_a_worker_that_has_gone_is_noticed(page: Page) -> None:
    cell = first(page)
    run(cell, "import js\njs.close()")
    page.wait_for_timeout(5_100)
    cell.locator("textarea").fill("1")
    press(cell, "Run")

    assert status(cell) == "Python has ended by itself."
    assert run(cell, "6 * 7") == "42\n"


@pytest.mark.parametrize(
    ("lacking", "named"),
    [
        ("delete self.DecompressionStream", "DecompressionStream"),
        ("self.Worker = class { constructor() { throw new Error('no'); } }", "workers"),
        (
            "{ const Own = self.Worker; self.Worker = class { constructor(url) { return new Own(url); } } }",
            "module workers",
        ),
    ],
)
def test_an_old_browser_is_told_what_it_lacks(opened: Opener, chapter: str, lacking: str, named: str) -> None:
    page = opened(chapter, before=lacking)
    cell = first(page)
    press(cell, "Run")

    assert status(cell) == "This browser can't run Python in a page."
    assert f"It has no {named}." in cell.locator(".py-apology").inner_text()
    page.close()


def test_a_site_without_python_says_so_and_gives_the_command(opened: Opener, chapter: str) -> None:
    page = opened(chapter, without="**/assets/py/*")
    cell, box = first(page), exercise(page, "break")
    press(cell, "Run")
    press(box, "Run the clauses")

    assert status(cell) == "Python is not part of this copy of the site."
    assert "pip install" in cell.locator(".py-apology pre").inner_text()
    assert "dlspec verify deeplearning_framework --only" in box.locator(".py-apology pre").inner_text()
    page.close()
