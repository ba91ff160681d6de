"""Layers one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from deeplearning_framework.errors import ArgumentError
from deeplearning_framework.layers.base import Layer


class Sequential(Layer):
    """Layers, each applied to the output of the one before.

    Args:
        layers: The layers, first one first. The container makes a list of its own.

    Attributes:
        layers: That list.

    Raises:
        ArgumentError: Something among them is no layer.
    """

    def __init__(self, layers: Iterable[Layer] | None = None) -> None:
        """Put the layers in a row."""
        super().__init__()
        self.layers: list[Layer] = []
        for layer in layers if layers is not None else ():
            self.add(layer)

    def add(self, layer: Layer) -> None:
        """Append a layer.

        Raises:
            ArgumentError: It is no layer.
        """
        if not isinstance(layer, Layer):
            raise ArgumentError(f"Sequential: {layer!r} is no layer; pass an instance, such as Tanh()")
        self.layers.append(layer)

    def forward(self, x: Any) -> Any:  # noqa: ANN401 (whatever the first layer takes and the last one returns)
        """Send the input through all layers in turn."""
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def __repr__(self) -> str:
        """The call that made it."""
        return f"{type(self).__name__}({self.layers!r})"

    def _attributes(self) -> Iterable[tuple[str, object]]:
        # Layers go by number alone: 0.weight, not layers.0.weight.
        for name, value in super()._attributes():
            if name == "layers":
                yield from ((str(number), layer) for number, layer in enumerate(self.layers))
            else:
                yield name, value
