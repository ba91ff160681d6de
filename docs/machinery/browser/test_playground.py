"""The playground: programs, graphs walked back through, and what is drawn while something trains."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from browser.test_looks import violations
from browser.using import PATIENCE, Opener


@pytest.fixture(scope="module")
def page(opened: Opener) -> Iterator[Page]:
    """The playground."""
    opened_page = opened("playground.html")
    yield opened_page
    opened_page.close()


def play(page: Page, example: str) -> Locator:
    """Run an example to its end."""
    box = page.locator(".playground")
    box.get_by_role("button", name=f"Example: {example}").click()
    return run(page)


def run(page: Page) -> Locator:
    box = page.locator(".playground")
    box.evaluate("box => { delete box.dataset.state; }")
    box.get_by_role("button", name="Run the program").click()
    page.wait_for_function("box => box.dataset.state", arg=box.element_handle(), timeout=PATIENCE)
    return box


def test_a_graph_is_walked_back_through_one_node_at_a_time(page: Page) -> None:
    box = play(page, "A graph")
    assert box.get_attribute("data-state") == "done"
    note = box.locator(".py-pictures [role=status]").first
    back = box.get_by_role("button", name="Step back")
    graph = box.locator(".py-graph svg")
    expect(note).to_contain_text("4 steps lead back from loss.")
    assert "cotangent" not in graph.text_content()
    for step in range(1, 5):
        back.click()
        if step == 1:
            expect(note).to_contain_text("Back from loss: its own cotangent.")
        else:
            expect(note).to_contain_text(f"Step {step - 1} of 4")
    back.click()

    expect(note).to_have_text("Step 4 of 4: everything has arrived.")
    expect(back).to_have_attribute("aria-disabled", "true")
    assert "cotangent" in graph.text_content()
    assert "The graph behind loss." in graph.get_attribute("aria-label")


def test_another_tensor_can_be_chosen(page: Page) -> None:
    box = page.locator(".playground")
    box.get_by_role("combobox", name="Behind").select_option("h")

    expect(box.locator(".py-pictures [role=status]").first).to_contain_text("2 steps lead back from h.")


def test_xor_is_watched_while_it_trains(page: Page) -> None:
    box = play(page, "XOR")

    assert "step 2000" in box.locator(".pyrun-output").inner_text()
    expect(box.locator(".py-curves figcaption")).to_contain_text("In 2,001 steps: loss from 0.2286 to 0.0")
    assert "at (1, 1)" in box.locator(".py-surface canvas").get_attribute("aria-label")
    shades = box.locator("canvas").evaluate(
        "c => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size"
    )
    assert shades > 20


def test_a_recurrent_network_learns_a_word(page: Page) -> None:
    assert "banana." in play(page, "A recurrent network").locator(".pyrun-output").inner_text()


def test_nothing_of_it_bars_anybody(page: Page, axe: str) -> None:
    play(page, "XOR")
    assert violations(page, axe) == []


def test_a_mistake_is_told_and_marked(page: Page) -> None:
    box = page.locator(".playground")
    box.locator("textarea").fill("from deeplearning_framework import Tensor\nTensor([1.0]).mm(2)")
    run(page)

    assert box.get_attribute("data-state") == "raised"
    assert "Traceback" in box.locator(".py-trace").inner_text()
    assert box.locator(".py-mark").count() == 1


def test_an_endless_program_can_be_stopped(page: Page) -> None:
    box = page.locator(".playground")
    box.locator("textarea").fill("while True: pass")
    box.get_by_role("button", name="Run the program").click()
    page.wait_for_timeout(300)
    box.get_by_role("button", name="Stop the program").click()

    expect(box.locator(".py-program [role=status]")).to_have_text("Stopped. Run starts Python anew.")
