"""Where parameters are looked for, a thing may stand twice, and a way may lead back to where it began."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.objects.helpers import assert_parameters, new, provided
from dlspec.implementation import TapeImplementation

DEPENDS = ("objects.parameters.attributes_of_a_layer_are_found",)


@clause()
def test_what_is_listed_twice_counts_once(impl: TapeImplementation) -> None:
    """A parameter that `.parameters` holds twice MUST come once."""
    own, weight, bias = new(impl, "Layer"), impl.leaf(np.ones(2)), impl.leaf(np.ones(1))
    provided(own, "parameters").extend([weight, bias, weight])

    assert_parameters(own, [weight, bias], "parameters of a layer that lists one of them twice")


@clause()
def test_a_way_back_is_not_taken(impl: TapeImplementation) -> None:
    """The search for parameters MUST come to an end where a layer leads back to the one that it is part of,
    and find each parameter once.
    """
    whole, part = new(impl, "Layer"), new(impl, "Layer")
    whole.weight, part.weight = impl.leaf(np.ones(2)), impl.leaf(np.ones(3))
    whole.part, part.whole = part, whole
    whole.parts = [part, whole]

    assert_parameters(whole, [whole.weight, part.weight], "parameters of the whole")
    assert_parameters(part, [part.weight, whole.weight], "parameters of the part")
