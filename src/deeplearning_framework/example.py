"""Exclusive or: the smallest problem a single layer cannot solve.

``python -m deeplearning_framework.example`` trains a network of two layers on it and shows what it learned.
"""

# ruff: noqa: T201 (printing is what this program is for)

from __future__ import annotations

import numpy as np

from deeplearning_framework import SGD, Linear, MSELoss, Sequential, Sigmoid, Tanh, Tensor

EPOCHS = 2000
EVERY = 250


def main() -> None:
    """Train from a fixed seed, and print the loss on the way and the predictions at the end."""
    np.random.seed(0)
    data = Tensor([[0, 0], [0, 1], [1, 0], [1, 1]])
    target = Tensor([[0], [1], [1], [0]])

    # No straight line parts the ones from the zeros. The hidden layer moves the four points so that one does.
    model = Sequential([Linear(2, 3), Tanh(), Linear(3, 1), Sigmoid()])
    criterion = MSELoss()
    optimizer = SGD(model.get_parameters(), alpha=1.0)

    print(model)
    for epoch in range(EPOCHS + 1):
        predictions = model.forward(data)
        loss = criterion.forward(predictions, target)
        if epoch % EVERY == 0:
            print(f"epoch {epoch:5d}   loss {loss.item():.6f}")
        loss.backward()
        optimizer.step()

    print("\n a  b   truth   prediction")
    right = 0
    for (a, b), truth, prediction in zip(data.data, target.data[:, 0], predictions.data[:, 0], strict=True):
        print(f" {a}  {b}     {truth}       {prediction:.4f}")
        right += round(float(prediction)) == truth
    print(f"\n{right} of {len(data)} right")


if __name__ == "__main__":
    main()
