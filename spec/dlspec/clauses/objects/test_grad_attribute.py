"""`.grad`: None or a tensor of the leaf's own shape, and each leaf's own."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.objects.helpers import assert_fact, assert_nothing_arrived, new, provided
from dlspec.implementation import TapeImplementation
from dlspec.tolerance import assert_dtype, assert_equal, refused

DEPENDS = ("objects.backward.a_cotangent_may_be_an_array_or_a_tensor",)


@clause()
def test_it_is_none_at_first(impl: TapeImplementation) -> None:
    """A tensor MUST have no gradient before a `backward` has reached it, however often it was used."""
    x = impl.leaf(np.array([2.0, -3.0]))
    impl.F.multiply(x, x)

    assert_nothing_arrived(impl, x, "gradient of x before backward")


@clause()
def test_it_has_the_shape_of_the_leaf(impl: TapeImplementation) -> None:
    """A gradient MUST have the shape and the type of its leaf, also where the leaf was broadcast."""
    for dtype in impl.dtypes:
        for shape in ((), (1,), (3,), (1, 3), (2, 1), (2, 3)):
            x, other = impl.leaf(np.ones(shape, dtype)), impl.leaf(np.full((2, 3), 2.0, dtype))
            impl.backward(impl.F.multiply(x, other), np.ones((2, 3), dtype))

            assert_equal(
                impl.gradient(x),
                np.full(shape, 12.0 / max(1, np.ones(shape).size)),
                f"gradient of shape {shape}",
            )
            assert_dtype(impl.gradient(x), dtype, f"gradient of a leaf of shape {shape}")


@clause()
def test_it_is_a_tensor(impl: TapeImplementation) -> None:
    """A gradient MUST itself be a tensor, one that wants no gradient."""
    tensor = impl.named("Tensor")
    x = tensor([2.0, -3.0], autograd=True)
    (x * x).backward(tensor([1.0, 1.0]))

    assert_fact(isinstance(provided(x, "grad"), tensor), True, "whether x.grad is a Tensor")
    assert_fact(impl.wants_gradient(x.grad), False, "autograd of x.grad")


@clause(depends="objects.accumulation.leaves_add_up_over_calls")
def test_it_may_be_set(impl: TapeImplementation) -> None:
    """A gradient that is set to numbers of the leaf's shape MUST take them, and later ones are added."""
    x = impl.leaf(np.array([2.0, -3.0]))
    impl.set_grad(x, np.array([100.0, 200.0]))
    assert_equal(impl.gradient(x), np.array([100.0, 200.0]), "gradient of x as it was set")

    impl.backward(impl.F.multiply(x, x), np.array([1.0, 10.0]))
    assert_equal(impl.gradient(x), np.array([104.0, 140.0]), "gradient of x after backward")


@clause(depends="it_is_none_at_first")
def test_it_may_be_set_to_none(impl: TapeImplementation) -> None:
    """A gradient that is set to None MUST be gone."""
    x = impl.leaf(np.array([2.0, -3.0]))
    impl.backward(x, np.array([1.0, 1.0]))
    impl.set_grad(x, None)

    assert_nothing_arrived(impl, x, "gradient of x")


@clause(depends="it_may_be_set")
def test_another_shape_is_refused(impl: TapeImplementation) -> None:
    """Setting a gradient to numbers of another shape than the leaf's MUST be refused with a ValueError, and
    leave it as it was.
    """
    x = impl.leaf(np.array([[2.0, -3.0]]))
    impl.set_grad(x, np.array([[1.0, 5.0]]))
    for shape in ((2,), (2, 1), (), (1, 1), (3, 2)):
        with refused(ValueError, what=f"a gradient of shape {shape} for a leaf of shape (1, 2)"):
            impl.set_grad(x, np.ones(shape))
        assert_equal(impl.gradient(x), np.array([[1.0, 5.0]]), "gradient of x after the refusal")


@clause(depends="objects.accumulation.leaves_add_up_over_calls")
def test_what_arrives_later_at_one_leaf_stays_there(impl: TapeImplementation) -> None:
    """Leaves that received the same cotangent MUST NOT share it: what arrives at one later changes no
    other.
    """
    for op in ("add", "subtract"):
        a, b = impl.leaf(np.array([1.0, 2.0])), impl.leaf(np.array([3.0, 4.0]))
        impl.backward(getattr(impl.F, op)(a, b), np.array([1.0, 10.0]))
        before = impl.gradient(b)
        impl.backward(a, np.array([5.0, 7.0]))

        assert_equal(
            impl.gradient(a), np.array([6.0, 17.0]), f"gradient of a, which {op} and a later call reached"
        )
        assert_equal(
            impl.gradient(b), before, f"gradient of b after a later call that reached a alone ({op})"
        )


@clause(depends="objects.optimizer_state.zero_leaves_zeros")
def test_zeroing_one_leaf_keeps_the_others(impl: TapeImplementation) -> None:
    """Leaves that received the same cotangent MUST NOT share it: when an optimizer zeroes one, the others
    keep theirs.
    """
    for views in (False, True):
        a, b = impl.leaf(np.array([[1.0, 2.0]])), impl.leaf(np.array([[3.0, 4.0]]))
        if views:
            one, other = (impl.F.reshape(leaf, shape=(2,)) for leaf in (a, b))
            impl.backward(impl.F.add(one, other), np.array([1.0, 10.0]))
        else:
            impl.backward(impl.F.add(a, b), np.array([[1.0, 10.0]]))
        provided(new(impl, "SGD", [a], alpha=0.1), "zero")()

        assert_equal(impl.gradient(a), np.zeros((1, 2)), "gradient of a after zero")
        assert_equal(impl.gradient(b), np.array([[1.0, 10.0]]), "gradient of b, which nobody zeroed")


@clause(depends="objects.optimizer_state.a_step_moves_against_the_gradient")
def test_one_optimizer_steps_every_leaf_of_a_sum(impl: TapeImplementation) -> None:
    """Where several leaves of one sum are trained, a step MUST move each of them: zeroing the first one's
    gradient never takes the next one's.
    """
    a, b = impl.leaf(np.array([1.0, 2.0])), impl.leaf(np.array([3.0, 4.0]))
    impl.backward(impl.F.add(a, b), np.array([1.0, 10.0]))
    new(impl, "SGD", [a, b], alpha=0.5).step()

    assert_equal(impl.array(a), np.array([0.5, -3.0]), "a after the step")
    assert_equal(impl.array(b), np.array([2.5, -1.0]), "b after the step")
