"""The specification as a standard to read: every clause where its id leads.

    @section autodiff.fan_out       every clause of a file of clauses
    @profile objects                what a profile is about, and the topics that it has
    @in_numbers                     how many clauses there are, of which kind, and what has been tried on them

Under each clause stands what is known of it: its check, the code of the reference that makes it hold, who
keeps it, and the planted faults that it catches.
"""

from __future__ import annotations

import html

from dlspec.faults import faults
from dlspec.faults.exam import waived
from dlspec.manifest import PROFILES, by_id
from pagework import fault_pages, listings, markup, showing
from pagework.clauses import CONTROL, Sheet, homes, kept_by, reports, satisfied_by, sheets, topics
from pagework.places import relative
from pagework.showing import Page, words
from pagework.source import PageError
from pagework.tutorial import told


def section(page: Page, topic: str) -> str:
    """Every clause of a file, under a heading for the file and one for each."""
    if topic not in topics():
        raise PageError(
            f"@section {topic}: there is no such file of clauses; there are {', '.join(topics())}"
        )
    found = topics()[topic]
    lines = [f"## {words(topic.partition('.')[2])} {{: #{topic} }}", ""]
    lines += [listings.docstring(found[0].path), ""]
    for sheet in found:
        lines += [f"### {words(sheet.anchor.rpartition('.')[2])} {{: #{sheet.anchor} }}", ""]
        lines += [page.keep(_clause(page, sheet)), "", *(_rows(page, sheet) if sheet.is_law else ())]
    return "\n".join(lines)


def profile(page: Page, name: str) -> str:
    """What a profile is about, and its topics."""
    rows = [
        f"| {_topic(page, topic)} | {count} |"
        for topic, found in topics().items()
        if (count := sum(clause.profile == name for sheet in found for clause in sheet.clauses))
    ]
    if not rows:
        raise PageError(f"@profile {name}: there is no such profile; there are {', '.join(PROFILES)}")
    about = listings.docstring(f"spec/dlspec/clauses/{name}/__init__.py")
    return "\n".join([about, "", "| topic | clauses |", "|---|--:|", *rows])


def in_numbers(page: Page, _: str) -> str:
    """The spec in a sentence."""
    laws = sum(sheet.is_law for sheet in sheets().values())
    rows = len({clause.op.id for sheet in sheets().values() for clause in sheet.clauses if clause.op})
    implementations = sum(report.key != CONTROL for report in reports())
    way = [relative(target, page.name) for target in ("clauses/laws.md", "faults/index.md", "matrix.md")]
    return (
        f"There are **{len(by_id()):,} clauses**, among them [{laws} laws]({way[0]}) for each of {rows} "
        f"operations, layers and losses. **[{len(faults())} planted faults]({way[1]})** have tried them, and "
        f"**[{implementations} implementations]({way[2]})** have sat the exam."
    )


def _topic(page: Page, topic: str) -> str:
    return f"[{words(topic.partition('.')[2])}]({relative(f'{homes()[topic]}#{topic}', page.name)})"


def _clause(page: Page, sheet: Sheet) -> str:
    check = markup.code(listings.find(sheet.path, sheet.function).text)
    facts = [showing.satisfied(page, sheet.ids) or _waived(sheet), showing.kept(sheet.ids)]
    facts += [showing.caught(page, sheet.ids, fault_pages.place), _told(page, sheet)]
    told = markup.prose(showing.law_sentence(sheet.sentence) if sheet.is_law else sheet.sentence)
    return (
        f'<div class="clause"><blockquote><p>{told}</p></blockquote>'
        f'<p class="clause-id"><code>{html.escape(sheet.anchor)}</code></p>'
        + markup.folded("Check", check)
        + "".join(f"<p data-search-exclude>{fact}</p>" for fact in facts if fact)
        + "</div>"
    )


def _waived(sheet: Sheet) -> str:
    """Why no planted fault shows which code satisfies a clause."""
    reasons = dict.fromkeys(filter(None, map(waived, sheet.ids)))
    return markup.prose(f"Tried by no planted fault: {'; '.join(reasons)}") if reasons else ""


def _told(page: Page, sheet: Sheet) -> str:
    """The pages of the tutorial that tell a clause, in a sentence."""
    links = [
        f'<a href="{html.escape(page.to(one.place))}">{html.escape(one.title)}</a>'
        for one in told().get(sheet.anchor, ())
    ]
    return f"Told in {', '.join(links)}." if links else ""


def _rows(page: Page, sheet: Sheet) -> list[str]:
    """What a law says of each row of the catalogue, one by one."""
    head = ["| clause | satisfied by | claimed, and not kept, in |", "|---|---|---|"]
    rows = [f'| <span id="{id}"></span>`{id}` | {_own(page, id)} | {_lacking(id)} |' for id in sheet.ids]
    return [f'??? abstract "For each of {len(rows)} rows"', "", *(f"    {line}" for line in head + rows), ""]


def _own(page: Page, id: str) -> str:
    return ", ".join(page.to_place(place) for place in satisfied_by([id])[: showing.MANY // 2])


def _lacking(id: str) -> str:
    kept = kept_by([id])
    return html.escape(", ".join(report.name for report in (*kept["declared"], *kept["none"])))
