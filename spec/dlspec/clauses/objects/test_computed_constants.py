"""Constants that were computed, beside those that were made by hand."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.objects.helpers import assert_fact
from dlspec.implementation import TapeImplementation
from dlspec.tolerance import assert_equal

DEPENDS = ("objects.autograd_flag.one_operand_that_wants_a_gradient_is_enough",)


@clause()
def test_they_have_no_gradient(impl: TapeImplementation) -> None:
    """The gradient of a constant, made by hand or computed, MUST be None, also after a `backward` through
    what it was used in.
    """
    x, made = impl.leaf(np.array([2.0, -3.0])), impl.constant(np.array([4.0, 0.5]))
    computed = impl.F.add(made, made)
    for _ in range(2):
        for what, constant in (("by hand", made), ("computed", computed)):
            assert_fact(impl.grad(constant), None, f"gradient of a constant made {what}")
        impl.backward(impl.F.multiply(impl.F.multiply(x, made), computed), np.ones(2))


@clause()
def test_updates_elsewhere_do_not_touch_them(impl: TapeImplementation) -> None:
    """A graph with a computed constant in it MUST give its gradient also after a leaf that it doesn't use was
    changed.
    """
    x, other = impl.leaf(np.array([2.0, -3.0])), impl.leaf(np.array([1.0]))
    made = impl.constant(np.array([4.0, 0.5]))
    y = impl.F.multiply(x, impl.F.add(made, made))
    impl.set_data(other, np.array([7.0]))
    impl.backward(y, np.array([1.0, -2.0]))

    assert_equal(impl.gradient(x), np.array([8.0, -2.0]), "gradient of x")
