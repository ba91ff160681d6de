"""Adapters, sound and broken."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec.implementation import Divergence, FunctionalImplementation

Array = NDArray[Any]


class Sound(FunctionalImplementation):
    """Knows one op, and its derivative by heart."""

    name = "only negation"
    version = "0.0"
    claims: tuple[str, ...] = ("ops",)
    ops: Mapping[str, Callable[..., Any]] = {"negative": lambda x: -x}

    def vjp(self, f: Callable[..., Any], *primals: Array) -> tuple[Any, Callable[[Array], Sequence[Any]]]:
        """Try what `f` does to 1 in each place in order to know its slopes."""
        places = range(len(primals))
        slopes = [f(*(np.ones(()) * (place == k) for place in places)) for k in places]
        return f(*primals), lambda cotangent: [slope * cotangent if slope else None for slope in slopes]


class Divergent(Sound):
    """Declares one clause that isn't kept, and one that is."""

    divergences = (
        Divergence("ops.exp.value", "scope", "There is no exp here, and there never will be."),
        Divergence("ops.negative.value", "scope", "A declaration that has become untrue."),
    )


class Misspelt(Sound):
    """Declares a clause that doesn't exist."""

    divergences = (Divergence("ops.negative.valeu", "scope", "A reason."),)


class WithoutComma(Sound):
    """Claims a string, which is a sequence of letters."""

    claims = "ops"  # type: ignore[assignment] # that it isn't allowed is the point


class Overstated(Sound):
    """Claims a profile that doesn't exist."""

    claims = ("ops", "autodif")


class Unreturned(Sound):
    """Forgets that `vjp` gives two things."""

    def vjp(self, f: Callable[..., Any], *primals: Array) -> Any:
        """The value alone."""
        return f(*primals)
