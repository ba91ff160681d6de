"""What the oracles say besides the derivative: scales, types, and how sure they are."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from dlspec.catalogue import BY_NAME
from dlspec.oracle import Answer, Estimate, answer, answer_of, gradients, ridders

X = np.array([[1.0, -2.0, 3.0], [4.0, 0.5, -6.0]])
Y = np.array([[2.0, 5.0, -1.0], [0.25, 8.0, 3.0]])
Z = np.array([[7.0, 1.0, 2.0], [-3.0, -4.0, 5.0]])
COTANGENT = np.array([[1.0, -2.0, 4.0], [3.0, -1.0, 0.5]])
"""All of them exact, and so are their products and sums."""


def cross(x: Any, y: Any, z: Any) -> Any:
    """A function of three operands, of which each has another derivative."""
    return x * y - 2 * z


def assert_same(found: Answer, expected: Answer) -> None:
    for one, other in (
        (found.value, expected.value),
        (found.value_scale, expected.value_scale),
        *zip(found.cotangents, expected.cotangents, strict=True),
        *zip(found.cotangent_scales, expected.cotangent_scales, strict=True),
    ):
        assert one.dtype == np.float64
        assert one.tolist() == other.tolist()


RIGHT = Answer(
    X * Y - 2 * Z,
    np.abs(X * Y - 2 * Z) + 2 * np.abs(X * Y) + 2 * np.abs(Z),
    (COTANGENT * Y, COTANGENT * X, -2 * COTANGENT),
    (np.abs(COTANGENT * Y), np.abs(COTANGENT * X), 2 * np.abs(COTANGENT)),
)


@pytest.mark.parametrize("exact", [True, False])
def test_an_answer_has_values_cotangents_and_their_scales(exact: bool) -> None:
    assert_same(answer(cross, (X, Y, Z), COTANGENT, exact=exact), RIGHT)


@pytest.mark.parametrize("exact", [True, False])
def test_what_is_added_to_the_scales(exact: bool) -> None:
    slack = np.abs(X)
    found = answer(cross, (X, Y, Z), COTANGENT, exact=exact, conditioned=False, offset=3.0, slack=slack)
    scales = tuple(scale + slack for scale in RIGHT.cotangent_scales)

    assert_same(found, Answer(RIGHT.value, np.abs(RIGHT.value) + 3, RIGHT.cotangents, scales))


@pytest.mark.parametrize("exact", [True, False])
def test_a_constant_function_of_whole_numbers_is_answered_in_float64(exact: bool) -> None:
    found = answer(lambda x: np.array([3, 4]), (X,), np.ones(2), exact=exact)

    zeros = np.zeros_like(X)
    assert_same(found, Answer(np.array([3.0, 4.0]), np.array([3.0, 4.0]), (zeros,), (zeros,)))


def test_float32_is_answered_with_the_digits_of_float64() -> None:
    x = np.array([0.1, 0.7], np.float32)
    found = answer(lambda x: x * x, (x,), np.ones(2), exact=False)

    assert found.value.tolist() == (x.astype(np.float64) ** 2).tolist()
    assert found.cotangents[0].tolist() == (2 * x.astype(np.float64)).tolist()


def test_whole_numbers_stay_whole_on_their_way_into_the_definition() -> None:
    kinds = []

    def power(x: Any, n: Any) -> Any:
        kinds.append((x.dtype.kind, n.dtype.kind))
        return x**n

    answer(power, (np.array([2.0]), np.array([3])), np.ones(1), exact=False)
    assert kinds[0] == ("f", "i")


def test_the_exact_oracle_sees_what_float64_does_not() -> None:
    tiny, one = np.array([2.0**-80]), np.array([1.0])

    def difference(x: Any, y: Any) -> Any:
        return (y + x) - y

    assert answer(difference, (tiny, one), one, exact=True).value.tolist() == tiny.tolist()
    assert answer(difference, (tiny, one), one, exact=False).value.tolist() == [0.0]


@pytest.mark.parametrize("exact", [True, False])
def test_a_row_of_the_catalogue_brings_its_own_scales(exact: bool) -> None:
    def slack(cotangent: Any, x: Any, exponent: float) -> Any:
        return np.abs(cotangent) + np.abs(x) + exponent

    row = dataclasses.replace(BY_NAME["power"], conditioned=True, offset=0.5, slack=slack)
    x, cotangent = np.array([2.0, -3.0]), np.array([1.0, -4.0])
    found = answer_of(row, (x,), {"exponent": 2}, cotangent, exact=exact)
    scale = np.abs(2 * x * cotangent) + np.abs(cotangent) + np.abs(x) + 2
    assert_same(found, Answer(x * x, 3 * x * x + 0.5, (2 * x * cotangent,), (scale,)))

    plain = dataclasses.replace(row, conditioned=False, offset=0, slack=None)
    found = answer_of(plain, (x,), {"exponent": 2}, cotangent, exact=exact)
    assert_same(found, Answer(x * x, x * x, (2 * x * cotangent,), (np.abs(2 * x * cotangent),)))


def test_a_row_is_answered_exactly_where_that_is_asked_for() -> None:
    row = dataclasses.replace(BY_NAME["add"], definition=lambda x, y: (x + y) - y)
    operands = (np.array([2.0**-80]), np.array([1.0]))

    assert answer_of(row, operands, {}, np.ones(1), exact=True).value.tolist() == [2.0**-80]
    assert answer_of(row, operands, {}, np.ones(1), exact=False).value.tolist() == [0.0]


def test_a_program_is_pulled_back_from_ones_or_from_what_is_given() -> None:
    value, (x_bar, y_bar) = gradients(lambda F, x, y: F.multiply(x, y), X, Y)
    assert (value.tolist(), x_bar.tolist(), y_bar.tolist()) == ((X * Y).tolist(), Y.tolist(), X.tolist())

    _, (x_bar, _) = gradients(lambda F, x, y: F.multiply(x, y), X, Y, cotangent=COTANGENT)
    assert x_bar.tolist() == (COTANGENT * Y).tolist()


def steps_of(**options: Any) -> list[float]:
    """Where `ridders` looks."""
    steps = []

    def f(t: float) -> float:
        steps.append(t)
        return t

    ridders(f, **options)
    return steps


def test_differences_are_taken_at_steps_that_shrink_by_half() -> None:
    assert steps_of() == [sign * 0.4 / 2**k for k in range(8) for sign in (1, -1)]
    assert steps_of(start=1.0, halvings=2) == [1.0, -1.0, 0.5, -0.5, 0.25, -0.25]


def test_the_error_of_a_line_is_that_of_rounding() -> None:
    eps = 2.0**-52
    assert ridders(lambda t: t, start=0.5) == Estimate(1.0, 2 * eps)
    # Where terms of magnitude 8 cancel, rounding does more, and least at the largest step but one.
    assert ridders(lambda t: t, start=0.5, magnitude=8.0) == Estimate(1.0, 16 * eps / 0.25)


def test_each_column_removes_the_next_power_of_the_step() -> None:
    estimate = ridders(lambda t: t + t**3 + t**5 + t**7)

    assert abs(estimate.slope - 1) <= estimate.error
    assert estimate.error < 8 * 2.0**-52


def test_what_is_nowhere_defined_has_no_slope() -> None:
    estimate = ridders(lambda t: math.nan)

    assert math.isnan(estimate.slope)
    assert estimate.error == math.inf
