"""The list of surviving mutants can't lie: neither by leaving one out nor by keeping one that is gone."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.mutation import survivors
from tests.mutation.mutants import Change
from tests.mutation.packages import lines_that_run
from tests.mutation.survivors import Reason, problems, read, renewed, write

LISTED = sorted(Path(survivors.__file__).parent.glob("*.toml"))

ONE = Change("tensor.apply", ("return x",), ("return None",))
OTHER = Change("tensor.apply", ("return x",), ("return None",), 2)
LONG = Change("shapes.area", ("a = (", "b - c)"), ("a = b",))
EQUIVALENT = Reason("equivalent", "Nobody can tell.", (ONE,))


@pytest.mark.parametrize("path", LISTED, ids=lambda path: path.name)
def test_every_survivor_has_a_reason(path: Path) -> None:
    reasons = read(path)

    assert reasons
    assert {reason.kind for reason in reasons} <= set(survivors.KINDS)


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    reasons = (
        Reason("equivalent", "Nobody can tell.", (ONE, OTHER)),
        Reason("wording", 'A "text".', (LONG,)),
    )
    write(tmp_path / "listed.toml", "# What survives.\n", reasons)

    assert read(tmp_path / "listed.toml") == reasons


@pytest.mark.parametrize(
    ("kind", "why", "changes"),
    [("tedious", "Why.", (ONE,)), ("cost", "", (ONE,)), ("cost", "Why.", (ONE, ONE))],
)
def test_a_list_that_makes_no_sense_is_refused(
    kind: str, why: str, changes: tuple[Change, ...], tmp_path: Path
) -> None:
    write(tmp_path / "listed.toml", "", [Reason(kind, why, changes)])

    with pytest.raises(ValueError, match=r"listed\.toml"):
        read(tmp_path / "listed.toml")


@pytest.mark.parametrize(
    ("survived", "tried", "all_tried", "message"),
    [
        ([ONE], [ONE], True, None),
        ([ONE, OTHER], [ONE, OTHER], True, "no reason is given"),
        ([], [ONE], True, "is noticed now"),
        ([], [], True, "isn't made any more"),
        ([], [], False, None),
    ],
)
def test_a_list_is_held_to_the_truth(
    survived: list[Change], tried: list[Change], all_tried: bool, message: str | None
) -> None:
    found = problems([EQUIVALENT], survived, tried, all_tried=all_tried)

    if message is None:
        assert found == []
    else:
        (problem,) = found
        assert message in problem


def test_what_has_no_reason_is_a_problem_also_when_it_is_listed() -> None:
    (problem,) = problems([Reason("unexplained", "To be written.", (ONE,))], [ONE], [ONE], all_tried=True)

    assert "no reason is given" in problem


def test_renewing_keeps_reasons_and_marks_what_has_none() -> None:
    kept, new = renewed([EQUIVALENT], [ONE, LONG], [ONE, LONG], all_tried=True)
    assert kept == EQUIVALENT
    assert (new.kind, new.changes) == ("unexplained", (LONG,))

    gone, _ = renewed([EQUIVALENT], [], [ONE], all_tried=False)
    assert gone.changes == ()
    untouched, _ = renewed([EQUIVALENT], [], [LONG], all_tried=False)
    assert untouched == EQUIVALENT


def test_a_statement_is_run_where_one_of_its_lines_is(tmp_path: Path) -> None:
    file = tmp_path / "text.py"
    file.write_text(
        "A = 1\n\ndef f(x=1):\n    if x:\n        y = [\n            x,\n        ]\n    return y\n"
    )

    assert lines_that_run(file, 1) is None
    assert lines_that_run(file, 3) is None
    assert lines_that_run(file, 4) == {4}
    assert lines_that_run(file, 6) == {5, 6, 7}
    assert lines_that_run(file, 8) == {8}
