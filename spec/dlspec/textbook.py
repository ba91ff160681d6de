"""Elementary functions on any kind of number, so that one definition serves every oracle.

A definition in the catalogue is written once, in the textbook's form. It is then evaluated

    in float64 and complex128    NumPy arrays, for exploring and for complex steps
    in 60 digits                 object arrays of mpmath numbers, for the answers of frozen cases

and these are the few functions for which NumPy has no loop over mpmath's numbers. Naive forms are
welcome here: with 60 digits and no largest exponent, `log(exp(x) / sum(exp(x)))` is exact at 1e3 too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

DIGITS = 60


def _on_any_number(name: str) -> Callable[[Array], Array]:
    numpy_loop = getattr(np, name)
    mpmath_loop = np.frompyfunc(getattr(mpmath.mp, name), 1, 1)

    def function(x: Array) -> Array:
        x = np.asarray(x)
        return np.asarray(mpmath_loop(x) if x.dtype == object else numpy_loop(x))

    function.__doc__ = f"`{name}`, elementwise, of real, complex or mpmath numbers."
    return function


exp = _on_any_number("exp")
log = _on_any_number("log")
sinh = _on_any_number("sinh")
cosh = _on_any_number("cosh")

_real_part = np.frompyfunc(lambda x: mpmath.re(x), 1, 1)
_to_mpf = np.frompyfunc(lambda x: mpmath.mpf(float(x)), 1, 1)
_to_float = np.frompyfunc(lambda x: float(mpmath.re(x)), 1, 1)


def real(x: Array) -> Array:
    """The real part: what comparisons and kinks are decided by."""
    return np.asarray(_real_part(x)) if x.dtype == object else np.asarray(x.real)


def power(x: Array, exponent: float) -> Array:
    """`x ** exponent` by repeated multiplication where the exponent is a whole number.

    NumPy's complex power goes through the logarithm, which costs a complex step its accuracy.
    """
    if float(exponent).is_integer():
        result = np.ones_like(x)
        for _ in range(abs(int(exponent))):
            result = result * x
        return result if exponent >= 0 else 1 / result
    return exp(exponent * log(x))


def to_exact(x: Array) -> Array:
    """The same numbers with 60 digits; integers stay as they are, for they index and count."""
    return np.asarray(_to_mpf(x), dtype=object) if x.dtype.kind == "f" else x


def to_float64(x: Array) -> Array:
    """The nearest float64 to the real part of each number."""
    return np.asarray(_to_float(x), dtype=np.float64) if x.dtype == object else np.asarray(x.real, np.float64)
