"""Class numbers of a cross-entropy: one for each row of logits, from 0 to the number of classes."""

from __future__ import annotations

import numpy as np

from dlspec.catalogue import BY_NAME
from dlspec.clause import clause
from dlspec.implementation import Implementation
from dlspec.tolerance import assert_within, may_refuse, refused, rounding

DEPENDS = ("ops.cross_entropy.value",)


@clause(depends="ops.cross_entropy.refusals")
def test_a_negative_target(impl: Implementation) -> None:
    """Cross-entropy MUST refuse a negative target with an IndexError or ValueError: it doesn't wrap to the
    last class.
    """
    for targets in ([0, -1], [-1, 0], [-3, 0], [-100, 0]):
        for reduction in ("mean", "sum", "none"):
            with refused(IndexError, ValueError, what=f"targets {targets} among 3 classes"):
                impl.value("cross_entropy", np.zeros((2, 3)), targets=np.array(targets), reduction=reduction)


@clause(depends="ops.cross_entropy.refusals")
def test_a_target_past_the_last_class(impl: Implementation) -> None:
    """Cross-entropy MUST refuse a target past the last class with an IndexError or ValueError: it isn't
    clamped.
    """
    for targets in ([0, 3], [3, 0], [99, 0]):
        with refused(IndexError, ValueError, what=f"targets {targets} among 3 classes"):
            impl.value("cross_entropy", np.zeros((2, 3)), targets=np.array(targets))
    for number in (2**64 - 1, 2**63):
        with refused(IndexError, ValueError, what=f"target {number} among 3 classes"):
            impl.value("cross_entropy", np.zeros((1, 3)), targets=np.array([number], np.uint64))


@clause(depends="ops.cross_entropy.refusals")
def test_another_number_of_targets(impl: Implementation) -> None:
    """Cross-entropy MUST refuse targets whose shape isn't that of the logits without their last axis with a
    ValueError, and reshape neither.
    """
    for logits, targets in (
        ((2, 6), (3,)),
        ((2, 6), (1,)),
        ((2, 6), ()),
        ((2, 6), (2, 1)),
        ((2, 6), (4,)),
        ((3, 2, 6), (6,)),
        ((3, 2, 6), (2, 3)),
        ((6,), (1,)),
        ((0, 6), (1,)),
    ):
        with refused(ValueError, what=f"targets of shape {targets} for logits of shape {logits}"):
            impl.value("cross_entropy", np.zeros(logits), targets=np.zeros(targets, np.int64))


@clause()
def test_targets_that_are_no_integers(impl: Implementation) -> None:
    """Cross-entropy MUST refuse floats and truth values as targets with a TypeError or ValueError, whole
    numbers among them too.
    """
    for targets in (np.array([0.0, 1.0]), np.array([0.5, 1.0]), np.array([True, False])):
        with refused(TypeError, ValueError, what=f"targets {targets.tolist()}"):
            impl.value("cross_entropy", np.zeros((2, 3)), targets=targets)


@clause()
def test_probabilities_are_no_targets(impl: Implementation) -> None:
    """Rows of probabilities MUST NOT pass for class numbers: cross-entropy refuses them with a TypeError or
    ValueError, or gives the mean over the rows of the expected loss.
    """
    logits = np.array([[0.0, 1.0, -2.0], [3.0, 0.0, 0.5]])
    losses = -np.log(np.exp(logits) / np.exp(logits).sum(1, keepdims=True))
    for rows in (np.eye(3)[:2], np.eye(3)[1:], np.array([[0.25, 0.75, 0.0], [0.0, 0.5, 0.5]])):
        right = np.mean(np.sum(rows * losses, axis=1))
        with may_refuse(TypeError, ValueError):
            value = impl.value("cross_entropy", logits, targets=rows)
            bound = rounding(BY_NAME["cross_entropy"].ulp, 1 + np.abs(losses).max(), impl.dtypes[0])
            assert_within(value, right, bound, f"cross-entropy with targets {rows.tolist()}")


@clause()
def test_logits_without_classes(impl: Implementation) -> None:
    """Cross-entropy of a single number, which has no axis of classes, MUST be refused with a ValueError or
    IndexError.
    """
    with refused(ValueError, IndexError, what="cross-entropy of logits without dims"):
        impl.value("cross_entropy", np.array(2.0), targets=np.array(0))


@clause(
    depends=(
        "losses.cross_entropy_loss.refusals",
        "a_negative_target",
        "a_target_past_the_last_class",
        "another_number_of_targets",
    )
)
def test_the_loss_refuses_what_the_op_refuses(impl: Implementation) -> None:
    """`CrossEntropyLoss` MUST refuse wrong targets like the op: another number with a ValueError, classes
    that aren't there with an IndexError or ValueError.
    """
    for targets in ([0, -1], [0, 3]):
        with refused(IndexError, ValueError, what=f"targets {targets} among 3 classes"):
            impl.value("cross_entropy_loss", np.zeros((2, 3)), targets=np.array(targets))
    with refused(ValueError, what="3 targets for 2 rows"):
        impl.value("cross_entropy_loss", np.zeros((2, 6)), targets=np.array([0, 1, 2]))
    with refused(TypeError, ValueError, what="targets that are floats"):
        impl.value("cross_entropy_loss", np.zeros((2, 3)), targets=np.array([0.0, 1.0]))
