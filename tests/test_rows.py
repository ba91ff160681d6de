"""Rows are nobody's business: what a table learns from its rows is what it would learn from a table."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from deeplearning_framework import SGD, GradientError, Rule, Tensor, apply
from deeplearning_framework.rows import Rows
from deeplearning_framework.shapes import Array

ROWS = [7, 2, 7, 7, 40, 2]


def table(dtype: str = "float64", rows: int = 50) -> Tensor:
    return Tensor(np.random.default_rng(0).standard_normal((rows, 3)).astype(dtype), autograd=True)


def look_up(t: Tensor, *lists: list[int], seed: int = 1) -> None:
    """Send random cotangents back through several look-ups at once."""
    rng = np.random.default_rng(seed)
    total = Tensor(0.0)
    for rows in lists:
        total = total + (t.index_select(rows) * rng.standard_normal((len(rows), 3)).astype(t.dtype)).sum()
    total.backward()


def gradient(t: Tensor) -> Array:
    assert t.grad is not None
    return t.grad.data


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("lists", [[ROWS], [ROWS, [2, 9]], [[1]] * 3, [[]]], ids=str)
def test_a_step_has_the_same_bits_whether_anybody_looked(dtype: str, lists: list[list[int]]) -> None:
    ends = []
    for looks in ([], [0], [1], [0, 1]):
        t = table(dtype)
        optimizer = SGD([t], alpha=0.1)
        for _ in range(2):
            for turn in (0, 1):
                look_up(t, *lists, seed=turn)
                if turn in looks:
                    assert t.grad is not None
            optimizer.step()
        assert t.dtype == dtype
        ends.append(t.data)
    for end in ends[1:]:
        np.testing.assert_array_equal(end, ends[0])


def test_a_leaf_keeps_rows_until_somebody_looks() -> None:
    t = table()
    look_up(t, ROWS, [9])
    assert isinstance(t._grad, Rows)
    assert t._grad.parts[0][0].tolist() == [2, 7, 9, 40]
    assert t.grad is t.grad
    assert gradient(t).shape == (50, 3)
    assert not isinstance(t._grad, Rows)


def test_a_step_leaves_the_other_rows_alone() -> None:
    t = table()
    before, array = t.data.copy(), t.data
    look_up(t, ROWS)
    SGD([t]).step()
    assert t.data is array
    assert np.flatnonzero((t.data != before).any(axis=1)).tolist() == [2, 7, 40]
    assert not gradient(t).any()


@pytest.mark.parametrize("options", [{"momentum": 0.5}, {"weight_decay": 0.5}])
def test_with_momentum_or_decay_every_row_moves(options: dict[str, Any]) -> None:
    t = table()
    before = t.data.copy()
    optimizer = SGD([t], **options)
    for rows in ([1], [2]):
        look_up(t, rows)
        optimizer.step()
    moved = np.flatnonzero((t.data != before).any(axis=1))
    assert moved.tolist() == ([1, 2] if "momentum" in options else list(range(50)))
    assert optimizer._velocities[0] is None or optimizer._velocities[0].shape == (50, 3)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (1, 2, 0), (0, 2, 1), (2, 0, 1)])
def test_rows_and_tables_meet_at_a_leaf(order: tuple[int, ...]) -> None:
    t = Tensor(np.zeros((5, 1)), autograd=True)
    total = Tensor(0.0)
    for use in order:
        total = total + (t.index_select([[1, 1], [3]][use]) if use < 2 else t * 10).sum()
    total.backward(retain_graph=True)
    assert gradient(t).ravel().tolist() == [10, 12, 10, 11, 10]
    total.backward()
    assert gradient(t).ravel().tolist() == [20, 24, 20, 22, 20]


def test_rows_and_tables_meet_over_several_calls() -> None:
    t = Tensor(np.zeros((5, 1)), autograd=True)
    for use in ([1, 1], None, [3], [3]):
        ((t * 10) if use is None else t.index_select(use)).sum().backward()
    assert gradient(t).ravel().tolist() == [10, 12, 10, 12, 10]


def test_a_computed_table_gets_a_table() -> None:
    t = Tensor(np.zeros((5, 1)), autograd=True)
    doubled = t * 2
    doubled.retain_grad()
    (doubled.index_select([1, 1]).sum() + doubled.index_select([4]).sum()).backward()
    assert gradient(doubled).ravel().tolist() == [0, 2, 0, 0, 1]
    assert gradient(t).ravel().tolist() == [0, 4, 0, 0, 2]


@pytest.mark.parametrize("lists", [[[0, 1, 2]], [[0, 1], [2]], [[0], [0], [0], [1]]], ids=str)
def test_as_many_rows_as_the_table_has_are_a_table(lists: list[list[int]]) -> None:
    t = table(rows=3)
    look_up(t, *lists)
    assert not isinstance(t._grad, Rows)


def test_rows_belong_to_the_leaf() -> None:
    t, seed = table(), np.ones((2, 3))
    y = t.index_select([4, 4])
    y.backward(seed, retain_graph=True)
    seed[:] = 100
    first = t._grad
    y.backward(np.ones((2, 3)))
    assert isinstance(first, Rows)
    assert np.asarray(first)[4].tolist() == [2, 2, 2]
    assert gradient(t)[4].tolist() == [4, 4, 4]


def test_a_failed_backward_leaves_the_rows_as_they_were() -> None:
    t, x = table(), Tensor(1.0, autograd=True)
    look_up(t, ROWS)
    before = t._grad
    freed = x * x
    freed.backward()
    with pytest.raises(GradientError):
        (freed + t.index_select([1]).sum()).backward()
    assert t._grad is before


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_a_copy_takes_the_gradient_along(copied: Any) -> None:
    t = table()
    look_up(t, ROWS)
    np.testing.assert_array_equal(gradient(copied(t)), gradient(t))


def test_a_gradient_may_be_assigned_over_rows() -> None:
    t = table()
    look_up(t, ROWS)
    t.grad = np.ones((50, 3))
    look_up(t, [1])
    assert gradient(t)[0].tolist() == [1, 1, 1]
    look_up(t, [1])
    t.grad = None
    assert t.grad is None


@pytest.mark.parametrize("shape", [(4, 3), (50, 2)])
def test_rows_of_another_table_are_refused(shape: tuple[int, int]) -> None:
    def vjp(y_bar: Array) -> tuple[Rows]:
        return (Rows(shape, (np.array([1]), np.ones((1, shape[1])))),)

    t = table()
    y = apply(Rule(lambda x: (x.sum(), ()), vjp), t)
    with pytest.raises(GradientError, match="returned a cotangent of shape"):
        y.backward()
    assert t.grad is None


def test_a_row_that_comes_once_has_the_sum_of_one_term() -> None:
    # A sum from 0 makes 0 of -0, which a copy doesn't.
    y_bar = np.array([[-0.0], [1.0], [-0.0], [2.0], [-0.0]])
    ((numbers, x_bar),) = Rows((9, 1), (np.array([4, 7, 2, 7, 2]), y_bar)).summed().parts
    assert numbers.tolist() == [2, 4, 7]
    assert x_bar.tobytes() == np.array([[0.0], [0.0], [3.0]]).tobytes()
    assert not np.shares_memory(x_bar, y_bar)


def test_steps_of_different_numbers_of_rows() -> None:
    t = table()
    expected = t.data.copy()
    optimizer = SGD([t], alpha=0.5)
    for rows in ([3, 4, 3], [5], [1, 2, 3, 4]):
        t.index_select(rows).sum().backward()
        optimizer.step()
        np.subtract.at(expected, rows, 0.5)
    np.testing.assert_allclose(t.data, expected, rtol=1e-14)
