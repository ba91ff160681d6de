"""The bookkeeping: tensors, the graph of what was computed from what, and the walk back through it.

`apply` runs an operation's forward and, if a gradient may be asked for later, leaves a `Node`: the rule, the
residuals its vjp will read, and where its operands came from. `Tensor.backward` visits the nodes, newest
first, and hands each one's cotangent to its vjp. Which operation it is, the walk never asks.

Three choices carry the rest:

* **Order is time.** One running counter numbers the nodes. An operation can only use what existed before it,
  so the newest node that has a cotangent has all of it: nothing that is still to come can add to it. A heap
  of numbers is all the topological sorting there is, without recursion, however deep the graph.
* **Nodes point backwards, and never to a tensor that is a result.** There are no cycles, so a graph dies with
  the last tensor that leads to it; and what is kept alive is what some vjp will read, not every array on the
  way.
* **The same counter dates updates.** A leaf that was changed after a node used it carries the higher number,
  so a gradient that would mix old values with new ones is refused, not returned.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from heapq import heappop, heappush
from typing import Any, TypeAlias, Union

import numpy as np
from numpy.typing import ArrayLike

from deeplearning_framework import primitives as p
from deeplearning_framework.errors import ArgumentError, DTypeError, FrameworkError, GradientError, ShapeError
from deeplearning_framework.rows import Rows
from deeplearning_framework.shapes import Array, Shape

__all__ = ["Tensor", "apply", "no_grad"]

Operand: TypeAlias = Union["Tensor", ArrayLike]

_DTYPES = frozenset("fd?bBhHiIlLqQpP")  # NumPy's one-letter codes: float32, float64, bool, integers
_FLOAT64 = np.dtype(np.float64)


def _gradient_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return dtype if dtype.kind == "f" else _FLOAT64


# Looked up once for each operation, which is why it isn't worked out anew.
_GRADIENT_DTYPES = {np.dtype(code): _gradient_dtype(np.dtype(code)) for code in _DTYPES}

_tick = itertools.count(1).__next__


class _Clock:
    """When a tensor's data was last changed, by the count that also numbers the nodes."""

    last_update = 0


class _Mode(threading.local):
    """Whether operations leave nodes; each thread has its own answer."""

    recording = True


_mode = _Mode()


@contextmanager
def no_grad() -> Iterator[None]:
    """Compute without recording: results have no autograd, and no graph is kept.

    It serves as a context manager and, called, as a decorator. It holds for the current thread alone and
    ends with the block, also when that raises. Leaves made inside still have the autograd they ask for,
    and `backward` may be called inside.

    Yields:
        Nothing.
    """
    before = _mode.recording
    _mode.recording = False
    try:
        yield
    finally:
        _mode.recording = before


