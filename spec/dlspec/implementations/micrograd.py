"""micrograd (https://github.com/karpathy/micrograd), an engine for single numbers, lifted to arrays.

An array is a NumPy array of its `Value`s, over which NumPy applies micrograd's own operators element by
element; a product of matrices is the sums of products that NumPy makes of them. Nothing that micrograd lacks
is built from what it has: there are no exponentials, so most ops of the catalogue are missing, and what is
claimed is the engine alone.
"""

from __future__ import annotations

import operator
from importlib.metadata import version
from typing import Any

import numpy as np
from micrograd.engine import Value
from numpy.typing import NDArray

from dlspec.implementation import TapeImplementation

Array = NDArray[Any]
Values = Any
"""One `Value`, or an array of them; where NumPy adds up nothing, the number 0."""


def _each(method: Any) -> Any:
    """A method of `Value` for every element; unlike NumPy's own `**`, with no shortcut of NumPy's."""
    return np.frompyfunc(method, 1, 1)


def _flat(values: Values) -> list[Any]:
    return np.asarray(values, object).reshape(-1).tolist()


def _like(numbers: list[Any], values: Values) -> Array:
    """Numbers in the shape of the values that they belong to."""
    return np.array(numbers, None if numbers else np.float64).reshape(np.shape(values))


class Micrograd(TapeImplementation):
    """Arrays of `Value`s, and one weighted sum from which their cotangent starts."""

    name, version = "micrograd", version("micrograd")
    claims = ("autodiff",)
    ops = {
        # NumPy's, for arrays of objects: a `Value` on the left would take a whole array for one number.
        "add": np.add,
        "subtract": np.subtract,
        "multiply": np.multiply,
        "divide": np.divide,
        "negative": np.negative,
        "power": lambda x, exponent: _each(lambda value: value**exponent)(x),
        "relu": _each(Value.relu),
        "sum": lambda x, dim=None, keepdims=False: np.sum(x, axis=dim, keepdims=keepdims),
        "mm": np.matmul,
        "transpose": lambda x, axes=None: np.transpose(x, axes),
        "reshape": lambda x, shape: np.reshape(x, shape),
        "expand": lambda x, dim, copies: np.repeat(np.expand_dims(x, dim), copies, axis=dim),
        "index_select": lambda x, indices: x[indices],
    }

    def leaf(self, array: Array) -> Values:
        """A `Value` for every element, which holds a Python number."""
        return _each(Value)(array.astype(object))

    def numpy(self, value: Values) -> Array:
        """The number behind every `Value`; of gradients, which are numbers, themselves."""
        return _like([getattr(element, "data", element) for element in _flat(value)], value)

    def backward(self, value: Values, cotangent: Array | None = None, *, retain_graph: bool = False) -> None:
        """`backward` of the sum of all elements, each times its own cotangent.

        micrograd's `backward` starts from one number, with the cotangent 1; and what it leaves in the values
        on the way would be sent on again by a second one, so it is called once.
        """
        elements = _flat(value)
        weights = [1.0] * len(elements) if cotangent is None else _flat(cotangent)
        terms = [element * weight for element, weight in zip(elements, weights, strict=True)]
        # In pairs: one after another, they would make a graph as deep as the array is long.
        while len(terms) > 1:
            terms = [*map(operator.add, terms[::2], terms[1::2]), *terms[len(terms) // 2 * 2 :]]
        for total in terms:
            total.backward()

    def grad(self, leaf: Values) -> Array:
        """The `grad` of every `Value`; the whole number 0, with which it begins, is a gradient of 0.0."""
        return _like([float(element.grad) for element in _flat(leaf)], leaf)
