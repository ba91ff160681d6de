"""Layers and losses are called like functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.objects.helpers import assert_fact, new, provided
from dlspec.implementation import TapeImplementation
from dlspec.programs import lattice
from dlspec.tolerance import assert_equal


@clause(depends="losses.*.value")
def test_calling_a_loss_is_its_forward_pass(impl: TapeImplementation) -> None:
    """Calling a loss MUST give what its `forward` gives, with the prediction first."""
    logits = impl.constant(lattice(1, 4, 3))
    for name, target in (("MSELoss", lattice(2, 4, 3)), ("CrossEntropyLoss", np.array([2, 0, 1, 0]))):
        criterion = new(impl, name)
        provided(criterion, "__call__")
        called = criterion(logits, impl.constant(target))

        assert_equal(
            impl.array(called),
            impl.array(criterion.forward(logits, impl.constant(target))),
            f"{name}()(prediction, target)",
        )


@clause()
def test_a_layer_is_given_what_its_caller_gave(impl: TapeImplementation) -> None:
    """A layer of the user's own that is called MUST be given every argument, also those that are given by
    name, and its answer MUST be the answer.
    """

    class Own(impl.named("Layer")):  # type: ignore[misc]  # a class that is known when it runs
        def forward(self, *inputs: Any, **options: Any) -> Any:
            return inputs, options

    x = impl.constant(np.ones(2))
    for made in (Own()(x, 2, scale=3), Own().forward(x, 2, scale=3)):
        (first, second), options = made
        assert_fact(first is x, True, "whether the first argument is what was given")
        assert_fact((second, options), (2, {"scale": 3}), "the other arguments")
