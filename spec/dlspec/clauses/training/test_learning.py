"""That training gets somewhere: from a fixed start, a fixed task is learned."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.training.trajectories import TRUTH, XOR, XOR_START, xor_loss, xor_prediction
from dlspec.failure import ConformanceFailure
from dlspec.implementation import Implementation

DEPENDS = ("training.trajectories.a_network_learns_xor_step_by_step",)


@clause()
def test_xor_is_learned(impl: Implementation) -> None:
    """From a given start, a network with three hidden units MUST learn XOR: all four rows end on the
    right side of one half.
    """
    history = impl.train(xor_loss, XOR_START, [(XOR, TRUTH)] * 150, alpha=2.0)
    prediction = impl.evaluate(xor_prediction, *history[-1][1], XOR)

    if not np.array_equal(prediction > 0.5, TRUTH > 0.5):
        raise ConformanceFailure(
            f"after 150 steps XOR is predicted as {prediction.ravel().round(3).tolist()}",
            what="predictions",
            got=str(prediction.ravel().round(3).tolist()),
            expected="below, above, above, below one half",
        )
