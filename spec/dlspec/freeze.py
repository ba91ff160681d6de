"""Draw cases once, so that everybody sits the same exam.

Many candidates are drawn from a clause's strategy, and few are kept: those that together show every kind of
input (each number of dimensions, sides of 0 and 1, broadcasting, every static argument), and of two that
show the same, the one with more varied numbers. Of programs of steps more are kept: what a step does depends
on what came before, so every kind of step is to follow every other.

An op's cases are stored with their answers, which two oracles have to agree on: 60 digits and a
complex step in float64.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import zlib
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import hypothesis
import numpy as np
from hypothesis import strategies as st

from dlspec import casefile, precision
from dlspec.catalogue import Op
from dlspec.clause import Clause, OpCase
from dlspec.manifest import clauses
from dlspec.oracle import AGREEMENT, Answer, answer_of
from dlspec.tolerance import rounding

PROGRAM = "program"
"""What an input is called that is a list of steps, each of which begins with its kind."""

QUESTION = "question"
"""What an input is called that is a question of `dlspec.precision`, and has its answer with it."""

LARGE = 30
"""Numbers beyond which exponentials saturate."""


def frozen_ids() -> dict[str, Clause]:
    """Every id that has a case file, with a clause whose strategy it is drawn from."""
    return {clause.frozen_as: clause for clause in reversed(clauses()) if clause.frozen_as is not None}


def freeze(ids: list[str] | None = None, *, check: bool = False) -> list[str]:
    """Draw and store cases: those that are missing, or those of the given ids anew.

    What is frozen stays frozen: other releases of Hypothesis draw other cases, and an exam that changes by
    itself is none. Cases that were promoted are kept when an id is drawn anew.

    Args:
        ids: Ids of clauses or of case files.
        check: Draw nothing; only see that each file is there, fits its clause, and that its answers follow
            from the definitions.

    Returns:
        The ids whose file was written or, for a check, is not in order.

    Raises:
        LookupError: An id has no cases.
        ArithmeticError: Two oracles disagree about an answer.
    """
    known = frozen_ids()
    by_clause = {clause.id: clause.frozen_as for clause in clauses()}
    wanted = [by_clause.get(id, id) for id in ids] if ids else list(known)
    found = []
    for id in dict.fromkeys(wanted):
        if id is None or id not in known:
            raise LookupError(f"{id or ids}: nothing is frozen under this id")
        clause, path = known[id], casefile.path_of(id)
        if check:
            if not _in_order(clause):
                found.append(id)
        elif ids or not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(casefile.dumps(id, [*draw(clause), *_promoted(id)]), encoding="utf-8")
            found.append(id)
    casefile.load.cache_clear()
    return found


def _in_order(clause: Clause) -> bool:
    stored = casefile.load(clause.frozen_as or "")
    if clause.op is None or clause.inputs is None:
        names = set(clause.strategies or {})
        return bool(stored) and all(
            set(case) - {"promoted"} == names and _answers_follow(clause, case) for case in stored
        )
    cases = [OpCase.load(case) for case in stored]
    return bool(cases) and all(
        _same(case.answer, _agreed(clause.op, case.operands, case.static, case.cotangent)) for case in cases
    )


def _answers_follow(clause: Clause, case: dict[str, Any]) -> bool:
    """Whether a question of accuracy, if the case is one, is frozen with the answer that it has."""
    op, question = clause.id.split(".")[2].partition("_over_the_whole_range")[0], case.get(QUESTION)
    return question is None or question["answer"] == precision.worked_out(op, question)


def _same(one: Answer, other: Answer) -> bool:
    """Whether two answers are the same to the last bit, and their scales to rounding."""
    answers = zip((one.value, *one.cotangents), (other.value, *other.cotangents), strict=True)
    scales = zip(
        (one.value_scale, *one.cotangent_scales), (other.value_scale, *other.cotangent_scales), strict=True
    )
    return all(np.array_equal(a, b) for a, b in answers) and all(
        bool(np.all(np.abs(a - b) <= rounding(AGREEMENT, b, np.float64))) for a, b in scales
    )


def promote(clause_id: str, case: dict[str, Any]) -> str:
    """Add a case that exploring found to the frozen ones, for good.

    Args:
        clause_id: The clause that failed on it.
        case: Its inputs, encoded, as a report has them under `failure.case`.

    Returns:
        The id of the case file.
    """
    clause = next((clause for clause in clauses() if clause.id == clause_id), None)
    if clause is None or clause.frozen_as is None:
        raise LookupError(f"{clause_id}: no clause of this id has cases")
    inputs = {name: casefile.decode(value) for name, value in case.items()}
    if clause.inputs is not None and clause.op is not None:
        operands = tuple(_exactly(x) for x in inputs["operands"])
        cotangent = _exactly(inputs["cotangent"])
        answer = answer_of(clause.op, operands, inputs["static"], cotangent, exact=True)
        stored = OpCase(operands, inputs["static"], cotangent, answer).stored()
    else:
        stored = {name: _exactly(value) for name, value in inputs.items()}
    path = casefile.path_of(clause.frozen_as)
    cases = [{name: casefile.decode(value) for name, value in c.items()} for c in _raw(clause.frozen_as)]
    path.write_text(
        casefile.dumps(clause.frozen_as, [*cases, {**stored, "promoted": True}]), encoding="utf-8"
    )
    casefile.load.cache_clear()
    return clause.frozen_as


def draw(clause: Clause) -> list[dict[str, Any]]:
    """The cases of a clause, drawn anew."""
    kept = _drawn(clause, 0, *_numbers(clause))
    return [_answered(clause, case, number) for number, case in enumerate(kept)]


def draw_anew(clause: Clause, seed: int, drawn: int, most: int) -> Iterator[dict[str, Any]]:
    """Other cases of a clause than the frozen ones, for one exam.

    Args:
        clause: The clause.
        seed: What the cases depend on.
        drawn: How many candidates are drawn.
        most: How many cases are kept of them.

    Yields:
        A case with its answer. One on which the oracles disagree is no question, and is left out.
    """
    for number, case in enumerate(_drawn(clause, seed, drawn, most)):
        with contextlib.suppress(ArithmeticError):
            yield _answered(clause, case, number, seed)


@contextlib.contextmanager
def no_litter() -> Iterator[None]:
    """Hypothesis keeps notes in the working folder unless it is told where."""
    if "HYPOTHESIS_STORAGE_DIRECTORY" in os.environ or "hypothesis" not in sys.modules:
        yield
        return
    from hypothesis.configuration import set_hypothesis_home_dir

    with tempfile.TemporaryDirectory(prefix="dlspec-") as folder:
        set_hypothesis_home_dir(folder)
        try:
            yield
        finally:
            set_hypothesis_home_dir(None)


def _drawn(clause: Clause, seed: int, drawn: int, most: int) -> list[dict[str, Any]]:
    candidates: list[dict[str, Any]] = []

    @hypothesis.seed(zlib.crc32((clause.frozen_as or clause.id).encode()) + seed)
    @hypothesis.settings(
        max_examples=drawn,
        database=None,
        deadline=None,
        derandomize=False,
        phases=(hypothesis.Phase.generate,),
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(st.data())
    def collect(data: st.DataObject) -> None:
        if clause.op is None or clause.inputs is None:
            candidates.append(
                {name: data.draw(strategy) for name, strategy in (clause.strategies or {}).items()}
            )
        else:
            operands, static = data.draw(clause.inputs)
            candidates.append({"operands": operands, "static": static})

    collect()
    # The smallest first: a failure is shown on the first case that it occurs in.
    return sorted(_select(candidates, most), key=_size)


def _numbers(clause: Clause) -> tuple[int, int]:
    """How many candidates are drawn for a clause, and how many are kept at most."""
    if PROGRAM in (clause.strategies or {}):
        return 1500, 64
    return (800, 40) if _is_demanding(clause) else (300, 12)


def _answered(clause: Clause, case: dict[str, Any], number: int, seed: int = 0) -> dict[str, Any]:
    if clause.op is None or clause.inputs is None:
        return case
    operands, static, op = case["operands"], case["static"], clause.op
    shape = op.define(*operands, **static).shape
    # Signed eighths away from 0, all different in size: an even cotangent hides a rule that reorders it.
    rng = np.random.default_rng([zlib.crc32(op.id.encode()), number, *([seed] if seed else [])])
    sizes = rng.permutation(np.arange(4, 4 + max(28, int(np.prod(shape)))))[: int(np.prod(shape))] / 8
    cotangent = (sizes * rng.choice([-1.0, 1.0], sizes.size)).reshape(shape)
    if _is_demanding(clause):
        cotangent = _refined(cotangent, operands, rng, zero=number % 3 == 0)
    return OpCase(operands, static, cotangent, _agreed(op, operands, static, cotangent)).stored()


def _is_demanding(clause: Clause) -> bool:
    return (clause.frozen_as or "").endswith(".demanding")


def _refined(cotangent: Any, operands: tuple[Any, ...], rng: np.random.Generator, *, zero: bool) -> Any:
    """A cotangent with as many digits in use as its operands have, and perhaps a 0."""
    fine = np.asarray(cotangent * (1 + rng.uniform(-1, 1, cotangent.shape) / 256))
    if all(np.array_equal(x, x.astype(np.float32)) for x in operands):
        fine = fine.astype(np.float32).astype(np.float64)
    if zero and fine.size > 1:
        fine.reshape(-1)[rng.integers(fine.size)] = 0
    return fine


def _agreed(op: Op, operands: tuple[Any, ...], static: dict[str, Any], cotangent: Any) -> Answer:
    """The answer in 60 digits, once a complex step in float64 has come to the same."""
    exact = answer_of(op, operands, static, cotangent, exact=True)
    quick = answer_of(op, operands, static, cotangent, exact=False)
    pairs = [(exact.value, quick.value, exact.value_scale)]
    pairs += list(zip(exact.cotangents, quick.cotangents, exact.cotangent_scales, strict=True))
    for one, other, scale in pairs:
        if not np.all(np.abs(one - other) <= rounding(AGREEMENT, scale, np.float64)):
            raise ArithmeticError(f"{op.id}: the oracles disagree on {operands}, {static}: {one} and {other}")
    return exact


def _select(candidates: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """Few cases that show all that the candidates show."""
    enough = len(candidates) if PROGRAM in candidates[0] else 3
    described = [(_shown(case), _variety(case), number) for number, case in enumerate(candidates)]
    chosen: list[int] = []
    seen: set[Any] = set()
    while len(chosen) < min(most, len(candidates)):
        # What is new first; then what is varied; then what came first.
        best = max(
            (d for d in described if d[2] not in chosen),
            key=lambda d: (min(len(d[0] - seen), enough), d[1], -d[2]),
        )
        if chosen and not best[0] - seen and len(chosen) >= most // 2:
            break
        chosen.append(best[2])
        seen |= best[0]
    return [candidates[number] for number in chosen]


def _arrays(value: Any) -> Iterator[np.ndarray[Any, Any]]:
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _arrays(item)
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _arrays(item)


def _size(case: dict[str, Any]) -> int:
    return sum(x.size for x in _arrays(case)) + len(case.get(PROGRAM, ()))


def _shown(case: dict[str, Any]) -> frozenset[Any]:
    """The features of a case; what float32 can't hold shows them in another way."""
    with np.errstate(over="ignore"):  # which makes an infinity of what is too large, and so another number
        fine = any(x.dtype.kind == "f" and not np.array_equal(x, x.astype(np.float32)) for x in _arrays(case))
    return frozenset((fine, *feature) for feature in _features(case))


