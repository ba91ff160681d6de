"""Writing a sentinel into every array within reach, one after the other, and looking at all the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from dlspec.tolerance import assert_equal

Array = NDArray[Any]

SENTINEL = 99
"""It fits into every type, and no array of these clauses holds it."""


def assert_apart(arrays: Mapping[str, Array | None], what: str) -> None:
    """Fail if writing into one array changes another.

    None stands for an array that isn't there. One that can't be written to is only looked at; each array is
    put back as it was, so that all of them are tried.
    """
    there = {name: array for name, array in arrays.items() if array is not None and array.size}
    before = {name: array.copy() for name, array in there.items()}
    for written, array in there.items():
        if not array.flags.writeable:
            continue
        array[...] = SENTINEL
        for name, other in there.items():
            if name != written:
                assert_equal(other, before[name], f"{name}, {what}, after writing into {written},")
        array[...] = before[written]