class Node:
    """What is remembered of one operation.

    Attributes:
        rule: The operation.
        parents: For each operand the node it came from or, where it is nobody's result, the tensor itself.
        needs: For each operand, whether it wants a cotangent.
        residuals: What the vjp will read.
        order: When it ran; later is larger.
        shape: The shape of the result.
        dtype: The type of the result's gradient.
        retains: Whether the result keeps its gradient; here, because a node does not know its tensor.
    """

    __slots__ = ("_grad", "dtype", "needs", "order", "parents", "residuals", "retains", "rule", "shape")

    # `apply` fills them in. An `__init__` to do so would take as long as all the rest of making a node.
    rule: p.Rule
    parents: Sequence[Node | Tensor] | None
    needs: p.Needs
    residuals: p.Residuals
    order: int
    shape: Shape
    dtype: np.dtype[Any]
    retains: bool
    _grad: Tensor | Rows | None

    def free(self) -> None:
        """Let go of everything the vjp would need; the node cannot be walked through again."""
        self.parents = None
        self.residuals = ()

    def pull(self, y_bar: Array) -> Iterable[tuple[Node | Tensor, bool, Any]]:
        """Call the vjp.

        Returns:
            For each operand its parent, whether that wants a cotangent, and what the vjp returned for it.

        Raises:
            GradientError: The node was freed, a parent was updated since, or there isn't one cotangent for
                each operand.
        """
        parents = self.parents
        if parents is None:
            raise GradientError(
                f"backward: the graph was freed at {self._described}: an earlier backward went through it. "
                "Call that one with retain_graph=True to go through it again"
            )
        if self.order < _Clock.last_update:
            self._check_fresh(parents)
        if len(parents) == 1:
            cotangents = self.rule.vjp(y_bar, *self.residuals)
        else:
            cotangents = self.rule.vjp(y_bar, self.needs, *self.residuals)
        if not isinstance(cotangents, tuple) or len(cotangents) != len(parents):
            got = len(cotangents) if isinstance(cotangents, tuple) else type(cotangents).__name__
            raise GradientError(
                f"backward: the vjp of {self.rule.name} returns a tuple with one cotangent for each of its "
                f"{len(parents)} operands, not {got}"
            )
        return zip(parents, self.needs, cotangents)  # noqa: B905 (as long as each other)

    def _conform(self, x_bar: Any, parent: Node | Tensor) -> Array | Rows:  # noqa: ANN401 (anything a vjp returned)
        """Make a parent's cotangent of what the vjp has returned for it.

        Raises:
            GradientError: It has another shape than the operand, or isn't made of real numbers.
        """
        shape, dtype = parent.shape, _gradient_dtype(parent.dtype)
        if isinstance(x_bar, Rows) and x_bar.shape == shape and x_bar.dtype == dtype:
            return x_bar
        array = np.asarray(x_bar)
        if array.shape != shape or array.dtype.kind not in "fiub":
            got = "None" if x_bar is None else f"shape {array.shape} and dtype {array.dtype}"
            raise GradientError(
                f"backward: the vjp of {self.rule.name} returned a cotangent of {got} "
                f"for an operand of shape {shape}"
            )
        return array.astype(dtype, copy=False)

    def _check_fresh(self, parents: Sequence[Node | Tensor]) -> None:
        for parent in parents:
            if isinstance(parent, Tensor) and parent._updated > self.order:
                raise GradientError(
                    f"backward: a tensor of shape {parent.shape} was updated after {self._described} had "
                    "used it, so the gradient would mix old values with new ones; run the forward pass "
                    "again after an update"
                )

    @property
    def _described(self) -> str:
        return f"{self.rule.name} (result of shape {self.shape})"


