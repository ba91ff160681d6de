"""Arrays without elements work, except where the answer would need one."""

from __future__ import annotations

from typing import Any

import numpy as np

from dlspec.catalogue import BY_NAME
from dlspec.clause import clause
from dlspec.implementation import Implementation
from dlspec.tolerance import assert_equal, assert_shape, refused

EMPTY: dict[str, tuple[tuple[tuple[int, ...], ...], dict[str, Any]]] = {
    **{op: (((0, 3), (3,)), {}) for op in ("add", "subtract", "multiply", "divide")},
    **{op: (((2, 0),), {}) for op in ("negative", "exp", "log", "relu", "tanh", "sigmoid")},
    "power": (((0,),), {"exponent": 2}),
    "sum": (((0, 3),), {"dim": 0}),
    "max": (((0, 3),), {"dim": 1}),
    "mm": (((2, 0), (0, 3)), {}),
    "transpose": (((0, 3),), {}),
    "reshape": (((0, 3),), {"shape": (3, 0)}),
    "expand": (((0, 3),), {"dim": 0, "copies": 2}),
    "index_select": (((3, 2),), {"indices": np.zeros((0,), np.int64)}),
    "softmax": (((0, 3),), {}),
    "log_softmax": (((0, 3),), {}),
    "cross_entropy": (((0, 3),), {"targets": np.zeros(0, np.int64), "reduction": "sum"}),
}
"""For each op of tensors the shapes of operands of which one or the result is empty."""


@clause(depends="ops.*.gradient")
def test_ops_on_nothing(impl: Implementation) -> None:
    """Ops MUST take operands without elements, and give what their definition gives: sums of nothing
    are 0.
    """
    for op, (shapes, static) in EMPTY.items():
        operands = [np.ones(shape) for shape in shapes]
        right = BY_NAME[op].define(*operands, **static)
        value, cotangents = impl.gradients(
            lambda F, *values, op=op, static=static: getattr(F, op)(*values, **static), *operands
        )

        assert_equal(value, right, f"{op} of shapes {shapes}")
        for shape, cotangent in zip(shapes, cotangents, strict=True):
            assert_equal(cotangent, np.zeros(shape), f"cotangent in {op} of shapes {shapes}")


@clause(depends=("ops.softmax.value", "ops.log_softmax.value"))
def test_softmax_of_no_classes(impl: Implementation) -> None:
    """Softmax and its logarithm MUST give rows without elements for rows without elements."""
    for op in ("softmax", "log_softmax"):
        assert_shape(impl.value(op, np.zeros((2, 0))), (2, 0), f"{op} of shape (2, 0)")


@clause(depends=("layers.linear.gradient", "layers.rnn_cell.gradient"))
def test_layers_on_empty_batches(impl: Implementation) -> None:
    """Layers MUST take a batch of nothing, give nothing, and send zeros to their parameters."""
    x, h = np.ones((0, 3)), np.ones((0, 4))
    value, (_, of_weight, of_bias) = impl.gradients(
        lambda F, *values: F.linear(*values), x, np.ones((3, 2)), np.ones(2)
    )
    assert_shape(value, (0, 2), "Linear(3, 2) on an empty batch")
    assert_equal(of_weight, np.zeros((3, 2)), "cotangent of the weight")
    assert_equal(of_bias, np.zeros(2), "cotangent of the bias")

    sides = ((3, 4), (4,), (4, 4), (4,), (4, 1), (1,))
    output = impl.evaluate(lambda F, *values: F.rnn_cell(*values)[0], x, h, *map(np.ones, sides))
    assert_shape(output, (0, 1), "RNNCell(3, 4, 1) on an empty batch")


@clause(depends="losses.reductions.the_sum_is_the_mean_times_the_number")
def test_summed_losses_of_nothing(impl: Implementation) -> None:
    """A summed loss of nothing MUST be 0, and the single losses of nothing no losses."""
    targets = np.zeros(0, np.int64)
    for reduction, right in (("sum", np.array(0.0)), ("none", np.zeros(0))):
        squared = impl.value("mse_loss", np.zeros(0), np.zeros(0), reduction=reduction)
        crossed = impl.value("cross_entropy_loss", np.zeros((0, 3)), targets=targets, reduction=reduction)
        assert_equal(squared, right, f"squared error of nothing, reduction {reduction}")
        assert_equal(crossed, right, f"cross-entropy of nothing, reduction {reduction}")


@clause()
def test_mean_losses_of_nothing(impl: Implementation) -> None:
    """A mean loss of nothing MUST be refused with a ValueError: it would be NaN, and train to NaN."""
    for shape in ((0,), (0, 2), (2, 0)):
        with refused(ValueError, what=f"mean squared error of shape {shape}"):
            impl.value("mse_loss", np.zeros(shape), np.zeros(shape))
    for op in ("cross_entropy", "cross_entropy_loss"):
        with refused(ValueError, what="mean cross-entropy of no rows"):
            impl.value(op, np.zeros((0, 3)), targets=np.zeros(0, np.int64))


@clause(depends="ops.max.value")
def test_the_largest_of_nothing(impl: Implementation) -> None:
    """The maximum of no elements MUST be refused with a ValueError."""
    for shape, static in (((0,), {}), ((0, 3), {"dim": 0}), ((2, 0), {"dim": -1}), ((2, 0), {})):
        with refused(ValueError, what=f"max of shape {shape} with {static}"):
            impl.value("max", np.zeros(shape), **static)


@clause()
def test_parameters_without_elements(impl: Implementation) -> None:
    """SGD MUST take a parameter without elements among others, and leave it without elements."""
    ((empty, full),) = impl.sgd([np.ones((0, 2)), np.ones(1)], [[np.ones((0, 2)), np.ones(1)]], alphas=[0.5])

    assert_shape(empty, (0, 2), "the parameter without elements after a step")
    assert_equal(full, np.array([0.5]), "the other parameter after a step")
