"""What a program in the playground shows while it runs: curves, and what a model says over a square.

    from pagework.live import curve, surface

    for step in range(2000):
        ...
        curve(loss=loss.item())
        surface(model)

Both may be called at every step: what is shown is renewed a few times a second. Outside of the playground, as
when the site is built, nobody is shown anything.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from deeplearning_framework import Tensor, no_grad

EVERY = 0.15
"""Seconds between two pictures; more often nobody sees a difference."""

SIDE = 25
"""Places along each side of the square at which a model is asked."""

MOST = 400
"""Points of a curve that are shown; of a longer one every second, fourth, ... is left."""


class Live:
    """What has been shown so far, and where it goes.

    Attributes:
        curves: The points of each curve, thinned out evenly.
    """

    def __init__(self, send: Callable[[dict[str, Any]], object] | None) -> None:
        """Begin with nothing; `send` takes it to the page."""
        self._send = send
        self._last = {"curve": -math.inf, "surface": -math.inf}
        self._steps = 0
        self._stride = 1
        self._asked: tuple[Callable[[Tensor], Any], float, float] | None = None
        self.curves: dict[str, list[tuple[int, float]]] = {}

    def curve(self, values: Mapping[str, float]) -> None:
        """Take the next point of each curve."""
        if self._steps % self._stride == 0:
            for name, value in values.items():
                self.curves.setdefault(name, []).append((self._steps, float(value)))
            if max(map(len, self.curves.values())) > MOST:
                self._stride *= 2
                self.curves = {name: points[::2] for name, points in self.curves.items()}
        self._steps += 1
        if self._due("curve"):
            self._send_curves()

    def surface(self, model: Callable[[Tensor], Any], low: float, high: float) -> None:
        """Ask a model over the square, if the last time is a while ago."""
        self._asked = (model, low, high)
        if self._due("surface"):
            self._send_surface()

    def finish(self) -> None:
        """Show how it has ended."""
        if self.curves:
            self._send_curves()
        if self._asked is not None:
            self._send_surface()

    def _due(self, kind: str) -> bool:
        now = time.monotonic()
        if self._send is None or now - self._last[kind] < EVERY:
            return False
        self._last[kind] = now
        return True

    def _send_curves(self) -> None:
        if self._send is not None:
            finite = {
                name: [point for point in points if math.isfinite(point[1])]
                for name, points in self.curves.items()
            }
            self._send({"curves": finite, "steps": self._steps})

    def _send_surface(self) -> None:
        if self._send is None or self._asked is None:
            return
        model, low, high = self._asked
        along = np.linspace(low, high, SIDE)
        square = np.stack(np.meshgrid(along, along), axis=-1).reshape(-1, 2)  # (side * side, 2), row by row
        with no_grad():
            answers = model(Tensor(square))
        values: ArrayLike = answers.data if isinstance(answers, Tensor) else answers
        numbers = np.asarray(values, dtype=float).reshape(len(square), -1)[:, 0]
        self._send({"surface": np.round(numbers, 4).tolist(), "side": SIDE, "low": low, "high": high})


_now = Live(None)


def begin(send: Callable[[dict[str, Any]], object] | None) -> Live:
    """Start a program's pictures anew; `send` takes them to the page."""
    global _now  # noqa: PLW0603 -- there is one page, and a program imports two functions
    _now = Live(send)
    return _now


def curve(**values: float) -> None:
    """Add a point to each curve, such as `curve(loss=loss.item())`."""
    _now.curve(values)


def surface(model: Callable[[Tensor], Any], low: float = -0.25, high: float = 1.25) -> None:
    """Show what a model says over the square from `low` to `high` in both directions.

    Args:
        model: Takes a Tensor of points (n, 2); the first number that it gives for each is shown.
        low: Where the square begins.
        high: Where it ends.
    """
    _now.surface(model, low, high)
