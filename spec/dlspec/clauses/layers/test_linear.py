"""The linear layer: a product with the weight, and a bias for each output."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.implementation import Implementation
from dlspec.tolerance import assert_equal, assert_shape

DEPENDS = ("gradient",)


@clause()
def test_the_bias_belongs_to_the_outputs(impl: Implementation) -> None:
    """The bias MUST be added to the outputs, column by column, also where there are as many rows as
    outputs.
    """
    x, w, b = np.zeros((3, 2)), np.zeros((2, 3)), np.array([1.0, 2.0, 3.0])
    value, (_, _, bar) = impl.gradients(
        lambda F, x, w, b: F.linear(x, w, b), x, w, b, cotangent=np.arange(9.0).reshape(3, 3)
    )

    assert_equal(value, np.array([[1.0, 2.0, 3.0]] * 3), "outputs of a layer with weight 0")
    assert_equal(bar, np.array([9.0, 12.0, 15.0]), "cotangent of the bias")


@clause()
def test_the_weight_maps_inputs_to_outputs(impl: Implementation) -> None:
    """The weight MUST have one row for each input and one column for each output, also where it is square."""
    x, b = np.array([[1.0, 10.0]]), np.zeros(2)
    w = np.array([[1.0, 2.0], [3.0, 4.0]])

    assert_equal(impl.value("linear", x, w, b), np.array([[31.0, 42.0]]), "x W + b")


@clause()
def test_the_bias_sums_over_the_batch(impl: Implementation) -> None:
    """The cotangent of the bias MUST be the sum over the batch, not the mean, for a batch of any size."""
    w, b = np.ones((2, 3)), np.zeros(3)
    for batch in (4, 2, 1, 5, 0):
        _, (_, _, bar) = impl.gradients(lambda F, x, w, b: F.linear(x, w, b), np.ones((batch, 2)), w, b)

        assert_equal(bar, np.full(3, float(batch)), f"cotangent of the bias for a batch of {batch}")


@clause(depends="ops.mm.gradient")
def test_without_bias_it_is_the_product(impl: Implementation) -> None:
    """Without a bias, the layer MUST be the product of its input and its weight."""
    x, w = np.array([[1.0, 2.0], [3.0, -4.0]]), np.array([[5.0, 6.0, 7.0], [8.0, 9.0, -1.0]])
    cotangent = np.array([[1.0, 0.0, 2.0], [0.0, -1.0, 3.0]])
    value, bars = impl.gradients(lambda F, x, w: F.linear_without_bias(x, w), x, w, cotangent=cotangent)

    assert_equal(value, np.array([[21.0, 24.0, 5.0], [-17.0, -18.0, 25.0]]), "x W")
    assert_equal(bars[0], np.array([[19.0, 6.0], [15.0, -12.0]]), "cotangent of x in x W")
    assert_equal(bars[1], np.array([[1.0, -3.0, 11.0], [2.0, 4.0, -8.0]]), "cotangent of the weight in x W")


@clause()
def test_leading_axes_are_kept(impl: Implementation) -> None:
    """Axes before the last MUST be kept: a batch of sequences goes through as a batch of rows does."""
    x, w, b = np.arange(12.0).reshape(2, 3, 2), np.array([[1.0], [-1.0]]), np.array([5.0])
    value, (_, bar_of_w, bar_of_b) = impl.gradients(lambda F, x, w, b: F.linear(x, w, b), x, w, b)

    assert_equal(value, np.full((2, 3, 1), 4.0), "outputs for a batch of sequences")
    assert_equal(bar_of_w, np.array([[30.0], [36.0]]), "cotangent of the weight")
    assert_equal(bar_of_b, np.array([6.0]), "cotangent of the bias")
    assert_shape(impl.value("linear", np.ones(2), w, b), (1,), "output for a single row without a batch")
