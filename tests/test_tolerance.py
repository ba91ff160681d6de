"""Comparisons fail when they should, and name the worst element."""

from __future__ import annotations

import numpy as np
import pytest

from dlspec.failure import ConformanceFailure, NotProvided
from dlspec.tolerance import (
    assert_dtype,
    assert_equal,
    assert_shape,
    assert_within,
    may_refuse,
    quiet,
    refused,
    rounding,
)


def test_the_bound_is_the_boundary() -> None:
    bound = rounding(4, 1.0, np.float64)
    assert_within(np.array([1.0 + 4 * 2.0**-52]), [1.0], bound, "y")
    with pytest.raises(ConformanceFailure):
        assert_within(np.array([1.0 + 5 * 2.0**-52]), [1.0], bound, "y")


def test_the_worst_element_is_named() -> None:
    with pytest.raises(ConformanceFailure) as caught:
        assert_within(np.array([[1.0, 2.1], [3.5, 4.0]]), [[1.0, 2.0], [3.0, 4.0]], 0.05, "y")

    failure = caught.value
    assert failure.message == "y[1, 0] is 3.5, expected 3.0 (2 of 4 elements wrong)"
    assert (failure.index, failure.got, failure.expected, failure.bound) == ((1, 0), 3.5, 3.0, 0.05)
    assert failure.ratio == pytest.approx(10)


@pytest.mark.parametrize(
    ("got", "expected"), [(np.nan, 1.0), (1.0, np.nan), (np.inf, 1.0), (1.0, np.inf), (-np.inf, np.inf)]
)
def test_no_bound_makes_up_for_an_infinity_or_nan(got: float, expected: float) -> None:
    with pytest.raises(ConformanceFailure):
        assert_within(np.array(got), expected, 1e300, "y")


def test_infinities_and_nan_that_agree_are_right() -> None:
    assert_equal(np.array([np.nan, np.inf, -np.inf, -0.0]), [np.nan, np.inf, -np.inf, 0.0], "y")


def test_shapes_and_types_are_compared_first() -> None:
    with pytest.raises(ConformanceFailure, match=r"shape \(1,\) instead of \(\)"):
        assert_equal(np.array([1.0]), 1.0, "y")
    with pytest.raises(ConformanceFailure, match="missing"):
        assert_shape(None, (2,), "y")
    with pytest.raises(ConformanceFailure, match="float32 instead of float64"):
        assert_dtype(np.zeros(1, np.float32), np.float64, "y")
    with pytest.raises(ConformanceFailure, match="holds no real numbers"):
        assert_equal(np.array(["1"]), [1.0], "y")


def stumble(error: Exception | None) -> None:
    if error is not None:
        raise error


def test_a_refusal_has_to_be_of_a_standard_class() -> None:
    with refused(ValueError, what="a bad shape"):
        stumble(ValueError())
    for error, message in (
        (None, "accepted instead of ValueError"),
        (KeyError(), "KeyError instead of ValueError"),
        (NotImplementedError(), "NotImplementedError instead of ValueError"),
    ):
        with pytest.raises(ConformanceFailure, match=message), refused(ValueError, what="a bad shape"):
            stumble(error)
    with pytest.raises(ConformanceFailure, match="RecursionError"), refused(RuntimeError, what="a bad shape"):
        stumble(RecursionError())
    with pytest.raises(NotProvided), refused(Exception, what="a bad shape"):
        stumble(NotProvided("op x"))


def test_floating_point_warnings_are_noticed_but_for_underflow() -> None:
    with quiet("y"):
        np.exp(np.array(-1e4))
    with pytest.raises(ConformanceFailure, match="overflow"), quiet("y"):
        np.exp(np.array(1e4))


def test_what_may_be_refused_may_not_be_wrong_or_left_undone() -> None:
    def give(raised: Exception) -> None:
        raise raised

    with may_refuse(TypeError, RuntimeError):
        give(TypeError("no"))
    for wrong in (ConformanceFailure("2 for 1"), NotImplementedError(), RecursionError(), KeyError("k")):
        with pytest.raises(type(wrong)), may_refuse(TypeError, RuntimeError):
            give(wrong)
    with pytest.raises(RuntimeError), may_refuse():
        give(RuntimeError("no"))
