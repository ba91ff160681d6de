"""A float32 leaf stays float32, and so does its gradient, wherever its numbers come from."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.objects.helpers import new, provided
from dlspec.implementation import TapeImplementation
from dlspec.tolerance import assert_dtype, assert_equal

DEPENDS = ("objects.backward.a_cotangent_may_be_an_array_or_a_tensor",)


@clause()
def test_a_cotangent_of_1_has_the_type_of_the_tensor(impl: TapeImplementation) -> None:
    """`backward()` without a cotangent MUST leave a gradient of the leaf's own type, also when it is called
    on the leaf itself.
    """
    for dtype in impl.dtypes:
        leaf, used = impl.leaf(np.array([3.0], dtype)), impl.leaf(np.array([3.0], dtype))
        impl.backward(leaf)
        impl.backward(impl.F.multiply(used, used))

        for what, x, right in (("the leaf itself", leaf, 1.0), ("x * x", used, 6.0)):
            gradient = impl.gradient(x)
            assert_dtype(gradient, dtype, f"gradient after backward() on {what} in {dtype}")
            assert_equal(gradient, np.array([right]), f"gradient after backward() on {what} in {dtype}")


@clause()
def test_zeros_have_the_type_of_the_leaf(impl: TapeImplementation) -> None:
    """`zero()` MUST leave zeros of the parameter's own type."""
    for dtype in impl.dtypes:
        x = impl.leaf(np.array([2.0, -3.0], dtype))
        optimizer = new(impl, "SGD", [x], alpha=0.5)
        impl.backward(x, np.ones(2, dtype))
        provided(optimizer, "zero")()

        assert_dtype(impl.gradient(x), dtype, f"gradient after zero() in {dtype}")


@clause()
def test_a_leaf_keeps_its_type(impl: TapeImplementation) -> None:
    """A leaf that is given data of another floating-point type MUST keep its own, unless the data is
    refused.
    """
    for dtype in impl.dtypes:
        for other in ("float64", "float32"):
            x = impl.leaf(np.array([2.0, -3.0], dtype))
            try:
                impl.set_data(x, np.array([4.0, 5.0], other))
            except (TypeError, ValueError, RuntimeError):
                assert_equal(impl.array(x), np.array([2.0, -3.0]), f"{dtype} data that refused {other}")
            assert_dtype(impl.array(x), dtype, f"data of a {dtype} leaf that was given {other}")
