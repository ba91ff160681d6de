"""Dims that an operand hasn't got are refused with a ValueError or an IndexError."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.implementation import Implementation
from dlspec.tolerance import refused


@clause(
    depends=(
        "ops.sum.value",
        "ops.mean.value",
        "ops.max.value",
        "ops.softmax.value",
        "ops.log_softmax.value",
        "ops.sum.refusals",
    )
)
def test_a_dim_that_is_not_there(impl: Implementation) -> None:
    """Reducing or normalising over a dim that isn't there MUST be refused with a ValueError or IndexError,
    counted from either end.
    """
    for op in ("sum", "mean", "max", "softmax", "log_softmax"):
        for dim in (2, -3, 7):
            with refused(ValueError, IndexError, what=f"{op} over dim {dim} of shape (2, 3)"):
                impl.value(op, np.ones((2, 3)), dim=dim)


@clause(depends="a_dim_that_is_not_there")
def test_one_dim_among_several(impl: Implementation) -> None:
    """Reducing over several dims of which one isn't there MUST be refused with a ValueError or IndexError."""
    for op in ("sum", "mean", "max"):
        for dim in ((0, 2), (-3, 1), (5,)):
            with refused(ValueError, IndexError, what=f"{op} over dims {dim} of shape (2, 3)"):
                impl.value(op, np.ones((2, 3)), dim=dim)


@clause(depends=("ops.sum.value", "ops.mean.value", "ops.max.value"))
def test_the_same_dim_twice(impl: Implementation) -> None:
    """Reducing over the same dim twice MUST be refused with a ValueError or IndexError, also where it is
    counted from different ends.
    """
    for op in ("sum", "mean", "max"):
        for dim in ((0, 0), (1, -1)):
            with refused(ValueError, IndexError, what=f"{op} over dims {dim} of shape (2, 3)"):
                impl.value(op, np.ones((2, 3)), dim=dim)


@clause(depends="a_dim_that_is_not_there")
def test_a_number_has_no_dims(impl: Implementation) -> None:
    """Reducing or normalising a single number over a dim MUST be refused with a ValueError or IndexError."""
    for op in ("sum", "mean", "max", "softmax", "log_softmax"):
        for dim in (0, -1):
            with refused(ValueError, IndexError, what=f"{op} over dim {dim} of a number"):
                impl.value(op, np.array(2.0), dim=dim)


@clause(depends="ops.transpose.refusals")
def test_axes_are_a_permutation(impl: Implementation) -> None:
    """`transpose` by axes that name one twice, leave one out or name one that isn't there MUST be refused
    with a ValueError or IndexError.
    """
    for axes in ((0, 1), (0, 0, 1), (0, 1, 3), (0, 1, -4), (2, 1, -1), (0, 1, 2, 3)):
        with refused(ValueError, IndexError, what=f"transpose of shape (2, 3, 4) by axes {axes}"):
            impl.value("transpose", np.ones((2, 3, 4)), axes=axes)


@clause(depends="ops.expand.refusals")
def test_where_copies_go(impl: Implementation) -> None:
    """`expand` along a dim that the result doesn't have MUST be refused with a ValueError or IndexError,
    counted from either end.
    """
    for dim in (3, -4, 9):
        with refused(ValueError, IndexError, what=f"expand of shape (2, 3) along dim {dim}"):
            impl.value("expand", np.ones((2, 3)), dim=dim, copies=2)
