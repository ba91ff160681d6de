"""Stochastic gradient descent."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from deeplearning_framework.errors import ArgumentError, DTypeError, GradientError
from deeplearning_framework.shapes import Array
from deeplearning_framework.tensor import Tensor, grad_rows, is_leaf, mark_updated, zero_grad


class SGD:
    r"""Walk against the gradient, with momentum and weight decay if asked for.

    $$
    \begin{aligned}
    g &\leftarrow \bar p + \lambda p \\
    v &\leftarrow \mu v + g \\
    p &\leftarrow p - \alpha v \qquad\text{or, with Nesterov, } p - \alpha\,(g + \mu v)
    \end{aligned}
    $$

    A parameter is changed in its own array. One without a gradient is left alone entirely: it does not decay,
    and its $v$ stays.

    Args:
        parameters: Leaves with autograd, from a list or a generator; one listed twice steps once.
        alpha: The step size $\alpha$.
        momentum: $\mu$, the share of the last step that goes on.
        weight_decay: $\lambda$, the pull towards 0.
        nesterov: Whether to look one step of momentum ahead.

    Attributes:
        parameters: The parameters, each once.
        alpha: The step size. It may be changed between steps.

    Raises:
        ArgumentError: There are no parameters, one is no leaf with autograd, a number is negative or not
            finite, or Nesterov is asked for without momentum.
        DTypeError: A parameter is no tensor, or holds integers.

    Source:
        I. Sutskever, J. Martens, G. Dahl, G. Hinton, "On the importance of initialization and momentum in
        deep learning" (2013).
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        alpha: float = 0.1,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        """Check the parameters and start without momentum."""
        if isinstance(parameters, Tensor):
            raise ArgumentError("SGD: parameters is a list of tensors, such as model.get_parameters()")
        self.parameters = list({id(parameter): parameter for parameter in parameters}.values())
        if not self.parameters:
            raise ArgumentError(
                "SGD: there are no parameters; was a generator used before, or a model empty?"
            )
        for number, parameter in enumerate(self.parameters):
            _check_parameter(number, parameter)
        self.alpha = _checked("alpha", alpha)
        self.momentum = _checked("momentum", momentum)
        self.weight_decay = _checked("weight_decay", weight_decay)
        self.nesterov = bool(nesterov)
        if self.nesterov and self.momentum == 0:
            raise ArgumentError("SGD: nesterov=True looks ahead along the momentum, which is 0")
        self._velocities: list[Array | None] = [None] * len(self.parameters)
        self._rooms: dict[int, Array] = {}

    def step(self, zero: bool = True) -> None:
        """Change every parameter that has a gradient; if this raises, none was changed.

        Args:
            zero: Whether to set the gradients to zero afterwards.

        Raises:
            GradientError: No parameter has a gradient.
            ArgumentError: A number was set to something negative or not finite, or a parameter's array to
                read-only.
        """
        alpha = _checked("alpha", self.alpha)
        momentum = _checked("momentum", self.momentum)
        weight_decay = _checked("weight_decay", self.weight_decay)
        # With momentum or decay every row changes; without, only those whose gradient isn't zero.
        dense = bool(momentum or weight_decay)
        changes: list[tuple[int, Array, Array | None]] = []
        changed_rows: dict[int, Array] = {}
        for number, parameter in enumerate(self.parameters):
            rows, g = grad_rows(parameter, dense=dense)
            if g is None:
                continue
            data = parameter.data
            if not data.flags.writeable:
                raise ArgumentError(f"SGD: parameter {number} of shape {data.shape} is read-only")
            if rows is not None:
                data, changed_rows[number] = data[rows], rows
            if weight_decay:
                g = g + weight_decay * data
            velocity, update = self._velocities[number], g
            if momentum:
                velocity = g.copy() if velocity is None else momentum * velocity + g
                update = g + momentum * velocity if self.nesterov else velocity
            new = np.multiply(update, alpha, self._room(number, data))
            np.subtract(data, new, new)
            changes.append((number, new, velocity))
        if not changes:
            raise GradientError("SGD: no parameter has a gradient; was backward() called?")
        for number, new, velocity in changes:
            self.parameters[number].data[changed_rows.get(number, ...)] = new
            mark_updated(self.parameters[number])
            self._velocities[number] = velocity
        if zero:
            self.zero()

    def _room(self, number: int, data: Array) -> Array:
        """Room for a parameter's new values, the same in every step.

        Memory as long as all parameters would otherwise be fetched from the system page by page, and given
        back, in every step: for large layers that takes longer than the arithmetic.
        """
        room = self._rooms.get(number)
        if room is None or room.shape != data.shape:
            room = self._rooms[number] = np.empty_like(data)
        return room

    def zero(self) -> None:
        """Give every parameter that has a gradient a new one of zeros; None stays None."""
        for parameter in self.parameters:
            zero_grad(parameter)

    def __repr__(self) -> str:
        """The settings."""
        return (
            f"SGD({len(self.parameters)} parameters, alpha={self.alpha}, momentum={self.momentum}, "
            f"weight_decay={self.weight_decay}, nesterov={self.nesterov})"
        )


def _check_parameter(number: int, parameter: object) -> None:
    if not isinstance(parameter, Tensor):
        raise DTypeError(f"SGD: parameter {number} is a {type(parameter).__name__}, not a Tensor")
    if not parameter.autograd:
        raise ArgumentError(f"SGD: parameter {number} has autograd=False and will never have a gradient")
    if not is_leaf(parameter):
        raise ArgumentError(
            f"SGD: parameter {number} is the result of an operation; pass the leaves it was computed from, "
            "or make a leaf of it with Tensor(result.detach(), autograd=True)"
        )
    if parameter.dtype.kind != "f":
        raise DTypeError(f"SGD: parameter {number} is {parameter.dtype}; a step needs float32 or float64")


def _checked(name: str, value: object) -> float:
    if type(value) is float and 0.0 <= value < math.inf:
        return value
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value < 0:  # type: ignore[arg-type, operator] # `number` says so
        raise ArgumentError(f"SGD: {name} is a finite number from 0, not {value!r}")
    return float(value)  # type: ignore[arg-type]
