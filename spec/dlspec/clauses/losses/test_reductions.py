"""How the losses of single targets become one: `"mean"` (the default), `"sum"` or `"none"`."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.implementation import Implementation
from dlspec.programs import lattice
from dlspec.tolerance import assert_equal, assert_shape, assert_within, rounding


@clause(depends="losses.*_loss.value")
def test_the_mean_is_the_default(impl: Implementation) -> None:
    """A loss without a named reduction MUST be the mean."""
    p, t = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.0, 0.0], [1.0, 4.0]])
    logits, targets = lattice(1, 4, 3), np.array([0, 2, 1, 2])

    assert_equal(impl.value("mse_loss", p, t), np.array(2.25), "mean squared error")
    assert_equal(
        impl.value("cross_entropy_loss", logits, targets=targets),
        impl.value("cross_entropy_loss", logits, targets=targets, reduction="mean"),
        "cross-entropy without a reduction",
    )


@clause(depends="losses.mse_loss.gradient")
def test_the_squared_error_is_a_mean_over_every_element(impl: Implementation) -> None:
    """The mean of squared errors MUST be over every element, not over rows, in the value and in the
    gradient.
    """
    p, t = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]), np.zeros((4, 2))
    value, (bar, _) = impl.gradients(lambda F, p, t: F.mse_loss(p, t), p, t)

    assert_equal(value, np.array(25.5), "mean squared error")
    assert_equal(bar, p / 4, "cotangent of the prediction")


@clause(depends="losses.cross_entropy_loss.gradient")
def test_cross_entropy_is_a_mean_over_every_target(impl: Implementation) -> None:
    """The mean of cross-entropies MUST be over every target, also where targets have several axes."""
    logits, targets = np.zeros((2, 3, 4)), np.array([[0, 1, 2], [3, 0, 1]])
    value, (bar,) = impl.gradients(lambda F, z: F.cross_entropy_loss(z, targets=targets), logits)

    # Equal logits: each class has probability 1/4, and the loss is log 4 whatever is divided by.
    right = np.full((2, 3, 4), 1 / 24)
    np.put_along_axis(right, targets[..., None], 1 / 24 - 1 / 6, -1)
    assert_within(value, np.log(4.0), rounding(4, 2.0, impl.dtypes[0]), "cross-entropy of equal logits")
    assert_within(bar, right, rounding(4, 1 / 6, impl.dtypes[0]), "cotangent of the logits")


@clause(depends=("losses.*_loss.gradient", "the_mean_is_the_default"))
def test_the_sum_is_the_mean_times_the_number(impl: Implementation) -> None:
    """The sum MUST be the number of elements, for squared errors, or of targets, for cross-entropy,
    times the mean.
    """
    p, t = np.arange(8.0).reshape(4, 2), np.ones((4, 2))
    logits, targets = lattice(2, 4, 3), np.array([0, 2, 1, 2])
    mean, total = (
        impl.value("cross_entropy_loss", logits, targets=targets, reduction=reduction)
        for reduction in ("mean", "sum")
    )

    assert_equal(impl.value("mse_loss", p, t, reduction="sum"), np.array(92.0), "sum of squared errors")
    assert_within(total, 4 * mean, rounding(4, total, impl.dtypes[0]), "sum of cross-entropies")


@clause(depends="losses.*_loss.value")
def test_without_reduction_each_target_has_its_loss(impl: Implementation) -> None:
    """With `"none"` there MUST be one loss for each element, or for each target, in its place."""
    p, t = np.array([[1.0, -2.0, 3.0]]), np.array([[1.0, 1.0, 1.0]])
    each = impl.value("mse_loss", p, t, reduction="none")
    losses = impl.value(
        "cross_entropy_loss", lattice(3, 2, 3, 4), targets=np.array([[0, 1, 2], [3, 0, 1]]), reduction="none"
    )

    assert_equal(each, np.array([[0.0, 9.0, 4.0]]), "squared errors")
    assert_shape(losses, (2, 3), "cross-entropies")


@clause(depends=("without_reduction_each_target_has_its_loss", "losses.*_loss.gradient"))
def test_without_reduction_each_loss_has_its_own_cotangent(impl: Implementation) -> None:
    """With `"none"` the cotangent of each loss MUST reach its own element alone, in its own size."""
    p, t, w = np.array([1.0, -2.0, 3.0]), np.array([1.0, 1.0, 1.0]), np.array([5.0, -1.0, 0.5])
    _, (bar, _) = impl.gradients(lambda F, p, t: F.mse_loss(p, t, reduction="none"), p, t, cotangent=w)
    _, (rows,) = impl.gradients(
        lambda F, z: F.cross_entropy_loss(z, targets=np.array([0, 1]), reduction="none"),
        np.zeros((2, 2)),
        cotangent=np.array([2.0, -8.0]),
    )

    assert_equal(bar, np.array([0.0, 6.0, 2.0]), "cotangent of the prediction")
    assert_equal(rows, np.array([[-1.0, 1.0], [-4.0, 4.0]]), "cotangent of the logits")


@clause(depends="losses.*_loss.gradient")
def test_halves_of_a_batch_add_up(impl: Implementation) -> None:
    """The sum over a batch MUST be the sum over its first part plus the sum over the rest."""
    logits, targets = lattice(4, 5, 3), np.array([0, 2, 1, 2, 0])
    parts = [
        impl.value("cross_entropy_loss", logits[rows], targets=targets[rows], reduction="sum")
        for rows in (slice(0, 5), slice(0, 2), slice(2, 5))
    ]

    assert_within(
        parts[1] + parts[2], parts[0], rounding(8, parts[0] + 5, impl.dtypes[0]), "sum of both parts"
    )
    p, t = np.arange(10.0).reshape(5, 2), np.full((5, 2), 3.0)
    first, rest = (
        impl.value("mse_loss", p[rows], t[rows], reduction="sum") for rows in (slice(2), slice(2, 5))
    )
    assert_equal(first, np.array(14.0), "sum of squared errors of the first part")
    assert_equal(rest, np.array(91.0), "sum of squared errors of the rest")
