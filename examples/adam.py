"""An optimizer that the package hasn't got: Adam.

    python examples/adam.py     race it against SGD
    pytest examples/adam.py     check it

An optimizer needs nothing but its parameters' `data` and `grad`. An assignment to `data`, and `p.data -= ...`
is one, tells the framework that a parameter has changed, so that no older graph can mix old values with new.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np

from deeplearning_framework import SGD, Linear, MSELoss, Sequential, Sigmoid, Tanh, Tensor


class Adam:
    r"""Steps of about the same size in every direction, whatever the size of the gradient.

    $$
    \begin{aligned}
    m_t &= \beta_1 m_{t-1} + (1 - \beta_1)\, g_t \\
    v_t &= \beta_2 v_{t-1} + (1 - \beta_2)\, g_t^2 \\
    p_t &= p_{t-1} - \alpha\, \frac{m_t / (1 - \beta_1^t)}{\sqrt{v_t / (1 - \beta_2^t)} + \epsilon}
    \end{aligned}
    $$

    The divisions by $1 - \beta^t$ make up for averages that began at zero.

    Args:
        parameters: The leaves to train.
        alpha: The size of a step.
        beta1: How much of the mean gradient survives a step.
        beta2: How much of the mean square survives a step.
        epsilon: Keeps a gradient of zero from being divided by zero.

    Source:
        D. P. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization" (2015), algorithm 1.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        alpha: float = 0.001,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
    ) -> None:
        """Begin with averages of zero."""
        self.parameters = list(parameters)
        self.alpha, self.beta1, self.beta2, self.epsilon = alpha, beta1, beta2, epsilon
        self.means = [np.zeros_like(p.data) for p in self.parameters]
        self.squares = [np.zeros_like(p.data) for p in self.parameters]
        self.counts = [0] * len(self.parameters)

    def zero(self) -> None:
        """Forget the gradients."""
        for p in self.parameters:
            p.grad = None

    def step(self, zero: bool = True) -> None:
        """Move every parameter that has a gradient; then, unless told otherwise, forget the gradients."""
        for k, (p, m, v) in enumerate(zip(self.parameters, self.means, self.squares, strict=True)):
            if p.grad is None:
                continue
            g = p.grad.data
            self.counts[k] += 1
            m += (1 - self.beta1) * (g - m)
            v += (1 - self.beta2) * (g * g - v)
            mean = m / (1 - self.beta1 ** self.counts[k])
            square = v / (1 - self.beta2 ** self.counts[k])
            p.data -= self.alpha * mean / (np.sqrt(square) + self.epsilon)
        if zero:
            self.zero()


class Optimizer(Protocol):
    """What a training loop asks of an optimizer."""

    def step(self, zero: bool = True) -> None:
        """Move the parameters."""


def xor() -> Sequential:
    """A model that can tell whether two bits differ."""
    rng = np.random.default_rng(0)
    return Sequential([Linear(2, 4, rng=rng), Tanh(), Linear(4, 1, rng=rng), Sigmoid()])


def train(model: Sequential, optimizer: Optimizer, steps: int) -> float:
    """The loss after that many steps."""
    data, target = Tensor([[0, 0], [0, 1], [1, 0], [1, 1]]), Tensor([[0], [1], [1], [0]])
    criterion = MSELoss()
    for _ in range(steps):
        criterion(model(data), target).backward()
        optimizer.step()
    return criterion(model(data), target).item()


def main() -> None:
    """Race Adam against SGD, both with the same size of step."""
    print("steps      SGD     Adam")
    for steps in (100, 200, 400, 800):
        slow, fast = xor(), xor()
        losses = (
            train(slow, SGD(slow.get_parameters(), alpha=0.02), steps),
            train(fast, Adam(fast.get_parameters(), alpha=0.02), steps),
        )
        print(f"{steps:5}   {losses[0]:.4f}   {losses[1]:.4f}")


def steps_of(optimizer: Adam, p: Tensor, gradients: Iterable[float]) -> list[float]:
    """How far each gradient moves a parameter of one element."""
    moves = []
    for gradient in gradients:
        before = p.item()
        p.grad = Tensor([gradient])
        optimizer.step()
        moves.append(p.item() - before)
    return moves


def test_a_constant_gradient_gives_constant_steps_from_the_first_on() -> None:
    # Both averages are then the gradient itself, at every t, if their start at zero is made up for.
    for gradient in (8.0, -0.125):
        p = Tensor([0.0], autograd=True)
        moves = steps_of(Adam([p], alpha=0.25, epsilon=0.0), p, [gradient] * 20)
        np.testing.assert_allclose(moves, -0.25 * np.sign(gradient), rtol=1e-12)


def test_two_steps_by_hand() -> None:
    # With both betas a half: m is 1/2, then 7/4; v is 1/2, then 19/4; both divided by 1/2, then by 3/4.
    p = Tensor([0.0], autograd=True)
    moves = steps_of(Adam([p], alpha=1.0, beta1=0.5, beta2=0.5, epsilon=0.0), p, [1.0, 3.0])
    np.testing.assert_allclose(moves, [-1, -(7 / 3) / np.sqrt(19 / 3)], rtol=1e-15)


def test_a_parameter_without_a_gradient_stays_where_it_is() -> None:
    used, unused = Tensor([1.0], autograd=True), Tensor([1.0], autograd=True)
    optimizer = Adam([used, unused])
    (used * 2).sum().backward()
    optimizer.step()
    assert used.item() != 1.0
    assert unused.item() == 1.0
    assert optimizer.counts == [1, 0]


def test_gradients_are_forgotten_unless_asked_not_to_be() -> None:
    p = Tensor([1.0], autograd=True)
    optimizer = Adam([p])
    (p * 2).sum().backward()
    optimizer.step(zero=False)
    assert p.grad is not None
    optimizer.step()
    assert p.grad is None


def test_it_learns_xor() -> None:
    model = xor()
    assert train(model, Adam(model.get_parameters(), alpha=0.05), 400) < 0.01


if __name__ == "__main__":
    main()
