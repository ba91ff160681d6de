"""`no_grad()`: computing without recording, for as long as the block lasts, in this thread alone."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.objects.helpers import assert_fact, new, parameters_of
from dlspec.failure import NotProvided
from dlspec.implementation import TapeImplementation
from dlspec.tolerance import assert_equal

DEPENDS = ("objects.backward.a_cotangent_may_be_an_array_or_a_tensor",)


@clause()
def test_nothing_is_recorded(impl: TapeImplementation) -> None:
    """Results computed inside `no_grad()` MUST want no gradient, though their operands do."""
    x = impl.leaf(np.array([2.0, -3.0]))
    with impl.no_grad():
        y = impl.F.multiply(x, x)
        z = impl.F.add(y, x)

    assert_fact(impl.wants_gradient(y), False, "autograd of x*x inside no_grad")
    assert_fact(impl.wants_gradient(z), False, "autograd of x*x + x inside no_grad")


@clause(depends="ops.mm.value")
def test_values_are_the_same(impl: TapeImplementation) -> None:
    """An op MUST give the same bits inside `no_grad()` as outside."""
    x = impl.leaf(np.array([[0.3, -0.7], [1.1, 2.9]]))
    with impl.no_grad():
        inside = impl.F.mm(impl.F.multiply(x, x), x)
    outside = impl.F.mm(impl.F.multiply(x, x), x)

    assert_equal(impl.array(inside), impl.array(outside), "value computed inside no_grad")


@clause()
def test_recording_goes_on_after_the_block(impl: TapeImplementation) -> None:
    """Recording MUST go on when the block ends."""
    x = impl.leaf(np.array([2.0, -3.0]))
    with impl.no_grad():
        impl.F.multiply(x, x)
    y = impl.F.multiply(x, x)
    impl.backward(y, np.array([1.0, 10.0]))

    assert_equal(impl.gradient(x), np.array([4.0, -60.0]), "gradient of x in x*x after the block")


@clause(depends="recording_goes_on_after_the_block")
def test_recording_goes_on_after_an_error(impl: TapeImplementation) -> None:
    """Recording MUST go on when the block is left by an exception, which passes through unchanged."""
    x, passed = impl.leaf(np.array([2.0])), False
    try:
        with impl.no_grad():
            raise KeyError("left early")
    except KeyError:
        passed = True

    assert_fact(passed, True, "whether the exception passes through")
    assert_fact(impl.wants_gradient(impl.F.multiply(x, x)), True, "autograd of x*x after an exception")


@clause(depends=("nothing_is_recorded", "recording_goes_on_after_the_block"))
def test_blocks_may_be_nested(impl: TapeImplementation) -> None:
    """The end of an inner `no_grad()` block MUST NOT end the outer one."""
    x = impl.leaf(np.array([2.0]))
    with impl.no_grad():
        with impl.no_grad():
            pass
        between = impl.wants_gradient(impl.F.multiply(x, x))

    assert_fact(between, False, "autograd of x*x between the ends of two blocks")
    assert_fact(impl.wants_gradient(impl.F.multiply(x, x)), True, "autograd of x*x after both blocks")


@clause(depends=("nothing_is_recorded", "autodiff.constants.a_constant_operand_never_cuts_the_graph"))
def test_a_result_from_inside_is_a_constant(impl: TapeImplementation) -> None:
    """What was computed inside `no_grad()` MUST act as a constant in later work."""
    x = impl.leaf(np.array([2.0, -3.0]))
    with impl.no_grad():
        factor = impl.F.multiply(x, x)
    impl.backward(impl.F.multiply(factor, x), np.array([1.0, 10.0]))

    assert_equal(
        impl.gradient(x), np.array([4.0, 90.0]), "gradient of x in c x where c = x*x was not recorded"
    )


@clause()
def test_leaves_made_inside_want_their_gradient(impl: TapeImplementation) -> None:
    """A leaf made inside `no_grad()` MUST want the gradient that it was asked to want."""
    with impl.no_grad():
        x = impl.leaf(np.array([2.0, -3.0]))
        wanted = impl.wants_gradient(x)
    impl.backward(impl.F.multiply(x, x), np.array([1.0, 10.0]))

    assert_fact(wanted, True, "autograd of a leaf made inside no_grad")
    assert_equal(impl.gradient(x), np.array([4.0, -60.0]), "gradient of the leaf in work after the block")


@clause(depends="leaves_made_inside_want_their_gradient")
def test_layers_made_inside_have_parameters(impl: TapeImplementation) -> None:
    """The parameters of a layer made inside `no_grad()` MUST want gradients."""
    with impl.no_grad():
        layer = new(impl, "Linear", 3, 2)
        parameters = parameters_of(layer)

    assert_fact(len(parameters), 2, "number of parameters of a Linear made inside no_grad")
    assert_fact([impl.wants_gradient(p) for p in parameters], [True, True], "autograd of its parameters")


@clause()
def test_backward_is_allowed_inside(impl: TapeImplementation) -> None:
    """`backward` inside `no_grad()` MUST work as outside, on a graph that was recorded before."""
    x = impl.leaf(np.array([2.0, -3.0]))
    y = impl.F.multiply(impl.F.multiply(x, x), x)
    with impl.no_grad():
        impl.backward(y, np.array([1.0, 10.0]))

    assert_equal(impl.gradient(x), np.array([12.0, 270.0]), "gradient of x in x**3")


@clause(depends="backward_is_allowed_inside")
def test_backward_leaves_recording_as_it_was(impl: TapeImplementation) -> None:
    """`backward` MUST NOT turn recording on inside `no_grad()`, nor off outside."""
    x = impl.leaf(np.array([2.0]))
    outer = impl.F.multiply(x, x)
    with impl.no_grad():
        impl.backward(outer)
        inside = impl.wants_gradient(impl.F.multiply(x, x))
    impl.backward(impl.F.multiply(x, x))

    assert_fact(inside, False, "autograd of x*x inside no_grad, after backward")
    assert_fact(impl.wants_gradient(impl.F.multiply(x, x)), True, "autograd of x*x outside, after backward")


@clause()
def test_other_threads_go_on_recording(impl: TapeImplementation) -> None:
    """`no_grad()` MUST hold for its own thread alone: another one goes on recording meanwhile, and a block
    there ends nothing here.
    """
    seen: dict[str, bool] = {}

    def elsewhere() -> None:
        x = impl.leaf(np.array([2.0]))
        seen["recording"] = impl.wants_gradient(impl.F.multiply(x, x))
        with impl.no_grad():
            seen["in a block of its own"] = impl.wants_gradient(impl.F.multiply(x, x))

    x = impl.leaf(np.array([2.0]))
    with impl.no_grad():
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        here = impl.wants_gradient(impl.F.multiply(x, x))

    assert_fact(seen.get("recording"), True, "autograd of x*x in another thread")
    assert_fact(seen.get("in a block of its own"), False, "autograd of x*x in that thread's own block")
    assert_fact(here, False, "autograd of x*x in this thread's block")


@clause(depends="nothing_is_recorded")
def test_it_serves_as_a_decorator(impl: TapeImplementation) -> None:
    """A function decorated with `no_grad()` MUST compute without recording each time it is called, and record
    nothing less around it.
    """
    decorator = impl.no_grad()
    if not callable(decorator):
        raise NotProvided("no_grad() as a decorator")

    @decorator
    def squared(x: Any) -> Any:
        return impl.F.multiply(x, x)

    x = impl.leaf(np.array([3.0]))
    for call in ("first", "second"):
        assert_fact(impl.wants_gradient(squared(x)), False, f"autograd of the {call} call's result")
        assert_equal(impl.array(squared(x)), np.array([9.0]), f"the {call} call's result")
        assert_fact(impl.wants_gradient(impl.F.multiply(x, x)), True, f"autograd after the {call} call")
