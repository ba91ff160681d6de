"""The playground: a program of the reader's, the graph behind one of its tensors, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from deeplearning_framework import Tensor, graph
from deeplearning_framework.errors import FrameworkError
from pagework import live
from pagework.inpage import cells
from pagework.running import Notebook

MOST = 60
"""Nodes of a graph that is drawn; nobody finds the way in a larger one."""

RESULT = "the last line"
"""What the value of the last line is called, where it has no name."""

NAME = "program"


@dataclass(frozen=True)
class Pictures:
    """The graph behind a tensor.

    Attributes:
        names: The tensors that there are to choose from.
        chosen: Which one it is.
        pictures: DOT text: first the graph, then one picture for each step back.
        note: What is to be said of it.
    """

    names: tuple[str, ...] = ()
    chosen: str = ""
    pictures: tuple[str, ...] = ()
    note: str = ""


class Playground:
    """One program, and what it has left."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._tensors: dict[str, Tensor] = {}

    def run(
        self, code: str, send: Callable[[str], object], show: Callable[[dict[str, Any]], object]
    ) -> tuple[cells.Ran, Pictures]:
        """Run a program from its first line.

        Args:
            code: The program.
            send: Takes what it prints.
            show: Takes what it has drawn while it runs.
        """
        notebook = Notebook()
        pictures = live.begin(show)
        try:
            ran, value = cells.run(notebook, code, NAME, send)
            pictures.finish()
        finally:
            live.begin(None)
        self._tensors = {
            name: each
            for name, each in notebook.namespace.items()
            if isinstance(each, Tensor) and not name.startswith("_")
        }
        if isinstance(value, Tensor) and not any(value is each for each in self._tensors.values()):
            self._tensors[RESULT] = value
        chosen = next((name for name, each in self._tensors.items() if each is value), "")
        return ran, self.graph(chosen or next(reversed(self._tensors), ""))

    def graph(self, name: str) -> Pictures:
        """The pictures of one of the tensors that the program has left."""
        names = tuple(self._tensors)
        if name not in self._tensors:
            return Pictures(names, note="The program has left no tensor to draw.")
        tensor = self._tensors[name]
        named = {key: each for key, each in self._tensors.items() if key != RESULT}
        whole = graph.dot(tensor, **named)
        nodes = whole.count("[label=")
        if nodes > MOST:
            note = f"{nodes} values are behind {name}; more than {MOST} make no picture that one can read."
            return Pictures(names, name, note=note)
        if not tensor.autograd:
            return Pictures(
                names, name, (whole,), f"{name} has no autograd, so there is no way back from it."
            )
        seed = None if tensor.data.size == 1 else np.ones(tensor.shape)
        note = "" if seed is None else f"On the way back, each element of {name} is handed a 1."
        try:
            return Pictures(names, name, (whole, *graph.steps(tensor, seed, **named)), note)
        except FrameworkError as error:
            return Pictures(names, name, (whole,), str(error).partition("\n")[0])
