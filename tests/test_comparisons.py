"""What comparisons say of a failure, to the last part, and what they don't stumble over."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dlspec.failure import ConformanceFailure
from dlspec.tolerance import (
    assert_dtype,
    assert_equal,
    assert_shape,
    assert_within,
    eps,
    quiet,
    refused,
    rounding,
    smallest,
)


def test_each_type_has_its_own_units() -> None:
    for double in (np.float64, "float64", np.int64, "bool"):
        assert (eps(double), smallest(double)) == (2.0**-52, 2.0**-1022)
    for single in (np.float32, "float32"):
        assert (eps(single), smallest(single)) == (2.0**-23, 2.0**-126)


def test_a_bound_is_units_times_eps_times_scale_and_the_smallest_number() -> None:
    bound = rounding(3, np.array([-4.0, 0.0], np.float32), np.float32)

    assert bound.dtype == np.float64
    assert bound.tolist() == [12 * 2.0**-23 + 2.0**-126, 2.0**-126]
    assert rounding(3, 0.0, np.float64) == 2.0**-1022
    assert rounding(3, 2.0, np.float64) == 6 * 2.0**-52


def parts(check: Callable[[], Any]) -> tuple[Any, ...]:
    """What a check says when it fails."""
    with pytest.raises(ConformanceFailure) as caught:
        check()
    failure = caught.value
    return failure.message, failure.what, failure.index, failure.got, failure.expected, failure.bound


def quietly(work: Callable[[], Any]) -> None:
    with quiet("y"):
        work()


def asked_to_refuse(work: Callable[[], Any]) -> None:
    with refused(ValueError, IndexError, what="y"):
        work()


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        (
            lambda: assert_shape(None, (2,), "y"),
            ("y is missing: nothing arrived", "y", None, None, "(2,)", None),
        ),
        (
            lambda: assert_shape(np.ones(1), (2,), "y"),
            ("y has shape (1,) instead of (2,)", "y", None, "(1,)", "(2,)", None),
        ),
        (
            lambda: assert_dtype(None, "f4", "y"),
            ("y is missing: nothing arrived", "y", None, None, "float32", None),
        ),
        (
            lambda: assert_dtype(np.ones(1, np.int8), "f4", "y"),
            ("y is int8 instead of float32", "y", None, "int8", "float32", None),
        ),
        (
            lambda: assert_equal(np.ones(1), [1, 2], "y"),
            ("y has shape (1,) instead of (2,)", "y", None, "(1,)", "(2,)", None),
        ),
        (
            lambda: assert_equal(np.array(1.5), 1.0, "y"),
            ("y is 1.5, expected 1.0 (1 of 1 elements wrong)", "y", (), 1.5, 1.0, 0.0),
        ),
        (
            lambda: assert_within(np.array(["1"]), [1.0], 1.0, "y"),
            ("y has dtype <U1, which holds no real numbers", "y", None, None, None, None),
        ),
        (
            lambda: asked_to_refuse(lambda: int(None)),  # type: ignore[call-overload]  # as it is meant to
            (
                "y: TypeError instead of ValueError or IndexError",
                *("y", None, "TypeError", "ValueError or IndexError", None),
            ),
        ),
        (
            lambda: asked_to_refuse(lambda: None),
            (
                "y: accepted instead of ValueError or IndexError",
                *("y", None, "no exception", "ValueError or IndexError", None),
            ),
        ),
        (
            lambda: quietly(lambda: np.exp(np.array(1e4))),
            ("y: overflow encountered in exp", "y", None, "overflow encountered in exp", "no warning", None),
        ),
    ],
)
def test_a_failure_tells_what_was_compared(check: Callable[[], Any], expected: tuple[Any, ...]) -> None:
    assert parts(check) == expected


def test_a_type_that_is_right_is_no_failure() -> None:
    assert_dtype(np.ones(1, np.float32), np.float32, "y")


@pytest.mark.parametrize(
    ("got", "expected", "bound", "worst"),
    [
        ([1.0, 0.5], [0.0, 0.0], [0.5, 0.01], 1),  # by the number of bounds, not by the difference
        ([2.0, 0.5], [0.0, 0.0], [1.0, 0.01], 1),
        ([0.5, 0.9], [0.0, 0.0], [0.0, 0.001], 0),  # where nothing is allowed, anything is very wrong
        ([1.0, 5e-324], [1.0, 0.0], 0.0, 1),
        ([np.inf, np.nan], [0.0, 0.0], 1.0, 0),  # either is infinitely wrong
        ([100.0, np.nan], [0.0, 0.0], 1.0, 1),
        ([1e308], [-1e308], 1.0, 0),
        ([1e10], [0.0], 0.0, 0),
        ([np.inf, 5.0], [1.0, 0.0], [np.inf, 1.0], 1),
    ],
)
def test_the_worst_element_is_found_without_a_warning(
    got: list[float], expected: list[float], bound: Any, worst: int
) -> None:
    with np.errstate(all="warn"), pytest.raises(ConformanceFailure) as caught:
        assert_within(np.array(got), expected, bound, "y")

    assert caught.value.index == (worst,)


def test_float32_is_compared_with_all_digits_of_what_is_right() -> None:
    with pytest.raises(ConformanceFailure):
        assert_equal(np.array(0.1, np.float32), 0.1, "y")
    assert_equal(np.array(0.1, np.float32), np.float32(0.1), "y")


@pytest.mark.parametrize("state", ["ignore", "warn", "raise"])
@pytest.mark.parametrize(
    "work",
    [
        lambda: np.exp(np.array([1e4])),
        lambda: np.log(np.array([0.0])),
        lambda: np.log(np.array([-1.0])),
        lambda: warnings.warn("the mean of nothing", RuntimeWarning, stacklevel=1),
    ],
    ids=["overflow", "division", "invalid", "warning"],
)
def test_warnings_are_noticed_whatever_numpy_was_told_before(state: Any, work: Callable[[], Any]) -> None:
    with warnings.catch_warnings(), np.errstate(all=state):
        warnings.simplefilter("ignore")
        with pytest.raises(ConformanceFailure):
            quietly(work)


@pytest.mark.parametrize("state", ["ignore", "warn", "raise"])
def test_underflow_and_other_warnings_are_harmless(state: Any) -> None:
    with warnings.catch_warnings(), np.errstate(all=state):
        warnings.simplefilter("ignore")
        quietly(lambda: np.exp(np.array([-1e4])))
        quietly(lambda: warnings.warn("soon gone", DeprecationWarning, stacklevel=1))
