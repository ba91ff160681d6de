"""Which tensors want a gradient, and how one is taken out of the graph."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.objects.helpers import SAMPLES, assert_fact, assert_nothing_arrived, sampled_ops
from dlspec.implementation import TapeImplementation
from dlspec.tolerance import assert_equal

DEPENDS = ("objects.construction.numbers_lists_and_arrays",)


@clause(
    depends=(
        "ops.add.gradient",
        "ops.subtract.gradient",
        "ops.multiply.gradient",
        "ops.divide.gradient",
        "ops.mm.gradient",
        "ops.add.constants",
        "ops.mm.constants",
    )
)
def test_one_operand_that_wants_a_gradient_is_enough(impl: TapeImplementation) -> None:
    """A result MUST want a gradient if any of its operands does, whichever it is."""
    for op in ("add", "subtract", "multiply", "divide", "mm"):
        if op not in sampled_ops(impl):
            continue
        (x, y), _ = SAMPLES[op]
        apply = getattr(impl.F, op)
        for operands, which in (
            ((impl.leaf(x), impl.constant(y)), "the first operand"),
            ((impl.constant(x), impl.leaf(y)), "the second operand"),
            ((impl.leaf(x), impl.leaf(y)), "both operands"),
        ):
            assert_fact(
                impl.wants_gradient(apply(*operands)), True, f"autograd of {op} where {which} wants one"
            )


@clause(depends="ops.*.value")
def test_results_of_constants_want_no_gradient(impl: TapeImplementation) -> None:
    """A result MUST NOT want a gradient if none of its operands does."""
    for op in sampled_ops(impl):
        operands, static = SAMPLES[op]
        result = getattr(impl.F, op)(*map(impl.constant, operands), **static)
        assert_fact(impl.wants_gradient(result), False, f"autograd of {op} of constants")


@clause(depends=("ops.*.value", "one_operand_that_wants_a_gradient_is_enough"))
def test_every_op_hands_the_wish_on(impl: TapeImplementation) -> None:
    """The result of every op on a tensor that wants a gradient MUST want one too."""
    for op in sampled_ops(impl):
        operands, static = SAMPLES[op]
        result = getattr(impl.F, op)(*map(impl.leaf, operands), **static)
        assert_fact(impl.wants_gradient(result), True, f"autograd of {op} of leaves")


@clause(depends="objects.backward.a_cotangent_may_be_an_array_or_a_tensor")
def test_constants_get_no_gradient(impl: TapeImplementation) -> None:
    """A tensor that wants no gradient MUST get none, also where its neighbour in the same op does."""
    x, c = impl.leaf(np.array([2.0, -3.0])), impl.constant(np.array([5.0, 7.0]))
    impl.backward(impl.F.multiply(impl.F.multiply(x, c), c), np.array([1.0, -1.0]))

    assert_nothing_arrived(impl, c, "gradient of the constant")
    assert_equal(impl.gradient(x), np.array([25.0, -49.0]), "gradient of x in x c c")


@clause()
def test_a_detached_tensor_wants_no_gradient(impl: TapeImplementation) -> None:
    """Detaching MUST give the same data in a tensor that wants no gradient, from a leaf as from a result."""
    x = impl.leaf(np.array([2.0, -3.0]))
    for source, name in ((x, "a leaf"), (impl.F.multiply(x, x), "a result")):
        detached = impl.detach(source)
        assert_fact(impl.wants_gradient(detached), False, f"autograd of what was detached from {name}")
        assert_equal(impl.array(detached), impl.array(source), f"data of what was detached from {name}")


@clause(
    depends=(
        "objects.backward.a_cotangent_may_be_an_array_or_a_tensor",
        "a_detached_tensor_wants_no_gradient",
    )
)
def test_detaching_cuts_the_path(impl: TapeImplementation) -> None:
    """A gradient MUST NOT flow through a detached tensor, while it flows along every other path."""
    x = impl.leaf(np.array([2.0, -3.0]))
    h = impl.F.multiply(x, x)
    impl.backward(impl.F.multiply(impl.detach(h), h), np.array([1.0, 10.0]))

    # With h fixed in one factor: h d(h)/dx = x*x * 2x
    assert_equal(impl.gradient(x), np.array([16.0, -540.0]), "gradient of x in detached(x*x) * (x*x)")


@clause(depends="objects.backward.a_cotangent_may_be_an_array_or_a_tensor")
def test_detaching_leaves_the_original_in_the_graph(impl: TapeImplementation) -> None:
    """Detaching a tensor MUST leave the tensor itself as it was: wanting a gradient, and with its history."""
    x = impl.leaf(np.array([2.0, -3.0]))
    h = impl.F.multiply(x, x)
    impl.detach(h)
    impl.detach(x)

    assert_fact(impl.wants_gradient(h), True, "autograd of h after detach")
    assert_fact(impl.wants_gradient(x), True, "autograd of x after detach")
    impl.backward(h, np.ones(2))
    assert_equal(impl.gradient(x), np.array([4.0, -6.0]), "gradient of x in x*x")


@clause()
def test_detaching_copies(impl: TapeImplementation) -> None:
    """Detached data MUST be a copy: neither tensor changes when the data of the other does."""
    tensor = impl.named("Tensor")
    x = tensor([1.0, 2.0], autograd=True)
    first, second = impl.detach(x), impl.detach(x)
    x.data -= 5
    second.data -= 7

    assert_equal(impl.array(first), np.array([1.0, 2.0]), "detached data after the source has changed")
    assert_equal(
        impl.array(x), np.array([-4.0, -3.0]), "data of the source after what was detached has changed"
    )
