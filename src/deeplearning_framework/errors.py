"""The errors this framework raises on purpose.

Each is a `FrameworkError` and also the standard class a caller would expect, so that both
``except FrameworkError`` and ``except ValueError`` catch a wrong shape. A message names the operation,
what was received and, where there is one, the way out.
"""


class FrameworkError(Exception):
    """The root of the tree; never raised itself."""


class ShapeError(FrameworkError, ValueError):
    """A shape, or a dimension named by a `dim` argument, does not fit the operation."""


class ArgumentError(FrameworkError, ValueError):
    """An option or a count has a value the operation does not offer."""


class StateError(FrameworkError, ValueError):
    """A saved state cannot be read, or does not fit the model it is loaded into."""


class MissingStateFileError(StateError, FileNotFoundError):
    """There is no file at the path a state was to be loaded from."""


class DTypeError(FrameworkError, TypeError):
    """An element type the operation is not defined for."""


class IndexRangeError(FrameworkError, IndexError):
    """An index or a class label outside its range; negative ones are never wrapped around."""


class GradientError(FrameworkError, RuntimeError):
    """A gradient that was asked for cannot be had, or would be wrong."""


class ReplayError(FrameworkError, RuntimeError):
    """A step that can't be recorded, or a call that a recording can't serve."""
