"""The squared error of a prediction."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.implementation import Implementation
from dlspec.tolerance import assert_dtype, assert_equal

DEPENDS = ("losses.mse_loss.gradient",)


@clause()
def test_the_target_receives_the_opposite(impl: Implementation) -> None:
    """A target that wants a gradient MUST receive the opposite of what the prediction receives."""
    p, t = np.array([[1.0, 2.0], [3.0, -4.0]]), np.array([[0.0, 5.0], [1.0, 1.0]])
    _, (of_p, of_t) = impl.gradients(lambda F, p, t: F.mse_loss(p, t, reduction="sum"), p, t)

    assert_equal(of_p, np.array([[2.0, -6.0], [4.0, -10.0]]), "cotangent of the prediction")
    assert_equal(of_t, np.array([[-2.0, 6.0], [-4.0, 10.0]]), "cotangent of the target")


@clause()
def test_a_perfect_prediction_has_no_loss(impl: Implementation) -> None:
    """A prediction that equals its target MUST have a loss of 0 and a gradient of 0."""
    p = np.array([[0.1, 300.0], [-7.0, 0.0]])
    value, (of_p, _) = impl.gradients(lambda F, p, t: F.mse_loss(p, t), p, p)

    assert_equal(value, np.array(0.0), "loss of a perfect prediction")
    assert_equal(of_p, np.zeros_like(p), "cotangent of a perfect prediction")


@clause()
def test_the_upstream_cotangent_counts(impl: Implementation) -> None:
    """What the squared error pulls back MUST be in proportion to what arrives."""
    p, t = np.array([1.0, 2.0]), np.array([3.0, -4.0])
    _, (bar, _) = impl.gradients(lambda F, p, t: F.mse_loss(p, t), p, t, cotangent=np.array(-4.0))

    assert_equal(bar, np.array([8.0, -24.0]), "cotangent of the prediction for a cotangent of -4")


@clause()
def test_integers_are_compared_as_real_numbers(impl: Implementation) -> None:
    """Squared errors of integers MUST be those of the same real numbers: 3 - 5 is -2 also among bytes."""
    for dtype in ("int64", "int8", "uint8"):
        p, t = np.array([3, 200 if dtype != "int8" else 100, 0], dtype), np.array([5, 0, 1], dtype)
        right = (p.astype(np.float64) - t.astype(np.float64)) ** 2
        value = impl.value("mse_loss", p, t, reduction="none")
        assert_equal(value, right, f"squared errors of {dtype}")
        assert_dtype(value, np.float64, f"squared errors of {dtype}")


@clause()
def test_one_by_one_for_any_number(impl: Implementation) -> None:
    """Squared errors one by one MUST be each element's own, and each receive its own cotangent, however many
    there are and whatever their sign.
    """
    for dtype in impl.dtypes:
        for n in range(1, 12):
            for sign in (1.0, -1.0):
                p, t = (sign * (np.arange(n) * k % 11 + 1) for k in (3, 5))
                w = np.where(np.arange(n) % 2, -1.0, 1.0) * (np.arange(n) + 1)
                value, bars = impl.gradients(
                    lambda F, p, t: F.mse_loss(p, t, reduction="none"),
                    *(x.astype(dtype) for x in (p, t)),
                    cotangent=w.astype(dtype),
                )
                assert_equal(value, (p - t) ** 2, f"{n} squared errors in {dtype}")
                for name, bar, right in zip("pt", bars, (2 * (p - t) * w, -2 * (p - t) * w), strict=True):
                    assert_equal(bar, right, f"cotangent of {name} of {n} in {dtype}")
