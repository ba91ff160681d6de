"""The cost of a pullback is that of the program, whatever the number of paths through it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.scale.helpers import (
    assert_at_most,
    assert_linear,
    assert_no_more_lines,
    chain,
    count_events,
    count_lines,
    counted_memory,
    embedding_step,
    however_deep,
)
from dlspec.failure import ConformanceFailure
from dlspec.implementation import Implementation, TapeImplementation
from dlspec.tolerance import assert_equal

CALLS = 1_000
"""Calls and returns that one op may take on its way forward and back; the reference takes about forty."""


@clause()
def test_a_ladder_of_sixty_doublings(impl: Implementation) -> None:
    """A program with 2**60 paths but 60 ops MUST be pulled back in work for 60 ops."""
    cotangents: list[Any] = []

    def program(F: Any, x: Any) -> Any:
        for _ in range(60):
            x = F.add(x, x)
        return x

    count_events(
        lambda: cotangents.append(impl.gradients(program, np.array([1.0]))[1][0]), 60 * CALLS, "60 doublings"
    )

    assert_equal(cotangents[0], np.array([2.0**60]), "cotangent of x after 60 doublings")


@clause()
def test_a_ladder_of_sixty_diamonds(impl: Implementation) -> None:
    """A program of 60 diamonds one after another MUST be pulled back in work for its ops, not for its
    paths.
    """
    cotangents: list[Any] = []

    def program(F: Any, x: Any) -> Any:
        for _ in range(60):
            x = F.add(F.negative(x), F.add(x, x))
        return x

    count_events(
        lambda: cotangents.append(impl.gradients(program, np.array([3.0]))[1][0]), 180 * CALLS, "60 diamonds"
    )

    assert_equal(cotangents[0], np.array([1.0]), "cotangent of x after 60 diamonds that change nothing")


@clause()
def test_a_chain_costs_its_length(impl: Implementation) -> None:
    """Evaluating a chain of ops and pulling back through it MUST take work in proportion to its length."""

    def work(length: int) -> None:
        impl.gradients(lambda F, x: chain(F, x, impl.constant(np.ones(2)), length), np.ones(2))

    with however_deep("a chain of 8,000 ops"):
        assert_linear(work, 2_000, "a chain of ops, forward and back")


@clause()
def test_uses_cost_their_number(impl: Implementation) -> None:
    """Using one value many times and pulling back MUST take work in proportion to the number of uses."""

    def program(F: Any, x: Any, uses: int) -> Any:
        total = x
        for _ in range(uses):
            total = F.add(total, x)
        return total

    def work(uses: int) -> None:
        impl.gradients(lambda F, x: program(F, x, uses), np.ones(2))

    with however_deep("8,000 uses of one value"):
        assert_linear(work, 2_000, "uses of one value, forward and back")


@clause()
def test_early_values_used_late_cost_no_more(impl: Implementation) -> None:
    """A chain whose every op also uses the value it began with, and the one before the last, MUST take
    work in proportion to its length.
    """

    def program(F: Any, x: Any, length: int) -> Any:
        older, newer = x, F.negative(x)
        for _ in range(length):
            older, newer = newer, F.subtract(F.add(older, newer), F.add(newer, x))
        return newer

    def work(length: int) -> None:
        impl.gradients(lambda F, x: program(F, x, length), np.zeros(2))

    # A small one first: what follows every path would not come back from a large one.
    count_events(partial(work, 20), 60 * CALLS, "a chain of 60 ops with shortcuts")
    with however_deep("a chain of 4,000 ops with shortcuts"):
        assert_linear(work, 1_000, "a chain with shortcuts, forward and back")


@clause()
def test_dead_branches_cost_nothing(impl: TapeImplementation) -> None:
    """What was computed from a value but isn't part of the result MUST NOT be visited by `backward`,
    though it is still held.
    """
    counts = []
    for dead in (0, 1_000):
        x = impl.leaf(np.ones(2))
        h = impl.F.multiply(x, x)
        held = [impl.F.negative(h) for _ in range(dead)]
        y = impl.F.multiply(h, h)
        counts.append(count_events(partial(impl.backward, y, np.ones(2)), 1_000 * CALLS, "backward"))
        del held
    if counts[1] - counts[0] >= 1_000:
        raise ConformanceFailure(
            f"backward takes {counts[0]} calls, and {counts[1]} beside 1,000 dead branches",
            what="calls of backward",
            got=str(counts[1]),
            expected=str(counts[0]),
        )


@clause()
def test_diamonds_cost_their_number(impl: Implementation) -> None:
    """Diamonds one after another MUST take work in proportion to their number, forward and back."""

    def program(F: Any, x: Any, diamonds: int) -> Any:
        for _ in range(diamonds):
            x = F.add(F.negative(x), F.add(x, x))
        return x

    def work(diamonds: int) -> None:
        impl.gradients(lambda F, x: program(F, x, diamonds), np.ones(2))

    # A small one first: what follows every path would not come back from a large one.
    count_events(partial(work, 20), 60 * CALLS, "20 diamonds")
    with however_deep("4,000 diamonds"):
        assert_linear(work, 1_000, "diamonds, forward and back")


@clause()
def test_inputs_cost_their_number(impl: Implementation) -> None:
    """A sum of many inputs MUST take work in proportion to their number, forward and back."""

    def program(F: Any, *xs: Any) -> Any:
        while len(xs) > 1:
            pairs = [F.add(x, y) for x, y in zip(xs[::2], xs[1::2], strict=True)]
            xs = tuple(pairs)
        return xs[0]

    def work(inputs: int) -> None:
        impl.gradients(program, *[np.ones(2)] * inputs)

    assert_linear(work, 2_048, "inputs of a sum, forward and back")


@clause()
def test_other_graphs_cost_nothing(impl: TapeImplementation) -> None:
    """`backward` MUST NOT look at graphs that aren't its own, though they use the same leaf and are still
    held.
    """
    lines = []
    for others in (0, 1_000):
        x = impl.leaf(np.ones(2))
        held = [impl.F.multiply(x, x) for _ in range(others // 2)]
        y = impl.F.multiply(impl.F.multiply(x, x), x)
        held += [impl.F.multiply(x, x) for _ in range(others // 2)]
        lines.append(count_lines(partial(impl.backward, y, np.ones(2))))
        del held
    assert_no_more_lines(lines[1], lines[0], 500, "backward beside 1,000 other graphs")


@clause()
def test_an_old_leaf_costs_no_more(impl: TapeImplementation) -> None:
    """A step of computing and pulling back MUST take the same work however many steps its leaf has been
    through.
    """
    x = impl.leaf(np.ones(2))

    def step() -> None:
        y = impl.F.multiply(impl.F.multiply(x, x), x)
        impl.backward(y, np.ones(2))
        impl.set_grad(x, None)

    for _ in range(10):
        step()
    young = count_lines(step)
    for _ in range(1_000):
        step()
    assert_no_more_lines(count_lines(step), young, 500, "a step after 1,000 others")


@clause()
def test_a_lookup_costs_its_rows(impl: TapeImplementation) -> None:
    """Looking up rows of a table and pulling back MUST take the table's work once, not once for every row
    looked up.
    """
    table = impl.leaf(np.ones((20_000, 8)))

    def work(rows: int) -> None:
        y = impl.F.index_select(table, indices=np.arange(rows) * 7 % 20_000)
        impl.backward(y, np.ones((rows, 8)))
        impl.set_grad(table, None)

    # 8 rows and 512: the table stays, so sixty-four times the rows must not take eight times as long.
    assert_linear(lambda size: work(8 * size**3), 1, "rows that are looked up, as a cube root")


@clause()
def test_a_step_of_an_embedding_costs_its_rows(impl: TapeImplementation) -> None:
    """A step of plain gradient descent on a table of which a few rows were looked up, from the look-up to the
    zeroed gradient, SHOULD cost those rows in time and in memory, however many the table has.
    """
    steps: dict[int, Callable[[], None]] = {}
    for vocabulary in (1_000, 64_000):
        table = impl.leaf(np.ones((vocabulary, 64)))
        optimizer = impl.named("SGD")([table], alpha=1 / 1024)
        steps[vocabulary] = partial(embedding_step, impl, table, optimizer, np.arange(48) * 997 % vocabulary)
        steps[vocabulary]()

    # Sixty-four times the table must not take eight times as much, as where time is compared.
    with counted_memory(impl) as memory:
        needed = {vocabulary: memory.most(step) for vocabulary, step in steps.items()}
    assert_at_most(needed[64_000], 8 * needed[1_000], "in a step of an embedding of 64,000 rows")
    assert_linear(lambda size: steps[1_000 * size**3](), 1, "the table of an embedding, as a cube root")
