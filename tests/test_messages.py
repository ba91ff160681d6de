"""What our errors say: the operation, what it received, and the way out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from deeplearning_framework import (
    SGD,
    ArgumentError,
    CrossEntropyLoss,
    DTypeError,
    Embedding,
    FrameworkError,
    GradientError,
    IndexRangeError,
    Layer,
    Linear,
    MSELoss,
    RNNCell,
    Sequential,
    ShapeError,
    Tanh,
    Tensor,
    apply,
)
from deeplearning_framework.primitives import AFFINE


def x() -> Tensor:
    return Tensor(np.ones((4, 3)), autograd=True)


def zeros(*shape: int) -> Tensor:
    return Tensor(np.zeros(shape))


def shapes(text: str, contract: str, received: str) -> str:
    return f"{text}\n  contract  {contract}\n  received  {received}"


MESSAGES: list[tuple[Callable[[], Any], type[FrameworkError], str]] = [
    (
        lambda: x().mm(zeros(5, 2)),
        ShapeError,
        shapes("mm: k is 3 in x.shape[1] but 5 in w.shape[0]", "(n,k),(k,m)->(n,m)", "x (4, 3), w (5, 2)"),
    ),
    (
        lambda: x().mm(zeros(2)),
        ShapeError,
        shapes("mm: k is 3 in x.shape[1] but 2 in w.shape[0]", "(n,k),(k)->(n)", "x (4, 3), w (2,)"),
    ),
    (
        lambda: zeros(2) @ x(),
        ShapeError,
        shapes("mm: k is 2 in x.shape[0] but 4 in w.shape[0]", "(k),(k,m)->(m)", "x (2,), w (4, 3)"),
    ),
    (
        lambda: zeros(2) @ zeros(3),
        ShapeError,
        shapes("mm: k is 2 in x.shape[0] but 3 in w.shape[0]", "(k),(k)->()", "x (2,), w (3,)"),
    ),
    (
        lambda: x().mm(2.0),
        ShapeError,
        shapes("mm: w has 0 dimensions, the contract asks for 1 or more", "(n,k),(k)->(n)", "x (4, 3), w ()"),
    ),
    (
        lambda: zeros(5, 2, 3) @ zeros(4, 3, 2),
        ShapeError,
        shapes(
            "mm: the leading axes (5,) and (4,) do not broadcast together",
            "(n,k),(k,m)->(n,m)",
            "x (5, 2, 3), w (4, 3, 2)",
        ),
    ),
    (
        lambda: x() + zeros(2),
        ShapeError,
        shapes("add: axis -1 is 3 in x but 2 in y, and neither is 1", "(),()->()", "x (4, 3), y (2,)"),
    ),
    (
        lambda: x() / zeros(5, 1),
        ShapeError,
        shapes("divide: axis -2 is 4 in x but 5 in y, and neither is 1", "(),()->()", "x (4, 3), y (5, 1)"),
    ),
    (lambda: x() - zeros(2), ShapeError, "subtract: axis -1 is 3 in x but 2 in y"),
    (lambda: x() * zeros(2), ShapeError, "multiply: axis -1 is 3 in x but 2 in y"),
    (
        lambda: apply(AFFINE, x(), zeros(3, 2), zeros(5)),
        ShapeError,
        shapes(
            "affine: m is 2 in w.shape[1] but 5 in b.shape[0]",
            "(k),(k,m),(m)->(m)",
            "x (4, 3), w (3, 2), b (5,)",
        ),
    ),
    (
        lambda: apply(AFFINE, x(), zeros(2, 3, 2), zeros(2)),
        ShapeError,
        "affine: w is one matrix, and b one vector\n",
    ),
    (
        lambda: x().sum(2),
        ShapeError,
        "sum: dim 2 is out of range for a tensor of 2 dimensions; valid are -2..1",
    ),
    (lambda: zeros(3).max(-2), ShapeError, "max: dim -2 is out of range for a tensor of 1 dimension; valid"),
    (lambda: Tensor(1.0).softmax(), ShapeError, "softmax: dim -1 is out of range for a tensor of 0 dim"),
    (lambda: x().mean(True), ShapeError, "mean: a dim is an integer, not True"),
    (lambda: x().sum((0, -2)), ShapeError, "sum: dim (0, -2) names a dim twice"),
    (lambda: x().reshape(5, 2), ShapeError, "reshape: 12 elements cannot take the shape (5, 2)"),
    (lambda: x().reshape(-1, 5), ShapeError, "reshape: 12 elements cannot take the shape (-1, 5)"),
    (lambda: x().reshape(-1, -1), ShapeError, "reshape: (-1, -1) is no shape; sizes are integers from 0"),
    (lambda: x().transpose(0), ShapeError, "transpose: (0,) does not name every dim of shape (4, 3) once"),
    (lambda: x().expand(0, -1), ArgumentError, "expand: copies is an integer from 0, not -1"),
    (
        lambda: x().index_select([0, 4]),
        IndexRangeError,
        "index_select: index 4 at position 1 is outside [0, 4)",
    ),
    (
        lambda: x().index_select([[0, 1], [-1, 9]]),
        IndexRangeError,
        "index_select: index -1 at position (1, 0) is outside [0, 4)",
    ),
    (lambda: x().index_select(7), IndexRangeError, "index_select: index 7 is outside [0, 4)"),
    (
        lambda: x().index_select(np.array([2**63], np.uint64)),
        IndexRangeError,
        "index_select: index 9223372036854775808 at position 0 is outside [0, 4)",
    ),
    (
        lambda: x().index_select([0.0]),
        DTypeError,
        "index_select: indices are integers, not float64",
    ),
    (
        lambda: Tensor(1.0).index_select(0),
        ShapeError,
        "index_select: a tensor of 0 dimensions has no rows",
    ),
    (
        lambda: x().cross_entropy([0, 1, 2, 3]),
        IndexRangeError,
        "cross_entropy: target 3 at position 3 is outside [0, 3)",
    ),
    (
        lambda: x().cross_entropy([[0, 1, 2, 0]]),
        ShapeError,
        shapes(
            "cross_entropy: the logits ask for targets of shape (4,)",
            "(c),()->()",
            "logits (4, 3), targets (1, 4)",
        ),
    ),
    (
        lambda: x().cross_entropy([0, 0, 0, 0], reduction="average"),
        ArgumentError,
        "cross_entropy: reduction is 'mean', 'sum' or 'none', not 'average'",
    ),
    (
        lambda: zeros(0, 3).cross_entropy([]),
        ArgumentError,
        "cross_entropy: there is no mean loss over nothing; reduction='sum' gives 0",
    ),
    (
        lambda: MSELoss().forward(zeros(4), zeros(4, 1)),
        ShapeError,
        shapes(
            "mse: prediction and target have different shapes, and a loss does not broadcast",
            "(),()->()",
            "prediction (4,), target (4, 1)",
        ),
    ),
    (
        lambda: CrossEntropyLoss("all"),
        ArgumentError,
        "CrossEntropyLoss: reduction is 'mean', 'sum' or 'none'",
    ),
    (lambda: zeros(0, 3).max(0), ArgumentError, "max: nothing has no largest element; dim 0 of shape (0, 3)"),
    (
        lambda: x() ** x(),  # type: ignore[operator]
        ArgumentError,
        "power: the exponent is a constant number, not Tensor; for a varying",
    ),
    (lambda: 2 ** x(), ArgumentError, "write (y * log(2)).exp()"),
    (lambda: x() ** 10**400, ArgumentError, "is too big"),
    (lambda: Tensor(np.array([1], np.int8)) + 300, ArgumentError, "the number 300 does not fit into int8"),
    (lambda: -Tensor([True]), DTypeError, "negative: bools have no negative"),
    (lambda: Tensor([True]) - Tensor([True]), DTypeError, "subtract: bools have no difference"),
    (lambda: Tensor([1j]), DTypeError, "Tensor: complex128 is not supported; convert to float32, float64"),
    (lambda: Tensor([[1], [1, 2]]), ShapeError, "Tensor: the lists are ragged"),
    (lambda: Tensor(x()), GradientError, "would cut its graph; detach() it first"),
    (lambda: np.asarray(x()), GradientError, "pass .data, or detach() first"),
    (lambda: x().item(), ShapeError, "item: a tensor of shape (4, 3) is not one number"),
    (
        lambda: x().backward(),
        GradientError,
        "needs a cotangent; pass one of its shape, as in y.backward(np.on",
    ),
    (lambda: x().backward(), GradientError, "or reduce it first, as in y.sum().backward()"),
    (lambda: zeros(2).backward(), GradientError, "backward: this tensor has autograd=False"),
    (
        lambda: x().backward(np.ones((3, 4))),
        ShapeError,
        "backward: a gradient of shape (3, 4) for a tensor of shape (4, 3)",
    ),
    (
        lambda: x().backward(np.ones((4, 3)) * 1j),
        DTypeError,
        "a gradient is made of real numbers, not complex",
    ),
    (lambda: zeros(2).retain_grad(), GradientError, "retain_grad: this tensor has autograd=False"),
    (lambda: setattr(zeros(2), "grad", 1), GradientError, "grad: this tensor was made with autograd=False"),
    (lambda: setattr(x() * 2, "data", 1), GradientError, "is the result of multiply, its values follow from"),
    (lambda: setattr(x(), "data", [1]), ShapeError, "data: shape (1,) cannot replace shape (4, 3)"),
    (
        lambda: setattr(Tensor([1, 2]), "data", [1.5, 2]),
        DTypeError,
        "data: float64 cannot replace int64; convert it first",
    ),
    (lambda: Linear(0, 2), ArgumentError, "Linear: n_inputs is an integer from 1, not 0"),
    (lambda: Linear(2, 2.0), ArgumentError, "Linear: n_outputs is an integer from 1, not 2.0"),  # type: ignore[arg-type]
    (lambda: Embedding(2, -1), ArgumentError, "Embedding: dim is an integer from 1, not -1"),
    (lambda: Linear(2, 2, dtype=np.float16), DTypeError, "Linear: parameters are float32 or float64, not"),
    (lambda: Linear(2, 2, rng=0), ArgumentError, "Linear: rng is a numpy Generator or RandomState, not int"),  # type: ignore[arg-type]
    (
        lambda: RNNCell(1, 1, 1, activation="relu"),
        ArgumentError,
        "RNNCell: activation is 'sigmoid' or 'tanh', not 'relu'",
    ),
    (
        lambda: RNNCell(1, 1, 1).init_hidden(-1),
        ArgumentError,
        "RNNCell: batch_size is an integer from 0, not -1",
    ),
    (lambda: Sequential([Tanh]), ArgumentError, "is no layer; pass an instance, such as Tanh()"),  # type: ignore[list-item]
    (lambda: SGD([]), ArgumentError, "SGD: there are no parameters"),
    (lambda: SGD(x()), ArgumentError, "SGD: parameters is a list of tensors"),  # type: ignore[arg-type]
    (lambda: SGD([np.ones(2)]), DTypeError, "SGD: parameter 0 is a ndarray, not a Tensor"),  # type: ignore[list-item]
    (lambda: SGD([x(), zeros(2)]), ArgumentError, "SGD: parameter 1 has autograd=False"),
    (
        lambda: SGD([x() * 2]),
        ArgumentError,
        "SGD: parameter 0 is the result of an operation; pass the leaves",
    ),
    (lambda: SGD([Tensor([1], autograd=True)]), DTypeError, "SGD: parameter 0 is int64"),
    (lambda: SGD([x()], alpha=-1), ArgumentError, "SGD: alpha is a finite number from 0, not -1"),
    (lambda: SGD([x()], momentum=np.inf), ArgumentError, "SGD: momentum is a finite number from 0, not inf"),
    (lambda: SGD([x()], weight_decay=np.nan), ArgumentError, "SGD: weight_decay is a finite number from 0"),
    (lambda: SGD([x()], nesterov=True), ArgumentError, "SGD: nesterov=True looks ahead along the momentum"),
    (lambda: SGD([x()]).step(), GradientError, "SGD: no parameter has a gradient; was backward() called?"),
]


@pytest.mark.parametrize(
    ("call", "error", "text"), MESSAGES, ids=[text.split("\n")[0] for *_, text in MESSAGES]
)
def test_the_error_says(call: Callable[[], Any], error: type[FrameworkError], text: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error
    assert text in str(caught.value)


def test_a_freed_graph_names_the_op_and_the_option_that_keeps_it() -> None:
    y = (x() * 2).sum()
    y.backward()
    with pytest.raises(GradientError, match=r"freed at sum \(result of shape \(\)\).*retain_graph=True"):
        y.backward()


def test_a_stale_leaf_is_named_by_its_shape_and_the_op_that_used_it() -> None:
    leaf = x()
    y = leaf.tanh().sum()
    leaf.data -= 1
    with pytest.raises(GradientError, match=r"shape \(4, 3\) was updated after tanh .* run the forward pass"):
        y.backward()


def test_every_enclosing_layer_adds_a_line_innermost_first() -> None:
    model = Sequential([Linear(2, 3), Sequential([Tanh(), Linear(5, 2)])])
    with pytest.raises(ShapeError) as caught:
        model(zeros(4, 2))
    assert caught.value.__notes__ == [
        "  while calling Linear(5, 2) on an input of shape (4, 3)",
        "  while calling Sequential([Tanh(), Linear(5, 2)]) on an input of shape (4, 3)",
        "  while calling Sequential([Linear(2, 3), Sequential([Tanh(), Linear(5, 2)])]) "
        "on an input of shape (4, 2)",
    ]


def test_several_inputs_are_all_described() -> None:
    with pytest.raises(ShapeError) as caught:
        RNNCell(2, 3, 1).forward(zeros(4, 2), hidden=zeros(4, 5))
    assert caught.value.__notes__[-1].endswith(
        "RNNCell(2, 3, 1, activation='sigmoid') on inputs of shapes (4, 2), (4, 5)"
    )
    with pytest.raises(IndexRangeError) as caught_index:
        Embedding(3, 2).forward([4])
    assert caught_index.value.__notes__ == ["  while calling Embedding(3, 2) on an input of shape list"]


class Wide(Linear):
    """A layer whose forward goes on to that of its base."""

    def forward(self, x: Any) -> Tensor:
        return super().forward(x)


def test_a_layer_that_calls_super_adds_one_line() -> None:
    with pytest.raises(ShapeError) as caught:
        Wide(5, 2)(zeros(4, 3))
    assert len(caught.value.__notes__) == 1


class Knot(Layer):
    """A layer that holds itself."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = self

    def forward(self, x: Tensor) -> Tensor:
        return x.sum(9)


def test_a_layer_that_holds_itself_can_still_be_shown() -> None:
    with pytest.raises(ShapeError) as caught:
        Knot()(zeros(1))
    assert caught.value.__notes__ == ["  while calling Knot(inner=...) on an input of shape (1,)"]


def test_other_errors_pass_without_a_note() -> None:
    with pytest.raises(NotImplementedError, match="Layer has no forward") as caught:
        Sequential([Layer()])(zeros(1))
    assert not hasattr(caught.value, "__notes__")
