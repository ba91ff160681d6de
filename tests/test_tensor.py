"""Tensors and the walk back: what is ours to decide, such as whose memory a gradient is."""

from __future__ import annotations

import copy
import pickle
import threading
from typing import Any

import numpy as np
import pytest

from deeplearning_framework import SGD, DTypeError, GradientError, Rule, ShapeError, Tensor, apply, no_grad
from deeplearning_framework.shapes import Array


def leaf(*values: float) -> Tensor:
    return Tensor(list(values), autograd=True)


def gradient(t: Tensor) -> Array:
    assert t.grad is not None
    return t.grad.data


@pytest.mark.parametrize(
    ("tensor", "text"),
    [
        (Tensor([1.0, 2.0], autograd=True), "Tensor([1., 2.], autograd=True)"),
        (Tensor(3.0), "Tensor(3.)"),
        (Tensor([1, 2]), "Tensor([1, 2])"),
        (Tensor([True]), "Tensor([ True])"),
        (Tensor(np.ones(1, np.float32)), "Tensor([1.], dtype=float32)"),
        (Tensor([[1, 2], [3, 4]]), "Tensor([[1, 2],\n        [3, 4]])"),
    ],
)
def test_repr(tensor: Tensor, text: str) -> None:
    assert repr(tensor) == text


def test_str_shows_the_data_alone() -> None:
    assert str(leaf(1, 2)) == "[1 2]"


@pytest.mark.parametrize("big_endian", [">f8", ">f4", ">i4", ">u2"])
def test_foreign_byte_orders_become_native(big_endian: str) -> None:
    tensor = Tensor(np.array([1, 2], big_endian))
    assert tensor.dtype.isnative
    assert tensor.dtype.itemsize == np.dtype(big_endian).itemsize
    assert tensor.data.tolist() == [1, 2]


@pytest.mark.parametrize("data", [1j, "a", None, np.float16(1), np.longdouble(1), np.datetime64("2020")])
def test_what_is_no_number_of_ours_is_refused(data: Any) -> None:
    with pytest.raises(DTypeError):
        Tensor(data)
    with pytest.raises(DTypeError):
        leaf(1.0) + data


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "uint64", "bool"])
@pytest.mark.parametrize("number", [2, 2.5, True])
def test_python_numbers_are_weak_as_in_numpy(dtype: str, number: float) -> None:
    array = np.ones(2, dtype)
    for got, expected in ((Tensor(array) + number, array + number), (number * Tensor(array), number * array)):
        assert got.dtype == expected.dtype
        assert got.data.tolist() == expected.tolist()


@pytest.mark.parametrize("operand", [np.float64(2), np.array(2.0), np.array([2.0, 2.0]), [2.0, 2.0]])
def test_scalars_of_numpy_and_arrays_and_lists_count(operand: Any) -> None:
    assert (Tensor(np.ones(2, np.float32)) * operand).dtype == np.float64
    assert type(operand * Tensor(np.ones(2, np.float32))) is Tensor


def test_a_list_of_tensors_makes_a_tensor_only_of_constants() -> None:
    assert Tensor([Tensor([1.0]), Tensor([2.0])]).shape == (2, 1)
    with pytest.raises(GradientError, match=r"\.data"):
        Tensor([leaf(1.0), leaf(2.0)])


def test_numpy_gets_the_data_of_a_constant() -> None:
    constant = Tensor([1.0, 2.0])
    assert np.asarray(constant) is constant.data
    assert np.array(constant) is not constant.data
    assert np.asarray(constant, np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="without a copy"):
        np.asarray(constant, np.float32, copy=False)
    with pytest.raises(TypeError):
        np.exp(constant)


def test_truth_and_length_are_those_of_an_array() -> None:
    assert Tensor([[1.0]])
    assert not Tensor(0)
    assert len(Tensor(np.zeros((3, 2)))) == 3
    with pytest.raises(ShapeError):
        bool(leaf(1, 2))
    with pytest.raises(TypeError):
        len(Tensor(1))


def test_tensors_are_equal_to_themselves_alone() -> None:
    a, b = Tensor([1.0]), Tensor([1.0])
    assert a == a  # noqa: PLR0124 (the point)
    assert a != b
    assert len({a, b}) == 2


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_a_copied_leaf_shares_nothing(make: Any) -> None:
    original = leaf(1.0, 2.0)
    original.sum().backward()
    twin = make(original)
    assert (twin.autograd, twin.data.tolist(), gradient(twin).tolist()) == (True, [1, 2], [1, 1])
    twin.data[0] = 9
    gradient(twin)[0] = 9
    assert original.data.tolist() == [1, 2]
    assert gradient(original).tolist() == [1, 1]


def test_a_gradient_set_to_zero_survives_copying() -> None:
    original = leaf(1.0, 2.0)
    original.sum().backward()
    SGD([original]).zero()
    assert gradient(pickle.loads(pickle.dumps(original))).tolist() == [0, 0]


