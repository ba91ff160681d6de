"""Two threads that share nothing, or nothing that either of them writes to, don't notice each other.

What each gets is compared with what it gets alone, to the last bit, while the two take turns in the middle of
whatever they do.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec.clause import clause
from dlspec.clauses.objects.helpers import assert_fact
from dlspec.clauses.objects.threads import in_step, together
from dlspec.implementation import TapeImplementation
from dlspec.programs import lattice
from dlspec.tolerance import assert_equal, refused

DEPENDS = ("objects.backward.a_cotangent_may_be_an_array_or_a_tensor",)

Array = NDArray[Any]
Work = Callable[[], list[Array]]

EVERY = (5, 23)
"""After how many calls and returns the other goes on: within one op, and after a few."""


def assert_alone(works: tuple[Work, Work], what: str) -> None:
    """Fail unless two threads give what each piece of work gives by itself."""
    alone = [work() for work in works]
    for every in EVERY:
        for me, answer in enumerate(together(*works, every=every)):
            if isinstance(answer, Exception):
                raise answer
            assert_fact(len(answer), len(alone[me]), f"number of arrays that thread {me} gives")
            for number, (got, right) in enumerate(zip(answer, alone[me], strict=True)):
                assert_equal(got, right, f"array {number} of thread {me}, {what}")


def training(impl: TapeImplementation, seed: int, inputs: int, hidden: int) -> list[Array]:
    """Losses and parameters of a small network over four steps."""

    def program(F: Any, w: Any, v: Any, x: Any, target: Any) -> Any:
        error = F.subtract(F.mm(F.tanh(F.mm(x, w)), v), target)
        return F.sum(F.multiply(error, error))

    parameters = [lattice(seed, inputs, hidden), lattice(seed + 1, hidden, 2)]
    batches = [(lattice(seed + 2 + k, 3, inputs), lattice(seed + 9 + k, 3, 2)) for k in range(4)]
    history = impl.train(program, parameters, batches, alpha=1 / 64)
    return [array for loss, after in history for array in (loss, *after)]


@clause(depends=("ops.mm.gradient", "ops.subtract.gradient", "ops.sum.gradient", "ops.tanh.gradient"))
def test_two_trainings(impl: TapeImplementation) -> None:
    """Two threads that each train a model of their own MUST get the bits that each gets alone."""
    assert_alone((partial(training, impl, 1, 3, 4), partial(training, impl, 50, 5, 2)), "training")


@clause(depends=("ops.mm.gradient", "ops.tanh.gradient"))
def test_one_model_for_two_threads(impl: TapeImplementation) -> None:
    """Two threads that pull back through the same constants to inputs of their own MUST get the bits that
    each gets alone.
    """
    w, v = impl.constant(lattice(1, 3, 4)), impl.constant(lattice(2, 4, 2))

    def work(seed: int) -> list[Array]:
        x, given = impl.leaf(lattice(seed, 2, 3)), []
        for k in range(4):
            y = impl.F.mm(impl.F.tanh(impl.F.mm(x, w)), v)
            impl.backward(y, lattice(seed + k, 2, 2))
            given += [impl.array(y), impl.array(impl.grad(x))]
        return given

    assert_alone((partial(work, 10), partial(work, 20)), "on one model")


@clause(depends="ops.mm.gradient")
def test_one_model_is_evaluated_by_two_threads(impl: TapeImplementation) -> None:
    """Two threads that evaluate one model, each inside `no_grad()` and then with leaves of its own outside,
    MUST get the bits that each gets alone.
    """
    w = impl.leaf(lattice(1, 3, 4))

    def work(seed: int) -> list[Array]:
        given = []
        for k in range(4):
            with impl.no_grad():
                x = impl.leaf(lattice(seed + k, 2, 3))
                h = impl.F.mm(x, w)
                recorded = impl.wants_gradient(h)
            y = impl.F.multiply(x, x)
            impl.backward(y, lattice(seed, 2, 3))
            given += [impl.array(h), impl.array(impl.grad(x)), np.array(recorded)]
        return given

    assert_alone((partial(work, 10), partial(work, 20)), "evaluating one model")
    assert_fact(impl.grad(w) is None, True, "whether the model is without a gradient")


@clause(depends="objects.no_grad.other_threads_go_on_recording")
def test_blocks_of_two_threads_may_overlap(impl: TapeImplementation) -> None:
    """A `no_grad()` block MUST end for its own thread alone, also where another thread entered one later and
    is still inside.
    """
    x = impl.leaf(np.array([2.0]))

    def recorded() -> bool:
        return impl.wants_gradient(impl.F.multiply(x, x))

    def first(meet: Callable[[], None]) -> list[bool]:
        with impl.no_grad():
            meet()
            meet()
            seen = [recorded()]
        meet()
        seen.append(recorded())
        meet()
        return [*seen, recorded()]

    def second(meet: Callable[[], None]) -> list[bool]:
        meet()
        with impl.no_grad():
            meet()
            meet()
            seen = [recorded()]
        meet()
        return [*seen, recorded()]

    answers = in_step(first, second)
    assert_fact(answers[0], [False, True, True], "recording in the first thread: inside, after, at the end")
    assert_fact(answers[1], [False, True], "recording in the second thread: inside, after")


@clause(depends=("two_trainings", "objects.accumulation.leaves_add_up_over_calls"))
def test_a_failure_in_one_thread_leaves_the_other_alone(impl: TapeImplementation) -> None:
    """What is refused or raised in one thread MUST NOT change what another one gets."""
    x = impl.leaf(np.array([3.0]))

    def failing() -> list[Array]:
        for _ in range(6):
            y = impl.F.multiply(impl.F.multiply(x, x), x)
            impl.backward(y)
            with refused(RuntimeError, what="a second backward"):
                impl.backward(y)
        return [impl.array(impl.grad(x))]

    train = partial(training, impl, 1, 3, 4)
    alone = train()
    for every in EVERY:
        impl.set_grad(x, None)
        gradient, answer = together(failing, train, every=every)
        for raised in (gradient, answer):
            if isinstance(raised, Exception):
                raise raised
        assert_equal(gradient[0], np.array([162.0]), "gradient of x in six times x**3")
        for number, (got, right) in enumerate(zip(answer, alone, strict=True)):
            assert_equal(got, right, f"array {number} of the training beside a thread that fails")


@clause(depends="objects.no_grad.other_threads_go_on_recording")
def test_a_thread_that_dies_in_a_block(impl: TapeImplementation) -> None:
    """A thread that is ended by an exception inside `no_grad()` MUST leave the others recording."""
    x = impl.leaf(np.array([2.0]))

    def dying() -> None:
        with impl.no_grad():
            impl.F.multiply(x, x)
            raise KeyError("left early")

    def work() -> list[bool]:
        return [impl.wants_gradient(impl.F.multiply(x, x)) for _ in range(20)]

    for every in EVERY:
        died, seen = together(dying, work, every=every)
        assert_fact(type(died).__name__, "KeyError", "what ended the thread")
        assert_fact(seen, [True] * 20, "recording in the other thread")
    assert_fact(impl.wants_gradient(impl.F.multiply(x, x)), True, "recording after both")
