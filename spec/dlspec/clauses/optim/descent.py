"""The update rule in rational arithmetic: what a step of gradient descent is, without a rounding error."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from dlspec.strategies import arrays_of, whole

Array = NDArray[Any]
Steps = Sequence[Sequence[Array | None]]

_to_fraction = np.frompyfunc(lambda x: Fraction(float(x)), 1, 1)
_to_float = np.frompyfunc(float, 1, 1)


def exact(x: Any) -> Array:
    """The same numbers as fractions."""
    return np.asarray(_to_fraction(np.asarray(x)), dtype=object)


def descent(
    parameters: Sequence[Array],
    gradients: Steps,
    *,
    alphas: Sequence[float],
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> list[list[Array]]:
    """The parameters after each step.

    For each parameter `p` with gradient `g`, velocity `v` (0 at first) and learning rate `alpha`:
    `g += weight_decay p`, `v = momentum v + g`, and `p -= alpha v`, or `p -= alpha (g + momentum v)` with
    Nesterov.
    A parameter without a gradient is left out altogether.
    """
    current = [exact(p) for p in parameters]
    velocities: list[Any] = [exact(np.zeros_like(p)) for p in parameters]
    history = []
    for alpha, step in zip(alphas, gradients, strict=True):
        for k, gradient in enumerate(step):
            if gradient is None:
                continue
            g = exact(gradient) + Fraction(weight_decay) * current[k]
            velocities[k] = Fraction(momentum) * velocities[k] + g
            move = g + Fraction(momentum) * velocities[k] if nesterov else velocities[k]
            current[k] = current[k] - Fraction(alpha) * move
        history.append([np.asarray(_to_float(p), dtype=np.float64) for p in current])
    return history


@st.composite
def descents(draw: st.DrawFn) -> dict[str, Any]:
    """Runs of up to four steps over two parameters, in which every option and every absence occurs.

    All numbers have few binary digits, so that each step is exact in float32 too.
    """
    shapes = (2,), (2, 1)
    momentum = draw(st.sampled_from([0.0, 0.5]))
    steps = []
    for _ in range(draw(st.integers(1, 4))):
        given = [draw(arrays_of(whole(-8, 8), shape)) for shape in shapes]
        absent = draw(st.sampled_from([None, 0, 1]))
        steps.append(tuple(None if k == absent else gradient for k, gradient in enumerate(given)))
    return {
        "parameters": tuple(draw(arrays_of(whole(-8, 8), shape)) for shape in shapes),
        "gradients": tuple(steps),
        "alphas": tuple(draw(st.sampled_from([0.0, 0.25, 0.5, 1.0])) for _ in steps),
        "momentum": momentum,
        "weight_decay": draw(st.sampled_from([0.0, 0.25])),
        "nesterov": momentum > 0 and draw(st.booleans()),
    }