class Tensor:
    """An array that knows how it was computed.

    A *leaf* was made by hand, with ``autograd=True`` if it wants a gradient; a *result* was computed from
    others, and wants one if any of them does. The rest are *constants*.

    Two tensors are equal only if they are the same tensor. Arithmetic is NumPy's, broadcasting included, with
    arrays and numbers on either side; a Python number does not change the dtype.

    Args:
        data: A number, nested lists, an array or a constant tensor. It is copied. float32, float64, integers
            and bools keep their type; nothing else is accepted.
        autograd: Whether `backward` is to leave a gradient in `grad`.

    Raises:
        DTypeError: The elements are of another type.
        ShapeError: The lists are ragged.
        GradientError: The data is a tensor with autograd, whose graph a copy would cut.
    """

    __slots__ = ("__weakref__", "_autograd", "_data", "_grad", "_node", "_updated")

    # NumPy then leaves `array + tensor` to the tensor, where it would make an array of objects.
    __array_ufunc__ = None

    _data: Array
    _autograd: bool
    _node: Node | None
    _grad: Tensor | Rows | None
    _updated: int

    def __init__(self, data: Operand, autograd: bool = False) -> None:
        """Copy the data into a new leaf or constant."""
        self._data = _own_array(data)
        self._autograd = bool(autograd)
        self._node = None
        self._grad = None
        self._updated = 0

    @property
    def data(self) -> Array:
        """The array itself, not a copy.

        Assigning to a leaf's `data` copies the values in, in the leaf's dtype, and dates the change, so
        that no older graph gives a gradient that mixes old values with new. ``t.data -= step`` changes the
        array in place and counts as such an assignment. Other writes into the array go unnoticed.
        """
        return self._data

    @data.setter
    def data(self, value: Operand) -> None:
        if self._node is not None:
            raise GradientError(
                f"data: this tensor is the result of {self._node.rule.name}, its values follow from others; "
                "detach() gives a copy that may be changed"
            )
        if value is not self._data:
            array = _own_array(value)
            if array.shape != self.shape:
                raise ShapeError(f"data: shape {array.shape} cannot replace shape {self.shape}")
            if not np.can_cast(array.dtype, self.dtype, "same_kind"):
                raise DTypeError(f"data: {array.dtype} cannot replace {self.dtype}; convert it first")
            self._data = array.astype(self.dtype, copy=False)
        mark_updated(self)

    @property
    def autograd(self) -> bool:
        """Whether a gradient can be asked for."""
        return self._autograd

    @property
    def grad(self) -> Tensor | None:
        """The gradient that calls of `backward` have added up, or None if there was none yet.

        A result has one only after `retain_grad`. It may be set to None, or to anything of the tensor's
        shape, which is copied.
        """
        holder = self._node or self
        if holder._grad is _ZEROS:
            holder._grad = _constant(np.zeros(self.shape, _gradient_dtype(self.dtype)))
        elif isinstance(holder._grad, Rows):
            holder._grad = _constant(np.asarray(holder._grad))
        return holder._grad

    @grad.setter
    def grad(self, value: Operand | None) -> None:
        if value is not None:
            if not self._autograd:
                raise GradientError("grad: this tensor was made with autograd=False and has no gradient")
            value = _constant(np.array(self._as_cotangent("grad", value)))
        (self._node or self)._grad = value

    @property
    def shape(self) -> Shape:
        """The size of each dim."""
        shape: Shape = self._data.shape
        return shape

    @property
    def ndim(self) -> int:
        """The number of dims."""
        return self._data.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the elements."""
        return self._data.dtype

    def item(self) -> float | int | bool:
        """The one element, as a Python number.

        Raises:
            ShapeError: There is not exactly one.
        """
        if self._data.size != 1:
            raise ShapeError(f"item: a tensor of shape {self.shape} is not one number")
        number: float | int | bool = self._data.item()
        return number

    def __len__(self) -> int:
        """The size of the first dim."""
        return len(self._data)

    def __bool__(self) -> bool:
        """The truth of the one element, as for a number."""
        return bool(self.item())

    def __array__(self, dtype: np.dtype[Any] | None = None, copy: bool | None = None) -> Array:
        """Serve NumPy a constant's data; with autograd, refuse to cut the graph in passing."""
        if self._autograd:
            raise GradientError(
                "NumPy cannot record a gradient; pass .data, or detach() first, to leave it out"
            )
        if copy is False and dtype is not None and dtype != self.dtype:
            raise ValueError(f"{self.dtype} data cannot be had as {dtype} without a copy")
        return self._data.astype(dtype or self.dtype, copy=bool(copy))

    def __reduce__(self) -> tuple[Any, ...]:
        """Let `copy` and `pickle` make a leaf or a constant of its own data and gradient."""
        if self._node is not None:
            raise GradientError(
                "copy: the result of an operation cannot be copied with its graph; detach() it"
            )
        grad = self.grad
        return _rebuilt, (self._data, self._autograd, None if grad is None else grad._data)

    def __str__(self) -> str:
        """The data, as NumPy shows it."""
        return str(self._data)

    def __repr__(self) -> str:
        """The data as a call that would make it again."""
        text = np.array2string(self._data, separator=", ", prefix="Tensor(")
        dtype = "" if self.dtype in (_FLOAT64, np.int64, np.bool_) else f", dtype={self.dtype}"
        return f"Tensor({text}{dtype}{', autograd=True' if self._autograd else ''})"

    def backward(self, grad: Operand | None = None, retain_graph: bool = False) -> None:
        r"""Add to the `grad` of every leaf this tensor was computed from.

        $$ \bar x \mathrel{+}= \Bigl(\frac{\partial y}{\partial x}\Bigr)^{\!\top} \bar y $$

        The graph is freed on the way. If anything fails, no gradient has changed, but the graph counts as
        freed. On a leaf this adds the cotangent itself.

        Args:
            grad: The cotangent $\bar y$, in this tensor's shape. None means 1, for a tensor of one
                element.
            retain_graph: Keep the graph, so that `backward` may go through it again and add to the gradients.

        Raises:
            GradientError: There is no autograd or no cotangent, the graph was freed, or a tensor in it was
                updated since.
            ShapeError: The cotangent has another shape.
            DTypeError: The cotangent is not real.
        """
        if not self._autograd:
            raise GradientError(
                "backward: this tensor has autograd=False: it is a constant, or was computed from constants "
                "only, or inside no_grad()"
            )
        if grad is not None:
            seed = self._as_cotangent("backward", grad)
        elif self._data.size == 1:
            seed = np.empty(self.shape, _gradient_dtype(self.dtype))
            seed.fill(1)
        else:
            raise GradientError(
                f"backward: a tensor of shape {self.shape} needs a cotangent; pass one of its shape, as in "
                "y.backward(np.ones(y.shape)), or reduce it first, as in y.sum().backward()"
            )
        _walk(self._node or self, seed, retain_graph)

    def _as_cotangent(self, op: str, value: Operand) -> Array:
        """Check a gradient given from outside; it may still be the caller's own array."""
        array = value._data if isinstance(value, Tensor) else np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise DTypeError(f"{op}: a gradient is made of real numbers, not {array.dtype}")
        if array.shape != self.shape:
            raise ShapeError(f"{op}: a gradient of shape {array.shape} for a tensor of shape {self.shape}")
        return array.astype(_gradient_dtype(self.dtype), copy=False)

    def retain_grad(self) -> None:
        """Have this result keep its gradient in `grad`, as a leaf does.

        Raises:
            GradientError: There is no autograd.
        """
        if not self._autograd:
            raise GradientError("retain_grad: this tensor has autograd=False and gets no gradient")
        if self._node is not None:
            self._node.retains = True

    def detach(self) -> Tensor:
        """A constant with a copy of the data."""
        return _constant(self._data.copy())

    def __add__(self, other: Operand) -> Tensor:
        """Add; see `primitives.add`."""
        return apply(p.ADD, self, other)

    def __radd__(self, other: Operand) -> Tensor:
        """Add; see `primitives.add`."""
        return apply(p.ADD, other, self)

    def __sub__(self, other: Operand) -> Tensor:
        """Subtract; see `primitives.subtract`."""
        return apply(p.SUBTRACT, self, other)

    def __rsub__(self, other: Operand) -> Tensor:
        """Subtract; see `primitives.subtract`."""
        return apply(p.SUBTRACT, other, self)

    def __mul__(self, other: Operand) -> Tensor:
        """Multiply element by element; see `primitives.multiply`."""
        return apply(p.MULTIPLY, self, other)

    def __rmul__(self, other: Operand) -> Tensor:
        """Multiply element by element; see `primitives.multiply`."""
        return apply(p.MULTIPLY, other, self)

    def __truediv__(self, other: Operand) -> Tensor:
        """Divide element by element; see `primitives.divide`."""
        return apply(p.DIVIDE, self, other)

    def __rtruediv__(self, other: Operand) -> Tensor:
        """Divide element by element; see `primitives.divide`."""
        return apply(p.DIVIDE, other, self)

    def __matmul__(self, other: Operand) -> Tensor:
        """Multiply matrices; see `primitives.mm`."""
        return apply(p.MM, self, other)

    def __rmatmul__(self, other: Operand) -> Tensor:
        """Multiply matrices; see `primitives.mm`."""
        return apply(p.MM, other, self)

    def __neg__(self) -> Tensor:
        """Change the sign; see `primitives.negative`."""
        return apply(p.NEGATIVE, self)

    def __pow__(self, exponent: float) -> Tensor:
        """Raise to a constant power; see `primitives.power`."""
        return apply(p.POWER, self, exponent=exponent)

    def __rpow__(self, base: Operand) -> Tensor:
        """Refuse a varying exponent, and name the way out."""
        raise ArgumentError(
            f"power: the exponent is a constant number; for a varying one write (y * log({base!r})).exp()"
        )

    def exp(self) -> Tensor:
        """Exponential; see `primitives.exp`."""
        return apply(p.EXP, self)

    def log(self) -> Tensor:
        """Natural logarithm; see `primitives.log`."""
        return apply(p.LOG, self)

    def relu(self) -> Tensor:
        """Positive part; see `primitives.relu`."""
        return apply(p.RELU, self)

    def tanh(self) -> Tensor:
        """Hyperbolic tangent; see `primitives.tanh`."""
        return apply(p.TANH, self)

    def sigmoid(self) -> Tensor:
        """Logistic function; see `primitives.sigmoid`."""
        return apply(p.SIGMOID, self)

    def sum(self, dim: p.Dims = None, keepdims: bool = False) -> Tensor:
        """Sum over one dim, a tuple of dims or all; see `primitives.sum`."""
        return apply(p.SUM, self, dim=dim, keepdims=keepdims)

    def mean(self, dim: p.Dims = None, keepdims: bool = False) -> Tensor:
        """Mean over one dim, a tuple of dims or all; see `primitives.mean`."""
        return apply(p.MEAN, self, dim=dim, keepdims=keepdims)

    def max(self, dim: p.Dims = None, keepdims: bool = False) -> Tensor:
        """Largest element over one dim, a tuple of dims or all; see `primitives.max`."""
        return apply(p.MAX, self, dim=dim, keepdims=keepdims)

    def mm(self, other: Operand) -> Tensor:
        """Matrix product; see `primitives.mm`."""
        return apply(p.MM, self, other)

    def transpose(self, *axes: int | tuple[int, ...]) -> Tensor:
        """Axes in another order, given as ints or one tuple, or reversed; see `primitives.transpose`."""
        return apply(p.TRANSPOSE, self, axes=_unpacked(axes) if axes else None)

    def reshape(self, *shape: int | tuple[int, ...]) -> Tensor:
        """The elements in another shape, given as ints or one tuple; see `primitives.reshape`."""
        return apply(p.RESHAPE, self, shape=_unpacked(shape))

    def expand(self, dim: int, copies: int) -> Tensor:
        """Copies along a new axis; see `primitives.expand`."""
        return apply(p.EXPAND, self, dim=dim, copies=copies)

    def index_select(self, indices: Operand) -> Tensor:
        """Rows by number; see `primitives.index_select`."""
        return apply(p.INDEX_SELECT, self, indices=_unwrapped(indices))

    def softmax(self, dim: int = -1) -> Tensor:
        """Probabilities along a dim; see `primitives.softmax`."""
        return apply(p.SOFTMAX, self, dim=dim)

    def log_softmax(self, dim: int = -1) -> Tensor:
        """Log-probabilities along a dim; see `primitives.log_softmax`."""
        return apply(p.LOG_SOFTMAX, self, dim=dim)

    def cross_entropy(self, targets: Operand, reduction: str = "mean") -> Tensor:
        """Cross-entropy of these logits against class numbers; see `primitives.cross_entropy`."""
        return apply(p.CROSS_ENTROPY, self, targets=_unwrapped(targets), reduction=reduction)


