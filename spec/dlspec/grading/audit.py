"""Fresh cases from a secret seed, so that answers which were copied from the frozen ones are found out.

They are drawn once, by whoever grades, from the clauses' own strategies; their answers are the oracle's. A
submission is asked about them from another process (`dlspec.grading.boundary`): it is given the inputs, one
after another, and never has an answer in its memory or on its disk.

    python -P -m dlspec.grading.audit JOB.json < ORDER

is the worker that asks.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch

from hypothesis.internal.conjecture.providers import HypothesisProvider

from dlspec import casefile, freeze, manifest
from dlspec.grading import boundary, namespaces
from dlspec.grading.confined import read_order, sealed
from dlspec.runner.worker import carry_out

CANDIDATES, KEPT = 60, 8
"""Fewer than are frozen: enough for every kind of shape, and quick to draw."""
CANDIDATES_OF_PROGRAMS, KEPT_OF_PROGRAMS = 60, 16


def auditable(ids: Iterable[str]) -> tuple[str, ...]:
    """Those of the clauses that have cases at all."""
    return tuple(id for id in ids if manifest.by_id()[id].frozen_as is not None)


def draw(secret: str, ids: Iterable[str], advance: Callable[[], None]) -> dict[str, list[dict[str, Any]]]:
    """Fresh cases for clauses, the same for everybody: they depend on the secret alone.

    Args:
        secret: The seed, any text.
        ids: Clauses that have cases.
        advance: Called after each list of cases.

    Returns:
        The cases by the id they are frozen under, with their answers.
    """
    seed = int.from_bytes(hashlib.sha256(secret.encode()).digest()[:8], "big")
    known = freeze.frozen_ids()
    drawn: dict[str, list[dict[str, Any]]] = {}
    with freeze.no_litter(), _nothing_from_local_code():
        for id in dict.fromkeys(str(manifest.by_id()[id].frozen_as) for id in ids):
            clause = known[id]
            programs = freeze.PROGRAM in (clause.strategies or {})
            numbers = (CANDIDATES_OF_PROGRAMS, KEPT_OF_PROGRAMS) if programs else (CANDIDATES, KEPT)
            drawn[id] = list(freeze.draw_anew(clause, seed, *numbers))
            advance()
    return drawn


def _nothing_from_local_code() -> AbstractContextManager[Any]:
    """While this is entered, Hypothesis draws no numbers that it has read in the modules of the process.

    It mixes them in to find bugs sooner. Which modules there are, and which of them it takes for local ones,
    depends on how and where this package is installed, and the cases are to depend on the seed alone.
    """
    return patch.object(HypothesisProvider, "_maybe_draw_constant", Mock(return_value=None), create=True)


def lists_of(ids: Sequence[str]) -> int:
    """How many lists of cases these clauses have together."""
    return len({manifest.by_id()[id].frozen_as for id in ids})


def pack(cases: dict[str, list[dict[str, Any]]]) -> str:
    """Cases as a task carries them."""
    text = json.dumps({id: [casefile.encode(case) for case in found] for id, found in cases.items()})
    return base64.b85encode(zlib.compress(text.encode())).decode()


def unpack(packed: str) -> dict[str, tuple[dict[str, Any], ...]]:
    """The inverse of `pack`."""
    stored = json.loads(zlib.decompress(base64.b85decode(packed)))
    return {id: tuple(casefile.decode(case) for case in cases) for id, cases in stored.items()}


def main() -> None:
    """Ask a submission in another process, about fresh cases."""
    order = read_order()
    namespaces.hide()
    casefile.substitute(unpack(order["cases"]))
    boundary.ORDER.update({key: order[key] for key in ("limits", "namespaces", "home", "target")})
    carry_out(Path(sys.argv[1]), lambda path: sealed(path, order, apart=False))


if __name__ == "__main__":
    main()
