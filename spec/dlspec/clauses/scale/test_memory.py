"""Memory comes back when it is no longer needed, by reference counting alone."""

from __future__ import annotations

from functools import partial

import numpy as np

from dlspec import casefile
from dlspec.clause import clause
from dlspec.clauses.objects.lifecycle import Play
from dlspec.clauses.scale.helpers import (
    assert_at_most,
    assert_nothing_kept,
    branches,
    chain,
    counted_memory,
    diamonds,
    however_deep,
    product,
    tanh_step,
    uses,
)
from dlspec.implementation import TapeImplementation

SIDE = 1024
SIZE = np.ones(SIDE).nbytes
"""Bytes of one array of a chain: large beside the objects around it."""


@clause()
def test_after_backward_a_graph_is_gone(impl: TapeImplementation) -> None:
    """A graph that was pulled back MUST be gone when its result is dropped, down to the last object, without
    the garbage collector.
    """
    x, w = impl.leaf(np.ones(SIDE)), impl.leaf(np.ones(SIDE))

    assert_nothing_kept(
        impl,
        lambda: impl.backward(product(impl.F, x, w, 5), np.ones(SIDE)),
        "a graph that was pulled back and dropped",
    )


@clause()
def test_without_backward_a_graph_is_gone(impl: TapeImplementation) -> None:
    """A graph that was never pulled back MUST be gone when its result is dropped, down to the last object,
    without the garbage collector.
    """
    x, w = impl.leaf(np.ones(SIDE)), impl.leaf(np.ones(SIDE))

    assert_nothing_kept(impl, lambda: product(impl.F, x, w, 5), "a graph that was dropped without backward")


@clause()
def test_a_retained_graph_is_gone(impl: TapeImplementation) -> None:
    """A graph that was retained MUST be gone when its result is dropped, without the garbage collector."""
    x, w = impl.leaf(np.ones(SIDE)), impl.leaf(np.ones(SIDE))

    assert_nothing_kept(
        impl,
        lambda: impl.backward(product(impl.F, x, w, 5), np.ones(SIDE), retain_graph=True),
        "a graph that was retained and dropped",
    )


@clause()
def test_leaves_are_gone_too(impl: TapeImplementation) -> None:
    """Leaves, their gradients and the graph between MUST all be gone when they are dropped, without the
    garbage collector.
    """

    def work() -> None:
        x, w = impl.leaf(np.ones(SIDE)), impl.leaf(np.ones(SIDE))
        impl.backward(product(impl.F, x, w, 3), np.ones(SIDE))

    assert_nothing_kept(impl, work, "leaves and their graph")


@clause()
def test_retained_gradients_are_gone(impl: TapeImplementation) -> None:
    """A result that retained its gradient MUST be gone when it is dropped, without the garbage collector."""
    x = impl.leaf(np.ones(SIDE))

    def work() -> None:
        h = impl.F.multiply(x, x)
        impl.retain_grad(h)
        impl.backward(impl.F.multiply(h, h), np.ones(SIDE))

    assert_nothing_kept(impl, work, "a result that retained its gradient")


@clause()
def test_training_keeps_nothing(impl: TapeImplementation) -> None:
    """Memory MUST NOT grow from step to step of a training, without the garbage collector."""
    w, x = impl.leaf(np.full((4, 3), 0.5)), impl.constant(np.ones((8, 4)))
    optimizer = impl.named("SGD")([w], alpha=1 / 1024)

    def step() -> None:
        y = impl.F.mm(x, w)
        impl.backward(impl.F.sum(impl.F.multiply(y, y)))
        optimizer.step()

    assert_nothing_kept(impl, step, "a step of a training", rounds=50)


@clause()
def test_an_error_keeps_nothing(impl: TapeImplementation) -> None:
    """A `backward` that was refused MUST leave nothing behind when its result is dropped."""
    x, w = impl.leaf(np.ones(SIDE)), impl.leaf(np.ones(SIDE))

    def work() -> None:
        y = product(impl.F, x, w, 3)
        try:
            impl.backward(y, np.ones(SIDE + 1))
        except Exception:
            return

    assert_nothing_kept(impl, work, "a backward that was refused")


@clause()
def test_a_freed_graph_holds_nothing(impl: TapeImplementation) -> None:
    """After `backward` a result that is still held MUST hold none of the arrays on the way to it."""
    length = 40
    with counted_memory(impl) as memory:
        x, w = impl.leaf(np.ones(SIDE)), impl.leaf(np.ones(SIDE))
        impl.backward(x, np.ones(SIDE))
        impl.backward(w, np.ones(SIDE))
        before = memory.in_use()
        y = product(impl.F, x, w, length)
        impl.backward(y, np.ones(SIDE))
        kept = memory.in_use() - before
        del y

    # The result itself, and as much again for what is around it.
    assert_at_most(kept, 2 * SIZE, f"a result of {length} ops after backward")