def test_a_result_is_not_copied_with_its_graph() -> None:
    with pytest.raises(GradientError, match=r"detach\(\)"):
        copy.deepcopy(leaf(1.0) * 2)


def test_a_gradient_is_memory_of_its_own() -> None:
    seed = np.array([1.0, 2.0])
    a, b = leaf(1.0, 1.0), leaf(1.0, 1.0)
    y = a + b
    y.retain_grad()
    y.backward(seed)
    arrays = [seed, gradient(a), gradient(b), gradient(y)]
    for i, array in enumerate(arrays):
        assert array.flags.writeable
        assert not any(np.shares_memory(array, other) for other in arrays[:i])


@pytest.mark.parametrize("used", [1, 2, 3, 4])
def test_the_gradient_of_a_sum_can_be_written(used: int) -> None:
    a = leaf(1.0, 1.0)
    total = a.sum()
    for _ in range(used - 1):
        total = total + a.sum()
    total.backward()
    gradient(a)[0] = 5
    assert gradient(a).tolist() == [5, used]


def test_a_second_backward_leaves_an_older_gradient_as_it_was() -> None:
    a = leaf(1.0, 2.0)
    a.sum().backward()
    first = a.grad
    (a * 3).sum().backward()
    assert first is not None
    assert first.data.tolist() == [1, 1]
    assert gradient(a).tolist() == [4, 4]


def test_a_seed_of_another_type_is_cast_to_the_gradients() -> None:
    a = Tensor(np.ones(2, np.float32), autograd=True)
    a.backward(np.array([1, 2]))
    assert gradient(a).dtype == np.float32
    whole = Tensor([1, 2], autograd=True)
    (whole * 2).backward([1, 0])
    assert gradient(whole).dtype == np.float64
    assert gradient(whole).tolist() == [2, 0]


def test_a_cotangent_arrives_in_the_type_of_its_operand() -> None:
    seen = []

    def forward(x: Array) -> tuple[Array, tuple[()]]:
        return x * 1, ()

    def vjp(y_bar: Array) -> tuple[Array]:
        seen.append(y_bar.dtype)
        return (y_bar,)

    narrow = Tensor(np.ones(2, np.float32), autograd=True)
    (apply(Rule(forward, vjp), narrow) * np.ones(2)).sum().backward()
    assert seen == [np.float32]
    assert gradient(narrow).dtype == np.float32


def same(x: Array) -> tuple[Array, tuple[()]]:
    return x, ()


def pair(x: Array, y: Array) -> tuple[Array, tuple[()]]:
    return x + y, ()


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (
            np.ones(2),
            "the vjp of same returns a tuple with one cotangent for each of its 1 operands, not ndarray",
        ),
        ((), "operands, not 0"),
        ((np.ones(2), None), "operands, not 2"),
        ((None,), "the vjp of same returned a cotangent of None for an operand of shape (2,)"),
        ((np.ones((2, 1)),), "a cotangent of shape (2, 1) and dtype float64 for an operand of shape (2,)"),
        ((np.ones(2) * 1j,), "a cotangent of shape (2,) and dtype complex128 for an operand of shape (2,)"),
    ],
)
def test_a_wrong_answer_of_a_vjp_is_refused_and_nothing_changes(answer: Any, text: str) -> None:
    def vjp(y_bar: Array) -> Any:
        return answer

    a, b = leaf(1.0, 2.0), leaf(1.0, 2.0)
    y = (apply(Rule(same, vjp), a) + b).sum()
    with pytest.raises(GradientError) as caught:
        y.backward()
    assert text in str(caught.value)
    assert a.grad is None
    assert b.grad is None


@pytest.mark.parametrize("retain_graph", [False, True])
def test_a_graph_whose_vjp_raised_counts_as_freed(retain_graph: bool) -> None:
    def vjp(y_bar: Array) -> Any:
        raise ZeroDivisionError

    a, b = leaf(1.0, 2.0), leaf(1.0, 2.0)
    inner = apply(Rule(same, vjp), a)
    y = (inner * b).sum()
    with pytest.raises(ZeroDivisionError):
        y.backward(retain_graph=retain_graph)
    for tensor in (y, inner.sum()):
        with pytest.raises(GradientError, match="freed"):
            tensor.backward()
    assert b.grad is None


def test_a_vjp_is_told_which_cotangents_are_needed() -> None:
    asked = []

    def vjp(y_bar: Array, needs: tuple[bool, ...]) -> tuple[Array | None, ...]:
        asked.append(needs)
        return tuple(y_bar if needed else None for needed in needs)

    rule = Rule(pair, vjp)
    a, b = leaf(1.0), leaf(1.0)
    for x, y in ((a, b), (a, Tensor([1.0])), (1.0, b), (a, a.detach())):
        apply(rule, x, y).backward()
    assert asked == [(True, True), (True, False), (False, True), (True, False)]
    assert gradient(a).tolist() == [3]
    assert gradient(b).tolist() == [2]


