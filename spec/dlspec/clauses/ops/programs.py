"""What the laws have in common: a row's program, and arrays that lie in memory in another order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec.catalogue import Op
from dlspec.clause import OpCase
from dlspec.implementation import Program

Array = NDArray[Any]


def program_of(op: Op, case: OpCase) -> Program:
    """The op, with the static arguments of the case, as a program of its operands."""
    return lambda F, *values: op.program(F, *values, **case.static)


def reordered(array: Array) -> Array:
    """The same numbers, every other element of a larger array in Fortran order, backwards along each axis."""
    roomy = np.full(tuple(2 * side + 1 for side in array.shape), np.nan, array.dtype, order="F")
    backwards = (slice(2 * side - 1, None, -2) if side else slice(0, 0) for side in array.shape)
    view = roomy[(*backwards, ...)]  # the dots keep an array of no dimensions an array
    view[...] = array
    return view
