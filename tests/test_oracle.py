"""The oracles agree with closed forms, and with one another."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from dlspec import casefile, textbook
from dlspec.catalogue import CATALOGUE, Op
from dlspec.clause import OpCase
from dlspec.manifest import clauses
from dlspec.oracle import TEXTBOOK, answer, answer_of, gradients, ridders
from dlspec.tolerance import eps


def test_the_exact_oracle_is_right_to_the_last_bit() -> None:
    x = np.array([0.5, -2.25, 15.0])
    found = answer(textbook.cosh, (x,), np.ones(3), exact=True)

    with mpmath.workdps(40):
        expected = [float(mpmath.sinh(mpmath.mpf(v))) for v in x]
    assert found.cotangents[0].tolist() == expected


def test_a_complex_step_is_right_to_rounding() -> None:
    x = np.array([0.5, -2.25, 3.0])
    found = answer(lambda x: np.sin(x) * x, (x,), np.ones(3), exact=False)

    np.testing.assert_allclose(found.cotangents[0], np.cos(x) * x + np.sin(x), rtol=4 * eps(np.float64))


@pytest.mark.parametrize(
    "f", [np.exp, np.sin, np.tanh, lambda t: 1 / (2 + t)], ids=["exp", "sin", "tanh", "1/(2+t)"]
)
def test_the_error_that_ridders_states_bounds_its_error(f: object) -> None:
    for at in np.linspace(-1, 1, 41):
        estimate = ridders(lambda t, at=at: float(f(at + t)))  # type: ignore[operator,misc]
        true = np.imag(f(at + 1e-30j)) / 1e-30  # type: ignore[operator]

        assert abs(estimate.slope - true) <= estimate.error
        assert estimate.error < 1e-9


def test_programs_run_on_definitions() -> None:
    value, (bar,) = gradients(lambda F, x: F.sum(F.multiply(x, F.tanh(x))), np.array([1.0, 2.0]))

    assert value == pytest.approx(np.tanh(1) + 2 * np.tanh(2))
    assert bar == pytest.approx(np.tanh([1, 2]) + np.array([1, 2]) / np.cosh([1, 2]) ** 2)
    with pytest.raises(AttributeError, match="no op 'tan'"):
        TEXTBOOK.tan  # noqa: B018 (the lookup is what fails)


@pytest.mark.parametrize("op", CATALOGUE, ids=lambda op: op.name)
def test_the_answers_of_frozen_cases_follow_from_the_definitions(op: Op) -> None:
    files = {clause.frozen_as for clause in clauses() if clause.op is op and clause.frozen_as}
    for stored in (stored for id in files for stored in casefile.load(id)):
        case = OpCase.load(stored)
        again = answer_of(op, case.operands, case.static, case.cotangent, exact=True)

        assert np.array_equal(again.value, case.answer.value)
        for one, other in zip(again.cotangents, case.answer.cotangents, strict=True):
            assert np.array_equal(one, other)
        for one, other in zip(again.cotangent_scales, case.answer.cotangent_scales, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)
