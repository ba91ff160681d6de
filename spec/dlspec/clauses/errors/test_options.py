"""Options with a value that isn't offered are refused with a ValueError, never read as the default."""

from __future__ import annotations

from typing import Any

import numpy as np

from dlspec.clause import clause
from dlspec.implementation import Implementation
from dlspec.tolerance import refused


@clause()
def test_reductions(impl: Implementation) -> None:
    """A `reduction` that is neither "mean", "sum" nor "none" MUST be refused with a ValueError, by every
    loss.
    """
    operands: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
        "mse_loss": ((np.ones((2, 3)), np.zeros((2, 3))), {}),
        "cross_entropy": ((np.zeros((2, 3)),), {"targets": np.array([0, 1])}),
        "cross_entropy_loss": ((np.zeros((2, 3)),), {"targets": np.array([0, 1])}),
    }
    for op, (arrays, static) in operands.items():
        for reduction in ("average", "Mean", "max", ""):
            with refused(ValueError, what=f"{op} with reduction {reduction!r}"):
                impl.value(op, *arrays, reduction=reduction, **static)


@clause(depends="ops.expand.refusals")
def test_copies(impl: Implementation) -> None:
    """`expand` to fewer than no copies MUST be refused with a ValueError."""
    for copies in (-1, -5):
        with refused(ValueError, what=f"expand to {copies} copies"):
            impl.value("expand", np.ones((2, 3)), dim=0, copies=copies)


@clause()
def test_activations(impl: Implementation) -> None:
    """An `activation` of a recurrent cell that is neither "sigmoid" nor "tanh" MUST be refused with a
    ValueError, not replaced by one of them.
    """
    sides = ((2, 3), (2, 4), (3, 4), (4,), (4, 4), (4,), (4, 1), (1,))
    for activation in ("linear", "Tanh", ""):
        with refused(ValueError, what=f"RNNCell with activation {activation!r}"):
            impl.evaluate(
                lambda F, *values, a=activation: F.rnn_cell(*values, activation=a)[0], *map(np.ones, sides)
            )
