"""Cross-entropy of logits with classes: minus the log-probability of the target, in nats."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.implementation import INDEX_DTYPES, Implementation
from dlspec.programs import assert_program, lattice
from dlspec.tolerance import assert_equal, assert_shape, assert_within, rounding

DEPENDS = ("losses.cross_entropy_loss.gradient",)


@clause()
def test_it_is_measured_in_nats(impl: Implementation) -> None:
    """Cross-entropy MUST be in nats: that of two equal logits is the natural logarithm of 2."""
    value = impl.value("cross_entropy_loss", np.zeros((1, 2)), targets=np.array([0]))

    assert_within(value, np.log(2.0), rounding(4, 1.0, impl.dtypes[0]), "cross-entropy of two equal logits")


@clause()
def test_the_upstream_cotangent_counts(impl: Implementation) -> None:
    """What cross-entropy pulls back MUST be in proportion to what arrives: three times the loss has
    three times the gradient.
    """
    logits, targets = lattice(1, 3, 4), np.array([1, 3, 0])
    _, (once,) = impl.gradients(lambda F, z: F.cross_entropy_loss(z, targets=targets), logits)
    _, (thrice,) = impl.gradients(
        lambda F, z: F.multiply(F.cross_entropy_loss(z, targets=targets), impl.constant(np.array(3.0))),
        logits,
    )

    once = assert_shape(once, logits.shape, "cotangent of the logits")
    assert_within(thrice, 3 * once, rounding(8, 1.0, impl.dtypes[0]), "cotangent of the logits of 3 ce")


@clause()
def test_the_gradient_is_divided_by_the_number_of_targets(impl: Implementation) -> None:
    """The gradient of the mean MUST be that of the sum divided by the number of targets."""
    logits, targets = lattice(2, 4, 3), np.array([0, 2, 1, 2])
    _, (of_mean,) = impl.gradients(
        lambda F, z: F.cross_entropy_loss(z, targets=targets, reduction="mean"), logits
    )
    _, (of_sum,) = impl.gradients(
        lambda F, z: F.cross_entropy_loss(z, targets=targets, reduction="sum"), logits
    )

    of_sum = assert_shape(of_sum, logits.shape, "cotangent of the logits for the sum")
    assert_within(
        of_mean, of_sum / 4, rounding(8, 1.0, impl.dtypes[0]), "cotangent of the logits for the mean"
    )


@clause()
def test_the_gradient_of_a_row_adds_up_to_nothing(impl: Implementation) -> None:
    """The cotangents of the logits of one row MUST add up to 0, since a shift of all of them changes
    nothing.
    """
    logits, targets = lattice(3, 4, 5), np.array([0, 2, 1, 4])
    _, (bar,) = impl.gradients(lambda F, z: F.cross_entropy_loss(z, targets=targets), logits)

    bar = assert_shape(bar, logits.shape, "cotangent of the logits")
    assert_within(
        bar.sum(1), np.zeros(4), rounding(16, 1.0, impl.dtypes[0]), "sum of the cotangents of a row"
    )


@clause()
def test_a_shift_of_all_logits_changes_nothing(impl: Implementation) -> None:
    """Adding the same number to all logits of a row MUST leave the loss and the gradient as they are."""
    logits, targets = lattice(4, 3, 4), np.array([1, 3, 0])
    shift = np.array([[64.0], [-32.0], [16.0]])
    value, (bar,) = impl.gradients(lambda F, z: F.cross_entropy_loss(z, targets=targets), logits)
    shifted, (bar_of_shifted,) = impl.gradients(
        lambda F, z: F.cross_entropy_loss(z, targets=targets), logits + shift
    )

    # Eighths stay exact under the shift, but a formula may pass through numbers of the size of the shift.
    assert_within(shifted, value, rounding(8, 64.0, impl.dtypes[0]), "loss of shifted logits")
    assert_within(bar_of_shifted, bar, rounding(8, 64.0, impl.dtypes[0]), "cotangent of shifted logits")


@clause()
def test_classes_are_the_last_axis(impl: Implementation) -> None:
    """Classes MUST be the last axis of the logits, and targets have all the others, also where several sides
    are the same.
    """
    targets = np.array([[0, 2, 1], [2, 2, 0]])
    assert_program(
        impl,
        lambda F, z: F.cross_entropy_loss(z, targets=targets, reduction="none"),
        (lattice(7, 2, 3, 3),),
        lattice(8, 2, 3),
        ("the logits",),
        "the cross-entropy of sequences",
    )


@clause()
def test_classes_may_change_places(impl: Implementation) -> None:
    """Where classes change places, in the logits and in the targets, the gradient MUST change places
    with them.
    """
    logits, targets, order = lattice(5, 3, 4), np.array([1, 3, 0]), np.array([2, 0, 3, 1])
    _, (bar,) = impl.gradients(lambda F, z: F.cross_entropy_loss(z, targets=targets), logits)
    _, (permuted,) = impl.gradients(
        lambda F, z: F.cross_entropy_loss(z, targets=np.argsort(order)[targets]), logits[:, order]
    )

    bar = assert_shape(bar, logits.shape, "cotangent of the logits")
    assert_within(permuted, bar[:, order], rounding(8, 1.0, impl.dtypes[0]), "cotangent of permuted logits")


@clause()
def test_a_single_row_takes_a_single_target(impl: Implementation) -> None:
    """Logits without a batch MUST take a target without axes, and give the loss of that one target."""
    logits = lattice(6, 4)
    alone, (bar,) = impl.gradients(lambda F, z: F.cross_entropy_loss(z, targets=np.array(2)), logits)
    batch, (bar_of_batch,) = impl.gradients(
        lambda F, z: F.cross_entropy_loss(z, targets=np.array([2])), logits[None]
    )

    bar_of_batch = assert_shape(bar_of_batch, (1, 4), "cotangent of a batch of one row")
    assert_equal(alone, batch, "loss of a single row")
    assert_equal(bar, bar_of_batch[0], "cotangent of a single row")


@clause()
def test_every_integer_type_is_a_target(impl: Implementation) -> None:
    """Targets of every integer type MUST work, and name classes beyond what a product with a row's length
    fits into the type.
    """
    for dtype in INDEX_DTYPES:
        targets = np.array([99, 0, 64], dtype)
        assert_program(
            impl,
            lambda F, z, t=targets: F.cross_entropy_loss(z, targets=t, reduction="none"),
            (lattice(9, 3, 100),),
            lattice(10, 3),
            ("the logits",),
            f"the cross-entropy with targets of {dtype}",
        )


@clause()
def test_one_class_leaves_no_doubt(impl: Implementation) -> None:
    """With a single class the loss MUST be 0, and so must be the gradient."""
    value, (bar,) = impl.gradients(
        lambda F, z: F.cross_entropy_loss(z, targets=np.array([0, 0])), np.array([[5.0], [-3.0]])
    )

    assert_equal(value, np.array(0.0), "loss with a single class")
    assert_equal(bar, np.zeros((2, 1)), "cotangent with a single class")
