"""Sums, differences, products and quotients: numbers and arrays on either side, broadcast as NumPy does."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec.clause import clause
from dlspec.implementation import Implementation
from dlspec.strategies import arrays_of, operands_of, whole
from dlspec.tolerance import assert_equal

Array = NDArray[Any]


@clause(
    cases=arrays_of(whole(-8, 8)),
    depends=("ops.add.value", "ops.subtract.value", "ops.multiply.value", "ops.divide.value"),
)
def test_numbers_may_stand_on_the_right(impl: Implementation, x: Array) -> None:
    """A Python number MUST be accepted as the right operand of `+`, `-`, `*` and `/`."""
    assert_equal(impl.evaluate(lambda F, x: F.add(x, 2), x), x + 2, "x + 2")
    assert_equal(impl.evaluate(lambda F, x: F.subtract(x, 2.0), x), x - 2, "x - 2.0")
    assert_equal(impl.evaluate(lambda F, x: F.multiply(x, 2), x), x * 2, "x * 2")
    assert_equal(impl.evaluate(lambda F, x: F.divide(x, 2.0), x), x / 2, "x / 2.0")


@clause(
    cases=arrays_of(whole(-8, 8, away=1)),
    depends=("ops.add.value", "ops.subtract.value", "ops.multiply.value", "ops.divide.value"),
)
def test_numbers_may_stand_on_the_left(impl: Implementation, x: Array) -> None:
    """A Python number MUST be accepted as the left operand of `+`, `-`, `*` and `/`, and stay on the left."""
    powers = np.copysign(2.0 ** np.floor(np.log2(np.abs(x))), x)  # their quotients are exact
    assert_equal(impl.evaluate(lambda F, x: F.add(2, x), x), 2 + x, "2 + x")
    assert_equal(impl.evaluate(lambda F, x: F.subtract(2.0, x), x), 2 - x, "2.0 - x")
    assert_equal(impl.evaluate(lambda F, x: F.multiply(2, x), x), 2 * x, "2 * x")
    assert_equal(impl.evaluate(lambda F, x: F.divide(2.0, x), powers.astype(x.dtype)), 2 / powers, "2.0 / x")


@clause(
    cases=arrays_of(whole(-8, 8)),
    depends=("numbers_may_stand_on_the_left", "ops.subtract.gradient", "ops.multiply.gradient"),
)
def test_a_number_on_the_left_leaves_the_gradient_right(impl: Implementation, x: Array) -> None:
    """The cotangent of `x` in `2 - x` MUST be the negative of what arrives, and in `3 * x` three times it."""
    _, (taken,) = impl.gradients(lambda F, x: F.subtract(2.0, x), x)
    _, (tripled,) = impl.gradients(lambda F, x: F.multiply(3, x), x)

    assert_equal(taken, np.full_like(x, -1), "cotangent of x in 2 - x")
    assert_equal(tripled, np.full_like(x, 3), "cotangent of x in 3 * x")


@clause(
    cases={"operands": operands_of("(),()->()", whole(-8, 8), whole(-8, 8))}, depends="ops.multiply.gradient"
)
def test_broadcasting_is_repetition(impl: Implementation, operands: tuple[Array, Array]) -> None:
    """Operands of different shapes MUST act as if each were repeated to their common shape, and receive
    the sum over the repetitions.
    """
    x, y = operands
    repeated = np.broadcast_arrays(x, y)
    value, (bar_of_x, bar_of_y) = impl.gradients(lambda F, x, y: F.multiply(x, y), x, y)

    assert_equal(value, repeated[0] * repeated[1], "x * y")
    for name, bar, own, other in (("x", bar_of_x, x, repeated[1]), ("y", bar_of_y, y, repeated[0])):
        axes = tuple(range(other.ndim - own.ndim))
        ones = tuple(k for k, side in enumerate(own.shape) if side == 1)
        assert_equal(bar, other.sum(axes).sum(ones, keepdims=True), f"cotangent of {name}")


@clause(depends="ops.multiply.gradient")
def test_shapes_line_up_at_their_ends(impl: Implementation) -> None:
    """A vector beside a square matrix, or a matrix beside a cube, MUST be repeated along the first axis, and
    receive the sum over that axis.
    """
    for dtype in impl.dtypes:
        for large, small in (((3, 3), (3,)), ((2, 2, 2), (2, 2)), ((2, 2, 2), (2,)), ((3, 3, 3), (3, 1))):
            x, y = (np.arange(1, 1 + np.prod(shape)).reshape(shape).astype(dtype) for shape in (large, small))
            value, (_, bar) = impl.gradients(lambda F, x, y: F.multiply(x, y), x, y)
            right = np.array(
                [x[np.broadcast_to(y == number, large)].sum() for number in y.reshape(-1)]
            ).reshape(small)
            assert_equal(value, x * y, f"product of shapes {large} and {small}")
            assert_equal(bar, right, f"cotangent of y, of shape {small} beside {large}")