def apply(rule: p.Rule, *inputs: Operand, **static: Any) -> Tensor:  # noqa: ANN401 (up to the rule)
    """Run an operation, and remember it if a gradient may be asked for.

    Args:
        rule: The operation: one of `primitives`, or your own.
        *inputs: Its operands: tensors, or anything a tensor can be made from. A Python number takes the
            dtype of the others.
        **static: The keywords of the rule's forward.

    Returns:
        The result. It has autograd if any operand has; a constant never cuts the graph.
    """
    arrays: list[Array] = []
    needs: list[bool] = []
    parents: list[Node | Tensor] = []
    for x in inputs:
        if not isinstance(x, Tensor):
            return apply(rule, *_operands(inputs), **static)
        arrays.append(x._data)
        needs.append(x._autograd)
        parents.append(x._node or x)
    value, residuals = rule.forward(*arrays, **static)
    y = value if type(value) is np.ndarray else np.asarray(value)
    dtype = _GRADIENT_DTYPES.get(y.dtype)
    if dtype is None:
        raise DTypeError(f"{rule.name}: the result is {y.dtype}, which a tensor cannot hold")

    result = _constant(y)
    if True in needs and _mode.recording:
        result._autograd = True
        result._node = node = Node()
        node.rule = rule
        node.parents = tuple(parents)
        node.needs = tuple(needs)
        node.residuals = residuals
        node.order = _tick()
        node.shape = y.shape
        node.dtype = dtype
        node.retains = False
        node._grad = None
        return result
    # No node connects this result with its operands: a view would change with them behind the graph's back.
    for x in arrays:
        if np.may_share_memory(y, x):
            result._data = y.copy()
    return result


