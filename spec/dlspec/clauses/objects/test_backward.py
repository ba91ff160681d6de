"""`backward`: which cotangent it starts from, and where it may be called."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.objects.helpers import SAMPLES, assert_nothing_arrived, sampled_ops, uneven
from dlspec.failure import NotProvided
from dlspec.implementation import TapeImplementation
from dlspec.tolerance import assert_dtype, assert_equal, refused

DEPENDS = ("objects.construction.numbers_lists_and_arrays", "no_cotangent_means_one")


@clause(depends="ops.multiply.gradient")
def test_no_cotangent_means_one(impl: TapeImplementation) -> None:
    """`backward` without a cotangent MUST start from 1 on a tensor of one element, whatever its number of
    dims.
    """
    for shape in ((), (1,), (1, 1)):
        x = impl.leaf(np.full(shape, 3.0))
        impl.backward(impl.F.multiply(x, x))

        assert_equal(impl.gradient(x), np.full(shape, 6.0), f"gradient of x of shape {shape} in x*x")


@clause()
def test_several_elements_need_a_cotangent(impl: TapeImplementation) -> None:
    """`backward` without a cotangent MUST be refused with a RuntimeError or ValueError on a tensor that
    hasn't exactly one element.
    """
    for shape in ((2,), (1, 2), (0,)):
        x = impl.leaf(np.ones(shape))
        with refused(RuntimeError, ValueError, what=f"backward without a cotangent on shape {shape}"):
            impl.backward(impl.F.multiply(x, x))
        assert_nothing_arrived(impl, x, "gradient of x after the refusal")


@clause(depends="a_cotangent_may_be_an_array_or_a_tensor")
def test_the_cotangent_has_the_shape_of_the_tensor(impl: TapeImplementation) -> None:
    """A cotangent that hasn't exactly the tensor's shape MUST be refused with a ValueError, also if it would
    broadcast.
    """
    for shape, others in (
        ((2, 3), ((3,), (1, 3), (2, 1), (), (1,), (3, 2), (1, 2, 3), (6,))),
        ((1,), ((), (1, 1), (2,))),
        ((), ((1,), (2,))),
    ):
        for other in others:
            x = impl.leaf(np.ones(shape))
            y = impl.F.multiply(x, x)
            with refused(ValueError, what=f"a cotangent of shape {other} for a tensor of shape {shape}"):
                impl.backward(y, np.ones(other))
            assert_nothing_arrived(impl, x, "gradient of x after the refusal")


@clause(depends="on_a_leaf_it_adds_the_cotangent")
def test_a_leaf_refuses_a_cotangent_of_another_shape(impl: TapeImplementation) -> None:
    """`backward` on a leaf MUST refuse a cotangent that hasn't the leaf's shape with a ValueError, like any
    other tensor.
    """
    x = impl.leaf(np.ones((2, 3)))
    with refused(ValueError, what="a cotangent of shape (3,) for a leaf of shape (2, 3)"):
        impl.backward(x, np.ones(3))

    assert_nothing_arrived(impl, x, "gradient of x after the refusal")


@clause(depends="the_cotangent_has_the_shape_of_the_tensor")
def test_after_a_refused_cotangent_a_right_one_works(impl: TapeImplementation) -> None:
    """A refused cotangent MUST leave the graph whole: `backward` with a right one then gives the right
    gradient.
    """
    x = impl.leaf(np.array([1.0, -2.0]))
    y = impl.F.multiply(x, x)
    with refused(ValueError, what="a cotangent of shape (3,) for a tensor of shape (2,)"):
        impl.backward(y, np.ones(3))
    impl.backward(y, np.array([1.0, 10.0]))

    assert_equal(impl.gradient(x), np.array([2.0, -40.0]), "gradient of x in x*x")


@clause()
def test_a_tensor_without_autograd_refuses(impl: TapeImplementation) -> None:
    """`backward` MUST be refused with a RuntimeError on a tensor that wants no gradient, never do nothing in
    silence.
    """
    c = impl.constant(np.array([2.0]))
    for value, name in ((c, "a constant"), (impl.F.multiply(c, c), "a result of constants")):
        with refused(RuntimeError, what=f"backward on {name}"):
            impl.backward(value)
        with refused(RuntimeError, what=f"backward on {name}, with a cotangent"):
            impl.backward(value, np.array([1.0]))


@clause()
def test_a_cotangent_may_be_an_array_or_a_tensor(impl: TapeImplementation) -> None:
    """`backward` MUST take its cotangent as an array or as a tensor."""
    tensor = impl.named("Tensor")
    for cotangent, name in ((np.array([2.0, -1.0]), "an array"), (tensor([2.0, -1.0]), "a tensor")):
        x = tensor([3.0, 5.0], autograd=True)
        (x * x).backward(cotangent)

        assert_equal(
            impl.gradient(x), np.array([12.0, -10.0]), f"gradient of x where the cotangent is {name}"
        )


@clause(depends="a_cotangent_may_be_an_array_or_a_tensor")
def test_a_cotangent_of_integers_counts_as_real(impl: TapeImplementation) -> None:
    """A cotangent of integers MUST be cast to the type of the gradient."""
    x = impl.leaf(np.array([0.5, 1.5]))
    impl.backward(impl.F.multiply(x, x), np.array([3, -1]))

    assert_equal(impl.gradient(x), np.array([3.0, -3.0]), "gradient of x in x*x")
    assert_dtype(impl.gradient(x), np.float64, "gradient of x in x*x")


@clause(depends="a_cotangent_may_be_an_array_or_a_tensor")
def test_a_cotangent_takes_the_type_of_the_gradient(impl: TapeImplementation) -> None:
    """A float64 cotangent for a float32 tensor MUST be cast, so that the gradient is float32."""
    if "float32" not in impl.dtypes:
        raise NotProvided("float32")
    x, y = (impl.leaf(np.array([0.5, 1.5], np.float32)) for _ in range(2))
    impl.backward(impl.F.multiply(x, x), np.array([2.0, -1.0]))
    impl.backward(y, np.array([2.0, -1.0]))

    assert_dtype(impl.gradient(x), np.float32, "gradient of x in x*x")
    assert_dtype(impl.gradient(y), np.float32, "gradient of a leaf that backward is called on")


@clause()
def test_the_cotangent_is_not_kept(impl: TapeImplementation) -> None:
    """`backward` MUST NOT keep the caller's cotangent: one that is changed afterwards changes no gradient."""
    tensor = impl.named("Tensor")
    for depth, name in ((0, "a"), (1, "a + 0")):
        for kind in ("an array", "a tensor"):
            a, array = tensor([1.0, 2.0], autograd=True), np.array([3.0, 4.0])
            cotangent = array if kind == "an array" else tensor(array)
            value = impl.F.add(a, tensor([0.0, 0.0])) if depth else a
            value.backward(cotangent)
            if kind == "an array":
                array -= 100
            else:
                impl.change_data(cotangent, np.array([100.0, 100.0]))

            assert_equal(
                impl.gradient(a), np.array([3.0, 4.0]), f"gradient of a in {name} after {kind} changed"
            )


