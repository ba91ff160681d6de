"""Cross-entropy."""

from __future__ import annotations

from deeplearning_framework.losses.base import Loss
from deeplearning_framework.tensor import Operand, Tensor


class CrossEntropyLoss(Loss):
    r"""Cross-entropy of logits against the numbers of the right classes, in nats.

    $$ \ell = -\frac 1n \sum_n \ln \mathrm{softmax}(x_n)_{t_n} $$

    Args:
        reduction: ``"mean"`` over every target, ``"sum"``, or ``"none"`` for one loss per target.

    Shape:
        ``(c),()->()``, then reduced.

    Source:
        I. Goodfellow, Y. Bengio, A. Courville, "Deep Learning" (2016), section 6.2.2.3.
    """

    def forward(self, prediction: Operand, target: Operand) -> Tensor:
        """Compute the cross-entropy.

        Args:
            prediction: Logits, not probabilities; classes along the last axis.
            target: The right class for each row of logits, as integers.

        Raises:
            ShapeError: There is not one target for each row.
            IndexRangeError: A target is no class.
        """
        logits = prediction if isinstance(prediction, Tensor) else Tensor(prediction)
        return logits.cross_entropy(target, reduction=self.reduction)
