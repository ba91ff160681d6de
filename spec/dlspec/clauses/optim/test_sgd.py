"""Gradient descent, step by step: `g += decay p`, `v = momentum v + g`, `p -= alpha v`.

Numbers are chosen so that each step is exact; whatever order an optimizer works in, it gets these bits. The
one clause on decimals compares with rational arithmetic.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec.clause import clause
from dlspec.clauses.optim.descent import descent, descents
from dlspec.implementation import Implementation
from dlspec.tolerance import assert_dtype, assert_equal, assert_within, rounding

DEPENDS = ("a_step_goes_against_the_gradient",)

Array = NDArray[Any]

UNITS = 8
"""The operations of one step, each with its rounding, and those of the options themselves."""


@clause()
def test_a_step_goes_against_the_gradient(impl: Implementation) -> None:
    """Without options a step MUST subtract the learning rate times the gradient, for each parameter by
    itself.
    """
    (after,) = impl.sgd(
        [np.array([1.0, 2.0]), np.array([[3.0]])],
        [[np.array([4.0, -8.0]), np.array([[16.0]])]],
        alphas=[0.25],
    )

    assert_equal(after[0], np.array([0.0, 4.0]), "first parameter")
    assert_equal(after[1], np.array([[-1.0]]), "second parameter")


@clause()
def test_momentum_keeps_a_share_of_the_velocity(impl: Implementation) -> None:
    """With momentum the velocity MUST be `momentum v + g`, from one step to the next."""
    g = np.array([8.0])
    history = impl.sgd([np.array([0.0])], [[g], [g], [0 * g]], alphas=[1.0] * 3, momentum=0.5)

    for step, right in enumerate((-8.0, -20.0, -26.0)):
        assert_equal(history[step][0], np.array([right]), f"parameter after step {step + 1}")


@clause(depends="momentum_keeps_a_share_of_the_velocity")
def test_each_parameter_has_a_velocity_of_its_own(impl: Implementation) -> None:
    """Parameters of one shape MUST each have a velocity of their own, also where one of them misses a
    gradient.
    """
    history = impl.sgd(
        [np.array([0.0]), np.array([0.0]), np.array([0.0])],
        [
            [np.array([8.0]), np.array([-4.0]), np.array([16.0])],
            [np.array([8.0]), None, np.array([0.0])],
            [np.array([0.0]), np.array([4.0]), np.array([0.0])],
        ],
        alphas=[1.0] * 3,
        momentum=0.5,
    )

    for step, right in enumerate(((-8.0, 4.0, -16.0), (-20.0, 4.0, -24.0), (-26.0, 2.0, -28.0))):
        for number, expected in enumerate(right):
            what = f"parameter {number} after step {step + 1}"
            assert_equal(history[step][number], np.array([expected]), what)


@clause(depends="momentum_keeps_a_share_of_the_velocity")
def test_the_first_step_with_momentum_is_a_plain_one(impl: Implementation) -> None:
    """The velocity MUST start at 0, so that the first step is the same with and without momentum."""
    start, step = [np.array([1.0, -2.0])], [[np.array([3.0, 5.0])]]
    ((plain,),) = impl.sgd(start, step, alphas=[0.5])
    ((first,),) = impl.sgd(start, step, alphas=[0.5], momentum=0.75)

    assert_equal(first, plain, "parameter after the first step with momentum")


@clause(depends="momentum_keeps_a_share_of_the_velocity")
def test_nesterov_looks_ahead(impl: Implementation) -> None:
    """With Nesterov a step MUST be `alpha (g + momentum v)`, with the velocity that already holds `g`."""
    g = np.array([8.0])
    history = impl.sgd([np.array([0.0])], [[g], [g]], alphas=[1.0] * 2, momentum=0.5, nesterov=True)

    assert_equal(history[0][0], np.array([-12.0]), "parameter after step 1")
    assert_equal(history[1][0], np.array([-26.0]), "parameter after step 2")


@clause()
def test_decay_pulls_towards_zero(impl: Implementation) -> None:
    """Weight decay MUST add its multiple of the parameter to the gradient, also where there is no
    momentum.
    """
    every: list[dict[str, Any]] = [{}, {"momentum": 0.5}]
    for options in every:
        ((after,),) = impl.sgd(
            [np.array([16.0, -8.0])], [[np.array([0.0, 4.0])]], alphas=[0.5], weight_decay=0.25, **options
        )

        assert_equal(after, np.array([14.0, -9.0]), f"parameter after a step with {options or 'no momentum'}")


@clause(depends=("momentum_keeps_a_share_of_the_velocity", "decay_pulls_towards_zero"))
def test_decay_enters_the_velocity(impl: Implementation) -> None:
    """With momentum the decay MUST be part of the velocity, as part of the gradient."""
    zero = np.array([0.0])
    history = impl.sgd(
        [np.array([16.0])], [[zero], [zero]], alphas=[1.0] * 2, momentum=0.5, weight_decay=0.25
    )

    assert_equal(history[0][0], np.array([12.0]), "parameter after step 1")
    assert_equal(history[1][0], np.array([7.0]), "parameter after step 2")


@clause(depends="momentum_keeps_a_share_of_the_velocity")
def test_a_new_learning_rate_holds_from_its_step_on(impl: Implementation) -> None:
    """The learning rate MUST scale the step and never enter the velocity, so that a new one holds at
    once and in full.
    """
    g = np.array([8.0])
    history = impl.sgd([np.array([0.0])], [[g], [g], [g]], alphas=[1.0, 0.5, 0.25], momentum=0.5)

    for step, right in enumerate((-8.0, -14.0, -17.5)):
        assert_equal(history[step][0], np.array([right]), f"parameter after step {step + 1}")


@clause(depends="momentum_keeps_a_share_of_the_velocity")
def test_a_learning_rate_of_zero_moves_nothing(impl: Implementation) -> None:
    """A step with the learning rate 0 MUST move nothing, but the velocity goes on."""
    g = np.array([8.0])
    history = impl.sgd([np.array([1.0])], [[g], [0 * g]], alphas=[0.0, 1.0], momentum=0.5)

    assert_equal(history[0][0], np.array([1.0]), "parameter after a step with the learning rate 0")
    assert_equal(history[1][0], np.array([-3.0]), "parameter after the step that follows")


@clause(depends="momentum_keeps_a_share_of_the_velocity")
def test_a_parameter_without_a_gradient_is_left_alone(impl: Implementation) -> None:
    """A parameter without a gradient MUST stay as it is, undecayed, and keep its velocity for the next
    step.
    """
    g, other = np.array([8.0]), np.array([1.0])
    history = impl.sgd(
        [np.array([16.0]), np.array([0.0])],
        [[g, other], [None, other], [0 * g, other]],
        alphas=[0.5] * 3,
        momentum=0.5,
        weight_decay=0.25,
    )

    assert_equal(history[0][0], np.array([10.0]), "parameter after a step with a gradient")
    assert_equal(history[1][0], np.array([10.0]), "parameter after a step without one")
    assert_equal(history[2][0], np.array([5.75]), "parameter after the step that follows")


@clause(depends=("momentum_keeps_a_share_of_the_velocity", "decay_pulls_towards_zero"))
def test_a_gradient_of_zero_is_a_gradient(impl: Implementation) -> None:
    """A gradient of exact zeros MUST count as a gradient: momentum and decay go on."""
    zero = np.array([0.0])
    history = impl.sgd([np.array([0.0])], [[np.array([4.0])], [zero]], alphas=[1.0] * 2, momentum=0.5)

    assert_equal(history[1][0], np.array([-6.0]), "parameter after a step with a gradient of zeros")


@clause(
    cases={"run": descents()},
    depends=("nesterov_looks_ahead", "decay_pulls_towards_zero", "momentum_keeps_a_share_of_the_velocity"),
)
def test_options_combine_as_the_rule_says(impl: Implementation, run: dict[str, Any]) -> None:
    """Momentum, decay, Nesterov, changing learning rates and absent gradients MUST combine as the
    update rule says.
    """
    parameters, gradients = list(run["parameters"]), [list(step) for step in run["gradients"]]
    options = {key: run[key] for key in ("momentum", "weight_decay", "nesterov")}
    history = impl.sgd(parameters, gradients, alphas=list(run["alphas"]), **options)

    for step, (after, right) in enumerate(
        zip(history, descent(parameters, gradients, alphas=run["alphas"], **options), strict=True), start=1
    ):
        for k, (got, expected) in enumerate(zip(after, right, strict=True)):
            assert_equal(got, expected, f"parameter {k} after step {step}")


@clause(depends="options_combine_as_the_rule_says")
def test_every_combination_of_options(impl: Implementation) -> None:
    """Every combination of momentum, decay, Nesterov, constant and changing learning rates, with and
    without a gap in the gradients, MUST follow the update rule.
    """
    start = [np.array([4.0, -8.0]), np.array([[2.0]])]
    full: list[list[Array | None]] = [
        [np.array([8.0, -4.0]), np.array([[1.0]])],
        [np.array([-2.0, 6.0]), np.array([[3.0]])],
        [np.array([0.0, 2.0]), np.array([[-5.0]])],
    ]
    gap: list[list[Array | None]] = [full[0], [None, full[1][1]], full[2]]
    late: list[list[Array | None]] = [[None, full[0][1]], full[1], full[2]]
    for momentum, decay, nesterov, alphas, gradients in itertools.product(
        (0.0, 0.5), (0.0, 0.25), (False, True), ([0.5] * 3, [1.0, 0.5, 0.25]), [full, gap, late]
    ):
        if nesterov and not momentum:
            continue
        options: dict[str, Any] = {"momentum": momentum, "weight_decay": decay, "nesterov": nesterov}
        history = impl.sgd(start, gradients, alphas=alphas, **options)
        right = descent(start, gradients, alphas=alphas, **options)
        absent = [step for step, given in enumerate(gradients, start=1) if given[0] is None]
        said = f"{options}, learning rates {alphas}, no gradient in steps {absent}"
        for step, (after, expected) in enumerate(zip(history, right, strict=True), start=1):
            for k in range(2):
                assert_equal(after[k], expected[k], f"parameter {k} after step {step} with {said}")


@clause(depends="momentum_keeps_a_share_of_the_velocity")
def test_decimals_are_as_precise_as_the_type(impl: Implementation) -> None:
    """A learning rate, a momentum and a decay without a short binary form, such as 0.1, MUST count with all
    the precision of the parameter's type.
    """
    alphas, steps = [0.1, 0.07, 0.03], ([0.7, -1.3], [-0.9, 0.4], [1.9, 0.2])
    every: list[dict[str, Any]] = [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}]
    for dtype, decay, others in itertools.product(impl.dtypes, (0.0, 0.01), every):
        start = [np.array([3.1, -0.3], dtype)]
        gradients = [[np.array(step, dtype)] for step in steps]
        options = {**others, "weight_decay": decay}
        history = impl.sgd(start, gradients, alphas=alphas, **options)
        right = descent(start, gradients, alphas=alphas, **options)
        # Uphill, with all signs alike, nothing cancels: so large are the terms that rounding is relative to.
        uphill = [-alpha for alpha in alphas]
        sizes = descent(
            [np.abs(p) for p in start],
            [[np.abs(g) for g in step] for step in gradients],
            alphas=uphill,
            **options,
        )
        for step, ((after,), (expected,), (size,)) in enumerate(zip(history, right, sizes, strict=True), 1):
            bound = rounding(UNITS * step, size, dtype)
            assert_within(after, expected, bound, f"parameter in {dtype} after step {step} with {options}")


@clause()
def test_the_type_is_kept(impl: Implementation) -> None:
    """A step MUST keep the type of each parameter, whatever the options: float32 stays float32."""
    for dtype in impl.dtypes:
        p, g = np.array([1.0, 2.0], dtype), np.array([3.0, 4.0], dtype)
        every: list[dict[str, Any]] = [{}, {"momentum": 0.9, "weight_decay": 0.01, "nesterov": True}]
        for options in every:
            history = impl.sgd([p], [[g], [g]], alphas=[0.1, 0.1], **options)
            assert_dtype(history[1][0], dtype, f"parameter in {dtype} with {options or 'no options'}")


@clause()
def test_gradients_are_only_read(impl: Implementation) -> None:
    """A step MUST NOT write to the arrays of gradients it is given."""
    p, g = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    impl.sgd([p], [[g], [g]], alphas=[0.5, 0.5], momentum=0.5, weight_decay=0.25, nesterov=True)

    assert_equal(g, np.array([3.0, 4.0]), "gradient after two steps")
    assert_equal(p, np.array([1.0, 2.0]), "array that the parameter was made from")
