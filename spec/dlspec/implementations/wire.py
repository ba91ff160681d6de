"""Numbers, arrays and arguments as the protocol for other languages writes them (`docs/protocol.md`).

Floating-point numbers are hexadecimal strings, so that no bit is left to anybody's decimal library. Integers
of arrays are decimal strings: many languages read a number in JSON as a float64, which has no odd numbers
beyond 2**53.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

DTYPES = (
    *("float64", "float32", "bool"),
    *("int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8"),
)
"""The types that arrays may have on the wire."""

FLOAT = re.compile(r"[+-]?(0[xX]([0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)([pP][+-]?[0-9]+)?|inf|nan)")
"""How a floating-point number is written: as C's `%a` does it."""

INTEGER = re.compile(r"-?[0-9]+")


class NotOnTheWire(Exception):
    """A value that isn't written as the protocol has it; `str` says what is wrong with it."""


def number(value: float) -> str:
    """A floating-point number."""
    return float(value).hex()


def array(value: Array) -> dict[str, Any]:
    """An array: its type, its shape, and its elements row by row."""
    elements = value.ravel().tolist()
    if value.dtype.kind == "f":
        elements = [element.hex() for element in elements]
    elif value.dtype.kind != "b":
        elements = [str(element) for element in elements]
    return {"dtype": str(value.dtype), "shape": list(value.shape), "data": elements}


def scalar(value: float) -> dict[str, Any]:
    """A number of Python's that is an operand: it has no type that an array would have to follow."""
    if isinstance(value, bool):
        return {"bool": value}
    return {"int": value} if isinstance(value, int) else {"float": number(value)}


def argument(value: Any) -> Any:
    """A static argument. Tuples and lists are the same here."""
    if isinstance(value, np.ndarray):
        return array(value)
    if isinstance(value, np.generic):
        return argument(value.item())
    if isinstance(value, float):
        return {"float": number(value)}
    if isinstance(value, (tuple, list)):
        return [argument(item) for item in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    raise TypeError(f"no program in another language can be given a {type(value).__name__}")


def read_array(told: Any) -> Array:
    """An array out of an answer.

    Raises:
        NotOnTheWire: It isn't written as the protocol has it.
    """
    if not isinstance(told, dict) or told.keys() != {"dtype", "shape", "data"}:
        raise NotOnTheWire('an array is an object of "dtype", "shape" and "data"')
    dtype, shape, data = told["dtype"], told["shape"], told["data"]
    if dtype not in DTYPES:
        raise NotOnTheWire(f"dtype {dtype!r} is none of {', '.join(DTYPES)}")
    if not isinstance(shape, list) or not all(type(side) is int and side >= 0 for side in shape):
        raise NotOnTheWire(f"shape {shape!r} is no list of sides")
    count = int(np.prod(shape, dtype=object))
    if not isinstance(data, list) or len(data) != count:
        many = len(data) if isinstance(data, list) else "no list of"
        raise NotOnTheWire(
            f"an array of shape {tuple(shape)} has {count} elements, and there are {many} in data"
        )
    return np.array(_elements(dtype, data), dtype).reshape(shape)


def _elements(dtype: str, data: list[Any]) -> list[Any]:
    if dtype == "bool":
        for element in data:
            if not isinstance(element, bool):
                raise NotOnTheWire(f"{element!r} is neither true nor false")
        return data
    pattern, what = (FLOAT, "hexadecimal") if dtype.startswith("float") else (INTEGER, "decimal")
    for element in data:
        if not isinstance(element, str) or not pattern.fullmatch(element):
            raise NotOnTheWire(f"an element of {dtype} is a {what} string, and not {element!r}")
    if dtype.startswith("float"):
        return _floats(dtype, data)
    whole, limits = [int(element) for element in data], np.iinfo(dtype)
    for element in whole:
        if not limits.min <= element <= limits.max:
            raise NotOnTheWire(f"{element} doesn't fit into {dtype}")
    return whole


def _floats(dtype: str, data: list[str]) -> list[float]:
    numbers = []
    for element in data:
        try:
            numbers.append(float.fromhex(element))
        except OverflowError:
            raise NotOnTheWire(f"{element} is larger than any number of {dtype}; infinity is inf") from None
    if dtype == "float32":
        with np.errstate(over="ignore"):
            rounded = np.array(numbers, np.float32).astype(np.float64)
        for element, exact, kept in zip(data, numbers, rounded.tolist(), strict=True):
            if kept != exact and exact == exact:  # noqa: PLR0124 -- true of everything but NaN
                raise NotOnTheWire(f"{element} is no number of float32")
    return numbers
