"""Many calls of `backward` on the same leaves: how a batch that doesn't fit is pulled back in parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dlspec.clause import clause
from dlspec.implementation import TapeImplementation
from dlspec.tolerance import assert_equal

DEPENDS = ("ops.add.gradient", "ops.multiply.gradient", "ops.reshape.gradient", "ops.transpose.gradient")

PARTS = 100


@clause()
def test_parts_of_a_batch_add_up(impl: TapeImplementation) -> None:
    """What the parts of a batch send to the leaves, one call of `backward` after another, MUST add up to what
    the whole batch sends, also where leaves are reshaped or transposed on their way into a sum.
    """
    ways: dict[str, tuple[tuple[int, ...], Callable[[Any, Any], Any]]] = {
        "as they are": ((1, 2), lambda F, x: x),
        "reshaped": ((2,), lambda F, x: F.reshape(x, shape=(2,))),
        "transposed": ((2, 1), lambda F, x: F.transpose(x)),
    }
    rows = np.stack([np.arange(PARTS), 1 - 2 * np.arange(PARTS)], axis=1).astype(np.float64)
    for what, (shape, way) in ways.items():
        a, b = impl.leaf(np.array([[1.0, 2.0]])), impl.leaf(np.array([[3.0, 4.0]]))
        for row in rows:
            total = impl.F.add(way(impl.F, a), way(impl.F, b))
            impl.backward(impl.F.sum(impl.F.multiply(total, impl.constant(row.reshape(shape)))))

        for name, leaf in (("a", a), ("b", b)):
            right = rows.sum(axis=0, keepdims=True)
            assert_equal(impl.gradient(leaf), right, f"gradient of {name}, {what}, after {PARTS} calls")
