"""What the worker calls: requests and answers in JSON, since that is what both sides have in common."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from pagework.inpage import cells
from pagework.inpage.playground import Playground
from pagework.running import Notebook

_notebook = Notebook()
_playground = Playground()


def needed(request: str) -> str:
    """The bundles that a request needs before it can be carried out."""
    asked = json.loads(request)
    if asked["kind"] == "judge":
        profiles = {pattern.partition(".")[0] for pattern in asked["clauses"]}
        return json.dumps(["spec", *(f"cases-{profile}" for profile in sorted(profiles))])
    return json.dumps(cells.needed(asked.get("code", "")))


def carry_out(request: str, send: Callable[[str], Any], report: Callable[[str], Any]) -> str:
    """Run a cell or the program of the playground, draw a graph, or judge an exercise.

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
    if asked["kind"] == "play":
        played, pictures = _playground.run(asked["code"], send, lambda seen: report(json.dumps(seen)))
        return json.dumps({**asdict(played), "graph": asdict(pictures)})
    if asked["kind"] == "graph":
        return json.dumps(asdict(_playground.graph(asked["name"])))
    ran, _ = cells.run(_notebook, asked["code"], asked["name"], send, figure=asked["figure"])
    return json.dumps(asdict(ran))


def _judge(asked: dict[str, Any], send: Callable[[str], Any], report: Callable[[str], Any]) -> str:
    from pagework.inpage import exercises  # noqa: PLC0415 -- the spec is loaded only for those who want it

    last: exercises.Asked | exercises.Judged | None = None
    with cells.printing(send) as output:
        for last in exercises.judge(exercises.Place(**asked["place"]), asked["text"], asked["clauses"]):
            if isinstance(last, exercises.Asked):
                report(json.dumps(asdict(last)))
    assert isinstance(last, exercises.Judged)
    return json.dumps({**asdict(last), "passes": last.passes, "left_out": output.left_out})
