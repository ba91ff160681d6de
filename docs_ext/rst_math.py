"""Docstrings write formulas as reStructuredText does; on a page they appear as the TeX they are.

    .. math:: y = x^2       a formula on lines of its own
    :math:`x`               one within a line
    as follows::            before a block of code

Everything else in them is Markdown already.
"""

from __future__ import annotations

import re
from textwrap import dedent

from markdown import Markdown
from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor

DISPLAY = re.compile(r"^( *)\.\. math::(.*)$")
INLINE = re.compile(r":math:(`[^`]+`)")
LITERAL = re.compile(r"(?<=\w)::$")


class RstMath(Preprocessor):
    """Formulas as code: blocks in a fence, the others in backticks."""

    def run(self, lines: list[str]) -> list[str]:
        """Rewrite the lines of a text."""
        pending = list(lines)
        done = []
        while pending:
            line = pending.pop(0)
            display = DISPLAY.match(line)
            if display is None:
                done.append(INLINE.sub(r"\1", LITERAL.sub(":", line)))
                continue
            margin, first = display.groups()
            body = []
            while pending and (not pending[0].strip() or pending[0].startswith(margin + " ")):
                body.append(pending.pop(0))
            formula = [first.strip(), *dedent("\n".join(body)).strip("\n").splitlines()]
            block = ["```tex", *(text for text in formula if text), "```"]
            done += ["", *(margin + text for text in block), ""]
        return done


class RstMathExtension(Extension):
    """The preprocessor as Markdown wants it."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 (Markdown's name)
        """Go first, before fences are looked for."""
        md.preprocessors.register(RstMath(md), "rst_math", 40)


def makeExtension(**settings: object) -> Extension:  # noqa: N802 (Markdown's name)
    """What Markdown looks for in the module."""
    return RstMathExtension(**settings)