@clause()
def test_backward_frees_as_it_goes(impl: TapeImplementation) -> None:
    """`backward` MUST free the arrays of the graph as it goes through it, not all of them at its end."""
    length = 40
    x, w = impl.leaf(np.ones(SIDE)), impl.leaf(np.ones(SIDE))
    with counted_memory(impl) as memory:
        y = product(impl.F, x, w, length)
        before = memory.in_use()
        samples = memory.course(partial(impl.backward, y, np.ones(SIDE)))
        freed = before - memory.in_use()
    # Where nothing is seen of the walk there is no way to tell when it freed what. Where it is, an eighth of
    # the moments is left for what comes after the walk, and much is allowed to come before it.
    if len(samples) >= length:
        late = samples[len(samples) * 7 // 8]
        assert_at_most(late, before - freed / 4, f"late in a backward that begins with {before} bytes")


@clause()
def test_dead_branches_are_gone_at_once(impl: TapeImplementation) -> None:
    """What was computed from a value and dropped MUST be gone while the value and other results of it
    live on.
    """
    x, w = impl.leaf(np.ones(SIDE)), impl.leaf(np.ones(SIDE))
    h = impl.F.multiply(x, x)
    y = impl.F.multiply(h, x)

    assert_nothing_kept(impl, lambda: product(impl.F, h, w, 3), "a branch that was dropped")
    impl.backward(y, np.ones(SIDE))


@clause()
def test_without_recording_nothing_is_held(impl: TapeImplementation) -> None:
    """A result computed inside `no_grad()` MUST hold nothing but its own array."""
    length = 40
    x, w = impl.leaf(np.ones(SIDE)), impl.leaf(np.ones(SIDE))
    with counted_memory(impl) as memory:
        before = memory.in_use()
        with impl.no_grad():
            y = product(impl.F, x, w, length)
        kept = memory.in_use() - before
        del y

    assert_at_most(kept, 2 * SIZE, f"a result of {length} ops that were not recorded")


@clause()
def test_results_of_constants_hold_nothing(impl: TapeImplementation) -> None:
    """A result of constants alone MUST hold nothing but its own array."""
    length = 40
    c, w = impl.constant(np.ones(SIDE)), impl.constant(np.ones(SIDE))
    with counted_memory(impl) as memory:
        before = memory.in_use()
        y = product(impl.F, c, w, length)
        kept = memory.in_use() - before
        del y

    assert_at_most(kept, 2 * SIZE, f"a result of {length} ops on constants")


@clause()
def test_a_long_chain_is_gone(impl: TapeImplementation) -> None:
    """A long chain of ops MUST be gone when its result is dropped, pulled back or not, without the garbage
    collector.
    """
    x, one = impl.leaf(np.ones(2)), impl.constant(np.ones(2))

    def work(*, pulled_back: bool) -> None:
        y = chain(impl.F, x, one, 1_000)
        if pulled_back:
            impl.backward(y, np.ones(2))

    with however_deep("a chain of 1,000 ops"):
        assert_nothing_kept(impl, partial(work, pulled_back=False), "a chain that was dropped", rounds=1)
        assert_nothing_kept(impl, partial(work, pulled_back=True), "a chain that was pulled back", rounds=1)


@clause()
def test_backward_needs_little_more_than_forward(impl: TapeImplementation) -> None:
    """`backward` MUST need no more memory than a small multiple of what its graph holds, of any shape."""
    length = 40
    programs_of_ops = {"a chain": product, "uses": uses, "branches": branches, "diamonds": diamonds}
    for name, program in programs_of_ops.items():
        with counted_memory(impl) as memory:
            x, w = impl.leaf(np.ones(SIDE)), impl.leaf(np.ones(SIDE))
            before = memory.in_use()
            y = program(impl.F, x, w, length)
            graph = memory.in_use() - before
            needed = memory.most(partial(impl.backward, y, np.ones(SIDE)))
            # Lest the next graph be counted without what is given back when `y` is another.
            del x, w, y
        # Two cotangents for each array that the graph holds; seed, gradients and the sums on the way beside.
        # All branches wait at once, each for a cotangent that need not be shared.
        waiting = length * SIZE if program is branches else 0
        assert_at_most(
            needed,
            2 * graph + waiting + 12 * SIZE,
            f"in a backward through {name} of {length} ops and {graph} bytes",
        )


@clause()
def test_a_step_needs_what_its_derivatives_read(impl: TapeImplementation) -> None:
    """A step of training SHOULD need at most a tenth more memory than what its derivatives read, beside the
    few arrays that are in the making at once.
    """
    layers, x = 40, np.full((64, 64), 0.5)
    with counted_memory(impl) as memory:
        weights = [impl.leaf(np.eye(len(x))) for _ in range(layers)]
        optimizer = impl.named("SGD")(weights, alpha=1 / 1024)
        step = partial(tanh_step, impl, impl.constant(x), weights, optimizer)
        # What an optimizer sets aside in its first step is there in all that follow.
        step()
        needed = memory.most(step)
    # For each layer what goes into the product and what goes into tanh; once its gradient is made, these two
    # are no longer needed. In the making are a cotangent, the one that follows from it, and what it takes.
    assert_at_most(needed, (1.1 * 2 * layers + 4) * x.nbytes, f"in a step of training {layers} layers")


@clause()
def test_a_lookup_needs_no_table_for_each_row(impl: TapeImplementation) -> None:
    """Looking up rows and pulling back MUST need memory for a few tables at most, however many rows are
    looked up.
    """
    rows, table = 256, np.ones((512, 8))
    with counted_memory(impl) as memory:
        leaf = impl.leaf(table)

        def work() -> None:
            chosen = [impl.F.index_select(leaf, indices=np.arange(k, k + rows)) for k in range(8)]
            total = chosen[0]
            for one in chosen[1:]:
                total = impl.F.add(total, one)
            impl.backward(total, np.ones((rows, 8)))

        needed = memory.most(work)
    # Eight lookups of half a table, their sums, and as many cotangents as are on the way at once.
    assert_at_most(needed, 32 * table.nbytes, "in eight lookups of half a table")


@clause()
def test_whole_lives_keep_nothing(impl: TapeImplementation) -> None:
    """Whatever was done with tensors, what was refused included, they MUST all be gone when they are dropped,
    without the garbage collector.
    """
    programs = casefile.load("objects.lifecycle.tensors_and_gradients")

    def work() -> None:
        for case in programs:
            Play(impl, case["start"]).run(case["program"], comparing=False)

    assert_nothing_kept(impl, work, f"{len(programs)} programs of steps", rounds=1)
