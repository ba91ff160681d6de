"""What the laws have in common: a row's program and its answer, other orders in memory, other threads."""

from __future__ import annotations

import _thread
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from dlspec.catalogue import Op
from dlspec.clause import OpCase
from dlspec.implementation import Program
from dlspec.tolerance import assert_dtype, assert_within, rounding

Array = NDArray[Any]
T = TypeVar("T")


def program_of(op: Op, case: OpCase) -> Program:
    """The op, with the static arguments of the case, as a program of its operands."""
    return lambda F, *values: op.program(F, *values, **case.static)


def assert_answer(
    op: Op, case: OpCase, value: Array | None, cotangents: Sequence[Array | None], factor: float = 1
) -> None:
    """Fail unless the value is the case's, and the cotangents those of `factor` times its cotangent."""
    answer = case.answer
    assert_dtype(value, case.dtype, op.name)
    assert_within(value, answer.value, rounding(op.ulp, answer.value_scale, case.dtype), op.name)
    expected = zip(op.operands, cotangents, answer.cotangents, answer.cotangent_scales, strict=True)
    for name, cotangent, right, scale in expected:
        bound = rounding(op.vjp_ulp, factor * scale, case.dtype)
        assert_dtype(cotangent, case.dtype, f"cotangent of {name}")
        assert_within(cotangent, np.asarray(factor * right), bound, f"cotangent of {name}")


def reordered(array: Array) -> Array:
    """The same numbers, every other element of a larger array in Fortran order, backwards along each axis."""
    roomy = np.full(tuple(2 * side + 1 for side in array.shape), np.nan, array.dtype, order="F")
    backwards = (slice(2 * side - 1, None, -2) if side else slice(0, 0) for side in array.shape)
    view = roomy[(*backwards, ...)]  # the dots keep an array of no dimensions an array
    view[...] = array
    return view


def in_another_thread(function: Callable[[], T]) -> T:
    """What a function gives where another thread calls it, while this one waits."""
    answers: list[T] = []
    raised: list[BaseException] = []
    answered = _thread.allocate_lock()

    def ask() -> None:
        try:
            answers.append(function())
        except BaseException as error:
            raised.append(error)
        finally:
            answered.release()

    # A thread as it is: `threading.Thread` waits for its start too, and there are thousands.
    answered.acquire()
    _thread.start_new_thread(ask, ())
    answered.acquire()
    if raised:
        raise raised[0]
    return answers[0]


def halves(cotangent: Array) -> tuple[Array, Array]:
    """Two parts that add up to a cotangent: every other element of it, and the rest, with zeros between."""
    odd = (np.arange(cotangent.size).reshape(cotangent.shape) % 2).astype(cotangent.dtype)
    return cotangent * odd, cotangent * (1 - odd)
