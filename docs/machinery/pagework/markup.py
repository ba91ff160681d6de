"""The HTML that directives are made of."""

from __future__ import annotations

import html
import json
import re
from typing import Any

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name


def code(source: str, language: str = "python", title: str = "", id: str = "") -> str:
    """A listing, highlighted.

    Args:
        source: Its text, which stays the `textContent` of the `code` element.
        language: What it is written in.
        title: What stands above it, as HTML.
        id: By which others link to it.
    """
    lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    inner = highlight(source, lexer, HtmlFormatter(nowrap=True))
    head = f'<span class="filename">{title}</span>' if title else ""
    anchor = f' id="{html.escape(id)}"' if id else ""
    return f'<div{anchor} class="language-{language} highlight">{head}<pre><code>{inner}</code></pre></div>'


def printed(text: str) -> str:
    """What a program printed; it may be wider than its place, and then the keyboard scrolls it."""
    return f'<pre tabindex="0"><samp>{html.escape(text, quote=False)}</samp></pre>'


def link(text: str, target: str) -> str:
    """A link whose text is code."""
    return f'<a href="{html.escape(target)}"><code>{html.escape(text)}</code></a>'


def prose(sentence: str) -> str:
    """A sentence with code between backticks, as the spec has them."""
    parts = re.split(r"`([^`]*)`", sentence)
    escaped = [html.escape(part, quote=False) for part in parts]
    return "".join(f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(escaped))


def folded(summary: str, inner: str, kind: str = "") -> str:
    """Something that the reader may unfold, and that search leaves out."""
    mark = f' class="{kind}"' if kind else ""
    return f"<details{mark} data-search-exclude><summary>{summary}</summary>{inner}</details>"


def data(value: dict[str, Any], kind: str) -> str:
    """Data for the page's own programs."""
    # `</` would end the element, and `<!--` begin something else.
    text = json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")
    return f'<script type="application/json" class="{kind}">{text}</script>'
