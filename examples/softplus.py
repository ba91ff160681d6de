"""An op that the package hasn't got: softplus, a relu without the corner.

    python examples/softplus.py     use it in a model
    pytest examples/softplus.py     check it

An op is a rule, which is two functions of arrays, and a call of `apply`. The first function computes the
value and says what its derivative will read; the second, the vjp, pulls a cotangent back. Neither knows about
tensors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deeplearning_framework import SGD, Layer, Linear, MSELoss, Rule, Sequential, Tensor, apply
from dlspec import check_gradient

Array = NDArray[Any]


def softplus(x: Array) -> tuple[Array, tuple[Array]]:
    r"""The logarithm of one plus an exponential, element by element.

    $$ y = \ln(1 + e^x) = \max(x, 0) + \ln(1 + e^{-|x|}) $$

    The right-hand form neither overflows for large x nor loses its digits for small ones.
    """
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))), (x,)


def softplus_vjp(y_bar: Array, x: Array) -> tuple[Array]:
    """Weigh the cotangent with the logistic function of x."""
    z = np.exp(-np.abs(x))
    return (y_bar * np.where(x >= 0, 1, z) / (1 + z),)


SOFTPLUS = Rule(softplus, softplus_vjp)


class Softplus(Layer):
    """The op as a layer, to be used like Tanh."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply softplus to every element."""
        return apply(SOFTPLUS, x)


def main() -> None:
    """Fit the absolute value, a function with a corner, by a sum of smooth ones."""
    rng = np.random.default_rng(1)
    x = np.linspace(-2, 2, 64).reshape(-1, 1)
    model = Sequential([Linear(1, 16, rng=rng), Softplus(), Linear(16, 1, rng=rng)])
    criterion = MSELoss()
    optimizer = SGD(model.get_parameters(), alpha=0.05, momentum=0.9)
    for step in range(1001):
        loss = criterion(model(Tensor(x)), np.abs(x))
        loss.backward()
        optimizer.step()
        if step % 250 == 0:
            print(f"step {step:4}   loss {loss.item():.6f}")


def test_the_gradient_is_the_derivative_of_the_textbook_definition() -> None:
    x = np.array([[-3.0, -0.5, 0.0], [0.25, 1.0, 7.0]])
    check_gradient(Softplus(), x, definition=lambda x: np.log(1 + np.exp(x)))


def test_nothing_overflows_or_vanishes() -> None:
    # ln(1 + e^-40) is e^-40 to the last digit, and ln(1 + e^1000) is 1000.
    y = Softplus()(Tensor([-40.0, 1000.0]))
    np.testing.assert_array_equal(y.data, [np.exp(-40.0), 1000.0])


def test_single_precision_stays_single() -> None:
    x = Tensor(np.array([-1.0, 2.0], np.float32), autograd=True)
    y = Softplus()(x)
    y.sum().backward()
    assert y.dtype == np.float32
    assert x.grad is not None
    assert x.grad.dtype == np.float32


if __name__ == "__main__":
    main()
