"""A small deep-learning framework in pure NumPy.

Read it in this order: `primitives`, every operation beside its derivative; `tensor`, the graph and the walk
back through it; then `layers`, `losses` and `optim`, which are built on these two and not on each other.
"""

from deeplearning_framework.errors import (
    ArgumentError,
    DTypeError,
    FrameworkError,
    GradientError,
    IndexRangeError,
    MissingStateFileError,
    ReplayError,
    ShapeError,
    StateError,
)
from deeplearning_framework.layers import (
    Embedding,
    Layer,
    Linear,
    LSTMCell,
    Relu,
    RNNCell,
    Sequential,
    Sigmoid,
    Tanh,
)
from deeplearning_framework.losses import CrossEntropyLoss, MSELoss
from deeplearning_framework.optim import SGD
from deeplearning_framework.primitives import Rule
from deeplearning_framework.tensor import Tensor, apply, no_grad

__version__ = "0.1.0"

__all__ = [
    "SGD",
    "ArgumentError",
    "CrossEntropyLoss",
    "DTypeError",
    "Embedding",
    "FrameworkError",
    "GradientError",
    "IndexRangeError",
    "LSTMCell",
    "Layer",
    "Linear",
    "MSELoss",
    "MissingStateFileError",
    "RNNCell",
    "Relu",
    "ReplayError",
    "Rule",
    "Sequential",
    "ShapeError",
    "Sigmoid",
    "StateError",
    "Tanh",
    "Tensor",
    "__version__",
    "apply",
    "no_grad",
]
