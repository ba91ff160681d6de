"""Every report, area of faults, profile and module has the page that is made from it."""

from __future__ import annotations

import re

from dlspec import manifest
from dlspec.implementations import SHIPPED
from pagework import clauses, fault_pages, reference_pages, tutorial
from pagework.literate import files
from pagework.places import CONFORMANCE, DOCS
from pagework.source import MAIN, PACKAGE, read

PAGES = {path.relative_to(DOCS).as_posix(): path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md")}


def asking_for(directive: str) -> dict[str, str]:
    """The pages that have a directive, by what it names."""
    lines = re.compile(rf"^@{directive}(?: (\S+))?$", re.MULTILINE)
    return {name: page for page, text in PAGES.items() for name in lines.findall(text)}


def test_every_report_has_its_page() -> None:
    assert asking_for("implementation") == {
        path.stem: f"conformance/{path.stem}.md" for path in CONFORMANCE.glob("*.json")
    }


def test_every_area_of_faults_has_its_page() -> None:
    assert asking_for("faults") == {area: f"faults/{area}.md" for area in fault_pages.areas()}
    assert fault_pages.pages() == asking_for("faults")


def test_every_profile_has_its_page() -> None:
    assert asking_for("profile") == {profile: f"clauses/{profile}.md" for profile in manifest.PROFILES}


def test_every_file_of_clauses_stands_in_its_profile() -> None:
    for topic, page in clauses.homes().items():
        profile = topic.partition(".")[0]
        assert page.startswith(f"clauses/{profile}") or (topic, page) == ("ops.laws", "clauses/laws.md")


def test_every_module_has_a_page_of_the_reference() -> None:
    modules = {
        reference_pages.module_of(path.removeprefix(f"{PACKAGE}/"))
        for path in files()
        if not path.endswith("__init__.py") and MAIN not in read(path).finest
    }
    assert reference_pages.pages().keys() == modules


def test_implementations_stand_in_the_order_in_which_they_ship() -> None:
    keys = [report.key for report in clauses.reports()]
    assert keys == sorted(keys, key=lambda key: (key == clauses.CONTROL, list(SHIPPED).index(key)))


def test_the_tutorial_tells_clauses_and_explains_code() -> None:
    told = tutorial.told()
    assert set(told) <= set(clauses.sheets())
    fan_out = told["autodiff.fan_out.a_value_used_twice_receives_the_sum"]
    assert "tutorial/04_fan_out.md" in [one.place.partition("#")[0] for one in fan_out]
    explained = tutorial.explained()[f"{PACKAGE}/primitives.py", "tanh_vjp"]
    assert explained.title in PAGES[explained.place.partition("#")[0]]