def test_a_rule_whose_result_no_tensor_can_hold_is_refused() -> None:
    with pytest.raises(DTypeError, match="<lambda>: the result is complex128"):
        apply(Rule(lambda x: (x * 1j, ()), lambda y_bar: (y_bar,)), leaf(1.0))


def assign(t: Tensor) -> None:
    t.data = t.data + 1


def subtract_in_place(t: Tensor) -> None:
    t.data -= 1


def step(t: Tensor) -> None:
    t.grad = [1.0, 1.0]
    SGD([t]).step(zero=False)


@pytest.mark.parametrize("update", [assign, subtract_in_place, step])
@pytest.mark.parametrize(
    "use", [lambda t: t * 2, lambda t: t.tanh(), lambda t: t.transpose(), lambda t: t + 1]
)
def test_a_leaf_updated_after_its_use_is_noticed(update: Any, use: Any) -> None:
    t, other = leaf(1.0, 2.0), leaf(1.0, 2.0)
    y = (use(t) * other).sum()
    update(t)
    before = t.grad
    with pytest.raises(GradientError, match="updated"):
        y.backward()
    assert t.grad is before
    assert other.grad is None


def test_a_constant_updated_after_its_use_is_noticed() -> None:
    constant, t = Tensor([1.0, 2.0]), leaf(1.0, 2.0)
    y = t * constant
    constant.data *= 2
    with pytest.raises(GradientError, match="updated"):
        y.backward([1.0, 1.0])


@pytest.mark.parametrize(
    "view", [lambda t: t.transpose(), lambda t: t.reshape(2, 1), lambda t: t.expand(0, 3)]
)
def test_a_view_that_no_graph_watches_is_a_copy(view: Any) -> None:
    constant, t = Tensor([[1.0, 2.0]]), leaf(1.0, 2.0)
    assert not np.shares_memory(view(constant).data, constant.data)
    with no_grad():
        assert not np.shares_memory(view(t.reshape(1, 2)).data, t.data)


def test_an_update_does_not_disturb_graphs_that_never_saw_the_leaf() -> None:
    t, other = leaf(1.0), leaf(2.0)
    y = (t * t).sum()
    other.data -= 1
    y.backward()
    assert gradient(t).tolist() == [2]


def test_the_gradient_may_be_used_while_the_leaf_goes_on() -> None:
    t = leaf(2.0)
    (t * t).sum().backward()
    assert t.grad is not None
    y = (t.grad * t).sum()
    y.backward()
    assert gradient(t).tolist() == [8]


def test_assigning_data_adopts_a_copy_in_the_tensors_type() -> None:
    t = Tensor(np.ones(2, np.float32), autograd=True)
    new = np.array([3, 4])
    t.data = new
    new[0] = 9
    assert t.dtype == np.float32
    assert t.data.tolist() == [3, 4]
    t.data = Tensor([5.0, 6.0])
    assert t.data.tolist() == [5, 6]


def test_no_grad_holds_for_one_thread() -> None:
    entered, leave = threading.Event(), threading.Event()

    def other() -> None:
        with no_grad():
            entered.set()
            leave.wait()

    thread = threading.Thread(target=other)
    thread.start()
    entered.wait()
    try:
        assert (leaf(1.0) * 2).autograd
    finally:
        leave.set()
        thread.join()


def test_no_grad_ends_with_an_error_and_serves_as_a_decorator() -> None:
    @no_grad()
    def double(t: Tensor) -> Tensor:
        if len(t) > 1:
            raise KeyError
        return t * 2

    assert not double(leaf(1.0)).autograd
    assert not double(leaf(1.0)).autograd
    with pytest.raises(KeyError):
        double(leaf(1.0, 2.0))
    assert (leaf(1.0) * 2).autograd


@pytest.mark.parametrize("fresh", [True, False])
def test_a_gradient_is_what_a_vjp_gave_away_and_otherwise_a_copy(fresh: bool) -> None:
    made = np.array([2.0, 3.0])
    double = Rule(lambda x: (2 * x, ()), lambda y_bar: (made,), fresh=fresh)
    x = Tensor([1.0, 1.0], autograd=True)
    apply(double, x).backward([1.0, 1.0])
    assert x.grad is not None
    assert np.shares_memory(x.grad.data, made) == fresh
    assert x.grad.data.tolist() == [2, 3]


def test_a_gradient_that_was_given_away_is_left_alone_by_the_next_call() -> None:
    x = Tensor([1.0, 1.0], autograd=True)
    (x * 2).backward([1.0, 1.0])
    assert x.grad is not None
    first = x.grad.data
    (x * 3).backward([1.0, 1.0])
    assert (first.tolist(), x.grad.data.tolist()) == ([2, 2], [5, 5])
