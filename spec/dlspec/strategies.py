"""Hypothesis strategies: what cases are made of.

Numbers are drawn from a lattice, the multiples of 1/64. Each is exact in float32 as in float64, so one
frozen case serves both; sums and products of a few are exact too; and a counterexample shrinks to
numbers a person can check by hand. Strategies never call an implementation, so what they draw
can't depend on the one under test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from dlspec.implementation import INDEX_DTYPES

Array = NDArray[Any]

LATTICE = 64


@dataclass(frozen=True)
class Domain:
    """An interval of lattice points, perhaps without the neighbourhood of 0.

    Attributes:
        low: The least number.
        high: The greatest number.
        away: Every number is at least this far from 0: how kinks, poles and vanishing gradients are avoided.
        step: The distance of neighbours; 1 for whole numbers.
    """

    low: float
    high: float
    away: float = 0.0
    step: float = 1 / LATTICE

    def elements(self) -> st.SearchStrategy[float]:
        """One number of the domain."""
        low, high = round(self.low / self.step), round(self.high / self.step)
        away = round(self.away / self.step)
        if away == 0:
            counts = st.integers(low, high)
        else:
            sides = [st.integers(max(low, away), high)] if high >= away else []
            sides += [st.integers(low, min(high, -away))] if low <= -away else []
            counts = st.one_of(sides)
        return counts.map(lambda count: count * self.step)


def reals(low: float, high: float, *, away: float = 0.0) -> Domain:
    """Lattice points of `[low, high]`."""
    return Domain(low, high, away)


def whole(low: int, high: int, *, away: int = 0) -> Domain:
    """Whole numbers of `[low, high]`, as floating-point numbers."""
    return Domain(low, high, away, 1.0)


COTANGENTS = reals(-4, 4, away=0.5)
"""Signed, uneven, and nowhere near 0: a cotangent of ones hides a rule that ignores what arrives."""


def shapes(
    min_dims: int = 0, max_dims: int = 3, min_side: int = 0, max_side: int = 4
) -> st.SearchStrategy[tuple[int, ...]]:
    """Shapes, those with a side of 0 or 1 included."""
    with_axes = npst.array_shapes(
        min_dims=max(min_dims, 1), max_dims=max_dims, min_side=min_side, max_side=max_side
    )
    return with_axes if min_dims else st.one_of(st.just(()), with_axes)


@st.composite
def _filled(draw: st.DrawFn, shape: Any, domain: Domain) -> Array:
    sides = draw(shape) if isinstance(shape, st.SearchStrategy) else shape
    # No fill: every element is drawn by itself, so that an array is not one number repeated.
    return draw(npst.arrays(np.float64, sides, elements=domain.elements(), fill=st.nothing()))


def arrays_of(
    domain: Domain, shape: tuple[int, ...] | st.SearchStrategy[tuple[int, ...]] | None = None
) -> st.SearchStrategy[Array]:
    """Arrays of numbers of a domain, of a given, a drawn, or any small shape."""
    return _filled(shapes() if shape is None else shape, domain)


def cotangents_of(shape: tuple[int, ...]) -> st.SearchStrategy[Array]:
    """Cotangents for a value of that shape."""
    return _filled(shape, COTANGENTS)


@st.composite
def operands_of(draw: st.DrawFn, signature: str, *domains: Domain) -> tuple[Array, ...]:
    """Arrays whose shapes fit a gufunc signature, leading axes broadcast.

    A signature of one operand and no core dimensions gives any small shape.
    """
    drawn = draw(npst.mutually_broadcastable_shapes(signature=signature, max_dims=3, min_side=0, max_side=4))
    return tuple(
        draw(_filled(shape, domain)) for shape, domain in zip(drawn.input_shapes, domains, strict=True)
    )


@st.composite
def indices_into(
    draw: st.DrawFn, rows: int, shape: tuple[int, ...] | st.SearchStrategy[tuple[int, ...]]
) -> Array:
    """Row numbers below `rows`, in some integer dtype, repeats likely: repeats are where scatters go
    wrong.
    """
    sides = draw(shape) if isinstance(shape, st.SearchStrategy) else shape
    dtype = draw(st.sampled_from(INDEX_DTYPES))
    if rows == 0:
        sides = (0, *sides[1:]) if sides else (0,)
    return draw(
        npst.arrays(np.int64, sides, elements=st.integers(0, max(rows - 1, 0)), fill=st.nothing())
    ).astype(dtype)