def _walk(root: Node | Tensor, seed: Array, retain_graph: bool) -> None:  # noqa: PLR0912 (one loop with all its cases)
    """Carry a cotangent from a root to the leaves, and there into `grad`."""
    cotangents: dict[Node | Tensor, Any] = {root: seed}
    summed: set[Node | Tensor] = set()  # whose cotangent is a sum made here, and may be added to in place
    given: set[Node | Tensor] = set()  # leaves whose cotangent was given away: it may be kept as it is
    arrived: list[tuple[Node | Tensor, Any, bool]] = []
    heap = [(-root.order, root)] if isinstance(root, Node) else []

    node = root
    try:
        while heap:
            node = heappop(heap)[1]
            y_bar = cotangents.pop(node)
            summed.discard(node)
            if isinstance(y_bar, Rows):
                y_bar = np.asarray(y_bar)
            if node.retains:
                arrived.append((node, y_bar, False))
            sent = node.pull(y_bar)
            fresh = node.rule.fresh
            if not retain_graph:
                node.free()
            for parent, needed, x_bar in sent:
                if not needed:
                    continue
                like = parent if isinstance(parent, Node) else parent._data
                fits = type(x_bar) is np.ndarray and x_bar.shape == like.shape and x_bar.dtype is like.dtype
                if not fits:
                    x_bar = node._conform(x_bar, parent)  # noqa: PLW2901 (the same cotangent)
                if parent not in cotangents:
                    cotangents[parent] = x_bar
                    if isinstance(parent, Node):
                        heappush(heap, (-parent.order, parent))
                    elif fresh:
                        given.add(parent)
                elif isinstance(x_bar, Rows) and isinstance(cotangents[parent], Rows):
                    cotangents[parent] = cotangents[parent].extend(x_bar)
                elif parent in summed:
                    cotangents[parent] += x_bar
                else:
                    cotangents[parent] = np.asarray(cotangents[parent] + x_bar)
                    summed.add(parent)
    except BaseException:
        for failed in (root, node):
            if isinstance(failed, Node):
                failed.free()
        raise

    # A node took its cotangent with it when it was visited. What is left has arrived at leaves.
    summed |= given
    for leaf, x_bar in cotangents.items():
        arrived.append((leaf, x_bar, leaf in summed))
    _commit(arrived)


