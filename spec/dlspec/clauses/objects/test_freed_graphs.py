"""A graph is freed as `backward` goes through it; `retain_graph=True` keeps it."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.objects.helpers import SAMPLES, assert_nothing_arrived, sampled_ops, uneven
from dlspec.implementation import TapeImplementation
from dlspec.tolerance import assert_equal, assert_shape, refused

DEPENDS = ("objects.backward.a_cotangent_may_be_an_array_or_a_tensor", "a_second_backward_is_refused")


@clause()
def test_a_second_backward_is_refused(impl: TapeImplementation) -> None:
    """A second `backward` through a freed graph MUST be refused with a RuntimeError, and change no
    gradient.
    """
    x = impl.leaf(np.array([3.0, -2.0]))
    y = impl.F.multiply(impl.F.multiply(x, x), x)
    impl.backward(y, np.array([1.0, 10.0]))
    with refused(RuntimeError, what="a second backward"):
        impl.backward(y, np.array([1.0, 10.0]))

    assert_equal(impl.gradient(x), np.array([27.0, 120.0]), "gradient of x after the refusal")


@clause()
def test_a_second_backward_is_refused_for_sums_too(impl: TapeImplementation) -> None:
    """A second `backward` SHOULD be refused with a RuntimeError also where no op of the graph needs what was
    freed.
    """
    x = impl.leaf(np.array([3.0, -2.0]))
    y = impl.F.add(x, x)
    impl.backward(y, np.ones(2))
    with refused(RuntimeError, what="a second backward through a sum"):
        impl.backward(y, np.ones(2))


@clause(depends="objects.accumulation.leaves_add_up_over_calls")
def test_two_losses_on_one_trunk(impl: TapeImplementation) -> None:
    """`backward` on a second result whose trunk another call has freed MUST be refused with a RuntimeError,
    and change no gradient.
    """
    x, w = impl.leaf(np.array([3.0])), impl.leaf(np.array([5.0]))
    trunk = impl.F.multiply(x, x)
    first, second = impl.F.multiply(trunk, trunk), impl.F.multiply(trunk, w)
    impl.backward(first)
    with refused(RuntimeError, what="backward on the second loss of a trunk"):
        impl.backward(second)

    assert_equal(impl.gradient(x), np.array([108.0]), "gradient of x after the refusal")
    assert_nothing_arrived(impl, w, "gradient of w, which only the refused call would have reached")


@clause(depends=("objects.accumulation.leaves_add_up_over_calls", "ops.mm.gradient"))
def test_a_retained_graph_is_exactly_additive(impl: TapeImplementation) -> None:
    """With `retain_graph=True` every further `backward` MUST add the same gradient again, to the last bit."""
    x, w = impl.leaf(np.array([[3.0, -2.0]])), impl.leaf(np.array([[1.0], [4.0]]))
    h = impl.F.mm(x, w)
    y = impl.F.multiply(h, h)
    for call in (1, 2, 3, 4):
        impl.backward(y, np.array([[0.5]]), retain_graph=call < 4)

        assert_equal(impl.gradient(x), call * np.array([[-5.0, -20.0]]), f"gradient of x after {call} calls")
        assert_equal(
            impl.gradient(w), call * np.array([[-15.0], [10.0]]), f"gradient of w after {call} calls"
        )


@clause(depends=("a_retained_graph_is_exactly_additive", "ops.*.gradient"))
def test_a_retained_graph_of_any_op_is_exactly_additive(impl: TapeImplementation) -> None:
    """With `retain_graph=True` a further `backward` through any op MUST add the same gradient again, to the
    last bit, and leave its value as it was.
    """
    for op in sampled_ops(impl):
        operands, static = SAMPLES[op]
        leaves = [impl.leaf(operand) for operand in operands]
        value = getattr(impl.F, op)(*leaves, **static)
        before = impl.array(value)
        impl.backward(value, uneven(before.shape), retain_graph=True)
        once = [impl.gradient(leaf) for leaf in leaves]
        impl.backward(value, uneven(before.shape))

        assert_equal(impl.array(value), before, f"value of {op} after backward")
        for number, (leaf, first) in enumerate(zip(leaves, once, strict=True)):
            single = assert_shape(first, operands[number].shape, f"gradient of operand {number} of {op}")
            assert_equal(impl.gradient(leaf), 2 * single, f"gradient of operand {number} of {op}, twice")


@clause(depends="a_retained_graph_is_exactly_additive")
def test_a_retained_graph_takes_another_cotangent(impl: TapeImplementation) -> None:
    """`backward` through a retained graph MUST add what its own cotangent gives, not what the one before
    gave.
    """
    x = impl.leaf(np.array([3.0, -2.0]))
    y = impl.F.multiply(x, x)
    impl.backward(y, np.array([1.0, 10.0]), retain_graph=True)
    impl.backward(y, np.array([0.0, 1.0]), retain_graph=True)
    assert_equal(impl.gradient(x), np.array([6.0, -44.0]), "gradient of x after two cotangents")

    impl.backward(y, np.array([-2.0, 0.0]))
    assert_equal(impl.gradient(x), np.array([-6.0, -44.0]), "gradient of x after three cotangents")


@clause(depends="a_retained_graph_is_exactly_additive")
def test_a_graph_is_retained_by_each_call_for_itself(impl: TapeImplementation) -> None:
    """`backward` without `retain_graph` MUST free the graph also if earlier calls retained it."""
    x = impl.leaf(np.array([3.0]))
    y = impl.F.multiply(x, x)
    impl.backward(y, retain_graph=True)
    impl.backward(y)
    with refused(RuntimeError, what="backward after the graph was freed"):
        impl.backward(y)

    assert_equal(impl.gradient(x), np.array([12.0]), "gradient of x")


@clause(depends="a_retained_graph_is_exactly_additive")
def test_two_losses_on_a_retained_trunk_add_up(impl: TapeImplementation) -> None:
    """Two results on one trunk MUST add their gradients where the first call retains the graph."""
    x, w = impl.leaf(np.array([3.0])), impl.leaf(np.array([5.0]))
    trunk = impl.F.multiply(x, x)
    first, second = impl.F.multiply(trunk, trunk), impl.F.multiply(trunk, w)
    impl.backward(first, retain_graph=True)
    impl.backward(second)

    assert_equal(impl.gradient(x), np.array([138.0]), "gradient of x in x**4 and 5 x**2")
    assert_equal(impl.gradient(w), np.array([9.0]), "gradient of w")


@clause()
def test_a_freed_result_may_be_read(impl: TapeImplementation) -> None:
    """Results MUST keep their data when the graph is freed."""
    x = impl.leaf(np.array([3.0, -2.0]))
    h = impl.F.multiply(x, x)
    y = impl.F.add(h, x)
    impl.backward(y, np.ones(2))

    assert_equal(impl.array(h), np.array([9.0, 4.0]), "data of the intermediate result")
    assert_equal(impl.array(y), np.array([12.0, 2.0]), "data of the final result")


@clause()
def test_new_work_on_a_freed_result_is_refused_by_backward(impl: TapeImplementation) -> None:
    """`backward` that reaches a freed result from new work MUST be refused with a RuntimeError, never stop
    there in silence.
    """
    x, w = impl.leaf(np.array([3.0])), impl.leaf(np.array([5.0]))
    h = impl.F.multiply(x, x)
    impl.backward(h)
    with refused(RuntimeError, what="backward from new work on a freed result"):
        impl.backward(impl.F.multiply(h, w))

    assert_equal(impl.gradient(x), np.array([6.0]), "gradient of x after the refusal")
    assert_nothing_arrived(impl, w, "gradient of w after the refusal")


@clause(depends="objects.accumulation.leaves_add_up_over_calls")
def test_leaves_are_never_freed(impl: TapeImplementation) -> None:
    """A leaf MUST be usable in new graphs after `backward` has freed the old ones."""
    x, w = impl.leaf(np.array([3.0])), impl.leaf(np.array([5.0]))
    for call in (1, 2, 3):
        impl.backward(impl.F.multiply(impl.F.multiply(x, w), x))

        assert_equal(impl.gradient(x), call * np.array([30.0]), f"gradient of x after {call} graphs")
        assert_equal(impl.gradient(w), call * np.array([9.0]), f"gradient of w after {call} graphs")


@clause(depends="objects.accumulation.leaves_add_up_over_calls")
def test_graphs_are_freed_by_themselves(impl: TapeImplementation) -> None:
    """`backward` MUST NOT free a graph that shares no more than leaves with its own."""
    x = impl.leaf(np.array([3.0]))
    one, other = impl.F.multiply(x, x), impl.F.multiply(impl.F.multiply(x, x), x)
    impl.backward(one)
    impl.backward(other)

    assert_equal(impl.gradient(x), np.array([33.0]), "gradient of x in x**2 and x**3")
