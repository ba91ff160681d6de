"""What the worker calls: requests and answers in JSON, since that is what both sides have in common."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from pagework.inpage import cells
from pagework.running import Notebook

_notebook = Notebook()


def needed(request: str) -> str:
    """The bundles that a request needs before it can be carried out."""
    asked = json.loads(request)
    if asked["kind"] == "judge":
        profiles = {pattern.partition(".")[0] for pattern in asked["clauses"]}
        return json.dumps(["spec", *(f"cases-{profile}" for profile in sorted(profiles))])
    return json.dumps(cells.needed(asked["code"]))


def carry_out(request: str, send: Callable[[str], Any], report: Callable[[str], Any]) -> str:
    """Run a cell, or judge an exercise.

    Args:
        request: What is wanted.
        send: Takes what is printed.
        report: Takes what is known before all of it is.

    Returns:
        What came of it.
    """
    asked = json.loads(request)
    if asked["kind"] == "judge":
        return _judge(asked, send, report)
    return json.dumps(
        asdict(cells.run(_notebook, asked["code"], asked["name"], send, figure=asked["figure"]))
    )


def _judge(asked: dict[str, Any], send: Callable[[str], Any], report: Callable[[str], Any]) -> str:
    from pagework.inpage import exercises  # noqa: PLC0415 -- the spec is loaded only for those who want it

    last: exercises.Asked | exercises.Judged | None = None
    with cells.printing(send) as output:
        for last in exercises.judge(exercises.Place(**asked["place"]), asked["text"], asked["clauses"]):
            if isinstance(last, exercises.Asked):
                report(json.dumps(asdict(last)))
    assert isinstance(last, exercises.Judged)
    return json.dumps({**asdict(last), "passes": last.passes, "left_out": output.left_out})