def _commit(arrived: list[tuple[Node | Tensor, Any, bool]]) -> None:
    """Add cotangents to gradients: first work out all of the new ones, then assign them."""
    gradients: list[tuple[Node | Tensor, Tensor | Rows]] = []
    for target, cotangent, ours in arrived:
        old = None if target._grad is _ZEROS else target._grad
        if isinstance(cotangent, Rows) and (old is None or isinstance(old, Rows)):
            rows = cotangent.summed()
            gradients.append((target, rows if old is None else old.plus(rows)))
            continue
        if isinstance(old, Rows):
            old = _constant(np.asarray(old))
        # What isn't ours may be the caller's seed, a view, or another leaf's too.
        new = (cotangent if ours else np.array(cotangent)) if old is None else old._data + cotangent
        gradients.append((target, _constant(np.asarray(new))))
    for target, gradient in gradients:
        target._grad = gradient


def mark_updated(tensor: Tensor) -> None:
    """Date a change of a tensor's data, so that no older graph uses the new values.

    Whoever writes into a leaf's array, as an optimizer does, says so here.
    """
    tensor._updated = _Clock.last_update = _tick()


def zero_grad(tensor: Tensor) -> None:
    """Give a leaf that has a gradient a new one of zeros; None stays None.

    The zeros are made when somebody looks. In training nobody does: the next `backward` would only add to
    them, and setting aside and reading arrays of zeros costs as much as the update.
    """
    if tensor._grad is not None:
        tensor._grad = _ZEROS


