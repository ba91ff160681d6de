"""Dims are whole numbers."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.implementation import Implementation
from dlspec.tolerance import refused

DEPENDS = ("errors.dims.a_dim_that_is_not_there",)


@clause()
def test_a_dim_is_whole(impl: Implementation) -> None:
    """Reducing or normalising over a dim that is no whole number MUST be refused with a TypeError,
    ValueError or IndexError, not rounded.
    """
    for op in ("sum", "mean", "max", "softmax", "log_softmax"):
        for dim in (0.5, 1.0, "0"):
            with refused(TypeError, ValueError, IndexError, what=f"{op} over dim {dim!r} of shape (2, 3)"):
                impl.value(op, np.ones((2, 3)), dim=dim)
