"""Python's operators on tensors, with arrays and numbers on either side."""

from __future__ import annotations

import operator

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.objects.helpers import assert_fact, provided
from dlspec.failure import NotProvided
from dlspec.implementation import TapeImplementation
from dlspec.tolerance import assert_dtype, assert_equal

DEPENDS = ("objects.construction.numbers_lists_and_arrays",)


@clause(
    depends=(
        "ops.arithmetic.numbers_may_stand_on_the_left",
        "ops.add.gradient",
        "ops.subtract.gradient",
        "ops.multiply.gradient",
        "ops.divide.gradient",
    )
)
def test_an_array_on_the_left(impl: TapeImplementation) -> None:
    """`array + t`, and likewise with `-`, `*` and `/`, MUST be a tensor that knows the value of both and the
    gradient of `t`.
    """
    tensor, array, data = impl.named("Tensor"), np.array([[1.0, -2.0], [4.0, 8.0]]), np.array([2.0, 0.5])
    for name, apply, reflected, slope in (
        ("array + t", operator.add, "__radd__", [2.0, 2.0]),
        ("array - t", operator.sub, "__rsub__", [-2.0, -2.0]),
        ("array * t", operator.mul, "__rmul__", [5.0, 6.0]),
        ("array / t", operator.truediv, "__rtruediv__", [-1.25, -24.0]),
    ):
        provided(tensor, reflected)
        t = tensor(data, autograd=True)
        result = apply(array, t)
        assert_fact(isinstance(result, tensor), True, f"whether {name} is a Tensor")
        assert_equal(impl.array(result), apply(array, data), name)
        impl.backward(result, np.ones((2, 2)))
        assert_equal(impl.gradient(t), np.array(slope), f"gradient of t in {name}")


@clause(depends=("ops.add.gradient", "ops.subtract.gradient", "ops.multiply.gradient", "ops.divide.gradient"))
def test_an_array_on_the_right(impl: TapeImplementation) -> None:
    """`t + array`, and likewise with `-`, `*` and `/`, MUST treat the array as a constant tensor."""
    tensor, array, data = impl.named("Tensor"), np.array([[1.0, -2.0], [4.0, 8.0]]), np.array([2.0, 0.5])
    for name, apply, method, slope in (
        ("t + array", operator.add, "__add__", [2.0, 2.0]),
        ("t - array", operator.sub, "__sub__", [2.0, 2.0]),
        ("t * array", operator.mul, "__mul__", [5.0, 6.0]),
        ("t / array", operator.truediv, "__truediv__", [1.25, -0.375]),
    ):
        provided(tensor, method)
        t = tensor(data, autograd=True)
        result = apply(t, array)
        assert_equal(impl.array(result), apply(data, array), name)
        impl.backward(result, np.ones((2, 2)))
        assert_equal(impl.gradient(t), np.array(slope), f"gradient of t in {name}")


@clause(
    depends=("ops.arithmetic.numbers_may_stand_on_the_left", "ops.arithmetic.numbers_may_stand_on_the_right")
)
def test_a_number_on_either_side(impl: TapeImplementation) -> None:
    """A Python number on either side of `+`, `-`, `*` and `/` MUST act as a constant."""
    tensor, data = impl.named("Tensor"), np.array([2.0, -0.5])
    for number in (4, 4.0):
        for name, apply, reflected, left, right in (
            ("+", operator.add, "__radd__", [1.0, 1.0], [1.0, 1.0]),
            ("-", operator.sub, "__rsub__", [-1.0, -1.0], [1.0, 1.0]),
            ("*", operator.mul, "__rmul__", [4.0, 4.0], [4.0, 4.0]),
            ("/", operator.truediv, "__rtruediv__", [-1.0, -16.0], [0.25, 0.25]),
        ):
            provided(tensor, reflected)
            t = tensor(data, autograd=True)
            before, after = apply(number, t), apply(t, number)
            assert_equal(impl.array(before), apply(number, data), f"{number} {name} t")
            assert_equal(impl.array(after), apply(data, number), f"t {name} {number}")
            impl.backward(before, np.ones(2))
            assert_equal(impl.gradient(t), np.array(left), f"gradient of t in {number} {name} t")
            impl.set_grad(t, None)
            impl.backward(after, np.ones(2))
            assert_equal(impl.gradient(t), np.array(right), f"gradient of t in t {name} {number}")


