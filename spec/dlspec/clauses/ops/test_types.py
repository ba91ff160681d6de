"""Types: floating-point types are kept and combined as NumPy combines them, integers stay integers."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.implementation import Implementation
from dlspec.tolerance import assert_dtype, assert_equal, assert_within, rounding


@clause(depends=("ops.add.dtype", "ops.multiply.dtype", "ops.divide.dtype"))
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


@clause(depends="ops.multiply.dtype")
def test_float32_with_float64_is_float64(impl: Implementation) -> None:
    """An op on float32 and float64 operands MUST give float64, and each operand's cotangent in that
    operand's own type.
    """
    if set(impl.dtypes) != {"float32", "float64"}:
        return  # an engine of one floating-point type, as it says, never has two of them to combine
    narrow, wide = np.array([1.0, 2.0], np.float32), np.array([3.0, 4.0], np.float64)
    value, (bar_of_narrow, bar_of_wide) = impl.gradients(lambda F, x, y: F.multiply(x, y), narrow, wide)

    assert_dtype(value, np.float64, "product of float32 and float64")
    assert_dtype(bar_of_narrow, np.float32, "cotangent of the float32 operand")
    assert_dtype(bar_of_wide, np.float64, "cotangent of the float64 operand")


@clause(
    depends=(
        "ops.add.dtype",
        "ops.subtract.dtype",
        "ops.multiply.dtype",
        "ops.divide.dtype",
        "ops.mm.dtype",
        "float32_with_float64_is_float64",
    )
)
def test_every_op_of_two_operands_takes_the_wider_type(impl: Implementation) -> None:
    """Sums, differences, products, quotients and products of matrices of float32 and float64 operands, on
    either side, MUST be computed in float64, and pull back to each operand in its own type.
    """
    if set(impl.dtypes) != {"float32", "float64"}:
        return  # an engine of one floating-point type, as it says, never has two of them to combine
    narrow, wide = np.array([[1.0, 2.0], [4.0, 0.5]], np.float32), np.array([[1 / 3, 0.1], [0.7, 3.1]])
    rights = (
        ("add", np.add),
        ("subtract", np.subtract),
        ("multiply", np.multiply),
        ("divide", np.divide),
        ("mm", lambda x, w: np.einsum("nk,km->nm", x, w)),
    )
    for op, right in rights:
        for x, y in ((narrow, wide), (wide, narrow)):
            value, bars = impl.gradients(lambda F, x, y, op=op: getattr(F, op)(x, y), x, y)
            exact = right(x.astype(np.float64), y.astype(np.float64))
            assert_dtype(value, np.float64, f"{op} of {x.dtype} and {y.dtype}")
            assert_within(value, exact, rounding(4, 8.0, np.float64), f"{op} of {x.dtype} and {y.dtype}")
            for operand, bar in zip((x, y), bars, strict=True):
                assert_dtype(bar, operand.dtype, f"cotangent of the {operand.dtype} operand of {op}")


@clause(depends=("ops.*.every_digit_counts", "ops.*.dtype"))
def test_no_digit_is_lost_on_the_way(impl: Implementation) -> None:
    """What ops only move, choose, add or change the sign of MUST keep every digit of its type, in the value
    and in the cotangents.
    """
    for dtype in impl.dtypes:
        x = (1 / np.arange(3.0, 9.0)).reshape(2, 3).astype(dtype)
        w = np.sqrt(np.arange(2.0, 8.0)).reshape(2, 3).astype(dtype)
        programs = (
            ("-x", lambda F, x: F.negative(x), -x, w, -w),
            ("x + 0", lambda F, x: F.add(x, 0.0), x, w, w),
            ("0 - x", lambda F, x: F.subtract(0.0, x), -x, w, -w),
            ("x * 1", lambda F, x: F.multiply(x, 1.0), x, w, w),
            ("x / 1", lambda F, x: F.divide(x, 1.0), x, w, w),
            ("x ** 1", lambda F, x: F.power(x, exponent=1), x, w, w),
            ("relu", lambda F, x: F.relu(x), x, w, w),
            ("sum of one", lambda F, x: F.sum(F.reshape(x, shape=(2, 1, 3)), dim=1), x, w, w),
            ("mean of one", lambda F, x: F.mean(F.reshape(x, shape=(2, 1, 3)), dim=1), x, w, w),
            ("max of one", lambda F, x: F.max(F.reshape(x, shape=(2, 1, 3)), dim=1), x, w, w),
            ("transpose", lambda F, x: F.transpose(x), x.T, w.T, w),
            ("reshape", lambda F, x: F.reshape(x, shape=(6,)), x.ravel(), w.ravel(), w),
            ("expand", lambda F, x: F.expand(x, dim=0, copies=1), x[None], w[None], w),
            ("rows", lambda F, x: F.index_select(x, indices=np.array([1, 0])), x[::-1], w, w[::-1]),
        )
        for what, program, value, cotangent, right in programs:
            got, (bar,) = impl.gradients(program, x, cotangent=cotangent)
            assert_equal(got, value, f"{what} in {dtype}")
            assert_equal(bar, right, f"cotangent of x in {what} in {dtype}")


@clause(
    depends=("ops.divide.every_digit_counts", "ops.mm.every_digit_counts", "ops.multiply.every_digit_counts")
)
def test_no_digit_of_a_product_is_lost(impl: Implementation) -> None:
    """Products, quotients and products of matrices MUST be computed, and pulled back, with every digit of
    their type: multiplying by 1 changes nothing.
    """
    for dtype in impl.dtypes:
        x = (1 / np.arange(3.0, 9.0)).reshape(2, 3).astype(dtype)
        w = np.sqrt(np.arange(2.0, 8.0)).reshape(2, 3).astype(dtype)
        ones, eye = np.ones((2, 3), dtype), np.eye(3, dtype=dtype)
        for op, one in (("multiply", ones), ("divide", ones), ("mm", eye)):
            got, (bar, _) = impl.gradients(lambda F, x, y, op=op: getattr(F, op)(x, y), x, one, cotangent=w)
            assert_equal(got, x, f"{op} of x and ones in {dtype}")
            assert_equal(bar, w, f"cotangent of x in {op} by ones in {dtype}")


@clause(depends=("ops.add.value", "ops.subtract.value", "ops.multiply.value", "ops.sum.value"))
def test_whole_numbers_stay_whole(impl: Implementation) -> None:
    """Sums, differences and products of integers MUST be integers, of the type that NumPy gives them."""
    for dtype in ("int64", "int32", "int8"):
        x, y = np.array([3, -4], dtype), np.array([5, 6], dtype)
        assert_dtype(impl.value("add", x, y), dtype, f"sum of {dtype}")
        assert_dtype(impl.value("subtract", x, y), dtype, f"difference of {dtype}")
        assert_equal(impl.value("multiply", x, y), x * y, f"product of {dtype}")
        assert_dtype(impl.value("sum", x), np.sum(x).dtype, f"total of {dtype}")


@clause(
    depends=("ops.divide.value", "ops.exp.value", "ops.mean.value", "ops.sigmoid.value", "ops.tanh.value")
)
def test_functions_of_whole_numbers_are_float64(impl: Implementation) -> None:
    """`exp`, `tanh`, `sigmoid`, quotients and means of integers MUST be float64, or the one floating-point
    type that there is, however small the integer type is.
    """
    real = "float64" if "float64" in impl.dtypes else impl.dtypes[0]
    for dtype in ("int64", "int32", "int8", "uint8"):
        x = np.array([1, 2], dtype)
        for op in ("exp", "tanh", "sigmoid", "mean"):
            assert_dtype(impl.value(op, x), real, f"{op} of {dtype}")
        quotient = impl.value("divide", x, np.array([2, 4], dtype))
        assert_dtype(quotient, real, f"quotient of {dtype}")
        assert_equal(quotient, np.array([0.5, 0.5]), f"quotient of {dtype}")


@clause(
    depends=(
        "functions_of_whole_numbers_are_float64",
        "ops.divide.value",
        "ops.exp.value",
        "ops.log.value",
        "ops.log_softmax.value",
        "ops.mean.value",
        "ops.power.value",
        "ops.sigmoid.value",
        "ops.softmax.value",
        "ops.tanh.value",
    )
)
def test_the_values_of_whole_numbers_are_those_of_real_ones(impl: Implementation) -> None:
    """A function, quotient, mean or softmax of integers MUST be, in float64 or the one floating-point type
    that there is, that of the same numbers as real ones: nothing is rounded down, and nothing wraps around.
    """
    real = "float64" if "float64" in impl.dtypes else impl.dtypes[0]
    for dtype in ("int64", "int32", "int16", "int8", "uint8"):
        x = np.array([[1, 4, 2], [5, 1, 3]], dtype)
        for op in ("exp", "log", "tanh", "sigmoid", "mean", "softmax", "log_softmax"):
            value = impl.value(op, x)
            assert_dtype(value, real, f"{op} of {dtype}")
            assert_equal(value, impl.value(op, x.astype(real)), f"{op} of {dtype}")
        assert_equal(impl.value("mean", x, dim=0), np.array([3.0, 2.5, 2.5]), f"means of {dtype}")
        assert_equal(
            impl.value("power", np.array([1, 4, 9], dtype), exponent=0.5), np.array([1, 2, 3]), "roots"
        )
        quotient = impl.value("divide", x, np.array(4, dtype))
        assert_equal(quotient, x / 4, f"quotient of {dtype}")


@clause(
    depends=(
        "ops.expand.value",
        "ops.index_select.value",
        "ops.max.value",
        "ops.mm.value",
        "ops.negative.value",
        "ops.power.value",
        "ops.relu.value",
        "ops.reshape.value",
        "ops.transpose.value",
    )
)
def test_what_moves_or_chooses_whole_numbers_leaves_them_whole(impl: Implementation) -> None:
    """Integers that are moved, chosen, multiplied as matrices or change their sign MUST stay integers of
    their type.
    """
    for dtype in ("int64", "int32"):
        x = np.array([[1, -4, 2], [5, 1, -3]], dtype)
        for op, static, right in (
            ("negative", {}, -x),
            ("relu", {}, np.maximum(x, 0)),
            ("max", {"dim": 1}, x.max(1)),
            ("transpose", {}, x.T),
            ("reshape", {"shape": (3, 2)}, x.reshape(3, 2)),
            ("expand", {"dim": 0, "copies": 2}, np.stack([x, x])),
            ("index_select", {"indices": np.array([1, 1, 0])}, x[[1, 1, 0]]),
            ("power", {"exponent": 2}, x * x),
        ):
            value = impl.value(op, x, **static)
            assert_equal(value, right, f"{op} of {dtype}")
            assert_dtype(value, dtype, f"{op} of {dtype}")
        product = impl.value("mm", x, x.T.copy())
        assert_equal(product, np.einsum("nk,mk->nm", x, x), f"product of matrices of {dtype}")
        assert_dtype(product, dtype, f"product of matrices of {dtype}")


@clause(
    depends=(
        "ops.add.value",
        "ops.subtract.value",
        "ops.multiply.value",
        "ops.divide.value",
        "ops.mm.value",
        "whole_numbers_stay_whole",
    )
)
def test_whole_numbers_beside_real_ones(impl: Implementation) -> None:
    """Integers beside float64 MUST count as real numbers, in the value and in what the other operand
    receives.
    """
    x = np.array([[0.5, -1.5], [2.5, 0.25]])
    for dtype in ("int64", "int32", "int8", "uint8"):
        n = impl.constant(np.array([[1, 2], [4, 8]], dtype))
        wide = np.array([[1.0, 2.0], [4.0, 8.0]])
        for what, program, value, right in (
            ("x + n", lambda F, x, n=n: F.add(x, n), x + wide, np.ones((2, 2))),
            ("n - x", lambda F, x, n=n: F.subtract(n, x), wide - x, -np.ones((2, 2))),
            ("x * n", lambda F, x, n=n: F.multiply(x, n), x * wide, wide),
            ("x / n", lambda F, x, n=n: F.divide(x, n), x / wide, 1 / wide),
            ("x n", lambda F, x, n=n: F.mm(x, n), x @ wide, np.array([[3.0, 12.0], [3.0, 12.0]])),
        ):
            got, (bar,) = impl.gradients(program, x)
            assert_equal(got, value, f"{what} with {dtype}")
            assert_equal(bar, right, f"cotangent of x in {what} with {dtype}")
