"""What the book's framework gets wrong, the spec finds and names; what a right one does otherwise, it passes.

The positive control is `homework/right.py`, the negative one `dlspec.faults.chapter13`, and in between are
the book's ten worst defects, each planted alone in what is right.
"""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from tests import matrix
from tests.homework import defects

from dlspec.clause import Clause
from dlspec.failure import NotProvided
from dlspec.implementation import Implementation
from dlspec.implementations import load
from dlspec.implementations.module import ModuleImplementation
from dlspec.manifest import by_id, clauses

HOMEWORK = Path(__file__).parent / "homework"


def ask(implementation: Implementation, asked: Iterable[Clause]) -> dict[str, BaseException]:
    """What each clause raises, by id; nothing for those that pass."""
    raised: dict[str, BaseException] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for clause in asked:
            try:
                clause.check(implementation)
            except Exception as error:
                raised[clause.id] = error
    return raised


def of_profiles(implementation: Implementation, *left_out: str) -> list[Clause]:
    """The clauses that the implementation claims to keep."""
    wanted = set(implementation.claims) - set(left_out)
    return [clause for clause in clauses() if clause.profile in wanted]


def broken(raised: dict[str, BaseException]) -> list[str]:
    """The clauses that have to hold and don't: neither passed nor about something that isn't there."""
    return [
        id
        for id, error in raised.items()
        if by_id()[id].level == "MUST" and not isinstance(error, NotProvided)
    ]


def homework(name: str) -> ModuleImplementation:
    """A module of the folder, freshly loaded."""
    implementation = load(str(HOMEWORK / f"{name}.py"))
    assert isinstance(implementation, ModuleImplementation)
    return implementation


def test_a_right_framework_is_found_right() -> None:
    right = homework("right")
    raised = ask(right, of_profiles(right))

    assert broken(raised) == []
    assert len(raised) < len(of_profiles(right)) * 2 / 3, "too much of it is not provided for a control"


@dataclass(frozen=True)
class Planted:
    """A defect, the clauses that name it, and the profiles that it may show in.

    Attributes:
        plant: Puts it into the homework.
        named: Ids of clauses that it breaks, each with words of its sentence that say what is wrong.
        within: The profiles of all clauses that it breaks.
    """

    plant: Callable[[Any], None]
    named: dict[str, str]
    within: tuple[str, ...]


PLANTED = (
    Planted(
        defects.fan_out_by_operand_order,
        {
            "autodiff.order.operands_of_a_sum_may_change_places": "`h + tanh(h)` and `tanh(h) + h`",
            "autodiff.fan_out.an_intermediate_value_used_by_unlike_ops": "in whichever order they stand",
        },
        ("autodiff",),
    ),
    Planted(
        defects.constants_cut_the_graph,
        {"autodiff.constants.a_constant_operand_never_cuts_the_graph": "whose other operand is a constant"},
        ("ops", "autodiff", "objects", "losses", "numerics"),
    ),
    Planted(
        defects.cross_entropy_ignores_upstream,
        {"losses.cross_entropy.the_upstream_cotangent_counts": "in proportion to what arrives"},
        ("ops", "losses", "numerics"),
    ),
    Planted(
        defects.cross_entropy_ignores_the_batch,
        {
            "losses.cross_entropy.the_gradient_is_divided_by_the_number_of_targets": (
                "divided by the number of targets"
            )
        },
        ("ops", "losses", "numerics"),
    ),
    Planted(
        defects.sum_puts_negative_dims_one_early,
        {"ops.reductions.a_negative_dim_counts_from_the_end": "Summing over a negative `dim`"},
        ("ops",),
    ),
    Planted(
        defects.expand_puts_negative_dims_one_early,
        {
            "ops.shapes.a_negative_dim_of_expand_counts_from_the_end_of_the_result": (
                "A negative `dim` of `expand`"
            )
        },
        ("ops",),
    ),
    Planted(
        defects.gradients_are_shared,
        {"objects.grad_attribute.what_arrives_later_at_one_leaf_stays_there": "MUST NOT share it"},
        ("objects",),
    ),
    Planted(
        defects.results_remember_their_gradient,
        {
            "objects.freed_graphs.a_second_backward_is_refused": "A second `backward`",
            "objects.freed_graphs.a_retained_graph_is_exactly_additive": "add the same gradient again",
        },
        ("objects",),
    ),
    Planted(
        defects.softmax_is_naive,
        {"numerics.softmax.softmax_of_far_logits_is_accurate": "for logits of any size"},
        ("ops", "numerics", "losses"),
    ),
    Planted(
        defects.negative_targets_wrap,
        {"errors.targets.a_negative_target": "it doesn't wrap to the last class"},
        ("ops", "losses", "errors"),
    ),
    Planted(
        defects.backward_is_recursive,
        {"scale.depth.a_hundred_thousand_chained_ops": "100,000 ops one after another"},
        ("scale",),
    ),
)


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.plant.__name__)
def test_a_defect_of_the_book_is_named(planted: Planted) -> None:
    wrong = homework("right")
    planted.plant(wrong.module)
    # The scale clauses take half of the time, and only one defect is about them.
    asked = of_profiles(wrong, *({"scale"} - set(planted.within)))
    found = broken(ask(wrong, asked))

    for id, words in planted.named.items():
        assert id in found
        assert words in by_id()[id].sentence
    assert {by_id()[id].profile for id in found} <= set(planted.within), found


IN_THE_BOOK = matrix.defects("chapter13")
"""What is wrong with the book's framework, and the clauses that say so."""


@pytest.fixture(scope="module")
def raised_by_the_book() -> dict[str, BaseException]:
    """What each clause raises when the book's framework is asked."""
    book = load("chapter13")
    return ask(book, of_profiles(book))


@pytest.mark.parametrize("defect", IN_THE_BOOK, ids=lambda defect: defect["id"])
def test_each_defect_of_the_book_breaks_its_clauses(
    defect: dict[str, Any], raised_by_the_book: dict[str, BaseException]
) -> None:
    found = [id for id, error in raised_by_the_book.items() if not isinstance(error, NotProvided)]
    for pattern in defect["clauses"]:
        assert [id for id in found if fnmatchcase(id, pattern)], pattern


def test_there_are_as_many_defects_as_were_counted() -> None:
    assert len({defect["id"] for defect in IN_THE_BOOK}) == len(IN_THE_BOOK) == 29 + 3


def test_what_is_right_in_the_book_is_found_right(raised_by_the_book: dict[str, BaseException]) -> None:
    for id in (
        "autodiff.fan_out.a_value_used_twice_receives_the_sum",
        "ops.negative.gradient",
        "ops.tanh.gradient",
        "ops.shapes.transpose_reverses_all_axes",
        "ops.index_select.repeated_rows_receive_the_sum",
    ):
        assert id in by_id()
        assert id not in raised_by_the_book


def test_a_verdict_on_the_book_is_given_without_a_crash(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dlspec.runner.main", "verify", "chapter13"]
    report = tmp_path / "report.json"
    done = subprocess.run(
        [*command, "--report", str(report)], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    statuses = Counter(clause["status"] for clause in json.loads(report.read_text())["clauses"])
    assert set(statuses) <= {"pass", "fail", "error", "blocked", "not-provided"}
    assert statuses["fail"] >= 20
