"""A `backward` that fails has changed no gradient, wherever in the graph it failed."""

from __future__ import annotations

import contextlib

import numpy as np

from dlspec.catalogue import CATALOGUE
from dlspec.clause import clause
from dlspec.clauses.objects.helpers import assert_nothing_arrived
from dlspec.failure import NotProvided
from dlspec.implementation import TapeImplementation
from dlspec.tolerance import assert_equal, refused

DEPENDS = (
    "objects.accumulation.leaves_add_up_over_calls",
    "objects.freed_graphs.a_second_backward_is_refused",
)


@clause(depends="objects.backward.the_cotangent_has_the_shape_of_the_tensor")
def test_a_refused_cotangent_changes_no_gradient(impl: TapeImplementation) -> None:
    """`backward` with a cotangent of the wrong shape MUST leave every gradient as it was."""
    x, y = impl.leaf(np.array([2.0, 3.0])), impl.leaf(np.array([5.0, 7.0]))
    impl.backward(x, np.array([1.0, -1.0]))
    with refused(ValueError, what="a cotangent of shape (1, 2) for a tensor of shape (2,)"):
        impl.backward(impl.F.multiply(x, y), np.ones((1, 2)))

    assert_equal(impl.gradient(x), np.array([1.0, -1.0]), "gradient of x")
    assert_nothing_arrived(impl, y, "gradient of y")


@clause()
def test_a_freed_part_far_down_changes_no_gradient(impl: TapeImplementation) -> None:
    """`backward` that comes upon a freed part MUST leave every gradient as it was, also of leaves it reached
    before.
    """
    x, near, between = (impl.leaf(np.array([value])) for value in (2.0, 3.0, 5.0))
    freed = impl.F.multiply(x, x)
    impl.backward(freed)
    impl.backward(near)
    value = impl.F.multiply(impl.F.multiply(impl.F.multiply(freed, between), near), near)
    with refused(RuntimeError, what="backward into a freed part"):
        impl.backward(value)

    assert_equal(impl.gradient(x), np.array([4.0]), "gradient of x")
    assert_equal(impl.gradient(near), np.array([1.0]), "gradient of the leaf near the result")
    assert_nothing_arrived(impl, between, "gradient of the leaf between")


@clause()
def test_a_freed_branch_changes_no_gradient(impl: TapeImplementation) -> None:
    """`backward` that can't go through one branch MUST leave the gradients of the other branch as they were,
    whichever stands first.
    """
    for freed_first in (True, False):
        x, other = impl.leaf(np.array([2.0])), impl.leaf(np.array([3.0]))
        freed = impl.F.multiply(x, x)
        impl.backward(freed)
        branch = impl.F.multiply(other, other)
        value = impl.F.multiply(freed, branch) if freed_first else impl.F.multiply(branch, freed)
        with refused(RuntimeError, what="backward into a freed branch"):
            impl.backward(value)

        assert_equal(impl.gradient(x), np.array([4.0]), "gradient of x")
        assert_nothing_arrived(impl, other, "gradient of the leaf of the other branch")


@clause(depends="objects.accumulation.a_result_may_retain_its_gradient")
def test_a_retained_gradient_of_a_failed_call(impl: TapeImplementation) -> None:
    """`backward` that fails MUST leave the gradients that results retain as they were."""
    x, other = impl.leaf(np.array([2.0])), impl.leaf(np.array([3.0]))
    freed = impl.F.multiply(x, x)
    impl.backward(freed)
    near = impl.F.multiply(freed, other)
    impl.retain_grad(near)
    with refused(RuntimeError, what="backward into a freed part"):
        impl.backward(impl.F.multiply(near, near))

    assert_nothing_arrived(impl, near, "gradient retained near the result")


@clause(depends="a_refused_cotangent_changes_no_gradient")
def test_after_a_failed_call_leaves_work_on(impl: TapeImplementation) -> None:
    """After a `backward` that failed, a new graph on the same leaves MUST give the right gradients."""
    x, other = impl.leaf(np.array([2.0])), impl.leaf(np.array([3.0]))
    freed = impl.F.multiply(x, x)
    impl.backward(freed)
    with refused(RuntimeError, what="backward into a freed part"):
        impl.backward(impl.F.multiply(freed, other))
    impl.backward(impl.F.multiply(impl.F.multiply(x, x), other))

    assert_equal(impl.gradient(x), np.array([16.0]), "gradient of x")
    assert_equal(impl.gradient(other), np.array([4.0]), "gradient of the other leaf")


@clause(depends="ops.*.refusals")
def test_a_refused_op_changes_no_operand(impl: TapeImplementation) -> None:
    """A refused op MUST leave the data and the gradients of the tensors that it was given as they were."""
    asked = [op for op in CATALOGUE if op.name in impl.ops and op.refusals and op.profile == "ops"]
    if not asked:
        raise NotProvided("ops with a contract")
    for op in asked:
        for refusal in op.refusals:
            leaves = [impl.leaf(np.full(shape, 2.0)) for shape in refusal.shapes]
            for leaf, shape in zip(leaves, refusal.shapes, strict=True):
                impl.set_grad(leaf, np.full(shape, -3.0))
            # That it is refused at all is asked elsewhere.
            with contextlib.suppress(ValueError, IndexError, TypeError, RuntimeError):
                op.program(impl.F, *leaves, **refusal.static)
            for leaf, shape in zip(leaves, refusal.shapes, strict=True):
                what = f"an operand that {op.name} refused"
                assert_equal(impl.array(leaf), np.full(shape, 2.0), f"data of {what}")
                assert_equal(impl.gradient(leaf), np.full(shape, -3.0), f"gradient of {what}")