def grad_rows(tensor: Tensor, *, dense: bool) -> tuple[Array | None, Array | None]:
    """A leaf's gradient without its zeros, where only rows have arrived: their numbers, and their gradients.

    Otherwise, and if a `dense` one is asked for, None and the gradient.
    """
    grad = tensor._grad
    if isinstance(grad, Rows) and not dense:
        return grad.parts[0]
    if isinstance(grad, Rows) or grad is _ZEROS:
        grad = tensor.grad
    return None, None if grad is None else grad._data


def is_leaf(value: object) -> bool:
    """Whether something is a tensor that was made by hand and wants a gradient: a parameter."""
    return isinstance(value, Tensor) and value._autograd and value._node is None


def _constant(array: Array) -> Tensor:
    """Wrap an array that is already the tensor's own."""
    tensor = Tensor.__new__(Tensor)
    tensor._data = array
    tensor._autograd = False
    tensor._node = None
    tensor._grad = None
    tensor._updated = 0
    return tensor


_ZEROS = _constant(np.zeros(()))  # stands for zeros of a leaf's shape that nobody has looked at yet


def _rebuilt(data: Array, autograd: bool, grad: Array | None) -> Tensor:
    tensor = Tensor(data, autograd)
    tensor.grad = grad
    return tensor


def _own_array(data: object) -> Array:
    """Copy anything a tensor can be made from into an array of a type a tensor can hold."""
    if isinstance(data, Tensor):
        if data._autograd:
            raise GradientError(
                "Tensor: a copy of a tensor with autograd would cut its graph; detach() it first"
            )
        return data._data.copy()
    try:
        array = np.array(data)
    except FrameworkError:
        raise
    except ValueError as error:
        raise ShapeError(f"Tensor: the lists are ragged: {error}") from None
    if array.dtype.char not in _DTYPES:
        raise DTypeError(
            f"Tensor: {array.dtype} is not supported; convert to float32, float64, an integer type or bool"
        )
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _operands(inputs: tuple[Any, ...]) -> tuple[Tensor, ...]:
    """Make tensors of operands; a Python number adapts to the types of the rest."""
    made = [x if isinstance(x, Tensor) or type(x) in (bool, int, float) else Tensor(x) for x in inputs]
    dtypes = [x._data.dtype for x in made if isinstance(x, Tensor)]
    return tuple([x if isinstance(x, Tensor) else _weak(x, dtypes) for x in made])


def _weak(number: float, dtypes: list[np.dtype[Any]]) -> Tensor:
    try:
        return _constant(np.array(number, np.result_type(*dtypes, number)))
    except OverflowError:
        names = ", ".join(map(str, dtypes))
        raise ArgumentError(
            f"the number {number} does not fit into {names}; convert the tensor first"
        ) from None


def _unpacked(numbers: tuple[Any, ...]) -> tuple[int, ...]:
    """Accept ``f(1, 2)`` and ``f((1, 2))`` alike."""
    if len(numbers) == 1 and isinstance(numbers[0], (tuple, list)):
        return tuple(numbers[0])
    return numbers


def _unwrapped(values: Operand) -> object:
    """The array of a tensor of integers, which primitives do not know."""
    return values._data if isinstance(values, Tensor) else values
