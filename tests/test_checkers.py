"""The checkers themselves: each rejects an answer that is wrong by little, and accepts every right one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dlspec import check_gradient
from dlspec.catalogue import CATALOGUE, Op
from dlspec.clause import Clause
from dlspec.failure import ConformanceFailure
from dlspec.implementations import load
from dlspec.implementations.dual_numbers import DualNumbers
from dlspec.manifest import by_id

Array = NDArray[Any]
Perturbation = Callable[[Array], Array]

EVERY_OP = pytest.mark.parametrize("op", CATALOGUE, ids=lambda op: op.name)


def scaled(x: Array) -> Array:
    """The largest element times 1 + 1e-6."""
    wrong = np.array(x)
    wrong.flat[np.argmax(np.abs(wrong))] *= 1 + 1e-6
    return wrong


def swapped(x: Array) -> Array:
    """The largest and the smallest element in each other's place."""
    wrong = np.array(x)
    high, low = int(np.argmax(wrong)), int(np.argmin(wrong))
    wrong.flat[high], wrong.flat[low] = x.flat[low], x.flat[high]
    return wrong


def zeroed(x: Array) -> Array:
    """The largest element replaced by 0."""
    wrong = np.array(x)
    wrong.flat[np.argmax(np.abs(wrong))] = 0
    return wrong


EVERY_PERTURBATION = pytest.mark.parametrize(
    "perturbation", [scaled, swapped, zeroed], ids=lambda f: f.__name__
)


class Perturbed(DualNumbers):
    """Right in everything but the cotangents of one operand."""

    dtypes = ("float64",)

    def __init__(self, perturbation: Perturbation, operand: int) -> None:
        self.perturbation, self.operand = perturbation, operand

    def vjp(self, f: Callable[..., Any], *primals: Array) -> tuple[Any, Callable[[Array], Sequence[Array]]]:
        value, pullback = super().vjp(f, *primals)

        def wrong(cotangent: Array) -> list[Array]:
            bars = list(pullback(cotangent))
            if bars[self.operand].size:
                bars[self.operand] = self.perturbation(bars[self.operand])
            return bars

        return value, wrong


def law_of(op: Op, law: str) -> Clause:
    return by_id()[f"{op.id}.{law}"]


@EVERY_OP
@EVERY_PERTURBATION
def test_the_law_of_gradients_rejects_a_slightly_wrong_cotangent(op: Op, perturbation: Perturbation) -> None:
    for operand, name in enumerate(op.operands):
        with pytest.raises(ConformanceFailure, match=f"cotangent of {name}"):
            law_of(op, "gradient").check(Perturbed(perturbation, operand))


@EVERY_OP
def test_the_law_of_values_rejects_a_slightly_wrong_value(op: Op) -> None:
    class Wrong(DualNumbers):
        def numpy(self, value: Any) -> Array:
            array = super().numpy(value)
            return scaled(array) if array.size else array

    with pytest.raises(ConformanceFailure, match=op.name):
        law_of(op, "value").check(Wrong())


@pytest.mark.parametrize("op", [op for op in CATALOGUE if op.integral is not None], ids=lambda op: op.name)
@EVERY_PERTURBATION
def test_the_law_of_whole_numbers_rejects_any_wrong_bit(op: Op, perturbation: Perturbation) -> None:
    with pytest.raises(ConformanceFailure):
        law_of(op, "whole_numbers_are_exact").check(Perturbed(perturbation, len(op.operands) - 1))


@EVERY_OP
def test_right_answers_are_accepted_in_a_hundred_drawn_cases_of_each_type(op: Op) -> None:
    reference = load("deeplearning_framework")

    law_of(op, "value").check(reference, examples=100)
    law_of(op, "gradient").check(reference, examples=100)


def logistic(x: Any) -> Any:
    return (x.exp() + 1.0).log() * x.tanh()


def logistic_definition(x: Array) -> Array:
    return np.asarray(np.log(np.exp(x) + 1) * np.tanh(x))


@pytest.mark.parametrize("definition", [None, logistic_definition], ids=["by differences", "by definition"])
def test_check_gradient_accepts_what_is_right_in_a_thousand_trials(definition: Any) -> None:
    reference = load("deeplearning_framework")
    rng = np.random.default_rng(0)
    for trial in range(500 if definition is None else 1000):
        x = rng.uniform(-3, 3, rng.integers(1, 4, size=rng.integers(0, 3)))
        check_gradient(logistic, x, definition=definition, implementation=reference, seed=trial)


@pytest.mark.parametrize("definition", [None, logistic_definition], ids=["by differences", "by definition"])
@EVERY_PERTURBATION
def test_check_gradient_rejects_a_slightly_wrong_cotangent(
    definition: Any, perturbation: Perturbation
) -> None:
    wrong = Perturbed(perturbation, 0)

    def program(x: Any) -> Any:
        return wrong.F.multiply(wrong.F.log(wrong.F.add(wrong.F.exp(x), 1.0)), wrong.F.tanh(x))

    for size in (3, 60):  # few elements are checked one by one, many along directions
        x = np.linspace(-2, 2, size)
        with pytest.raises(ConformanceFailure, match="cotangent of argument 0"):
            check_gradient(program, x, definition=definition, implementation=wrong)


def test_check_gradient_rejects_a_value_that_is_wrong_together_with_its_derivative() -> None:
    with pytest.raises(ConformanceFailure, match="value"):
        check_gradient(lambda x: x.tanh() * 1.001, np.array([0.5, 1.5]), definition=np.tanh)


def test_check_gradient_rejects_a_pullback_that_ignores_what_arrives() -> None:
    class Deaf(DualNumbers):
        def vjp(
            self, f: Callable[..., Any], *primals: Array
        ) -> tuple[Any, Callable[[Array], Sequence[Array]]]:
            value, pullback = super().vjp(f, *primals)
            return value, lambda cotangent: pullback(np.ones_like(cotangent))

    deaf = Deaf()
    with pytest.raises(ConformanceFailure, match="4 times"):
        check_gradient(deaf.ops["tanh"], np.array([0.5, 1.5]), implementation=deaf)


def test_check_gradient_says_what_a_definition_has_to_be() -> None:
    with pytest.raises(TypeError, match="complex"):
        check_gradient(
            lambda x: x.relu(),
            np.array([0.5]),
            definition=lambda x: np.array([max(float(v), 0.0) for v in x]),
        )
