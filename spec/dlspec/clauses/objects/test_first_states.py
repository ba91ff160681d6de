"""The states that a recurrent cell begins with, for as many rows as there are."""

from __future__ import annotations

import numpy as np

from dlspec.clause import clause
from dlspec.clauses.objects.helpers import new, provided
from dlspec.implementation import TapeImplementation
from dlspec.tolerance import assert_equal

DEPENDS = ("objects.layer_construction.the_first_hidden_state_of_an_rnn_cell",)


@clause()
def test_without_a_number_it_is_one_row(impl: TapeImplementation) -> None:
    """`init_hidden()` MUST give states for a batch of one, as the book's does."""
    state = provided(new(impl, "RNNCell", 2, 3, 4), "init_hidden")()
    assert_equal(impl.array(state), np.zeros((1, 3)), "first state of RNNCell(2, 3, 4)")
    for state in provided(new(impl, "LSTMCell", 2, 3, 4), "init_hidden")():
        assert_equal(impl.array(state), np.zeros((1, 3)), "first state of LSTMCell(2, 3, 4)")


@clause()
def test_there_may_be_no_rows(impl: TapeImplementation) -> None:
    """`init_hidden(0)` MUST give states for a batch of nothing."""
    state = provided(new(impl, "RNNCell", 2, 3, 4), "init_hidden")(0)
    assert_equal(impl.array(state), np.zeros((0, 3)), "first state of RNNCell(2, 3, 4)")
    for state in provided(new(impl, "LSTMCell", 2, 3, 4), "init_hidden")(0):
        assert_equal(impl.array(state), np.zeros((0, 3)), "first state of LSTMCell(2, 3, 4)")
