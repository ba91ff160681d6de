"""Squared error."""

from __future__ import annotations

from deeplearning_framework.losses.base import Loss
from deeplearning_framework.primitives import MSE
from deeplearning_framework.tensor import Operand, Tensor, apply


class MSELoss(Loss):
    r"""Squared error, by default the mean over every element.

    $$ \ell = \frac 1n \sum_i (p_i - t_i)^2 $$

    Args:
        reduction: ``"mean"`` over every element, ``"sum"``, or ``"none"`` for one loss per element.

    Shape:
        ``(),()->()`` without broadcasting, then reduced.

    Source:
        I. Goodfellow, Y. Bengio, A. Courville, "Deep Learning" (2016), section 5.1.4.
    """

    def forward(self, prediction: Operand, target: Operand) -> Tensor:
        """Compute the squared error.

        Args:
            prediction: What was said.
            target: What is true; it gets a gradient if it wants one.

        Raises:
            ShapeError: The two have different shapes.
        """
        return apply(MSE, prediction, target, reduction=self.reduction)
