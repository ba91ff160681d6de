"""The rules by themselves: what they keep, and the digits that careless formulas lose."""

from __future__ import annotations

import warnings
from typing import Any

import mpmath
import numpy as np
import pytest

from deeplearning_framework import ArgumentError, Rule, primitives
from deeplearning_framework import primitives as p
from deeplearning_framework.shapes import Array

RULES = {name: rule for name, rule in vars(primitives).items() if isinstance(rule, Rule)}
EPS = 2.0**-52

# Operands (positive, so that every op is smooth there) and static arguments of one call of each op.
CALLS: dict[str, tuple[list[tuple[int, ...]], dict[str, Any]]] = {
    "ADD": ([(2, 3), (3,)], {}),
    "SUBTRACT": ([(2, 1), (1, 3)], {}),
    "MULTIPLY": ([(2, 3), ()], {}),
    "DIVIDE": ([(3,), (2, 3)], {}),
    "NEGATIVE": ([(2, 3)], {}),
    "POWER": ([(2, 3)], {"exponent": 2.5}),
    "EXP": ([(2, 3)], {}),
    "LOG": ([(2, 3)], {}),
    "RELU": ([(2, 3)], {}),
    "TANH": ([(2, 3)], {}),
    "SIGMOID": ([(2, 3)], {}),
    "SUM": ([(2, 3)], {"dim": 1}),
    "MEAN": ([(2, 3)], {"dim": 0, "keepdims": True}),
    "MAX": ([(2, 3)], {"dim": 1}),
    "MM": ([(5, 2, 3), (3, 4)], {}),
    "AFFINE": ([(5, 2, 3), (3, 4), (4,)], {}),
    "TRANSPOSE": ([(2, 3, 4)], {"axes": (1, 2, 0)}),
    "RESHAPE": ([(2, 3)], {"shape": (3, -1)}),
    "EXPAND": ([(2, 3)], {"dim": 1, "copies": 4}),
    "INDEX_SELECT": ([(2, 3)], {"indices": [1, 0, 1]}),
    "SOFTMAX": ([(2, 3)], {"dim": 0}),
    "LOG_SOFTMAX": ([(2, 3)], {"dim": 0}),
    "CROSS_ENTROPY": ([(2, 3)], {"targets": [2, 0]}),
    "MSE": ([(2, 3), (2, 3)], {}),
}


def call(name: str, seed: int = 0) -> tuple[list[Array], Array, tuple[Any, ...], Array]:
    """Operands, value, residuals and a random cotangent for one call of an op."""
    rng = np.random.default_rng(seed)
    shapes, static = CALLS[name]
    operands = [np.asarray(rng.uniform(0.5, 2, shape)) for shape in shapes]
    y, residuals = RULES[name].forward(*operands, **static)
    return operands, np.asarray(y), residuals, np.asarray(rng.uniform(0.5, 2, np.shape(y)))


def pull(rule: Rule, y_bar: Array, residuals: tuple[Any, ...], operands: int) -> tuple[Any, ...]:
    needs = [(True,) * operands] if operands > 1 else []
    return rule.vjp(y_bar, *needs, *residuals)


def test_there_is_a_call_of_every_rule() -> None:
    assert CALLS.keys() == RULES.keys()


@pytest.mark.parametrize("name", CALLS)
def test_the_vjp_is_the_transposed_derivative_of_the_forward(name: str) -> None:
    operands, _, residuals, y_bar = call(name)
    rng = np.random.default_rng(1)
    cotangents = pull(RULES[name], y_bar, residuals, len(operands))
    assert [c.shape for c in cotangents] == [x.shape for x in operands]
    for i, x_bar in enumerate(cotangents):
        direction = rng.uniform(0.5, 1, x_bar.shape)

        def along(h: float, i: int = i, direction: Array = direction) -> float:
            moved = [x + h * direction if j == i else x for j, x in enumerate(operands)]
            return float((RULES[name].forward(*moved, **CALLS[name][1])[0] * y_bar).sum())

        # Fourth order differences, good to about h**4 and eps/h.
        h = 1e-3
        slope = (8 * (along(h) - along(-h)) - (along(2 * h) - along(-2 * h))) / (12 * h)
        assert slope == pytest.approx((x_bar * direction).sum(), rel=1e-9)


