"""Data that changes between forward and backward: the gradient is that of the data used, or it is refused.

A framework may keep what it saved and give the right answer, or notice and raise. A gradient that mixes old
values with new ones looks like any other, and no loss curve tells.
"""

from __future__ import annotations

import contextlib

import numpy as np

from dlspec.catalogue import BY_NAME
from dlspec.clause import clause
from dlspec.clauses.objects.helpers import (
    SAMPLES,
    assert_right_or_refused,
    new,
    provided,
    sampled_ops,
    uneven,
)
from dlspec.implementation import TapeImplementation
from dlspec.oracle import answer_of
from dlspec.tolerance import assert_equal, assert_shape, rounding

DEPENDS = ("objects.backward.a_cotangent_may_be_an_array_or_a_tensor",)


@clause(depends="ops.*.gradient")
def test_data_is_assigned_after_it_was_used(impl: TapeImplementation) -> None:
    """Where an operand's data was assigned anew after its use, `backward` MUST give the gradient at the data
    used, or refuse with a RuntimeError.
    """
    for op in sampled_ops(impl):
        row, (operands, static) = BY_NAME[op], SAMPLES[op]
        cotangent = uneven(row.define(*operands, **static).shape)
        answer = answer_of(row, operands, static, cotangent, exact=False)
        for changed in range(len(operands)):
            leaves = [impl.leaf(operand) for operand in operands]
            value = getattr(impl.F, op)(*leaves, **static)
            impl.set_data(leaves[changed], operands[changed] + 7)
            bounds = [rounding(row.vjp_ulp, scale, np.float64) for scale in answer.cotangent_scales]
            expected = list(zip(leaves, answer.cotangents, bounds, strict=True))
            assert_right_or_refused(
                impl, value, cotangent, expected, f"where operand {changed} of {op} was given other data"
            )


@clause(depends=("ops.*.gradient", "data_is_assigned_after_it_was_used"))
def test_data_changes_in_place_after_it_was_used(impl: TapeImplementation) -> None:
    """Where an operand's data was changed in place after its use, `backward` MUST give the gradient at the
    data used, or refuse with a RuntimeError.
    """
    for op in sampled_ops(impl):
        row, (operands, static) = BY_NAME[op], SAMPLES[op]
        cotangent = uneven(row.define(*operands, **static).shape)
        answer = answer_of(row, operands, static, cotangent, exact=False)
        for changed in range(len(operands)):
            leaves = [impl.leaf(operand) for operand in operands]
            value = getattr(impl.F, op)(*leaves, **static)
            impl.change_data(leaves[changed], np.full_like(operands[changed], -7))
            bounds = [rounding(row.vjp_ulp, scale, np.float64) for scale in answer.cotangent_scales]
            expected = list(zip(leaves, answer.cotangents, bounds, strict=True))
            assert_right_or_refused(
                impl, value, cotangent, expected, f"where operand {changed} of {op} changed in place"
            )


@clause(
    depends=(
        "ops.expand.gradient",
        "ops.reshape.gradient",
        "ops.sum.gradient",
        "ops.transpose.gradient",
        "data_changes_in_place_after_it_was_used",
    )
)
def test_data_changes_behind_a_view(impl: TapeImplementation) -> None:
    """Where a leaf changed after a result that may share its memory was used, `backward` MUST give the
    gradient at the data used, or refuse with a RuntimeError.
    """
    x = np.array([[1.0, -2.0], [3.0, 4.0]])
    for op, static in (
        ("transpose", {}),
        ("reshape", {"shape": (4,)}),
        ("expand", {"dim": 0, "copies": 2}),
        ("sum", {"dim": ()}),
    ):
        if op not in impl.ops:
            continue
        view = BY_NAME[op].define(x, **static)
        cotangent = uneven(view.shape)
        # y = view * view: the leaf receives 2 x times the cotangent, carried back through the view.
        _, (right,) = impl.gradients(
            lambda F, x, op=op, static=static: getattr(F, op)(x, **static), x, cotangent=2 * view * cotangent
        )
        right = assert_shape(right, x.shape, f"cotangent of x in {op}")
        for change in (impl.change_data, lambda leaf, minus: impl.set_data(leaf, x - minus)):
            leaf = impl.leaf(x)
            h = getattr(impl.F, op)(leaf, **static)
            value = impl.F.multiply(h, h)
            change(leaf, np.full_like(x, 5))
            assert_right_or_refused(
                impl, value, cotangent, [(leaf, right, 0.0)], f"where it changed behind a {op}"
            )


@clause(depends="data_changes_behind_a_view")
def test_data_changes_behind_a_view_without_history(impl: TapeImplementation) -> None:
    """Where a constant, or a leaf inside `no_grad()`, changed after a result that may share its memory was
    used, `backward` MUST give the gradient at the data used, or refuse with a RuntimeError.
    """
    data = np.array([[1.0, -2.0], [3.0, 4.0]])
    for recording, make in ((contextlib.nullcontext, impl.constant), (impl.no_grad, impl.leaf)):
        for op, static in (
            ("transpose", {}),
            ("reshape", {"shape": (4,)}),
            ("expand", {"dim": 0, "copies": 2}),
        ):
            if op not in impl.ops:
                continue
            view = BY_NAME[op].define(data, **static)
            source, x = make(data), impl.leaf(np.ones(view.shape))
            with recording():
                h = getattr(impl.F, op)(source, **static)
            value = impl.F.multiply(x, h)
            impl.change_data(source, np.full_like(data, 5))
            cotangent = uneven(view.shape)
            assert_right_or_refused(
                impl, value, cotangent, [(x, view * cotangent, 0.0)], f"where data changed behind a {op}"
            )


