"""The loss classes, beside what every framework's losses have to do."""

from __future__ import annotations

import numpy as np
import pytest

from deeplearning_framework import CrossEntropyLoss, MSELoss, Tensor
from deeplearning_framework.losses.base import Loss


@pytest.mark.parametrize("kind", [MSELoss, CrossEntropyLoss])
def test_repr_is_the_call_that_made_it(kind: type[Loss]) -> None:
    assert repr(kind()) == f"{kind.__name__}()"
    assert repr(kind("sum")) == f"{kind.__name__}(reduction='sum')"


def test_a_loss_is_also_a_function() -> None:
    assert MSELoss()([1.0, 3.0], [0.0, 0.0]).item() == 5
    assert CrossEntropyLoss("sum")([[0.0, 0.0]] * 3, [0, 1, 1]).item() == pytest.approx(
        3 * np.log(2), rel=1e-15
    )


def test_the_method_and_the_class_agree_bit_for_bit() -> None:
    logits = Tensor(np.random.default_rng(0).normal(size=(4, 3)))
    for reduction in ("mean", "sum", "none"):
        method = logits.cross_entropy([0, 1, 2, 1], reduction=reduction)
        np.testing.assert_array_equal(
            CrossEntropyLoss(reduction).forward(logits, [0, 1, 2, 1]).data, method.data
        )


def test_a_base_without_a_loss_says_so() -> None:
    with pytest.raises(NotImplementedError, match="Loss does not say what its loss is"):
        Loss()(1.0, 1.0)


def test_targets_may_be_changed_after_the_forward_pass() -> None:
    logits, again = Tensor([[1.0, 2.0]], autograd=True), Tensor([[1.0, 2.0]], autograd=True)
    classes, truth = np.array([0]), np.array([[0.0, 0.0]])
    entropy = logits.cross_entropy(classes)
    squares = MSELoss("sum").forward(again, truth)
    classes[0], truth[:] = 1, 9
    squares.backward()
    assert again.grad is not None
    assert again.grad.data.tolist() == [[2, 4]]
    entropy.backward()
    assert logits.grad is not None
    assert logits.grad.data[0, 0] < 0
