"""A loss that the package hasn't got: Huber's, which forgives outliers.

    python examples/huber_loss.py     compare it with the squared error
    pytest examples/huber_loss.py     check it

A loss is a layer of two arguments. This one decides element by element which of two formulas applies; the
decision is an array of bools, a constant to autograd, and so no gradient flows through it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deeplearning_framework import SGD, Layer, Linear, MSELoss, Tensor
from dlspec import check_gradient

Array = NDArray[Any]


class HuberLoss(Layer):
    r"""Half the squared error where it is small, a straight line where it is large, and of these the mean.

    $$
    \ell(e) = \begin{cases} e^2 / 2 & |e| \le \delta \\
    \delta\,(|e| - \delta / 2) & \text{otherwise} \end{cases}
    $$

    Args:
        delta: Where the line begins, in units of the prediction.

    Source:
        P. J. Huber, "Robust Estimation of a Location Parameter", Annals of Mathematical Statistics 35 (1964).
    """

    def __init__(self, delta: float = 1.0) -> None:
        """Remember where the line begins."""
        super().__init__()
        self.delta = delta

    def forward(self, prediction: Tensor, target: Tensor | ArrayLike) -> Tensor:
        """Compare a prediction with what is true."""
        error = prediction - target
        near = np.abs(error.data) <= self.delta
        distance = error * np.sign(error.data)
        # Masked before it is squared: the square of a far one could overflow.
        small = error * near
        return (small * small / 2 + (distance - self.delta / 2) * (self.delta * ~near)).mean()


def fit(criterion: Callable[[Tensor, Array], Tensor], x: Array, y: Array) -> float:
    """The slope of the line through the points, as a loss sees it."""
    model = Linear(1, 1, rng=np.random.default_rng(0))
    optimizer = SGD(model.get_parameters(), alpha=0.1)
    for _ in range(500):
        criterion(model(Tensor(x)), y).backward()
        optimizer.step()
    return float(model.weight.data[0, 0])


def points() -> tuple[Array, Array]:
    """Points near a line of slope 2, a tenth of them far off."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (50, 1))
    y = 2 * x + rng.normal(0, 0.1, (50, 1))
    far = np.argsort(x[:, 0])[-5:]
    y[far] -= 20
    return x, y


def main() -> None:
    """Fit a line through points of which a tenth are wrong."""
    x, y = points()
    print("slope of the line     2.00")
    print(f"by the squared error {fit(MSELoss(), x, y):5.2f}")
    print(f"by Huber's loss      {fit(HuberLoss(), x, y):5.2f}")


def test_the_gradient_is_the_derivative_of_the_textbook_definition() -> None:
    def definition(prediction: Array, target: Array) -> Array:
        error = prediction - target
        size = np.where(error.real < 0, -error, error)
        return np.asarray(np.mean(np.where(size.real <= 0.75, error * error / 2, 0.75 * (size - 0.375))))

    prediction, target = np.array([[0.5, -2.0], [3.0, 0.25]]), np.array([[0.25, 1.0], [-1.0, 0.5]])
    check_gradient(HuberLoss(0.75), prediction, target, definition=definition)


def test_both_formulas_by_hand() -> None:
    # 1/2 at 1, where they meet; 2 * (5 - 1) = 8 at -5; the mean of 1/2 and 8 is 4.25.
    assert HuberLoss(2.0)(Tensor([1.0, -5.0]), [0.0, 0.0]).item() == 4.25


def test_a_huge_error_has_a_finite_loss_and_a_gradient_of_delta() -> None:
    prediction = Tensor([1e300], autograd=True)
    loss = HuberLoss(2.0)(prediction, [0.0])
    loss.backward()
    assert loss.item() == 2e300
    assert prediction.grad is not None
    assert prediction.grad.item() == 2.0


def test_outliers_move_it_less_than_the_squared_error() -> None:
    x, y = points()
    assert abs(fit(HuberLoss(), x, y) - 2) < abs(fit(MSELoss(), x, y) - 2) / 2


if __name__ == "__main__":
    main()
