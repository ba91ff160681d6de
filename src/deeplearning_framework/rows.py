"""The cotangent of a table from which a few rows were taken, without the zeros of all the others.

A step that looks up 500 words of 50,000 has something to say about 500 rows. Written out as a table, its
cotangent is a hundred times as long as what is in it. So `index_select_vjp` returns `Rows`, the walk strings
them together, a leaf keeps them, and `SGD` changes those rows and no others. Whoever wants an array gets one
from `np.asarray`. Every sum is made in the order in which its terms came, among the rows as in a table: which
of the two it was shows in no bit.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from deeplearning_framework.shapes import Array, Shape


def scatter(y_bar: Array, rows: Array, shape: Shape) -> Array:
    """Add every cotangent to the row it was taken from."""
    x_bar = np.zeros(shape, y_bar.dtype)
    # x_bar[rows] += y_bar would keep one of several. NumPy adds single numbers several times as fast as rows.
    width = math.prod(shape[1:])
    places = rows[:, np.newaxis] * width + np.arange(width)
    np.add.at(x_bar.reshape(-1), places.reshape(-1), y_bar.reshape(-1))
    return x_bar


class Rows:
    """A cotangent that is zero outside some rows.

    A vjp gives away the Rows that it returns: the walk may extend them.

    Attributes:
        shape: The shape of the table.
        parts: Row numbers, and a cotangent for each of them, in the order in which they came. A row may come
            again.
        size: How many rows there are in all parts together.
    """

    __slots__ = ("parts", "shape", "size")

    def __init__(self, shape: Shape, *parts: tuple[Array, Array]) -> None:
        """Put parts together."""
        self.shape = shape
        self.parts = list(parts)
        self.size = sum(len(rows) for rows, _ in parts)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the elements."""
        return self.parts[0][1].dtype

    def extend(self, more: Rows) -> Rows | Array:
        """Add what came later, in place."""
        self.parts += more.parts
        self.size += more.size
        return self.shortest()

    def shortest(self) -> Rows | Array:
        """The table, if there are as many rows as that has; else the rows themselves."""
        return self if self.size < self.shape[0] else np.asarray(self)

    def summed(self) -> Rows:
        """The same with each row once, in arrays that nobody else has."""
        rows, y_bar = self._joined()
        order = rows.argsort(kind="stable")
        ordered = rows.take(order)
        first = np.ones(len(rows), np.bool_)
        np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
        # Where a row comes once, as most do, its sum is a copy; plus 0, since 0 + -0 is 0.
        x_bar = y_bar.take(order[first], axis=0) + 0.0
        again = ~first
        if again.any():
            np.add.at(x_bar, first.cumsum()[again] - 1, y_bar.take(order[again], axis=0))
        return Rows(self.shape, (ordered[first], x_bar))

    def plus(self, more: Rows) -> Rows:
        """The sum of both, likewise."""
        return Rows(self.shape, *self.parts, *more.parts).summed()

    def _joined(self) -> tuple[Array, Array]:
        if len(self.parts) == 1:
            return self.parts[0]
        rows, y_bars = zip(*self.parts, strict=True)
        return np.concatenate(rows), np.concatenate(y_bars)

    def __array__(self, dtype: np.dtype[Any] | None = None, copy: bool | None = None) -> Array:
        """The table."""
        rows, y_bar = self._joined()
        return scatter(y_bar, rows, self.shape).astype(dtype or self.dtype, copy=False)
