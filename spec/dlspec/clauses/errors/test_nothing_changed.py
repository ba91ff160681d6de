"""A refusal changes nothing: what was handed over is as before, and works as before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dlspec.catalogue import CATALOGUE
from dlspec.clause import clause
from dlspec.failure import NotProvided
from dlspec.implementation import Implementation
from dlspec.tolerance import assert_equal, refused

REFUSALS = (ValueError, IndexError, TypeError, RuntimeError)


@clause(depends=("*.refusals", "*.nothing_is_written"))
def test_operands_are_as_before(impl: Implementation) -> None:
    """A refused op MUST leave the arrays that it was given as they were."""
    asked = [op for op in CATALOGUE if op.name in impl.ops and op.refusals]
    if not asked:
        raise NotProvided("ops with a contract")
    for op in asked:
        for refusal in op.refusals:
            operands = [np.full(shape, 2.0) for shape in refusal.shapes]
            given = [
                *operands,
                *(value for value in refusal.static.values() if isinstance(value, np.ndarray)),
            ]
            before = [array.copy() for array in given]
            with refused(*REFUSALS, what=f"{op.name} of {refusal.why}"):
                impl.evaluate(
                    lambda F, *values, op=op, static=refusal.static: op.program(F, *values, **static),
                    *operands,
                )
            for array, copy in zip(given, before, strict=True):
                assert_equal(array, copy, f"an array that {op.name} refused")


@clause(depends=("*.refusals", "operands_are_as_before"))
def test_a_program_goes_on_after_a_refusal(impl: Implementation) -> None:
    """A refused op MUST NOT spoil the graph: values that it was given receive the right cotangents from the
    ops that worked.
    """

    def program(F: Any, x: Any) -> Any:
        h = F.multiply(x, x)
        five, seven = impl.constant(np.ones((5, 5))), impl.constant(np.ones(7))
        attempts: tuple[Callable[[], Any], ...] = (
            lambda: F.mm(h, five),
            lambda: F.add(h, seven),
            lambda: F.sum(h, dim=9),
            lambda: F.index_select(h, indices=np.array([99])),
            lambda: F.reshape(h, shape=(5,)),
        )
        for number, attempt in enumerate(attempts):
            with refused(*REFUSALS, what=f"refusal {number} within a program"):
                attempt()
        return F.add(h, x)

    x = np.array([[2.0, -3.0]])
    value, (bar,) = impl.gradients(program, x, cotangent=np.array([[1.0, 10.0]]))

    assert_equal(value, np.array([[6.0, 6.0]]), "x*x + x after refusals")
    assert_equal(bar, np.array([[5.0, -50.0]]), "cotangent of x in x*x + x after refusals")
