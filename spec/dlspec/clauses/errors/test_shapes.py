"""Shapes outside an op's contract are refused with a ValueError, never stretched or cut until they fit."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.implementation import Implementation
from dlspec.tolerance import refused


@clause(depends=("ops.add.refusals", "ops.subtract.refusals", "ops.multiply.refusals", "ops.divide.refusals"))
def test_shapes_that_do_not_broadcast(impl: Implementation) -> None:
    """Sums, differences, products and quotients of shapes that don't broadcast MUST be refused with a
    ValueError.
    """
    for op in ("add", "subtract", "multiply", "divide"):
        for x, y in (((2, 3), (2,)), ((2, 3), (3, 2)), ((4, 1, 2), (3, 3)), ((0,), (2,))):
            with refused(ValueError, what=f"{op} of shapes {x} and {y}"):
                impl.value(op, np.ones(x), np.ones(y))


@clause(depends="ops.mm.refusals")
def test_inner_sizes_of_a_product(impl: Implementation) -> None:
    """A product of matrices whose inner sizes differ MUST be refused with a ValueError, for vectors and
    batches too.
    """
    for x, w in (
        ((4, 3), (5, 2)),
        ((3,), (4,)),
        ((2, 3), (2,)),
        ((3,), (2, 4)),
        ((2, 2, 3), (2, 2)),
        ((2, 0), (1, 2)),
    ):
        with refused(ValueError, what=f"product of shapes {x} and {w}"):
            impl.value("mm", np.ones(x), np.ones(w))


@clause(depends="inner_sizes_of_a_product")
def test_a_product_is_not_transposed_to_fit(impl: Implementation) -> None:
    """A product of matrices whose sizes would fit if one of them were transposed MUST be refused with a
    ValueError.
    """
    for x, w in (((4, 3), (2, 3)), ((3, 4), (3, 2)), ((3, 4), (2, 3)), ((3,), (2, 3)), ((3, 2), (3,))):
        with refused(ValueError, what=f"product of shapes {x} and {w}"):
            impl.value("mm", np.ones(x), np.ones(w))


@clause(depends="ops.mm.value")
def test_a_number_is_no_matrix(impl: Implementation) -> None:
    """A product of matrices with an operand that has no dims MUST be refused with a ValueError, not taken as
    scaling.
    """
    for x, w in (((), (2, 2)), ((2, 2), ()), ((), ())):
        with refused(ValueError, what=f"product of shapes {x} and {w}"):
            impl.value("mm", np.ones(x), np.ones(w))


@clause(depends="ops.mm.refusals")
def test_batches_of_matrices_that_do_not_broadcast(impl: Implementation) -> None:
    """A product of batches of matrices whose leading axes don't broadcast MUST be refused with a
    ValueError.
    """
    with refused(ValueError, what="product of shapes (2, 3, 4) and (3, 4, 2)"):
        impl.value("mm", np.ones((2, 3, 4)), np.ones((3, 4, 2)))


@clause(depends="ops.reshape.refusals")
def test_reshaping_keeps_the_number_of_elements(impl: Implementation) -> None:
    """`reshape` to a shape for another number of elements MUST be refused with a ValueError."""
    for shape in ((4, 2), (5,), (), (0,), (4, -1), (-1, 0)):
        with refused(ValueError, what=f"reshape of (2, 3) to {shape}"):
            impl.value("reshape", np.ones((2, 3)), shape=shape)


@clause(depends="ops.reshape.refusals")
def test_a_shape_has_one_unknown_side_at_most(impl: Implementation) -> None:
    """`reshape` to a shape with two unknown sides, or with a side below -1, MUST be refused with a
    ValueError.
    """
    for shape in ((-1, -1), (-2, 3), (-2, -3)):
        with refused(ValueError, what=f"reshape of (2, 3) to {shape}"):
            impl.value("reshape", np.ones((2, 3)), shape=shape)


@clause(depends="losses.mse_loss.refusals")
def test_losses_of_unequal_shapes(impl: Implementation) -> None:
    """The squared error of a prediction and a target of another shape MUST be refused with a ValueError,
    above all where they would broadcast.
    """
    for x, y in (((4,), (4, 1)), ((4, 1), (4,)), ((2, 3), (3,)), ((2, 3), (1, 3)), ((2,), ()), ((1,), ())):
        with refused(ValueError, what=f"squared error of shapes {x} and {y}"):
            impl.value("mse_loss", np.ones(x), np.ones(y))


@clause(depends="layers.linear.refusals")
def test_inputs_of_a_linear_layer(impl: Implementation) -> None:
    """A linear layer MUST refuse an input of another size than its own with a ValueError."""
    for x in ((4, 2), (2,), (4,), (0, 2), ()):
        with refused(ValueError, what=f"Linear(3, 2) on an input of shape {x}"):
            impl.value("linear", np.ones(x), np.ones((3, 2)), np.ones(2))


@clause(depends=("layers.rnn_cell.refusals", "inputs_of_a_linear_layer"))
def test_inputs_of_a_recurrent_cell(impl: Implementation) -> None:
    """A recurrent cell MUST refuse an input or a hidden state of another size than its own with a
    ValueError.
    """
    sides: tuple[tuple[int, ...], ...] = ((3, 4), (4,), (4, 4), (4,), (4, 1), (1,))
    for x, h in (((2, 5), (2, 4)), ((2, 3), (2, 5)), ((2, 3), (3, 4))):
        with refused(ValueError, what=f"RNNCell(3, 4, 1) on an input of shape {x} and a hidden state of {h}"):
            impl.evaluate(
                lambda F, *values: F.rnn_cell(*values)[0], *(np.ones(shape) for shape in (x, h, *sides))
            )
