"""Types: floating-point types are kept and combined as NumPy combines them, integers stay integers."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.failure import NotProvided
from dlspec.implementation import Implementation
from dlspec.tolerance import assert_dtype, assert_equal


@clause()
def test_a_python_number_leaves_the_type_alone(impl: Implementation) -> None:
    """A Python number beside an array MUST NOT change the array's type, whether it is written `2` or
    `2.0`.
    """
    for dtype in impl.dtypes:
        x = np.array([1.0, 2.0], dtype)
        for number in (2, 2.0, True):
            for name, value in (
                ("x + number", impl.evaluate(lambda F, x, n=number: F.add(x, n), x)),
                ("number * x", impl.evaluate(lambda F, x, n=number: F.multiply(n, x), x)),
                ("number / x", impl.evaluate(lambda F, x, n=number: F.divide(n, x), x)),
            ):
                assert_dtype(value, dtype, f"{name} with the number {number!r} and x in {dtype}")


@clause()
def test_float32_with_float64_is_float64(impl: Implementation) -> None:
    """An op on float32 and float64 operands MUST give float64, and each operand's cotangent in that
    operand's own type.
    """
    if set(impl.dtypes) != {"float32", "float64"}:
        raise NotProvided("float32 beside float64")
    narrow, wide = np.array([1.0, 2.0], np.float32), np.array([3.0, 4.0], np.float64)
    value, (bar_of_narrow, bar_of_wide) = impl.gradients(lambda F, x, y: F.multiply(x, y), narrow, wide)

    assert_dtype(value, np.float64, "product of float32 and float64")
    assert_dtype(bar_of_narrow, np.float32, "cotangent of the float32 operand")
    assert_dtype(bar_of_wide, np.float64, "cotangent of the float64 operand")


@clause()
def test_whole_numbers_stay_whole(impl: Implementation) -> None:
    """Sums, differences and products of integers MUST be integers, of the type that NumPy gives them."""
    for dtype in ("int64", "int32", "int8"):
        x, y = np.array([3, -4], dtype), np.array([5, 6], dtype)
        assert_dtype(impl.value("add", x, y), dtype, f"sum of {dtype}")
        assert_dtype(impl.value("subtract", x, y), dtype, f"difference of {dtype}")
        assert_equal(impl.value("multiply", x, y), x * y, f"product of {dtype}")
        assert_dtype(impl.value("sum", x), np.sum(x).dtype, f"total of {dtype}")


@clause()
def test_functions_of_whole_numbers_are_float64(impl: Implementation) -> None:
    """`exp`, `tanh`, `sigmoid`, quotients and means of integers MUST be float64, however small the
    integer type is.
    """
    for dtype in ("int64", "int32", "int8", "uint8"):
        x = np.array([1, 2], dtype)
        for op in ("exp", "tanh", "sigmoid", "mean"):
            assert_dtype(impl.value(op, x), np.float64, f"{op} of {dtype}")
        quotient = impl.value("divide", x, np.array([2, 4], dtype))
        assert_dtype(quotient, np.float64, f"quotient of {dtype}")
        assert_equal(quotient, np.array([0.5, 0.5]), f"quotient of {dtype}")
