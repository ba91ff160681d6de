"""What gradient descent refuses: options without sense, parameters that can't move, missing gradients."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.implementation import Implementation
from dlspec.tolerance import refused

NONSENSE = (-0.5, float("nan"), float("inf"), -float("inf"))


@clause()
def test_a_learning_rate_that_makes_no_sense(impl: Implementation) -> None:
    """SGD MUST refuse an `alpha` that is negative or not finite with a ValueError."""
    for alpha in NONSENSE:
        with refused(ValueError, what=f"SGD with alpha {alpha}"):
            impl.sgd([np.ones(2)], [[np.ones(2)]], alphas=[alpha])


@clause()
def test_a_momentum_that_makes_no_sense(impl: Implementation) -> None:
    """SGD MUST refuse a momentum that is negative or not finite with a ValueError."""
    for momentum in NONSENSE:
        with refused(ValueError, what=f"SGD with momentum {momentum}"):
            impl.sgd([np.ones(2)], [[np.ones(2)]], alphas=[0.5], momentum=momentum)


@clause()
def test_a_weight_decay_that_makes_no_sense(impl: Implementation) -> None:
    """SGD MUST refuse a weight decay that is negative or not finite with a ValueError."""
    for weight_decay in NONSENSE:
        with refused(ValueError, what=f"SGD with weight decay {weight_decay}"):
            impl.sgd([np.ones(2)], [[np.ones(2)]], alphas=[0.5], weight_decay=weight_decay)


@clause()
def test_nesterov_without_momentum(impl: Implementation) -> None:
    """SGD MUST refuse Nesterov's look ahead without momentum with a ValueError, since there is nothing to
    look ahead with.
    """
    with refused(ValueError, what="SGD with Nesterov and no momentum"):
        impl.sgd([np.ones(2)], [[np.ones(2)]], alphas=[0.5], nesterov=True)


@clause()
def test_no_parameters(impl: Implementation) -> None:
    """SGD MUST refuse an empty list of parameters with a ValueError."""
    with refused(ValueError, what="SGD without parameters"):
        impl.sgd([], [[]], alphas=[0.5])


@clause()
def test_integer_parameters(impl: Implementation) -> None:
    """SGD MUST refuse parameters that are integers with a TypeError or ValueError: their steps would be
    rounded away.
    """
    for dtype in ("int64", "int32", "uint8"):
        with refused(TypeError, ValueError, what=f"SGD on parameters of {dtype}"):
            impl.sgd([np.array([1, 2], dtype)], [[np.ones(2)]], alphas=[0.5])


@clause()
def test_no_gradient_at_all(impl: Implementation) -> None:
    """A step where no parameter has a gradient MUST be refused with a RuntimeError, also after steps that had
    some.
    """
    with refused(RuntimeError, what="a step without any gradient"):
        impl.sgd([np.ones(2), np.ones(1)], [[None, None]], alphas=[0.5])
    with refused(RuntimeError, what="a second step without any gradient"):
        impl.sgd(
            [np.ones(2), np.ones(1)], [[np.ones(2), None], [None, None]], alphas=[0.5, 0.5], momentum=0.5
        )


@clause()
def test_a_learning_rate_that_stops_making_sense(impl: Implementation) -> None:
    """SGD SHOULD refuse an `alpha` that was changed between steps to a negative number or NaN with a
    ValueError.
    """
    for alpha in (-0.5, float("nan")):
        with refused(ValueError, what=f"a second step with alpha {alpha}"):
            impl.sgd([np.ones(2)], [[np.ones(2)], [np.ones(2)]], alphas=[0.5, alpha])
