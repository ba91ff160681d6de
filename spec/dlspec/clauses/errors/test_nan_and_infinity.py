"""NaN and infinities are numbers: they flow through, as IEEE 754 has it, and are no error."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec.catalogue import BY_NAME
from dlspec.clause import clause
from dlspec.implementation import Implementation
from dlspec.tolerance import assert_equal, assert_shape, assert_within, rounding

Array = NDArray[Any]

NAN, INF = np.nan, np.inf


@clause(
    depends=(
        "ops.exp.value",
        "ops.log.value",
        "ops.negative.value",
        "ops.relu.value",
        "ops.sigmoid.value",
        "ops.tanh.value",
    )
)
def test_functions_of_nan(impl: Implementation) -> None:
    """A function of NaN MUST be NaN, and that of the numbers beside it what it always is."""
    beside = np.array([1.0, 0.5])
    for op in ("negative", "exp", "log", "relu", "tanh", "sigmoid"):
        with np.errstate(all="ignore"):
            value = impl.value(op, np.array([1.0, NAN, 0.5]))
        assert_shape(value, (3,), f"{op} of 1, NaN and 0.5")
        assert_equal(value[1:2], np.array([NAN]), f"{op} of NaN")
        right = BY_NAME[op].define(beside)
        # The logarithm of 1 is 0: its bound is that of its neighbour.
        bound = rounding(BY_NAME[op].ulp, np.max(np.abs(right)), np.float64)
        assert_within(value[::2], right, bound, f"{op} of the numbers beside NaN")


@clause(
    depends=(
        "ops.add.value",
        "ops.subtract.value",
        "ops.multiply.value",
        "ops.divide.value",
        "ops.power.value",
    )
)
def test_arithmetic_with_nan(impl: Implementation) -> None:
    """Sums, differences, products, quotients and squares of NaN MUST be NaN there, and there alone."""
    x, y = np.array([1.0, NAN, 2.0, NAN]), np.array([4.0, 1.0, NAN, NAN])
    for op, right in (("add", 5.0), ("subtract", -3.0), ("multiply", 4.0), ("divide", 0.25)):
        with np.errstate(all="ignore"):
            value = impl.value(op, x, y)
        assert_equal(value, np.array([right, NAN, NAN, NAN]), f"{op} with NaN")
    with np.errstate(all="ignore"):
        assert_equal(impl.value("power", y, exponent=2), np.array([16.0, 1.0, NAN, NAN]), "square of NaN")


@clause(depends=("ops.sum.value", "ops.mean.value", "ops.max.value"))
def test_nan_among_what_is_reduced(impl: Implementation) -> None:
    """Sums, means and maxima MUST be NaN where NaN is among what they reduce, wherever it stands, and there
    alone.
    """
    for column in range(3):
        x = np.array([[1.0, 2.0, 6.0], [4.0, 8.0, 3.0]])
        x[0, column] = NAN
        for op, right in (("sum", 15.0), ("mean", 5.0), ("max", 8.0)):
            with np.errstate(all="ignore"):
                value = impl.value(op, x, dim=1)
            assert_equal(value, np.array([NAN, right]), f"{op} of rows, NaN at {column} of the first")


@clause(depends=("ops.softmax.value", "ops.log_softmax.value"))
def test_nan_among_logits(impl: Implementation) -> None:
    """Softmax and its logarithm MUST be NaN in a row with NaN among its logits, and in that row alone."""
    for op, right in (("softmax", np.array([0.5, 0.5])), ("log_softmax", np.log([0.5, 0.5]))):
        with np.errstate(all="ignore"):
            value = impl.value(op, np.array([[NAN, 1.0], [3.0, 3.0]]))
        assert_shape(value, (2, 2), op)
        assert_equal(value[0], np.array([NAN, NAN]), f"{op} of the row with NaN")
        assert_within(value[1], right, rounding(BY_NAME[op].ulp, 1.0, np.float64), f"{op} of the row without")


@clause(depends="ops.mm.value")
def test_nan_in_a_matrix(impl: Implementation) -> None:
    """A product of matrices MUST be NaN in the rows and columns that NaN takes part in, and there alone."""
    x, w = np.array([[NAN, 2.0], [3.0, 4.0]]), np.array([[1.0, 5.0], [2.0, 6.0]])
    with np.errstate(all="ignore"):
        value = impl.value("mm", x, w)

    assert_equal(value, np.array([[NAN, NAN], [11.0, 39.0]]), "product with NaN in the first row")


@clause(depends=("ops.expand.value", "ops.index_select.value", "ops.reshape.value", "ops.transpose.value"))
def test_nan_is_moved_like_any_number(impl: Implementation) -> None:
    """Ops that only move numbers MUST move NaN and infinities too."""
    x = np.array([[NAN, 1.0, INF], [-INF, NAN, 2.0]])
    ops: tuple[tuple[str, dict[str, Any], Array], ...] = (
        ("transpose", {}, x.T),
        ("reshape", {"shape": (3, 2)}, x.reshape(3, 2)),
        ("expand", {"dim": 0, "copies": 2}, np.stack([x, x])),
        ("index_select", {"indices": np.array([1, 1, 0])}, x[[1, 1, 0]]),
    )
    for op, static, right in ops:
        assert_equal(impl.value(op, x, **static), right, f"{op} of NaN and infinities")


@clause(depends="losses.*_loss.value")
def test_losses_with_nan(impl: Implementation) -> None:
    """A loss with NaN in it MUST be NaN, not an exception and not a number."""
    with np.errstate(all="ignore"):
        for reduction in ("mean", "sum"):
            squared = impl.value("mse_loss", np.array([NAN, 1.0]), np.zeros(2), reduction=reduction)
            logits, targets = np.array([[NAN, 1.0], [0.0, 0.0]]), np.array([1, 0])
            crossed = impl.value("cross_entropy_loss", logits, targets=targets, reduction=reduction)
            assert_equal(squared, np.array(NAN), f"squared error with NaN, reduction {reduction}")
            assert_equal(crossed, np.array(NAN), f"cross-entropy with NaN, reduction {reduction}")


@clause(depends=("ops.multiply.gradient", "ops.sum.gradient"))
def test_nan_flows_back(impl: Implementation) -> None:
    """A cotangent that is NaN MUST be pulled back as NaN, and leave the cotangents beside it as they are."""
    cotangent = np.array([NAN, 2.0])
    with np.errstate(all="ignore"):
        _, (of_product,) = impl.gradients(
            lambda F, x: F.multiply(x, x), np.array([3.0, 5.0]), cotangent=cotangent
        )
        _, (of_sum,) = impl.gradients(lambda F, x: F.sum(x, dim=1), np.ones((2, 2)), cotangent=cotangent)

    assert_equal(of_product, np.array([NAN, 20.0]), "cotangent of x in x*x")
    assert_equal(of_sum, np.array([[NAN, NAN], [2.0, 2.0]]), "cotangent of x in its sum over rows")


@clause(depends="ops.*.gradient")
def test_no_op_stumbles_over_infinities(impl: Implementation) -> None:
    """No op MUST raise on infinities or NaN, forward or backward: what they give follows from the
    definition.
    """
    special = np.array([[INF, -INF, NAN], [0.0, INF, 1.0]])
    ones = np.ones((2, 3))
    ops: tuple[tuple[str, tuple[Array, ...], dict[str, Any]], ...] = (
        *((op, (special, ones), {}) for op in ("add", "subtract", "multiply", "divide")),
        *((op, (ones, special), {}) for op in ("add", "subtract", "multiply", "divide")),
        *((op, (special,), {}) for op in ("negative", "exp", "log", "relu", "tanh", "sigmoid")),
        *((op, (special,), {"dim": 1}) for op in ("sum", "mean", "max", "softmax", "log_softmax")),
        *(("power", (special,), {"exponent": exponent}) for exponent in (0, 1, 2, -1, 0.5)),
        ("mm", (special, ones.T), {}),
        ("cross_entropy", (special,), {"targets": np.array([0, 2])}),
    )
    for op, operands, static in ops:
        with np.errstate(all="ignore"):
            value, cotangents = impl.gradients(
                lambda F, *values, op=op, static=static: getattr(F, op)(*values, **static), *operands
            )
        assert_shape(value, BY_NAME[op].define(*map(np.ones_like, operands), **static).shape, op)
        for operand, cotangent in zip(operands, cotangents, strict=True):
            assert_shape(cotangent, operand.shape, f"cotangent in {op} of infinities")


@clause(depends="optim.sgd.a_step_goes_against_the_gradient")
def test_a_step_with_nan(impl: Implementation) -> None:
    """A step with NaN in a gradient MUST make NaN of the numbers it belongs to, and move the others as
    ever.
    """
    gradients = [np.array([NAN, 2.0]), np.array([4.0])]
    ((x, y),) = impl.sgd([np.array([1.0, 1.0]), np.array([1.0])], [gradients], alphas=[0.5])

    assert_equal(x, np.array([NAN, 0.0]), "the parameter whose gradient has NaN in it")
    assert_equal(y, np.array([-1.0]), "the other parameter")
