"""Gradients of leaves add up over calls; results keep theirs only when asked to."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.objects.helpers import assert_nothing_arrived
from dlspec.implementation import TapeImplementation
from dlspec.tolerance import assert_equal

DEPENDS = ("objects.backward.a_cotangent_may_be_an_array_or_a_tensor", "leaves_add_up_over_calls")


@clause()
def test_leaves_add_up_over_calls(impl: TapeImplementation) -> None:
    """A leaf MUST hold the sum of what all calls of `backward` have sent to it, until its gradient is
    reset.
    """
    x = impl.leaf(np.array([1.0, -2.0]))
    for call in (1, 2, 3):
        impl.backward(impl.F.multiply(x, x), np.array([1.0, 10.0]))
        assert_equal(impl.gradient(x), call * np.array([2.0, -40.0]), f"gradient of x after {call} calls")


@clause()
def test_different_losses_add_up(impl: TapeImplementation) -> None:
    """What two different results send to a leaf they share MUST be added, with neither replacing the
    other.
    """
    x, y = impl.leaf(np.array([3.0, 4.0])), impl.leaf(np.array([-1.0, 2.0]))
    impl.backward(impl.F.multiply(x, y), np.array([1.0, 2.0]))
    impl.backward(impl.F.add(x, x), np.array([5.0, 7.0]))

    assert_equal(impl.gradient(x), np.array([9.0, 18.0]), "gradient of x")
    assert_equal(impl.gradient(y), np.array([3.0, 8.0]), "gradient of y, which only the first result uses")


@clause()
def test_a_gradient_of_zeros_arrives(impl: TapeImplementation) -> None:
    """A leaf that the result depends on MUST have a gradient after `backward`, also where that is all
    zeros.
    """
    x, w, off = (impl.leaf(np.array(data)) for data in ([-1.0, 2.0], [3.0, 4.0], [0.0, 0.0]))
    impl.backward(impl.F.multiply(impl.F.multiply(x, w), off), np.array([1.0, 10.0]))

    assert_equal(impl.gradient(x), np.zeros(2), "gradient of x in x w 0")
    assert_equal(impl.gradient(w), np.zeros(2), "gradient of w in x w 0")
    assert_equal(impl.gradient(off), np.array([-3.0, 80.0]), "gradient of the factor that is 0")


@clause()
def test_other_leaves_are_left_alone(impl: TapeImplementation) -> None:
    """`backward` MUST NOT change the gradient of a leaf that the result doesn't depend on."""
    x, other = impl.leaf(np.array([1.0])), impl.leaf(np.array([2.0]))
    impl.backward(impl.F.multiply(other, other))
    impl.backward(impl.F.multiply(x, x))
    unused = impl.leaf(np.array([3.0]))
    impl.backward(impl.F.multiply(x, x))

    assert_equal(impl.gradient(other), np.array([4.0]), "gradient of the other leaf")
    assert_nothing_arrived(impl, unused, "gradient of a leaf that nothing uses")


@clause()
def test_after_a_reset_it_starts_anew(impl: TapeImplementation) -> None:
    """A leaf whose gradient was set to None MUST receive the next one alone."""
    x = impl.leaf(np.array([1.0, -2.0]))
    impl.backward(impl.F.multiply(x, x), np.ones(2))
    impl.set_grad(x, None)
    impl.backward(impl.F.add(x, x), np.array([1.0, 3.0]))

    assert_equal(impl.gradient(x), np.array([2.0, 6.0]), "gradient of x")


@clause()
def test_results_keep_no_gradient(impl: TapeImplementation) -> None:
    """A result of an op MUST have no gradient after `backward`, unless it was asked to retain it."""
    x = impl.leaf(np.array([1.0, -2.0]))
    h = impl.F.multiply(x, x)
    y = impl.F.multiply(h, x)
    impl.backward(y, np.ones(2))

    assert_nothing_arrived(impl, h, "gradient of the intermediate result")
    assert_nothing_arrived(impl, y, "gradient of the final result")