@clause(depends="a_number_on_either_side")
def test_a_numpy_number_on_the_left(impl: TapeImplementation) -> None:
    """A NumPy number on the left of a tensor MUST give a tensor, as a Python number does."""
    tensor = impl.named("Tensor")
    provided(tensor, "__rmul__")
    t = tensor([2.0, -0.5], autograd=True)
    for number in (np.float64(4.0), np.int64(4)):
        result = number * t
        assert_fact(isinstance(result, tensor), True, f"whether {number!r} * t is a Tensor")
        assert_equal(impl.array(result), np.array([8.0, -2.0]), f"{number!r} * t")
        assert_fact(impl.wants_gradient(result), True, f"autograd of {number!r} * t")


@clause(depends="ops.types.float32_with_float64_is_float64")
def test_an_array_counts_with_its_type(impl: TapeImplementation) -> None:
    """An array beside a tensor MUST combine with its own type: float64 beside float32 gives float64, where a
    Python number would not.
    """
    tensor = impl.named("Tensor")
    provided(tensor, "__radd__")
    if "float32" not in impl.dtypes:
        raise NotProvided("float32")
    t = tensor(np.ones(2, np.float32))

    assert_dtype(impl.array(np.ones(2) + t), np.float64, "float64 array + float32 tensor")
    assert_dtype(impl.array(t * np.ones(2)), np.float64, "float32 tensor * float64 array")
    assert_dtype(impl.array(t * np.ones(2, np.float32)), np.float32, "float32 tensor * float32 array")
    assert_dtype(impl.array(t * 2.0), np.float32, "float32 tensor * Python number")


@clause(depends="ops.mm.gradient")
def test_the_matrix_operator(impl: TapeImplementation) -> None:
    """`x @ w` MUST be `x.mm(w)`, in its value and in its gradients."""
    tensor = impl.named("Tensor")
    provided(tensor, "__matmul__")
    x, w = (
        tensor([[1.0, 2.0, -3.0]], autograd=True),
        tensor([[1.0, 4.0], [0.0, 5.0], [2.0, -6.0]], autograd=True),
    )
    y = x @ w
    impl.backward(y, np.array([[1.0, -2.0]]))

    assert_equal(impl.array(y), np.array([[-5.0, 32.0]]), "x @ w")
    assert_equal(impl.gradient(x), np.array([[-7.0, -10.0, 14.0]]), "gradient of x in x @ w")
    assert_equal(
        impl.gradient(w), np.array([[1.0, -2.0], [2.0, -4.0], [-3.0, 6.0]]), "gradient of w in x @ w"
    )


@clause(depends="the_matrix_operator")
def test_an_array_on_the_left_of_the_matrix_operator(impl: TapeImplementation) -> None:
    """`array @ t` MUST be the product with the array on the left, a tensor that knows the gradient of `t`."""
    tensor = impl.named("Tensor")
    provided(tensor, "__rmatmul__")
    array, t = np.array([[1.0, 2.0], [0.0, -1.0]]), tensor([[1.0, 4.0], [5.0, -6.0]], autograd=True)
    result = array @ t
    assert_fact(isinstance(result, tensor), True, "whether array @ t is a Tensor")
    impl.backward(result, np.array([[1.0, -2.0], [3.0, 0.5]]))

    assert_equal(impl.array(result), np.array([[11.0, -8.0], [-5.0, 6.0]]), "array @ t")
    assert_equal(impl.gradient(t), np.array([[1.0, -2.0], [-1.0, -4.5]]), "gradient of t in array @ t")


@clause()
def test_numpy_does_not_cut_the_graph_in_silence(impl: TapeImplementation) -> None:
    """Making an array of a tensor that wants a gradient SHOULD be refused, since what is computed from the
    array has none.
    """
    tensor = impl.named("Tensor")
    t = tensor([2.0, -0.5], autograd=True)
    try:
        made = np.asarray(t)
    except (RuntimeError, TypeError, ValueError):
        return
    assert_fact(made.dtype.kind, "nothing: an exception", "kind of the array that np.asarray(t) made")
