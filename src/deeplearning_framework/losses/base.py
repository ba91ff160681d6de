"""What the losses have in common."""

from __future__ import annotations

from deeplearning_framework.primitives import check_reduction
from deeplearning_framework.tensor import Operand, Tensor


class Loss:
    """How far a prediction is from the truth.

    Args:
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` to keep the single losses.

    Raises:
        ArgumentError: It is none of the three.
    """

    def __init__(self, reduction: str = "mean") -> None:
        """Remember how to reduce."""
        check_reduction(type(self).__name__, reduction)
        self.reduction = reduction

    def forward(self, prediction: Operand, target: Operand) -> Tensor:
        """Compute the loss."""
        raise NotImplementedError(f"{type(self).__name__} does not say what its loss is")

    def __call__(self, prediction: Operand, target: Operand) -> Tensor:
        """Compute the loss: the same as `forward`."""
        return self.forward(prediction, target)

    def __repr__(self) -> str:
        """The call that made it."""
        options = "" if self.reduction == "mean" else f"reduction={self.reduction!r}"
        return f"{type(self).__name__}({options})"
