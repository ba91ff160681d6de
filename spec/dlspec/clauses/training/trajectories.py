"""Following a training step by step.

Before each step the textbook starts anew from the implementation's own parameters, so an error has no time to
grow, and chaos no time to set in: the first step that is wrong is the one that is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec.implementation import Implementation, Program
from dlspec.programs import UNITS, bound_of, lattice, textbook
from dlspec.tolerance import assert_dtype, assert_within, rounding

Array = NDArray[Any]

XOR_START = (lattice(3, 2, 3), lattice(103, 3) / 4, lattice(203, 3, 1), lattice(303, 1) / 4)
XOR_NAMES = ("weight 1", "bias 1", "weight 2", "bias 2")
XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
TRUTH = np.array([[0.0], [1.0], [1.0], [0.0]])


def assert_follows(
    impl: Implementation,
    program: Program,
    parameters: Sequence[Array],
    batches: Sequence[Sequence[Array]],
    *,
    alpha: float,
    names: Sequence[str],
) -> None:
    """Fail at the first step whose loss or parameters are not what the textbook gives, in every type.

    Args:
        impl: The implementation.
        program: The loss, `program(F, *parameters, *batch)`.
        parameters: Where the training starts; numbers that are exact in float32.
        batches: One for each step.
        alpha: The learning rate; a power of two, so that it rounds nothing.
        names: What the parameters are called.
    """
    for dtype in impl.dtypes:
        before = [p.astype(dtype) for p in parameters]
        typed = [[x.astype(dtype) for x in batch] for batch in batches]
        history = impl.train(program, before, typed, alpha=alpha)
        for step, (batch, (loss, after)) in enumerate(zip(typed, history, strict=True), start=1):
            one = np.ones(())
            right = textbook(program, [*before, *batch], one)
            where = f"in step {step}, {dtype}"
            assert_within(loss, right.value, rounding(UNITS, right.value_scale + 1, dtype), f"loss {where}")
            for k, (name, p, q) in enumerate(zip(names, before, after, strict=True)):
                expected = p.astype(np.float64) - alpha * right.cotangents[k]
                bound = alpha * bound_of(right, k, one, dtype) + rounding(
                    2, np.abs(expected) + np.abs(p), dtype
                )
                assert_dtype(q, dtype, f"{name} after step {step}")
                assert_within(q, expected, bound, f"{name} after step {step}, {dtype},")
            before = list(after)


def xor_prediction(F: Any, w1: Any, b1: Any, w2: Any, b2: Any, x: Any) -> Any:
    """What a network of one hidden layer predicts."""
    return F.sigmoid(F.linear(F.tanh(F.linear(x, w1, b1)), w2, b2))


def xor_loss(F: Any, w1: Any, b1: Any, w2: Any, b2: Any, x: Any, t: Any) -> Any:
    """The mean squared error of that prediction."""
    return F.mse_loss(xor_prediction(F, w1, b1, w2, b2, x), t)


def summed_xor_loss(F: Any, w1: Any, b1: Any, w2: Any, b2: Any, x: Any, t: Any) -> Any:
    """The sum of squared errors, which is the loss of chapter 13."""
    return F.mse_loss(xor_prediction(F, w1, b1, w2, b2, x), t, reduction="sum")