@clause()
def test_a_constant_changes_after_it_was_used(impl: TapeImplementation) -> None:
    """Where the data of a constant operand changed after its use, `backward` MUST give the gradient at the
    data used, or refuse with a RuntimeError.
    """
    for change in (impl.change_data, impl.set_data):
        x, c = impl.leaf(np.array([2.0, -3.0])), impl.constant(np.array([5.0, 7.0]))
        value = impl.F.multiply(x, c)
        change(c, np.array([1.0, 100.0]))
        right = np.array([5.0, -7.0])
        assert_right_or_refused(
            impl, value, np.array([1.0, -1.0]), [(x, right, 0.0)], "where the constant changed"
        )


@clause(depends=("optim.sgd.a_step_goes_against_the_gradient", "data_is_assigned_after_it_was_used"))
def test_a_step_between_forward_and_backward(impl: TapeImplementation) -> None:
    """Where the optimizer stepped between forward and backward, `backward` MUST give the gradient at the
    parameters used, or refuse with a RuntimeError.
    """
    x = impl.leaf(np.array([2.0, -3.0]))
    optimizer = new(impl, "SGD", [x], alpha=0.5)
    first, second = impl.F.multiply(x, x), impl.F.multiply(impl.F.multiply(x, x), x)
    impl.backward(first, np.array([1.0, 1.0]))
    optimizer.step()
    impl.set_grad(x, None)

    right = np.array([12.0, 54.0])
    assert_right_or_refused(
        impl, second, np.array([1.0, 2.0]), [(x, right, 0.0)], "where a step came between"
    )


@clause(depends=("objects.state.loading_makes_two_models_one", "data_is_assigned_after_it_was_used"))
def test_a_state_is_loaded_between_forward_and_backward(impl: TapeImplementation) -> None:
    """Where a state was loaded between forward and backward, `backward` MUST give the gradient at the
    parameters used, or refuse with a RuntimeError.
    """
    layer = new(impl, "Linear", 2, 2)
    weight = np.array([[2.0, -1.0], [0.5, 3.0]])
    provided(layer, "load_state_dict")({"weight": weight, "bias": np.zeros(2)})
    x = impl.leaf(np.array([[1.0, -2.0]]))
    value = layer.forward(x)
    layer.load_state_dict({"weight": weight + 7, "bias": np.ones(2)})

    expected = [(x, np.array([[6.0, -11.5]]), 0.0)]
    assert_right_or_refused(impl, value, np.array([[1.0, -4.0]]), expected, "where a state was loaded")


@clause()
def test_a_change_elsewhere_disturbs_nothing(impl: TapeImplementation) -> None:
    """A change to the data of a tensor that a result doesn't depend on MUST NOT disturb the result's
    gradient.
    """
    x, other = impl.leaf(np.array([2.0, -3.0])), impl.leaf(np.array([1.0, 1.0]))
    value = impl.F.multiply(x, x)
    impl.set_data(other, np.array([9.0, 9.0]))
    impl.backward(value, np.array([1.0, 10.0]))

    assert_equal(impl.gradient(x), np.array([4.0, -60.0]), "gradient of x in x*x")


@clause()
def test_after_a_change_a_new_pass_is_right(impl: TapeImplementation) -> None:
    """A forward pass after a change of data MUST use the new data, in its value and in its gradient."""
    for change, changed in ((impl.change_data, [-3.0, -8.0]), (impl.set_data, [5.0, 5.0])):
        x = impl.leaf(np.array([2.0, -3.0]))
        impl.F.multiply(x, x)
        change(x, np.array([5.0, 5.0]))
        value = impl.F.multiply(x, x)
        impl.backward(value, np.array([1.0, 10.0]))

        right = np.array(changed)
        assert_equal(impl.array(value), right * right, "value of x*x after the change")
        assert_equal(impl.gradient(x), np.array([2.0, 20.0]) * right, "gradient of x in x*x after the change")


@clause()
def test_a_change_keeps_the_gradient(impl: TapeImplementation) -> None:
    """A gradient that has arrived MUST stay what it is when the data of its tensor, or of a neighbour,
    changes.
    """
    x, y = impl.leaf(np.array([2.0, -3.0])), impl.leaf(np.array([5.0, 7.0]))
    impl.backward(impl.F.multiply(x, y), np.array([1.0, 1.0]))
    impl.change_data(x, np.array([1.0, 1.0]))
    impl.change_data(y, np.array([1.0, 1.0]))

    assert_equal(impl.gradient(x), np.array([5.0, 7.0]), "gradient of x")
    assert_equal(impl.gradient(y), np.array([2.0, -3.0]), "gradient of y")


@clause(depends="ops.*.value")
def test_results_keep_their_numbers(impl: TapeImplementation) -> None:
    """What an op computed or looked up MUST keep its numbers where the data of its operands changes in place
    afterwards; transposed, reshaped and expanded views may follow.
    """
    for op in sampled_ops(impl):
        operands, static = SAMPLES[op]
        if op in {"transpose", "reshape", "expand"}:
            continue
        questions = [static]
        questions += [{"indices": np.array(1)}] if op == "index_select" else []
        questions += [{"exponent": 1}] if op == "power" else []
        for asked in questions:
            leaves = [impl.leaf(operand) for operand in operands]
            value = getattr(impl.F, op)(*leaves, **asked)
            before = impl.array(value)
            for leaf, operand in zip(leaves, operands, strict=True):
                impl.change_data(leaf, np.full_like(operand, 7))
            assert_equal(impl.array(value), before, f"value of {op} after its operands changed")
