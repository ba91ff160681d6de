"""Answers with digits to spare, for arrays of a million numbers, and errors in ulp.

A float32 question is answered in float64, a float64 one in NumPy's longdouble (x87's 64 bits: eleven
more), by formulas that subtract nothing. That is right to 0.001 ulp or so, good enough to search with; what a
search ends up with is measured against mpmath.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

ELEMENTWISE = ("exp", "log", "tanh", "sigmoid")
ROWS = ("softmax", "log_softmax", "cross_entropy")
OPS = (*ELEMENTWISE, *ROWS)


class Question(NamedTuple):
    """What every library is asked.

    Attributes:
        op: The operation; the loss gives one value for each row.
        x: Numbers (n,), or rows of logits (n, c).
        w: The cotangent.
        targets: For the loss, the class of each row.
    """

    op: str
    x: Array
    w: Array
    targets: Array | None = None

    def part(self, index: Any) -> Question:
        """Some of the elements or rows."""
        return Question(
            self.op, self.x[index], self.w[index], None if self.targets is None else self.targets[index]
        )


class Exact(NamedTuple):
    """The answer, in a wider type.

    Attributes:
        value: Of the op.
        bar: Its pullback.
        value_unit: What one ulp of the value is the ulp of, where that isn't the value itself.
        bar_unit: What one ulp of the pullback is the ulp of.
    """

    value: Array
    bar: Array
    value_unit: Array
    bar_unit: Array


def answer(question: Question) -> Exact:
    """The value and the pullback in a wider type."""
    with np.errstate(all="ignore"):
        return (_of_rows if question.op in ROWS else _of_elements)(question)


def wider(dtype: Any) -> Any:
    """The type that answers for another."""
    return np.float64 if dtype == np.float32 else np.longdouble


def _of_elements(question: Question) -> Exact:
    op, x, w, _ = (*question[:1], *(a.astype(wider(a.dtype)) for a in question[1:3]), None)
    if op == "exp":
        value = np.exp(x)
        bar = w * value
    elif op == "log":
        value, bar = np.log(x), w / x
    else:
        z = np.exp((-2 if op == "tanh" else -1) * np.abs(x))
        value = np.tanh(x) if op == "tanh" else np.where(x >= 0, 1, z) / (1 + z)
        bar = w * ((4 if op == "tanh" else 1) * z / (1 + z) ** 2)
    return Exact(value, bar, value, bar)


def _of_rows(question: Question) -> Exact:
    op, x, w, _ = (*question[:1], *(a.astype(wider(a.dtype)) for a in question[1:3]), None)
    n = np.arange(len(x))
    top = x.argmax(1)
    m = x[n, top][:, None]
    shifted = x - m
    # What the difference has lost, to the last bit (Knuth's two-sum).
    back = shifted - x
    lost = (x - (shifted - back)) - (m + back)
    z = np.where(np.isneginf(x), 0, np.exp(shifted) * (1 + np.where(np.isfinite(lost), lost, 0)))
    z[n, top] = 0
    others = z.sum(1, keepdims=True)
    z[n, top] = 1
    p = z / (1 + others)
    if op == "softmax":
        dot = (w * p).sum(1, keepdims=True)
        return Exact(p, p * (w - dot), p, p * (np.abs(w) + (np.abs(w) * p).sum(1, keepdims=True)))
    if op == "log_softmax":
        value = shifted - np.log1p(others)
        bar = w - p * w.sum(1, keepdims=True)
        return Exact(value, bar, value, np.abs(w) + p * np.abs(w).sum(1, keepdims=True))
    t = question.targets
    value = np.log1p(others[:, 0]) - shifted[n, t]
    z[n, t] = 0
    wrong = z.sum(1)  # all but the target
    bar = w[:, None] * p
    bar[n, t] = -w * wrong / (1 + others[:, 0])
    return Exact(value, bar, value, bar)


def ulp(x: Array, dtype: Any) -> Array:
    """The distance to the next number of the dtype; never less than its smallest number."""
    info = np.finfo(dtype)
    _, exponent = np.frexp(np.abs(x))
    least = int(info.minexp) - int(info.nmant)
    return np.asarray(np.ldexp(np.ones((), x.dtype), np.maximum(exponent - 1 - int(info.nmant), least)))


def errors(got: Array, exact: Array, unit: Array) -> Array:
    """How many ulp (of `unit`) each element is off; NaN and misplaced infinities count as infinitely many.

    An overflow is right where the exact result rounds to one, and otherwise as wrong as the next power of
    two.
    """
    dtype = got.dtype
    wide = exact.dtype
    beyond = np.ldexp(np.ones((), wide), int(np.finfo(dtype).maxexp))
    with np.errstate(all="ignore"):
        found = np.clip(got.astype(wide), -beyond, beyond)
        right = np.clip(exact, -beyond, beyond)
        off = np.abs(found - right) / ulp(np.clip(unit, -beyond / 2, beyond / 2), dtype)
        off = np.where(np.isnan(exact) & np.isnan(got), 0, off)
        return np.where(np.isnan(off), np.inf, off).astype(np.float64)


def depth(question: Question, quantity: str) -> Array:
    """How far below its row's largest logit each one is; for the largest itself, how far the next one is.

    Subtracting the largest rounds the distance d by up to d u, and that is how far its exponential is off in
    proportion, however good the exponential. What belongs to the largest is computed from the rest of its
    row, of which the next one has the most to say. The pullback of log_softmax, w - p sum(w), needs no such
    allowance, for what an exponential is off there is small beside w.
    """
    if question.op in ELEMENTWISE or (question.op, quantity) == ("log_softmax", "pullback"):
        return np.zeros(question.x.shape)
    x = question.x.astype(np.float64)
    ordered = np.sort(x, axis=1)
    m, n = x.max(1, keepdims=True), np.arange(len(x))
    d = m - x
    if x.shape[1] > 1:
        d[n, x.argmax(1)] = (ordered[:, -1] - ordered[:, -2]) if question.op != "softmax" else 0
    return np.asarray(d)
