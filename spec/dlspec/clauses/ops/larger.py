"""Questions with longer sides and more axes than the frozen cases have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec.catalogue import Op
from dlspec.programs import lattice

Array = NDArray[Any]
Shapes = tuple[tuple[int, ...], ...]
Larger = tuple[tuple[Shapes, dict[str, Any]], ...]

_ALONE: Larger = tuple(((shape,), {}) for shape in ((5,), (6, 7), (130,), (2, 1, 3, 2, 5)))
_BESIDE: Larger = (
    *(((shape, shape), {}) for shape in ((5,), (6, 7), (130,), (2, 1, 3, 2, 5))),
    (((6, 1), (5,)), {}),
    (((2, 1, 3, 1, 5), (3, 2, 1)), {}),
)
_REDUCED: Larger = (
    (((130,),), {}),
    (((6, 7),), {"dim": 0}),
    (((5, 6, 7),), {"dim": -2}),
    (((5, 6, 7),), {"dim": (0, 2), "keepdims": True}),
    (((2, 3, 1, 2, 5),), {"dim": (1, -1)}),
)
_ALONG: Larger = (
    (((6, 7),), {}),
    (((6, 7),), {"dim": 0}),
    (((130,),), {}),
    (((2, 3, 5, 2),), {"dim": -3}),
)
_ROWS: Larger = (
    (((9, 5),), {"indices": np.arange(12).reshape(3, 4) % 9}),
    (((20, 2),), {"indices": np.arange(40) * 7 % 20}),
)
_CLASSES: Larger = (
    (((6, 7),), {"targets": np.array([0, 6, 3, 5, 2, 4])}),
    (((2, 3, 2, 5),), {"targets": np.arange(12).reshape(2, 3, 2) % 5, "reduction": "none"}),
    (((3, 130),), {"targets": np.array([129, 0, 64]), "reduction": "sum"}),
)

LARGER: Mapping[str, Larger] = {
    **dict.fromkeys(("add", "subtract", "multiply", "divide"), _BESIDE),
    **dict.fromkeys(("negative", "exp", "log", "relu", "tanh", "sigmoid"), _ALONE),
    "power": tuple((shapes, {"exponent": 3}) for shapes, _ in _ALONE),
    **dict.fromkeys(("sum", "mean", "max"), _REDUCED),
    "mm": (
        (((6, 7), (7, 5)), {}),
        (((9,), (9,)), {}),
        (((7,), (7, 6)), {}),
        (((3, 130), (130, 2)), {}),
        (((2, 5, 6), (6, 7)), {}),
        (((2, 1, 3, 5), (4, 5, 2)), {}),
    ),
    "transpose": (
        (((5, 6, 7),), {}),
        (((5, 6, 7),), {"axes": (1, 2, 0)}),
        (((2, 1, 3, 2, 5),), {"axes": (3, -1, 0, 2, 1)}),
    ),
    "reshape": (
        (((5, 6, 7),), {"shape": (7, -1, 6)}),
        (((130,),), {"shape": (13, 5, 2)}),
        (((2, 1, 3, 2, 5),), {"shape": (5, 2, 3, 2)}),
    ),
    "expand": (
        (((5, 6),), {"dim": 1, "copies": 7}),
        (((2, 1, 3, 5),), {"dim": -2, "copies": 6}),
        (((3,),), {"dim": 0, "copies": 130}),
    ),
    "index_select": (*_ROWS, (((6, 2, 3, 2),), {"indices": np.array([5, 0, 5, 1])})),
    **dict.fromkeys(("softmax", "log_softmax"), _ALONG),
    **dict.fromkeys(("cross_entropy", "cross_entropy_loss"), _CLASSES),
    "mse_loss": (
        (((6, 7), (6, 7)), {}),
        (((130,), (130,)), {"reduction": "none"}),
        (((2, 1, 3, 2, 5),) * 2, {"reduction": "sum"}),
    ),
    "linear": ((((6, 7), (7, 5), (5,)), {}), (((2, 1, 3, 5), (5, 6), (6,)), {})),
    "embedding": (*_ROWS, (((5, 3),), {"indices": np.arange(12).reshape(2, 3, 2) % 5})),
}
"""By op: the shapes of operands, and static arguments."""


def larger_operands(op: Op, sides: Shapes) -> tuple[Array, ...]:
    """Uneven numbers for a larger question, in the domain of the op."""
    operands = tuple(lattice(number, *shape) for number, shape in enumerate(sides))
    return tuple(np.abs(x) for x in operands) if op.name == "log" else operands
