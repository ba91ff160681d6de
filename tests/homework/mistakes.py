"""Common mistakes, each to be planted alone in the homework that is right, and the faults that they are.

The homework is no relative of the reference, so these are the same mistakes in other code. They are for
`dlspec.faults.diagnosis`, which has to know them again; where several faults are one mistake, any is right.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mistake:
    """A change to the text of `right.py`, and the faults that it is."""

    name: str
    old: str
    new: str
    same: frozenset[str]

    def planted_in(self, right: str) -> str:
        """The text with the mistake in it.

        Raises:
            ValueError: What is to be changed doesn't stand there once.
        """
        if right.count(self.old) != 1:
            raise ValueError(f"{self.name}: {self.old!r} stands there {right.count(self.old)} times")
        return right.replace(self.old, self.new)


def _mistake(name: str, old: str, new: str, *same: str) -> Mistake:
    return Mistake(name, old, new, frozenset(same))


MISTAKES = (
    _mistake(
        "the difference is pulled back as a sum",
        "return result(self.data - other.data, (self, other), lambda bar: (bar, -bar))",
        "return result(self.data - other.data, (self, other), lambda bar: (bar, bar))",
        "subtract_second_operand_keeps_its_sign",
    ),
    _mistake(
        "a product hands each operand its own value",
        "lambda bar: (bar * y, bar * x)",
        "lambda bar: (bar * x, bar * y)",
        "multiply_gradients_swapped",
    ),
    _mistake(
        "the negative forgets its sign on the way back",
        "return result(-self.data, (self,), lambda bar: (-bar,))",
        "return result(-self.data, (self,), lambda bar: (bar,))",
        "negative_gradient_not_negated",
    ),
    _mistake(
        "tanh is differentiated from its value",
        "return (bar * (4 * tail / ((1 + tail) * (1 + tail))),)",
        "return (bar * (1 - np.tanh(x) ** 2),)",
        "tanh_derivative_from_the_value",
    ),
    _mistake(
        "tanh has the derivative of the sigmoid",
        "return (bar * (4 * tail / ((1 + tail) * (1 + tail))),)",
        "return (bar * np.tanh(x) * (1 - np.tanh(x)),)",
        "tanh_with_the_derivative_of_sigmoid",
    ),
    _mistake(
        "the sum pulls back ones",
        "return (np.broadcast_to(kept, shape),)",
        "return (np.ones(shape),)",
        "sum_pulls_back_ones",
    ),
    _mistake(
        "the sum pulls back as a mean",
        "return (np.broadcast_to(kept, shape),)",
        "return (np.broadcast_to(kept * (bar.size / max(int(np.prod(shape)), 1)), shape),)",
        "sum_pulls_back_the_share_of_a_mean",
    ),
    _mistake(
        "copies are averaged on the way back",
        "lambda bar: (bar.sum(axis=dim),)",
        "lambda bar: (bar.mean(axis=dim) if copies else bar.sum(axis=dim),)",
        "expand_averages_its_copies",
    ),
    _mistake(
        "the weight of a product receives its gradient transposed",
        "left.swapaxes(-1, -2) @ bar",
        "(bar.swapaxes(-1, -2) @ left)",
        "mm_gradient_of_the_right_factor_transposed",
    ),
    _mistake(
        "rows that occur again are overwritten",
        "np.add.at(spread, rows, bar)",
        "spread[rows] = bar",
        "repeated_rows_overwritten",
    ),
    _mistake(
        "softmax is differentiated as if its classes were independent",
        "return (p * (bar - (p * bar).sum(axis=dim, keepdims=True)),)",
        "return (bar * p * (1 - p),)",
        "softmax_derivative_of_the_diagonal",
    ),
    _mistake(
        "softmax is not shifted",
        "powers = np.exp(logits - logits.max(axis=dim, keepdims=True, initial=-math.inf))",
        "powers = np.exp(logits)",
        "softmax_without_a_shift",
    ),
    _mistake(
        "cross-entropy ignores what arrives",
        'weight = np.expand_dims(bar, -1) if reduction == "none" else bar',
        'weight = np.expand_dims(np.ones_like(bar), -1) if reduction == "none" else np.ones_like(bar)',
        "cross_entropy_ignores_what_arrives",
    ),
    _mistake(
        "the gradient of cross-entropy is not divided by the batch",
        "return (weight / count * (probabilities(logits, -1) - onehot),)",
        "return (weight * (probabilities(logits, -1) - onehot),)",
        "cross_entropy_gradient_is_not_divided",
    ),
    _mistake(
        "cross-entropy is in bits",
        "losses = np.where(onehot, -log_probabilities(logits), 0).sum(axis=-1)",
        "losses = np.where(onehot, -log_probabilities(logits) / np.log(2), 0).sum(axis=-1)",
        "cross_entropy_in_bits",
    ),
    _mistake(
        "cross-entropy is a sum where a mean is wanted",
        'count = classes.size if reduction == "mean" else 1',
        "count = 1",
        "cross_entropy_mean_is_a_sum",
    ),
    _mistake(
        "what was broadcast is averaged",
        "return np.asarray(bar.sum(axis=stretched, keepdims=True))",
        "return np.asarray((bar.mean if bar.size else bar.sum)(axis=stretched, keepdims=True))",
        "broadcast_mean_instead_of_sum",
    ),
    _mistake(
        "only the last use of a value counts",
        "bars[parent] = bars[parent] + piece if parent in bars else piece",
        "bars[parent] = piece",
        "the_last_use_wins",
    ),
    _mistake(
        "a leaf keeps the gradient of the last call alone",
        "leaf.grad = bar if old is None else old.data + bar",
        "leaf.grad = bar",
        "a_leaf_keeps_the_last_call_alone",
    ),
    _mistake(
        "a constant cuts the graph",
        "made = Tensor(data, any(parent.autograd for parent in parents))",
        "made = Tensor(data, all(parent.autograd for parent in parents))",
        "constants_cut_the_graph",
        "an_operand_among_constants_is_cut_off",
    ),
    _mistake(
        "no seed means ones",
        "if grad is None and self._data.size != 1:",
        "if False:",
        "no_seed_means_ones",
    ),
    _mistake(
        "a negative number is counted from the end",
        "if rows.size and (rows.min() < 0 or rows.max() >= count):",
        "if rows.size and (rows.min() < -count or rows.max() >= count):",
        "negative_rows_count_from_the_end",
        "negative_indices_count_from_the_end",
        "negative_targets_wrap_around",
        "a_negative_class_is_the_last",
    ),
    _mistake(
        "2 - x is x - 2",
        "return self._operand(other) - self",
        "return self - self._operand(other)",
        "rsub_reversed",
        "the_left_number_changes_sides",
    ),
    _mistake(
        "a freed graph gives nothing",
        'raise RuntimeError("this part of the graph was freed by an earlier backward")',
        "continue",
        "a_freed_graph_gives_nothing",
        "the_trunk_is_freed_in_silence",
    ),
)
