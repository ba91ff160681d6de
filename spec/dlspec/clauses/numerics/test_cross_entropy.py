"""Cross-entropy of logits of any size, of masked classes, and of answers that are nearly certain."""

from __future__ import annotations

import numpy as np

from dlspec.catalogue import BY_NAME
from dlspec.clause import clause
from dlspec.clauses.numerics.helpers import assert_quiet, assert_rows, exactly, far_logits, huge_logits
from dlspec.implementation import Implementation
from dlspec.tolerance import assert_equal, assert_shape, assert_within, rounding

DEPENDS = ("ops.cross_entropy.gradient",)

INF = np.inf


@clause()
def test_far_logits_are_accurate(impl: Implementation) -> None:
    """Cross-entropy and its cotangent MUST stay within their budgets for logits of any size, the likeliest
    class and the least likely one.
    """
    for dtype in impl.dtypes:
        rows = far_logits(dtype)
        for targets in (rows.argmax(1), rows.argmin(1)):
            assert_rows(impl, "cross_entropy_loss", rows, targets=targets, reduction="none")


@clause()
def test_far_logits_are_quiet(impl: Implementation) -> None:
    """Cross-entropy MUST raise no floating-point warning for finite logits, forward or backward."""
    for dtype in impl.dtypes:
        rows = far_logits(dtype)
        for targets in (rows.argmax(1), rows.argmin(1)):
            assert_quiet(impl, "cross_entropy_loss", rows, targets=targets, reduction="none")
        assert_quiet(impl, "cross_entropy_loss", huge_logits(dtype), targets=np.arange(3), reduction="none")


@clause()
def test_the_loss_of_a_hopeless_answer_is_the_distance(impl: Implementation) -> None:
    """Where the target's logit is 1000 below the other, the loss MUST be 1000, not the logarithm of a
    smallest probability.
    """
    for dtype in impl.dtypes:
        value, (bar,) = impl.gradients(
            lambda F, z: F.cross_entropy_loss(z, targets=np.array([1])), np.array([[1000.0, 0.0]], dtype)
        )
        assert_equal(value, np.array(1000.0), "loss of a hopeless answer")
        assert_equal(bar, np.array([[1.0, -1.0]]), "cotangent of the logits of a hopeless answer")


@clause()
def test_huge_logits_are_accurate(impl: Implementation) -> None:
    """The loss of logits near the largest numbers MUST be the target's distance from the largest, plus the
    logarithm of how many are as large.
    """
    for dtype in impl.dtypes:
        rows = huge_logits(dtype)
        loss = -(rows - rows.max(1, keepdims=True)).astype(np.float64) + np.log([[1.0], [2.0], [4.0]])
        for target in range(4):
            with np.errstate(all="ignore"):
                value = impl.value("cross_entropy_loss", rows, targets=np.full(3, target), reduction="none")
            bound = rounding(BY_NAME["cross_entropy_loss"].ulp, 1 + loss[:, target], dtype)
            assert_within(value, loss[:, target], bound, f"loss of huge logits in {dtype}")


@clause()
def test_masked_classes_change_nothing(impl: Implementation) -> None:
    """A logit of minus infinity that isn't the target's MUST leave the loss and the other cotangents what
    they are without it, and receive 0.
    """
    rows, kept = np.array([[1.0, -INF, 3.0, 2.0], [0.5, -INF, -1.0, 0.0]]), [0, 2, 3]
    right = exactly("cross_entropy_loss", rows[:, kept], cotangent=np.array(1.0), targets=np.array([0, 1]))
    row = BY_NAME["cross_entropy_loss"]
    for dtype in impl.dtypes:
        with np.errstate(all="ignore"):
            value, (bar,) = impl.gradients(
                lambda F, z: F.cross_entropy_loss(z, targets=np.array([0, 2])), rows.astype(dtype)
            )
        bar = assert_shape(bar, rows.shape, "cotangent of the logits")
        assert_within(value, right.value, rounding(row.ulp, right.value_scale, dtype), "loss beside a mask")
        assert_equal(bar[:, 1], np.zeros(2), "cotangent of a masked logit")
        bound = rounding(row.vjp_ulp, right.cotangent_scales[0], dtype)
        assert_within(bar[:, kept], right.cotangents[0], bound, "cotangent beside a masked logit")


@clause()
def test_masks_are_quiet(impl: Implementation) -> None:
    """Cross-entropy MUST raise no floating-point warning for a masked class that isn't the target, forward or
    backward.
    """
    for dtype in impl.dtypes:
        rows = np.array([[1.0, -INF, 3.0], [-INF, -INF, 0.0]], dtype)
        assert_quiet(impl, "cross_entropy_loss", rows, targets=np.array([0, 2]))


@clause()
def test_a_masked_target_costs_infinitely_much(impl: Implementation) -> None:
    """The loss MUST be infinite where the target's logit is minus infinity and another isn't."""
    for dtype in impl.dtypes:
        with np.errstate(all="ignore"):
            value = impl.value(
                "cross_entropy_loss",
                np.array([[1.0, -INF], [0.0, -INF]], dtype),
                targets=np.array([1, 0]),
                reduction="none",
            )
        assert_equal(value, np.array([INF, 0.0]), "losses of a masked target and of a certain one")


@clause()
def test_a_confident_answer_has_a_loss(impl: Implementation) -> None:
    """The loss of a nearly certain answer SHOULD be as accurate relative to itself as that of any other:
    about the probability of the other classes, not 0.
    """
    for dtype in impl.dtypes:
        rows = np.array([[5.0, 0.0], [12.0, -1.0], [20.0, 0.0], [36.0, 0.0], [80.0, 0.0]], dtype)
        static = {"targets": np.zeros(5, int), "reduction": "none"}
        right = exactly("cross_entropy_loss", rows, cotangent=np.ones(5), **static)
        value = impl.value("cross_entropy_loss", rows, **static)
        scale = np.abs(right.value) * (1 + np.ptp(rows, axis=-1))
        assert_within(value, right.value, rounding(8, scale, dtype), f"loss of a confident answer in {dtype}")


@clause()
def test_a_confident_answer_has_a_gradient(impl: Implementation) -> None:
    """The gradient of a nearly certain answer SHOULD be accurate relative to itself at the target, too: minus
    the probability of the other classes, not 0.
    """
    for dtype in impl.dtypes:
        rows = np.array([[5.0, 0.0], [12.0, -1.0], [20.0, 0.0], [36.0, 0.0], [80.0, 0.0]], dtype)
        static = {"targets": np.zeros(5, int), "reduction": "sum"}
        right = exactly("cross_entropy_loss", rows, cotangent=np.ones(()), **static)
        _, (bar,) = impl.gradients(lambda F, z, static=static: F.cross_entropy_loss(z, **static), rows)
        scale = np.abs(right.cotangents[0]) * (1 + np.ptp(rows, axis=-1, keepdims=True))
        bound = rounding(8, scale, dtype)
        assert_within(bar, right.cotangents[0], bound, f"cotangent of a confident answer in {dtype}")
