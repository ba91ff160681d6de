"""What the targets of a loss may be: tensors, arrays or lists, copied when they are used."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.objects.helpers import new, provided
from dlspec.implementation import INDEX_DTYPES, TapeImplementation
from dlspec.tolerance import assert_equal

# Equal logits: every class has probability 1/2, and every gradient is exact.
LOGITS = np.zeros((2, 2))
RIGHT = np.array([[0.5, -0.5], [-0.5, 0.5]])


@clause(depends="losses.cross_entropy_loss.gradient")
def test_classes_are_lists_arrays_or_tensors(impl: TapeImplementation) -> None:
    """`cross_entropy` and `CrossEntropyLoss` MUST take class numbers as a list, an array or a tensor."""
    tensor, loss = impl.named("Tensor"), new(impl, "CrossEntropyLoss", reduction="sum")
    for targets, name in (
        ([1, 0], "a list"),
        (np.array([1, 0]), "an array"),
        (tensor(np.array([1, 0])), "a tensor"),
    ):
        for how in ("the method", "the loss"):
            logits = tensor(LOGITS, autograd=True)
            method = provided(logits, "cross_entropy", "reduction")
            value = method(targets, reduction="sum") if how == "the method" else loss.forward(logits, targets)
            impl.backward(value)

            assert_equal(
                impl.gradient(logits), RIGHT, f"gradient of the logits by {how}, where targets are {name}"
            )


@clause(depends="classes_are_lists_arrays_or_tensors")
def test_classes_of_every_integer_type(impl: TapeImplementation) -> None:
    """Class numbers MUST be allowed to be of every integer type."""
    tensor = impl.named("Tensor")
    for dtype in INDEX_DTYPES:
        logits = tensor(LOGITS, autograd=True)
        impl.backward(
            provided(logits, "cross_entropy", "reduction")(np.array([1, 0], dtype), reduction="sum")
        )

        assert_equal(impl.gradient(logits), RIGHT, f"gradient of the logits where targets are {dtype}")


@clause(depends="classes_are_lists_arrays_or_tensors")
def test_classes_are_copied_when_they_are_used(impl: TapeImplementation) -> None:
    """Class numbers that change after they were used MUST change no gradient."""
    tensor = impl.named("Tensor")
    for kind in ("an array", "a tensor"):
        logits, array = tensor(LOGITS, autograd=True), np.array([1, 0])
        targets = array if kind == "an array" else tensor(array)
        value = provided(logits, "cross_entropy", "reduction")(targets, reduction="sum")
        if kind == "an array":
            array[:] = [0, 1]
        else:
            impl.set_data(targets, np.array([0, 1]))
        impl.backward(value)

        assert_equal(
            impl.gradient(logits), RIGHT, f"gradient of the logits after {kind} of targets has changed"
        )


@clause(depends="losses.mse_loss.gradient")
def test_numbers_may_be_arrays(impl: TapeImplementation) -> None:
    """`MSELoss` MUST take its target as an array too, and copy it when it is used."""
    tensor, loss = impl.named("Tensor"), new(impl, "MSELoss", reduction="sum")
    prediction, target = tensor([1.0, 5.0], autograd=True), np.array([3.0, 4.0])
    value = loss.forward(prediction, target)
    target[:] = 100
    impl.backward(value)

    assert_equal(impl.array(value), np.array(5.0), "squared error against an array")
    assert_equal(impl.gradient(prediction), np.array([-4.0, 2.0]), "gradient of the prediction")


@clause(depends="losses.mse_loss.constants")
def test_a_constant_target_gets_nothing_and_cuts_nothing(impl: TapeImplementation) -> None:
    """`MSELoss` against a target that wants no gradient MUST send the prediction its gradient, and against
    one that does send it to both.
    """
    loss = new(impl, "MSELoss", reduction="sum")
    for wanted in (False, True):
        prediction = impl.leaf(np.array([1.0, 5.0]))
        target = (impl.leaf if wanted else impl.constant)(np.array([3.0, 4.0]))
        impl.backward(loss.forward(prediction, target))

        assert_equal(impl.gradient(prediction), np.array([-4.0, 2.0]), "gradient of the prediction")
        if wanted:
            assert_equal(
                impl.gradient(target), np.array([4.0, -2.0]), "gradient of the target that wants one"
            )