def _features(case: dict[str, Any]) -> Iterator[Any]:
    arrays = list(_arrays(case))
    for k, x in enumerate(arrays):
        yield k, "ndim", x.ndim
        yield k, "empty", x.size == 0
        yield k, "a side of 1", 1 in x.shape
        yield k, "square", len(set(x.shape[-2:])) < len(x.shape[-2:])
        yield k, "repeats", x.size > np.unique(x).size
        yield k, "a few, or many", x.size.bit_length()
        yield k, "all negative", x.size > 0 and bool((x < 0).all())
        yield k, "large", bool((np.abs(x) > LARGE).any()) if x.dtype.kind == "f" else False
        yield k, "dtype", str(x.dtype)
    yield "shapes alike", len({x.shape for x in arrays}) == 1
    for name, value in (case.get("static") or case).items():
        if name != PROGRAM and not isinstance(value, np.ndarray):
            yield name, str(value)[:40]
        elif isinstance(value, np.ndarray) and "static" in case:
            # Which integers may come with which option, such as a reduction.
            yield name, str(value.dtype), *(str(v) for v in case["static"].values() if isinstance(v, str))
    for one, following in pairwise(case.get(PROGRAM, ())):
        yield one[0], following[0]


def _variety(case: dict[str, Any]) -> float:
    """The share of different, non-zero numbers, with some weight on there being several of them."""
    numbers = [x.ravel() for x in _arrays(case) if x.dtype.kind == "f"]
    flat = np.concatenate(numbers) if numbers else np.zeros(0)
    if flat.size == 0:
        return 0.0
    return float(np.unique(flat[flat != 0]).size / flat.size + min(flat.size, 24) / 24)


def _raw(id: str) -> list[dict[str, Any]]:
    path = casefile.path_of(id)
    if not path.exists():
        return []
    return [case["dict"] for case in json.loads(path.read_text(encoding="utf-8"))["cases"]]


def _promoted(id: str) -> list[dict[str, Any]]:
    return [
        {name: casefile.decode(value) for name, value in case.items()}
        for case in _raw(id)
        if case.get("promoted")
    ]


def _exactly(value: Any) -> Any:
    """In float64, where every case is stored."""
    return value.astype(np.float64) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value