@clause(depends="objects.accumulation.leaves_add_up_over_calls")
def test_the_cotangent_is_not_written_to(impl: TapeImplementation) -> None:
    """`backward` MUST leave the caller's cotangent as it was, however often it is used."""
    tensor = impl.named("Tensor")
    a, b = tensor([1.0, 2.0], autograd=True), tensor([5.0, 6.0], autograd=True)
    cotangent = tensor([3.0, 4.0])
    for _ in range(3):
        (a + b + a).backward(cotangent)
        a.backward(cotangent)

    assert_equal(impl.array(cotangent), np.array([3.0, 4.0]), "the cotangent")
    assert_equal(impl.gradient(a), np.array([27.0, 36.0]), "gradient of a")
    assert_equal(impl.gradient(b), np.array([9.0, 12.0]), "gradient of b")


@clause()
def test_on_a_leaf_it_adds_the_cotangent(impl: TapeImplementation) -> None:
    """`backward` on a leaf MUST add the cotangent to the leaf's gradient, as often as it is called."""
    x = impl.leaf(np.array([1.0, 2.0]))
    impl.backward(x, np.array([3.0, -1.0]))
    assert_equal(impl.gradient(x), np.array([3.0, -1.0]), "gradient of the leaf")

    impl.backward(x, np.array([10.0, 20.0]))
    assert_equal(impl.gradient(x), np.array([13.0, 19.0]), "gradient of the leaf after the second call")


@clause()
def test_a_leaf_of_one_element_needs_no_cotangent(impl: TapeImplementation) -> None:
    """`backward` without a cotangent on a leaf of one element MUST add 1 to its gradient."""
    x = impl.leaf(np.array([7.0]))
    impl.backward(x)

    assert_equal(impl.gradient(x), np.array([1.0]), "gradient of the leaf")


@clause()
def test_it_changes_no_data(impl: TapeImplementation) -> None:
    """`backward` MUST NOT change the data of any tensor in the graph."""
    x, w = impl.leaf(np.array([[1.0, -2.0]])), impl.leaf(np.array([[3.0], [0.5]]))
    h = impl.F.mm(x, w)
    y = impl.F.multiply(h, h)
    impl.backward(y, np.array([[2.0]]))

    for value, right, name in (
        (x, [[1.0, -2.0]], "x"),
        (w, [[3.0], [0.5]], "w"),
        (h, [[2.0]], "h"),
        (y, [[4.0]], "y"),
    ):
        assert_equal(impl.array(value), np.array(right), f"data of {name}")


@clause(depends=("ops.*.gradient", "ops.*.nothing_is_written"))
def test_no_op_changes_data(impl: TapeImplementation) -> None:
    """`backward` MUST NOT change the data of any tensor in the graph, whichever op it goes through."""
    for op in sampled_ops(impl):
        operands, static = SAMPLES[op]
        leaves = [impl.leaf(operand) for operand in operands]
        squares = [impl.F.multiply(leaf, leaf) for leaf in leaves]
        result = getattr(impl.F, op)(*squares, **static)
        tensors = [*leaves, *squares, result]
        before = [np.array(impl.array(tensor)) for tensor in tensors]
        impl.backward(result, uneven(before[-1].shape))

        for tensor, data in zip(tensors, before, strict=True):
            assert_equal(impl.array(tensor), data, f"data of a tensor around {op} after backward")