@clause(
    depends=(
        "autodiff.fan_out.a_value_used_twice_receives_the_sum",
        "autodiff.fan_out.an_intermediate_value_used_by_unlike_ops",
    )
)
def test_a_result_may_retain_its_gradient(impl: TapeImplementation) -> None:
    """After `retain_grad()` a result MUST keep the sum of what all its uses send back."""
    x = impl.leaf(np.array([3.0, -2.0]))
    h = impl.F.multiply(x, x)
    impl.retain_grad(h)
    impl.backward(impl.F.add(impl.F.multiply(h, x), impl.F.negative(h)), np.array([1.0, 10.0]))

    assert_equal(impl.gradient(h), np.array([2.0, -30.0]), "gradient of h in h x - h")
    assert_equal(impl.gradient(x), np.array([21.0, 160.0]), "gradient of x in h x - h where h = x*x")


@clause(depends="a_result_may_retain_its_gradient")
def test_a_final_result_may_retain_its_gradient(impl: TapeImplementation) -> None:
    """After `retain_grad()` the result that `backward` is called on MUST keep the cotangent it was given."""
    x = impl.leaf(np.array([3.0, -2.0]))
    y = impl.F.multiply(x, x)
    impl.retain_grad(y)
    impl.backward(y, np.array([1.0, 10.0]))

    assert_equal(impl.gradient(y), np.array([1.0, 10.0]), "gradient of y")


@clause(depends="a_result_may_retain_its_gradient")
def test_retained_gradients_add_up(impl: TapeImplementation) -> None:
    """The gradient that a result retains MUST add up over calls, as that of a leaf does."""
    x = impl.leaf(np.array([3.0, -2.0]))
    h = impl.F.multiply(x, x)
    impl.retain_grad(h)
    y = impl.F.multiply(h, h)
    for call in (1, 2, 3):
        impl.backward(y, np.array([1.0, -1.0]), retain_graph=True)
        assert_equal(impl.gradient(h), call * np.array([18.0, -8.0]), f"gradient of h after {call} calls")


@clause(depends="a_result_may_retain_its_gradient")
def test_asking_twice_to_retain_changes_nothing(impl: TapeImplementation) -> None:
    """Calling `retain_grad()` twice, or on a leaf, MUST count no gradient twice."""
    x = impl.leaf(np.array([3.0, -2.0]))
    h = impl.F.multiply(x, x)
    for value in (h, h, x):
        impl.retain_grad(value)
    impl.backward(impl.F.multiply(h, h), np.array([1.0, -1.0]))

    assert_equal(impl.gradient(h), np.array([18.0, -8.0]), "gradient of h in h*h")
    assert_equal(impl.gradient(x), np.array([108.0, 32.0]), "gradient of x in h*h where h = x*x")


@clause(depends=("ops.index_select.gradient", "ops.sum.gradient"))
def test_rows_and_whole_tables_add_up(impl: TapeImplementation) -> None:
    """What arrives at a table from rows that were looked up and from the whole of it MUST add up, in one call
    and over several, and keep nothing from other leaves.
    """
    one, two, whole = np.array([1]), np.array([2, 1]), np.arange(4)
    histories = (
        ([one], [two]),
        ([one, two], [two, one]),
        ([one], [whole]),
        ([whole], [one]),
        ([two, whole, one],),
    )
    for history in histories:
        table, x = impl.leaf(np.zeros((4, 1))), impl.leaf(np.array([3.0]))
        expected = np.zeros((4, 1))
        for uses in history:
            total = impl.F.multiply(x, x)  # made first, so that a walk back comes to it last
            for rows in uses:
                used = table if rows is whole else impl.F.index_select(table, indices=rows)
                total = impl.F.add(total, impl.F.sum(used))
                expected[rows] += 1
            impl.backward(total, np.ones(1))

        said = [[rows.tolist() for rows in uses] for uses in history]
        assert_equal(impl.gradient(table), expected, f"gradient of a table after uses of the rows {said}")
        assert_equal(impl.gradient(x), np.array([6.0 * len(history)]), "gradient of the leaf beside it")
