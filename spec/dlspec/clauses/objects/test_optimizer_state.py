"""The optimizer and its parameters: which it moves, what it leaves behind, what it must not touch."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.objects.helpers import assert_fact, assert_nothing_arrived, new, parameters_of, provided
from dlspec.implementation import TapeImplementation
from dlspec.tolerance import assert_equal, assert_within, refused, rounding

DEPENDS = ("a_step_moves_against_the_gradient",)


@clause(depends="optim.sgd.a_step_goes_against_the_gradient")
def test_a_step_moves_against_the_gradient(impl: TapeImplementation) -> None:
    """`step()` MUST subtract `alpha` times the gradient from every parameter that has one."""
    x, y = impl.leaf(np.array([2.0, -3.0])), impl.leaf(np.array([[5.0]]))
    optimizer = new(impl, "SGD", parameters=[x, y], alpha=0.5)
    impl.set_grad(x, np.array([1.0, -4.0]))
    impl.set_grad(y, np.array([[8.0]]))
    optimizer.step()

    assert_equal(impl.array(x), np.array([1.5, -1.0]), "x after the step")
    assert_equal(impl.array(y), np.array([[1.0]]), "y after the step")


@clause(depends="optim.sgd.options_combine_as_the_rule_says")
def test_options_that_are_not_given(impl: TapeImplementation) -> None:
    """An optimizer that is made with parameters alone MUST have the learning rate 0.1, no momentum and no
    decay.
    """
    x = impl.leaf(np.array([2.0, -3.0]))
    optimizer = new(impl, "SGD", [x])
    for gradient in ([4.0, -8.0], [0.0, 0.0]):
        impl.set_grad(x, np.array(gradient))
        optimizer.step()
        assert_within(impl.array(x), np.array([1.6, -2.2]), rounding(2, 3.0, np.float64), "x after the step")


@clause(depends="zero_leaves_zeros")
def test_a_step_zeroes_the_gradients(impl: TapeImplementation) -> None:
    """`step()` MUST leave zeros where it found gradients, so that the next `backward` starts anew."""
    x = impl.leaf(np.array([2.0, -3.0]))
    optimizer = new(impl, "SGD", [x], alpha=0.5)
    impl.set_grad(x, np.array([1.0, -4.0]))
    optimizer.step()

    assert_equal(impl.gradient(x), np.zeros(2), "gradient of x after the step")


@clause()
def test_a_step_may_keep_the_gradients(impl: TapeImplementation) -> None:
    """`step(zero=False)` MUST leave every gradient as it was."""
    x = impl.leaf(np.array([2.0, -3.0]))
    for options in ({}, {"momentum": 0.5, "weight_decay": 0.25}, {"momentum": 0.5, "nesterov": True}):
        optimizer = new(impl, "SGD", [x], alpha=0.5, **options)
        impl.set_grad(x, np.array([1.0, -4.0]))
        provided(optimizer, "step", "zero")(zero=False)
        provided(optimizer, "step", "zero")(zero=False)

        assert_equal(impl.gradient(x), np.array([1.0, -4.0]), f"gradient of x after two steps with {options}")


@clause()
def test_zero_leaves_zeros(impl: TapeImplementation) -> None:
    """`zero()` MUST leave zeros of the parameter's shape, also where the gradient was NaN or infinite, and
    move no parameter.
    """
    x = impl.leaf(np.array([2.0, -3.0, 4.0]))
    optimizer = new(impl, "SGD", [x], alpha=0.5)
    impl.set_grad(x, np.array([np.nan, np.inf, 1.0]))
    with np.errstate(invalid="ignore"):
        provided(optimizer, "zero")()

    assert_equal(impl.gradient(x), np.zeros(3), "gradient of x after zero")
    assert_equal(impl.array(x), np.array([2.0, -3.0, 4.0]), "x after zero")


@clause(depends="zero_leaves_zeros")
def test_zero_leaves_none_where_none_was(impl: TapeImplementation) -> None:
    """`zero()` MUST leave a parameter that has no gradient without one."""
    x, unused = impl.leaf(np.array([2.0])), impl.leaf(np.array([3.0]))
    impl.set_grad(x, np.array([1.0]))
    provided(new(impl, "SGD", [x, unused], alpha=0.5), "zero")()

    assert_nothing_arrived(impl, unused, "gradient of the unused parameter after zero")


@clause(depends="zero_leaves_zeros")
def test_zero_touches_no_gradient_that_others_hold(impl: TapeImplementation) -> None:
    """`zero()` MUST NOT write into a gradient that was read before: who kept it keeps its numbers."""
    x = impl.leaf(np.array([2.0, -3.0]))
    optimizer = new(impl, "SGD", [x], alpha=0.5)
    impl.backward(impl.F.multiply(x, x), np.array([1.0, 1.0]))
    kept = impl.grad(x)
    provided(optimizer, "zero")()

    assert_equal(impl.array(kept), np.array([4.0, -6.0]), "the gradient that was kept from before zero")


@clause(depends=("zero_leaves_zeros", "objects.accumulation.leaves_add_up_over_calls"))
def test_after_zero_gradients_add_up_again(impl: TapeImplementation) -> None:
    """After `zero()` the next `backward` MUST leave its own gradient alone, and further ones add to it."""
    x = impl.leaf(np.array([2.0, -3.0]))
    optimizer = new(impl, "SGD", [x], alpha=0.5)
    for _ in range(3):
        impl.backward(impl.F.multiply(x, x), np.array([1.0, 10.0]))
        assert_equal(impl.gradient(x), np.array([4.0, -60.0]), "gradient of x after backward")
        impl.backward(impl.F.multiply(x, x), np.array([1.0, 10.0]))
        assert_equal(impl.gradient(x), np.array([8.0, -120.0]), "gradient of x after another backward")
        provided(optimizer, "zero")()


@clause(depends=("zero_leaves_zeros", "optim.sgd.momentum_keeps_a_share_of_the_velocity"))
def test_momentum_outlives_zero(impl: TapeImplementation) -> None:
    """`zero()` MUST NOT touch what momentum remembers."""
    x = impl.leaf(np.array([0.0]))
    optimizer = new(impl, "SGD", [x], alpha=1.0, momentum=0.5)
    for right in (-8.0, -12.0, -14.0):
        provided(optimizer, "zero")()
        impl.set_grad(x, np.array([8.0 if right == -8.0 else 0.0]))
        optimizer.step()
        assert_equal(impl.array(x), np.array([right]), "x with momentum 0.5 after one gradient of 8")


@clause(
    depends=(
        "optim.sgd.momentum_keeps_a_share_of_the_velocity",
        "ops.index_select.gradient",
        "a_step_zeroes_the_gradients",
    )
)
def test_rows_that_nobody_looked_up_move_on(impl: TapeImplementation) -> None:
    """With momentum or decay a step MUST move the rows of a table that weren't looked up, too: their velocity
    carries them on, and they decay.
    """
    ends = {"momentum": [7.25, 7.5, 8.0], "weight_decay": [4.125, 4.0, 4.5]}
    for option, end in ends.items():
        table = impl.leaf(np.full((3, 1), 8.0))
        optimizer = new(impl, "SGD", [table], alpha=0.5, **{option: 0.5})
        for row in (0, 1):
            impl.backward(impl.F.index_select(table, indices=np.array([row])), np.ones((1, 1)))
            optimizer.step()

        assert_equal(impl.array(table), np.array(end)[:, np.newaxis], f"two steps with {option}")


@clause(depends=("ops.index_select.gradient", "a_step_zeroes_the_gradients"))
def test_rows_move_by_all_that_their_look_ups_sent(impl: TapeImplementation) -> None:
    """A step MUST move a row of a table by the sum of what its look-ups sent back, and no row that wasn't
    looked up, whichever rows these are, and however many, from one step to the next.
    """
    right = np.arange(24.0).reshape(12, 2)
    table = impl.leaf(right)
    optimizer = new(impl, "SGD", [table], alpha=0.5)
    for rows in ([7, 2, 7], [3], [11, 0, 11, 3, 11], [5, 4], [0, 0]):
        w = 2.0 * np.arange(1, 1 + 2 * len(rows)).reshape(-1, 2)
        impl.backward(impl.F.index_select(table, indices=np.array(rows)), w)
        optimizer.step()
        for row, bar in zip(rows, w, strict=True):
            right[row] -= 0.5 * bar

        assert_equal(impl.array(table), right, f"the table after a step on rows {rows}")


@clause()
def test_a_parameter_listed_twice_steps_once(impl: TapeImplementation) -> None:
    """A parameter that is listed twice MUST step once, with momentum and decay too."""
    for options, right in (({}, 1.5), ({"momentum": 0.5}, 1.5), ({"weight_decay": 0.5}, 1.0)):
        x = impl.leaf(np.array([2.0]))
        optimizer = new(impl, "SGD", [x, x], alpha=0.5, **options)
        impl.set_grad(x, np.array([1.0]))
        optimizer.step()

        assert_equal(impl.array(x), np.array([right]), f"x after one step with {options}")


@clause()
def test_equal_parameters_step_each(impl: TapeImplementation) -> None:
    """Parameters that hold equal numbers MUST each step: it is identity that makes one of two."""
    x, y = impl.leaf(np.zeros(2)), impl.leaf(np.zeros(2))
    optimizer = new(impl, "SGD", [x, y], alpha=0.5)
    impl.set_grad(x, np.array([2.0, 4.0]))
    impl.set_grad(y, np.array([2.0, 4.0]))
    optimizer.step()

    assert_equal(impl.array(x), np.array([-1.0, -2.0]), "x after the step")
    assert_equal(impl.array(y), np.array([-1.0, -2.0]), "y after the step")


@clause()
def test_a_step_writes_into_the_parameters_own_array(impl: TapeImplementation) -> None:
    """`step()` MUST change a parameter in its own array, so that whoever holds `p.data` sees it move."""
    x = impl.named("Tensor")([2.0, -3.0], autograd=True)
    optimizer = new(impl, "SGD", [x], alpha=0.5)
    data = provided(x, "data")
    impl.set_grad(x, np.array([1.0, -4.0]))
    optimizer.step()

    assert_equal(np.array(data), np.array([1.5, -1.0]), "the array that was x.data before the step")
    # `.data` may show its memory through a new array each time.
    assert_fact(np.shares_memory(x.data, data), True, "whether x.data is still the memory of that array")


@clause()
def test_a_parameter_without_a_gradient_is_skipped(impl: TapeImplementation) -> None:
    """`step()` MUST leave a parameter without a gradient where it is, with weight decay and momentum too."""
    for options in ({}, {"weight_decay": 0.5}, {"momentum": 0.5}):
        x, unused = impl.leaf(np.array([2.0])), impl.leaf(np.array([3.0]))
        optimizer = new(impl, "SGD", [unused, x], alpha=0.5, **options)
        impl.set_grad(x, np.array([4.0]))
        optimizer.step()

        assert_equal(impl.array(unused), np.array([3.0]), f"the unused parameter after a step with {options}")
        assert_nothing_arrived(impl, unused, "gradient of the unused parameter after the step")


@clause()
def test_a_step_without_any_gradient_is_refused(impl: TapeImplementation) -> None:
    """`step()` where no parameter has a gradient MUST be refused with a RuntimeError, and move nothing:
    `backward` was forgotten.
    """
    x, y = impl.leaf(np.array([2.0])), impl.leaf(np.array([3.0]))
    optimizer = new(impl, "SGD", [x, y], alpha=0.5)
    with refused(RuntimeError, what="a step without any gradient"):
        optimizer.step()

    assert_equal(impl.array(x), np.array([2.0]), "x after the refusal")
    assert_equal(impl.array(y), np.array([3.0]), "y after the refusal")


@clause()
def test_a_step_that_raises_has_changed_nothing(impl: TapeImplementation) -> None:
    """A `step()` that raises MUST have changed no parameter and no gradient."""
    x, locked = (impl.named("Tensor")([2.0], autograd=True) for _ in range(2))
    optimizer = new(impl, "SGD", [x, locked], alpha=0.5)
    impl.set_grad(x, np.array([1.0]))
    impl.set_grad(locked, np.array([1.0]))
    provided(locked, "data").flags.writeable = False
    try:
        optimizer.step()
    except Exception:
        assert_equal(impl.array(x), np.array([2.0]), "the parameter before the one that could not be changed")
        assert_equal(impl.gradient(x), np.array([1.0]), "its gradient")
        assert_equal(impl.gradient(locked), np.array([1.0]), "gradient of the one that could not be changed")
    else:
        assert_equal(impl.array(x), np.array([1.5]), "the first parameter")
        assert_equal(impl.array(locked), np.array([1.5]), "the second parameter, whose array is read-only")


@clause()
def test_the_parameters_may_come_from_a_generator(impl: TapeImplementation) -> None:
    """Parameters that come from a generator MUST be trained in every step, not only in the first."""
    x, y = impl.leaf(np.array([2.0])), impl.leaf(np.array([3.0]))
    optimizer = new(impl, "SGD", (p for p in (x, y)), alpha=0.5)
    for step in (1, 2, 3):
        impl.set_grad(x, np.array([1.0]))
        impl.set_grad(y, np.array([2.0]))
        optimizer.step()

        assert_equal(impl.array(x), np.array([2.0 - 0.5 * step]), f"x after step {step}")
        assert_equal(impl.array(y), np.array([3.0 - step]), f"y after step {step}")


@clause(depends="optim.sgd.a_new_learning_rate_holds_from_its_step_on")
def test_the_learning_rate_may_change(impl: TapeImplementation) -> None:
    """`alpha` MUST be an attribute that may be changed between steps."""
    x = impl.leaf(np.array([2.0]))
    optimizer = new(impl, "SGD", [x], alpha=0.5)
    for alpha, right in ((0.5, 1.5), (0.25, 1.25), (2.0, -0.75)):
        optimizer.alpha = alpha
        impl.set_grad(x, np.array([1.0]))
        optimizer.step()

        assert_equal(impl.array(x), np.array([right]), f"x after a step with alpha {alpha}")


@clause()
def test_a_step_records_nothing(impl: TapeImplementation) -> None:
    """`step()` MUST leave parameters what they were: leaves, which a new `backward` reaches directly."""
    x = impl.leaf(np.array([2.0]))
    optimizer = new(impl, "SGD", [x], alpha=0.5)
    for data in (2.0, 0.0, 0.0):
        assert_equal(impl.array(x), np.array([data]), "x before the step")
        assert_fact(impl.wants_gradient(x), True, "autograd of x")
        impl.backward(impl.F.multiply(x, x))
        assert_equal(impl.gradient(x), np.array([2 * data]), "gradient of x in x*x")
        optimizer.step()


@clause(
    depends=(
        "layers.linear.gradient",
        "objects.accumulation.leaves_add_up_over_calls",
        "a_step_zeroes_the_gradients",
    )
)
def test_a_step_trains_a_model(impl: TapeImplementation) -> None:
    """An optimizer made with `get_parameters()` MUST train the parameters of the model, all of them."""
    layer = new(impl, "Linear", 2, 1)
    impl.set_data(layer.weight, np.array([[1.0], [-2.0]]))
    impl.set_data(layer.bias, np.array([4.0]))
    optimizer = new(impl, "SGD", parameters_of(layer), alpha=0.5)
    impl.backward(layer.forward(impl.constant(np.array([[2.0, 6.0]]))), np.array([[1.0]]))
    optimizer.step()

    assert_equal(impl.array(layer.weight), np.array([[0.0], [-5.0]]), "weight after the step")
    assert_equal(impl.array(layer.bias), np.array([3.5]), "bias after the step")
    output = impl.array(layer.forward(impl.constant(np.array([[2.0, 6.0]]))))
    assert_equal(output, np.array([[-26.5]]), "output of the layer after the step")
