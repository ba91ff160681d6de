"""Whole pages that are made from data, and every directive by its name."""

from __future__ import annotations

from collections.abc import Callable

from pagework import errata, fault_pages, matrix_pages, measured, reference_pages, showing, spec_pages, trends
from pagework.showing import Page

DIRECTIVES: dict[str, Callable[[Page, str], str]] = {
    **showing.DIRECTIVES,
    "section": spec_pages.section,
    "profile": spec_pages.profile,
    "in_numbers": spec_pages.in_numbers,
    "faults": fault_pages.faults_of,
    "fault_areas": fault_pages.table_of_areas,
    "fault_totals": fault_pages.totals,
    "variants": fault_pages.all_variants,
    "matrix": matrix_pages.profiles,
    "matrix_clauses": matrix_pages.clauses,
    "implementation": matrix_pages.implementation,
    "public_names": lambda page, _: reference_pages.public_names(page.name),
    "caught": fault_pages.table_of_clauses,
    "errata": errata.told,
    "planted": errata.planted,
    **measured.DIRECTIVES,
    **trends.DIRECTIVES,
}
"""What a line `@name argument` becomes, as Markdown."""