@pytest.mark.parametrize("name", CALLS)
def test_a_vjp_can_be_called_again_and_writes_to_nothing(name: str) -> None:
    operands, y, residuals, y_bar = call(name)
    arrays = [a for a in (*operands, y, *residuals, y_bar) if isinstance(a, np.ndarray)]
    before = [a.copy() for a in arrays]
    first = [c.copy() for c in pull(RULES[name], y_bar, residuals, len(operands))]
    for a, b in zip(first, pull(RULES[name], y_bar, residuals, len(operands)), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", [name for name in CALLS if RULES[name].fresh])
def test_what_is_given_away_is_in_no_other_hands(name: str) -> None:
    operands, y, residuals, y_bar = call(name)
    cotangents = pull(RULES[name], y_bar, residuals, len(operands))
    held = [*operands, y, y_bar, *(r for r in residuals if isinstance(r, np.ndarray))]
    for i, x_bar in enumerate(cotangents):
        assert x_bar.flags.writeable
        for other in [*held, *cotangents[:i], *pull(RULES[name], y_bar, residuals, len(operands))]:
            assert not np.shares_memory(x_bar, other)


@pytest.mark.parametrize("name", [name for name, (shapes, _) in CALLS.items() if len(shapes) > 1])
def test_only_what_is_needed_is_computed(name: str) -> None:
    operands, _, residuals, y_bar = call(name)
    everything = pull(RULES[name], y_bar, residuals, len(operands))
    for i in range(len(operands)):
        needs = tuple(j == i for j in range(len(operands)))
        alone = RULES[name].vjp(y_bar, needs, *residuals)
        assert [c is None for c in alone] == [not needed for needed in needs]
        np.testing.assert_array_equal(alone[i], everything[i])


@pytest.mark.parametrize(("name", "kept"), [("ADD", 0), ("SUM", 0), ("RELU", 1), ("TANH", 1), ("EXP", 1)])
def test_residuals_are_only_what_the_vjp_reads(name: str, kept: int) -> None:
    _, _, residuals, _ = call(name)
    assert sum(isinstance(residual, np.ndarray) for residual in residuals) == kept


EXTREMES = [0.0, 5e-324, 1e-300, 1e-8, 0.1, 1.0, 5.0, 15.0, 19.0, 40.0, 300.0, 700.0, 745.0, 1e4, 1e300]


def exact(function: Any, x: float) -> float:
    with mpmath.workprec(4000):
        return float(function(mpmath.mpf(x)))


@pytest.mark.parametrize("x", [*EXTREMES, *[-x for x in EXTREMES]])
@pytest.mark.parametrize(
    ("rule", "function", "derivative"),
    [
        (p.TANH, mpmath.tanh, lambda x: mpmath.sech(x) ** 2 if abs(x) < 1e4 else mpmath.mpf(0)),
        (
            p.SIGMOID,
            lambda x: 1 / (1 + mpmath.exp(-x)) if abs(x) < 1e5 else mpmath.mpf(x > 0),
            lambda x: mpmath.exp(-abs(x)) / (1 + mpmath.exp(-abs(x))) ** 2 if abs(x) < 1e5 else mpmath.mpf(0),
        ),
    ],
    ids=["tanh", "sigmoid"],
)
def test_saturated_functions_keep_their_digits(rule: Rule, function: Any, derivative: Any, x: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y, residuals = rule.forward(np.array([x]))
        (x_bar,) = pull(rule, np.ones(1), residuals, 1)
    expected = [
        exact(f, x)
        for f in ((mpmath.tanh if function is mpmath.tanh and abs(x) < 1e4 else function), derivative)
    ]
    # exp(-2|x|) carries the rounding of nothing but its own result; six roundings follow.
    for got, wanted in zip((y[0], x_bar[0]), expected, strict=True):
        assert abs(got - wanted) <= 8 * EPS * abs(wanted) + 1e-307


@pytest.mark.parametrize("margin", [1.0, 10.0, 40.0, 400.0, 700.0])
def test_a_confident_answer_has_neither_loss_nor_gradient_zero(margin: float) -> None:
    logits = np.array([[margin, 0.0, -1.0]])
    with mpmath.workprec(4000):
        others = mpmath.exp(-margin) + mpmath.exp(-margin - 1)
        loss, share = float(mpmath.log1p(others)), float(others / (1 + others))
    y, residuals = p.cross_entropy(logits, targets=[0])
    (x_bar,) = p.cross_entropy_vjp(np.array(1.0), *residuals)
    assert y == pytest.approx(loss, rel=8 * EPS)
    assert x_bar[0, 0] == pytest.approx(-share, rel=8 * EPS)
    assert p.log_softmax(logits)[0][0, 0] == pytest.approx(-loss, rel=8 * EPS)


def test_masked_logits_have_no_share() -> None:
    logits = np.array([[-np.inf, 0.0, 1000.0, -1000.0], [1.7e308, -1.7e308, 0.0, -np.inf]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y, residuals = p.cross_entropy(logits, targets=[2, 0], reduction="none")
        (x_bar,) = p.cross_entropy_vjp(np.ones(2), *residuals)
        s, residuals = p.softmax(logits)
        (s_bar,) = p.softmax_vjp(np.ones((2, 4)), *residuals)
    assert y.tolist() == [0, 0]
    assert np.abs(x_bar).tolist() == [[0, 0, 0, 0], [0, 0, 0, 0]]
    assert s.tolist() == [[0, 0, 1, 0], [1, 0, 0, 0]]
    assert s_bar.tolist() == [[0, 0, 0, 0], [0, 0, 0, 0]]


def test_a_row_of_masks_alone_is_nan_and_quiet() -> None:
    nothing = np.full((1, 2), -np.inf)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for value in (
            p.softmax(nothing)[0],
            p.log_softmax(nothing)[0],
            p.cross_entropy(nothing, targets=[0])[0],
        ):
            assert np.isnan(value).all()


@pytest.mark.parametrize("exponent", [2, 2.0, 3, -1, 0.5, 1, 0])
def test_powers_at_one_point(exponent: float) -> None:
    y, residuals = p.power(np.array([3.0]), exponent=exponent)
    assert y == pytest.approx(3.0**exponent, rel=4 * EPS)
    assert p.power_vjp(np.array([1.0]), *residuals)[0] == pytest.approx(
        exponent * 3.0 ** (exponent - 1), rel=8 * EPS
    )


@pytest.mark.parametrize(
    ("base", "exponent", "dtype", "expected"),
    [
        (np.array([2], np.int8), 3, np.int8, 8),
        (np.array([2]), -1, np.float64, 0.5),
        (np.array([4]), 0.5, np.float64, 2),
        (np.array([True]), 2, np.int64, 1),
        (np.array([2], np.float32), 2, np.float32, 4),
        (np.array([2], np.float32), np.float64(2), np.float64, 4),
        (np.array([2], np.float32), np.int64(2), np.float64, 4),
    ],
)
def test_powers_have_the_type_that_other_arithmetic_has(
    base: Array, exponent: Any, dtype: Any, expected: float
) -> None:
    y, _ = p.power(base, exponent=exponent)
    assert y.dtype == dtype
    assert y.tolist() == [expected]


def test_a_power_of_two_is_a_product() -> None:
    x = np.random.default_rng(0).normal(size=100)
    np.testing.assert_array_equal(p.power(x, exponent=2)[0], x * x)


@pytest.mark.parametrize("exponent", ["2", None, 1j, True, np.array(2.0), [2]])
def test_an_exponent_is_one_real_number(exponent: Any) -> None:
    with pytest.raises(ArgumentError, match="constant number"):
        p.power(np.ones(2), exponent=exponent)


@pytest.mark.parametrize("name", ["EXP", "LOG", "TANH", "SIGMOID", "MEAN", "SOFTMAX", "LOG_SOFTMAX"])
@pytest.mark.parametrize("dtype", ["int8", "uint8", "bool"])
def test_small_integers_are_computed_in_full(name: str, dtype: str) -> None:
    y, _ = RULES[name].forward(np.array([1, 1, 1], dtype))
    wide, _ = RULES[name].forward(np.ones(3))
    assert y.dtype == np.float64
    np.testing.assert_array_equal(y, wide)


def test_unsigned_errors_do_not_wrap_around() -> None:
    small, large = np.array([1], np.uint8), np.array([3], np.uint8)
    assert p.mse(small, large)[0] == 4
    assert p.mse(np.array([True]), np.array([False]))[0] == 1


def test_a_quotient_of_extremes_has_a_gradient() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for y in (1e-200, 1e200):
            _, residuals = p.divide(np.array([y]), np.array([y]))
            _, y_bar = p.divide_vjp(np.ones(1), (True, True), *residuals)
            assert y_bar is not None
            assert y_bar[0] == pytest.approx(-1 / y, rel=4 * EPS)


def test_nan_counts_as_largest() -> None:
    y, residuals = p.max(np.array([[1.0, np.nan, np.nan], [2.0, 3.0, 3.0]]), dim=1)
    assert np.isnan(y[0])
    assert y[1] == 3
    assert p.max_vjp(np.array([1.0, 1.0]), *residuals)[0].tolist() == [[0, 0.5, 0.5], [0, 0.5, 0.5]]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(200_000,), (2, 100_000), (300, 17, 40), (1, 65_537, 1)], ids=str)
@pytest.mark.parametrize("rule", [p.TANH, p.SIGMOID], ids=lambda rule: rule.name)
def test_pieces_have_the_numbers_of_the_whole(
    rule: Rule, shape: tuple[int, ...], dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    x, y_bar = rng.standard_normal(shape).astype(dtype), np.broadcast_to(rng.random(1).astype(dtype), shape)
    answers = []
    for long in (p.LONG, x.size + 1):
        monkeypatch.setattr(p, "LONG", long)
        y, residuals = rule.forward(x)
        answers.append((y, *residuals, *rule.vjp(y_bar, *residuals)))
    for piecewise, whole in zip(*answers, strict=True):
        assert piecewise.shape == shape
        assert piecewise.dtype == dtype
        np.testing.assert_array_equal(piecewise, whole)


def test_infinite_cotangents_do_not_leak() -> None:
    infinite = np.array([np.inf, 1.0])
    assert p.relu_vjp(infinite, *p.relu(np.array([-1.0, 1.0]))[1])[0].tolist() == [0, 1]
    (x_bar,) = p.max_vjp(np.array(np.inf), *p.max(np.array([1.0, 2.0]))[1])
    assert x_bar.tolist() == [0, np.inf]


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"])
def test_every_integer_type_counts_rows(dtype: str) -> None:
    x = np.arange(6.0).reshape(3, 2)
    y, residuals = p.index_select(x, indices=np.array([2, 0, 2], dtype))
    assert y.tolist() == [[4, 5], [0, 1], [4, 5]]
    assert np.asarray(p.index_select_vjp(np.ones((3, 2)), *residuals)[0]).tolist() == [[1, 1], [0, 0], [2, 2]]


def test_indices_are_copied() -> None:
    indices = np.array([0, 1])
    _, residuals = p.index_select(np.eye(2), indices=indices)
    indices[:] = 1
    assert np.asarray(p.index_select_vjp(np.ones((2, 2)), *residuals)[0]).tolist() == [[1, 1], [1, 1]]
