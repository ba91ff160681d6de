"""Initial weights: the numbers of the framework this one continues, from NumPy's global stream."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from deeplearning_framework import Embedding, Layer, Linear, LSTMCell, RNNCell, Sequential, Tanh
from deeplearning_framework.shapes import Array


def drawn_by_hand(*sizes: tuple[int, int]) -> list[Array]:
    return [np.random.randn(n, m) * np.sqrt(2.0 / n) for n, m in sizes]


def test_a_seed_gives_the_weights_it_always_gave() -> None:
    np.random.seed(0)
    layer = Linear(2, 3)
    np.testing.assert_array_equal(
        layer.weight.data,
        [
            [1.764052345967664, 0.4001572083672233, 0.9787379841057392],
            [2.240893199201458, 1.8675579901499675, -0.977277879876411],
        ],
    )
    np.random.seed(0)
    np.testing.assert_array_equal(
        Embedding(2, 2).weight.data,
        (np.array([[0.5488135039273248, 0.7151893663724195], [0.6027633760716439, 0.5448831829968969]]) - 0.5)
        / 2,
    )


def test_layers_draw_one_after_the_other_and_biases_not_at_all() -> None:
    np.random.seed(1)
    expected = drawn_by_hand((2, 3), (3, 1))
    after = np.random.rand()
    np.random.seed(1)
    model = Sequential([Linear(2, 3), Tanh(), Linear(3, 1, bias=False)])
    assert np.random.rand() == after
    for layer, weight in zip((model.layers[0], model.layers[2]), expected, strict=True):
        assert isinstance(layer, Linear)
        np.testing.assert_array_equal(layer.weight.data, weight)


def test_cells_draw_in_the_order_of_their_attributes() -> None:
    np.random.seed(2)
    weights = drawn_by_hand((2, 3), (3, 3), (3, 4))
    np.random.seed(2)
    rnn = RNNCell(2, 3, 4)
    for layer, weight in zip((rnn.w_ih, rnn.w_hh, rnn.w_ho), weights, strict=True):
        np.testing.assert_array_equal(layer.weight.data, weight)

    np.random.seed(2)
    weights = drawn_by_hand(*[(2, 3)] * 4, *[(3, 3)] * 4, (3, 4))
    np.random.seed(2)
    lstm = LSTMCell(2, 3, 4)
    layers = (lstm.xf, lstm.xi, lstm.xo, lstm.xc, lstm.hf, lstm.hi, lstm.ho, lstm.hc, lstm.w_ho)
    for layer, weight in zip(layers, weights, strict=True):
        np.testing.assert_array_equal(layer.weight.data, weight)


MAKERS: list[Callable[..., Layer]] = [
    lambda **options: Linear(3, 2, **options),
    lambda **options: Embedding(3, 2, **options),
    lambda **options: RNNCell(3, 2, 2, **options),
    lambda **options: LSTMCell(3, 2, 2, **options),
]


@pytest.mark.parametrize("make", MAKERS)
def test_a_generator_of_ones_own_leaves_the_global_one_alone(make: Callable[..., Layer]) -> None:
    np.random.seed(3)
    untouched = np.random.rand()
    np.random.seed(3)
    for source in (np.random.default_rng, np.random.RandomState):
        one, other = make(rng=source(7)), make(rng=source(7))
        for a, b in zip(one.get_parameters(), other.get_parameters(), strict=True):
            np.testing.assert_array_equal(a.data, b.data)
    assert np.random.rand() == untouched


@pytest.mark.parametrize("make", MAKERS)
def test_a_random_state_is_the_global_stream(make: Callable[..., Layer]) -> None:
    np.random.seed(4)
    for a, b in zip(
        make().get_parameters(), make(rng=np.random.RandomState(4)).get_parameters(), strict=True
    ):
        np.testing.assert_array_equal(a.data, b.data)


@pytest.mark.parametrize("make", MAKERS)
def test_float32_weights_are_the_float64_ones_rounded(make: Callable[..., Layer]) -> None:
    np.random.seed(5)
    wide = make()
    np.random.seed(5)
    for parameter, exact in zip(make(dtype="float32").get_parameters(), wide.get_parameters(), strict=True):
        assert parameter.dtype == np.float32
        np.testing.assert_array_equal(parameter.data, exact.data.astype(np.float32))


def test_training_draws_nothing() -> None:
    np.random.seed(6)
    untouched = np.random.rand()
    np.random.seed(6)
    cell = RNNCell(2, 2, 2, rng=np.random.default_rng(0))
    y, _ = cell.forward(np.ones((1, 2)), cell.init_hidden())
    y.cross_entropy([0]).backward()
    assert np.random.rand() == untouched
