"""Pictures of graphs: what stands in them, and that drawing changes nothing."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from deeplearning_framework import ArgumentError, GradientError, Rule, ShapeError, Tensor, apply, graph
from deeplearning_framework.shapes import Array


def leaf(*values: float) -> Tensor:
    return Tensor(list(values), autograd=True)


def number(value: float) -> Tensor:
    return Tensor(value, autograd=True)


def boxes(text: str) -> dict[str, str]:
    """What is written in each box."""
    return dict(re.findall(r'^  (n\d+) \[label="((?:[^"\\]|\\.)*)"', text, re.MULTILINE))


def arrows(text: str) -> list[tuple[str, str]]:
    """Where each arrow starts and ends."""
    return re.findall(r"^  (n\d+) -> (n\d+)", text, re.MULTILINE)


def handed_back(text: str) -> list[tuple[str, str]]:
    """The arrows that point back."""
    return re.findall(r"^  (n\d+) -> (n\d+) \[dir=back", text, re.MULTILINE)


def test_a_small_graph() -> None:
    w, x, b = number(3.0), Tensor([1.0, 2.0]), number(0.5)
    h = w * x
    assert graph.dot((h + b).sum(), w=w, x=x, b=b, h=h) == (
        "digraph {\n"
        "  graph [ordering=in]\n"
        "  node [shape=box]\n"
        '  n1 [label="w\\n3", class="leaf", style=solid]\n'
        '  n2 [label="x\\n[1 2]", class="constant", style=dashed]\n'
        '  n3 [label="h = multiply\\n[3 6]", class="operation", style=rounded]\n'
        '  n4 [label="b\\n0.5", class="leaf", style=solid]\n'
        '  n5 [label="add\\nshape (2,)", class="operation", style=rounded]\n'
        '  n6 [label="sum\\n10", class="operation", style=rounded]\n'
        "  n1 -> n3\n"
        "  n2 -> n3\n"
        "  n3 -> n5\n"
        "  n4 -> n5\n"
        "  n5 -> n6\n"
        "}\n"
    )


def test_the_same_program_gives_the_same_text() -> None:
    def drawn() -> str:
        x = leaf(1.0, 2.0)
        return graph.dot((x * 2 + x.tanh() / x).sum(), x=x)

    assert drawn() == drawn()


def test_gradients_are_shown_where_there_are_any() -> None:
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    h = x * w
    h.retain_grad()
    y = h.sum()
    y.backward(retain_graph=True)
    w.grad = None
    assert list(boxes(graph.dot(y)).values()) == [
        "[1 2]\\ngrad [3 4]",
        "[3 4]",
        "multiply\\nshape (2,)\\ngrad [1 1]",
        "sum\\n11",
    ]


def test_the_gradient_of_a_table_is_drawn_as_a_table() -> None:
    table = Tensor([[1.0], [2.0], [3.0]], autograd=True)
    y = table.index_select([2]).sum()
    y.backward(retain_graph=True)
    assert boxes(graph.dot(y))["n1"] == "[[1]\\n [2]\\n [3]]\\ngrad\\n[[0]\\n [0]\\n [1]]"


def test_of_a_large_gradient_it_is_only_said_that_it_is_there() -> None:
    x = Tensor(np.ones((3, 3)), autograd=True)
    y = x.sum()
    *_, last = graph.steps(y)
    assert boxes(last)["n1"] == "shape (3, 3)\\nhas a cotangent"
    y.backward()
    assert boxes(graph.dot(x))["n1"] == "shape (3, 3)\\nhas a grad"


def test_a_leaf_by_itself() -> None:
    x = leaf(1.0)
    assert boxes(graph.dot(x, x=x)) == {"n1": "x\\n[1]"}
    assert 'class="leaf"' in graph.dot(x)
    assert arrows(graph.dot(x)) == []


@pytest.mark.parametrize("constant", [Tensor([1.0, 2.0]), Tensor([1.0]) * 2, leaf(1.0).detach()])
def test_without_autograd_there_is_one_box(constant: Tensor) -> None:
    text = graph.dot(constant)
    assert len(boxes(text)) == 1
    assert 'class="constant", style=dashed' in text


def test_a_freed_graph_says_so() -> None:
    x = leaf(1.0)
    y = (x * 2).sum()
    y.backward()
    assert list(boxes(graph.dot(y)).values()) == ["sum\\n2\\nfreed"]


def test_new_work_on_a_freed_result_shows_where_it_ends() -> None:
    h = leaf(1.0).exp()
    h.sum().backward()
    assert next(iter(boxes(graph.dot(h.tanh())).values())) == "exp\\nshape (1,)\\nfreed"


def test_a_node_that_is_shared_is_drawn_once() -> None:
    x = number(2.0)
    h = x.exp()
    text = graph.dot(h * h + h, x=x)
    assert len(boxes(text)) == 4
    assert arrows(text) == [("n1", "n2"), ("n2", "n3"), ("n2", "n3"), ("n3", "n4"), ("n2", "n4")]


def test_what_the_result_does_not_depend_on_is_not_drawn() -> None:
    x = number(2.0)
    h = x.exp()
    dead = h * 3
    assert len(boxes(graph.dot(h.tanh(), dead=dead))) == 3


def test_the_first_of_two_names_counts() -> None:
    x = number(2.0)
    assert boxes(graph.dot(x, first=x, second=x))["n1"] == "first\\n2"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (1e-12, "1e-12"),
        (2 / 3, "0.6667"),
        (123456, "123456"),
        (True, "True"),
        (np.nan, "nan"),
        (-np.inf, "-inf"),
        (np.float32(0.1), "0.1"),
        ([[1.0, 22.0], [3.0, 4.0]], "[[1 22]\\n [3 4]]"),
        (np.zeros(7), "shape (7,)"),
        (np.zeros((0, 3)), "shape (0, 3)"),
    ],
)
def test_few_numbers_are_written_out(data: Any, text: str) -> None:
    with np.printoptions(precision=1, threshold=2, linewidth=5, sign="+"):
        assert boxes(graph.dot(Tensor(data))) == {"n1": text}


def test_names_may_hold_anything() -> None:
    x = number(1.0)
    text = graph.dot(x, **{'a "b" \\N &amp; {|}\n<c>': x})
    assert '[label="a \\"b\\" \\\\N &amp;amp; {|}\\n<c>\\n1", ' in text


def test_an_operation_without_a_name() -> None:
    rule = Rule(lambda x: (x, ()), lambda y_bar: (y_bar,))
    assert '[label="<lambda>\\n' in graph.dot(apply(rule, number(1.0)))


def test_a_name_may_be_that_of_an_argument() -> None:
    x = number(1.0)
    assert boxes(graph.dot(x, result=x)) == {"n1": "result\\n1"}
    assert list(map(boxes, graph.steps(x, None, grad=x))) == [{"n1": "grad\\n1\\ncotangent 1"}]


def test_wide_and_deep_graphs() -> None:
    x = number(1.0)
    y = x
    for _ in range(5000):
        y = y + x
    text = graph.dot(y)
    assert len(boxes(text)) == 5001
    assert len(arrows(text)) == 10000


def test_a_step_for_each_node() -> None:
    x = number(2.0)
    h = x * 3
    pictures = list(graph.steps(h * h, x=x, h=h))
    assert [list(boxes(text).values()) for text in pictures] == [
        ["x\\n2", "3", "h = multiply\\n6", "multiply\\n36\\ncotangent 1"],
        ["x\\n2", "3", "h = multiply\\n6\\ncotangent 12", "multiply\\n36\\ncotangent 1"],
        ["x\\n2\\ncotangent 36", "3", "h = multiply\\n6\\ncotangent 12", "multiply\\n36\\ncotangent 1"],
    ]
    assert [handed_back(text) for text in pictures] == [[], [("n3", "n4")] * 2, [("n1", "n3")]]
    assert [re.findall(r"n\d+(?= .*style=rounded, penwidth)", text) for text in pictures] == [
        [],
        ["n4"],
        ["n3"],
    ]


def test_a_value_with_two_users_waits_for_both() -> None:
    x = number(1.0)
    h = x * 2
    before, after = [boxes(text) for text in list(graph.steps(h * 3 + h * 4, h=h))[2:4]]
    assert before["n3"] == "h = multiply\\n2\\ncotangent 4"
    assert after["n3"] == "h = multiply\\n2\\ncotangent 7"


def program(x: Tensor, w: Tensor, table: Tensor) -> Tensor:
    h = (x @ w + table.index_select([1, 1, 0])).tanh()
    return (h * h.sigmoid() - x.sum()).max(dim=0) / h.mean()


def test_the_last_step_has_what_backward_adds() -> None:
    rng = np.random.default_rng(0)
    x = Tensor(rng.normal(size=(3, 2)), autograd=True)
    w = Tensor(rng.normal(size=(2, 2)), autograd=True)
    table = Tensor(rng.normal(size=(3, 2)), autograd=True)
    y_bar = rng.normal(size=2)
    y = program(x, w, table)
    *_, last = graph.steps(y, y_bar, x=x, w=w, table=table)
    assert x.grad is w.grad is table.grad is None

    y.backward(y_bar, retain_graph=True)
    drawn = graph.dot(y, x=x, w=w, table=table)
    leaves = [label for label in boxes(drawn).values() if re.match(r"(x|w|table)\\n", label)]
    assert len(leaves) == 3
    assert all("grad" in label for label in leaves)
    assert [label for label in boxes(last).values() if re.match(r"(x|w|table)\\n", label)] == [
        label.replace("grad", "cotangent") for label in leaves
    ]


def test_steps_change_nothing() -> None:
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    h = x * w
    h.retain_grad()
    y = h.sum()
    x.grad = Tensor([7.0, 8.0])
    kept = x.grad
    for _ in range(2):
        list(graph.steps(y))
    assert x.grad is kept
    assert w.grad is h.grad is None
    y.backward()
    assert kept.data.tolist() == [7, 8]
    assert x.grad.data.tolist() == [10, 12]


def test_a_cotangent_is_not_written_to() -> None:
    x = leaf(1.0, 2.0)
    y_bar = np.array([1.0, 2.0])
    list(graph.steps(x + x, y_bar))
    assert y_bar.tolist() == [1, 2]


def test_arrows_to_constants_never_point_back() -> None:
    x, c = number(2.0), Tensor(3.0)
    *_, last = graph.steps(c * x)
    assert arrows(last) == [("n1", "n3"), ("n2", "n3")]
    assert handed_back(last) == [("n2", "n3")]


def exploding() -> Rule:
    def explode(x: Array) -> tuple[Array, tuple[Any, ...]]:
        return x, ()

    def explode_vjp(y_bar: Array) -> tuple[Array]:
        raise ZeroDivisionError

    return Rule(explode, explode_vjp)


def test_a_vjp_that_raises_ends_the_walk_alone() -> None:
    x = number(1.0)
    y = apply(exploding(), x)
    walk = graph.steps(y)
    next(walk)
    with pytest.raises(ZeroDivisionError):
        next(walk)
    assert "freed" not in graph.dot(y)


def test_what_cannot_be_walked_through_is_refused_at_once() -> None:
    with pytest.raises(GradientError, match="autograd=False"):
        graph.steps(Tensor(1.0))
    with pytest.raises(GradientError, match="needs a cotangent"):
        graph.steps(leaf(1.0, 2.0))
    with pytest.raises(ShapeError, match="steps: a gradient of shape"):
        graph.steps(leaf(1.0, 2.0), np.ones(3))


def test_a_freed_graph_cannot_be_walked_through() -> None:
    y = leaf(1.0).sum()
    walk = graph.steps(y)
    next(walk)
    y.backward()
    with pytest.raises(GradientError, match="freed"):
        next(walk)


def test_a_leaf_that_was_updated_stops_the_walk() -> None:
    x = number(1.0)
    y = x * x
    x.data = 2.0
    with pytest.raises(GradientError, match="updated"):
        list(graph.steps(y))


@pytest.mark.parametrize("draw", [graph.dot, lambda *args, **named: list(graph.steps(*args, **named))])
def test_only_tensors_are_drawn(draw: Any) -> None:
    with pytest.raises(ArgumentError, match="the first argument is a Tensor, not ndarray"):
        draw(np.ones(1))
    with pytest.raises(ArgumentError, match="h is a Tensor, not float"):
        draw(number(1.0), h=1.0)
