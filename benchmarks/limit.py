"""The work as fast as NumPy goes: no framework, and every trick.

Results are written into arrays that were set aside before (`out=`), all parameters lie in one array and all
gradients in another, products are `ndarray.dot`, the numbers in formulas are arrays of no dimension, what
nobody reads is left out, products of many time steps are one, and long arrays are worked on piece by piece,
as much as fits into the cache. Nobody should write like this; it says what there is to gain.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate, pairwise

import numpy as np

from benchmarks.workloads import Array, Doing, Workload

PIECE = 1 << 14  # numbers: three such arrays fit into the second-level cache


class Flat:
    """What is common to training: parameters and gradients in one array each."""

    def __init__(self, workload: Workload) -> None:
        """Lay them out."""
        self.workload = workload
        self.dtype = workload.parameters[0].dtype
        sizes = [p.size for p in workload.parameters]
        self.flat = np.concatenate([p.ravel() for p in workload.parameters])
        self.flat_gradient = np.zeros_like(self.flat)
        places = list(pairwise(accumulate(sizes, initial=0)))
        shapes = [p.shape for p in workload.parameters]
        self.p = [self.flat[a:b].reshape(n) for (a, b), n in zip(places, shapes, strict=True)]
        self.g = [self.flat_gradient[a:b].reshape(n) for (a, b), n in zip(places, shapes, strict=True)]
        self.one, self.alpha = self.number(1), self.number(workload.alpha)
        self.last = self.number(np.nan)

    def number(self, value: float) -> Array:
        """An array of no dimension, which NumPy takes faster than a number of Python's."""
        return np.array(value, self.dtype)

    def empty(self, *shape: int) -> Array:
        """An array to write into."""
        return np.empty(shape, self.dtype)

    def results(self) -> list[Array]:
        """The last loss, and where training has got to."""
        return [self.last, *self.p]

    def update(self) -> None:
        """Gradient descent, for all parameters at once; the gradient is used up."""
        np.multiply(self.flat_gradient, self.alpha, self.flat_gradient)
        np.subtract(self.flat, self.flat_gradient, self.flat)

    def sigmoid(self, x: Array) -> None:
        """In place, and good enough for the small numbers here."""
        np.negative(x, x)
        np.exp(x, x)
        np.add(x, self.one, x)
        np.divide(self.one, x, x)

    def cross_entropy(self, rows: int, classes: int) -> Callable[[Array], None]:
        """A function that turns logits into their gradient, and keeps the mean cross-entropy."""
        top, picked, logs = self.empty(rows, 1), self.empty(rows), self.empty(rows)
        ones, column = np.ones(rows, self.dtype), np.ones((classes, 1), self.dtype)
        places = np.arange(rows) * classes + self.workload.targets
        truth = np.zeros((rows, classes), self.dtype)
        truth.reshape(-1)[places] = 1 / rows
        n = self.number(rows)

        def gradient(x: Array) -> None:
            x.max(axis=1, out=top, keepdims=True)
            np.subtract(x, top, x)
            x.take(places, None, picked, "clip")
            np.exp(x, x)
            x.dot(column, top)
            np.log(top[:, 0], logs)
            np.subtract(logs, picked, logs)
            self.last = logs.dot(ones) / n
            np.multiply(top, n, top)
            np.divide(x, top, x)
            np.subtract(x, truth, x)

        return gradient


class Xor(Flat):
    """Every layer one product.

    Examples stand in columns, under each of them a 1, and the bias is one more column of the weights.
    """

    def __init__(self, workload: Workload) -> None:
        """Lay out the weights anew, and set the arrays aside."""
        super().__init__(workload)
        w1, b1, w2, b2 = workload.parameters
        self.flat = np.concatenate([np.vstack([w1, b1]).T.ravel(), np.vstack([w2, b2]).T.ravel()])
        self.flat_gradient = np.empty_like(self.flat)
        self.first, self.second = self.flat[:9].reshape(3, 3), self.flat[9:].reshape(1, 4)
        d_first, d_second = self.flat_gradient[:9].reshape(3, 3), self.flat_gradient[9:].reshape(1, 4)
        self.p = [self.first[:, :2].T, self.first[:, 2], self.second[:, :3].T, self.second[:, 3]]
        x = np.vstack([workload.inputs.T, np.ones((1, 4), self.dtype)])
        with_ones = np.ones((4, 4), self.dtype)
        h, z, p, d, slope = (
            with_ones[:3],
            self.empty(3, 4),
            self.empty(1, 4),
            self.empty(1, 4),
            self.empty(1, 4),
        )
        d_h, y, loss = self.empty(3, 4), np.ascontiguousarray(workload.targets.T), self.empty(1, 1)
        x_t, with_ones_t, w2_t, d_t = x.T, with_ones.T, self.second[:, :3].T, d.T
        two, one, first, second = self.number(2), self.one, self.first, self.second
        self.last = loss

        def step() -> None:
            first.dot(x, z)
            np.tanh(z, h)
            second.dot(with_ones, p)
            self.sigmoid(p)
            np.subtract(p, y, d)
            d.dot(d_t, loss)
            np.subtract(one, p, slope)
            np.multiply(slope, p, slope)
            np.multiply(slope, d, slope)
            np.multiply(slope, two, slope)
            slope.dot(with_ones_t, d_second)
            w2_t.dot(slope, d_h)
            np.multiply(h, h, z)
            np.subtract(one, z, z)
            np.multiply(d_h, z, d_h)
            d_h.dot(x_t, d_first)
            self.update()

        self.step = step

    def results(self) -> list[Array]:
        """The last loss, and where training has got to."""
        return [self.last[0, 0], *self.p]


class Mlp(Flat):
    """Forward and backward in the same arrays."""

    def __init__(self, workload: Workload) -> None:
        """Set the arrays aside."""
        super().__init__(workload)
        batch = len(workload.inputs)
        widths = [b.size for b in self.p[1::2]]
        self.h = [workload.inputs, *(self.empty(batch, n) for n in widths)]
        self.d = [self.empty(batch, n) for n in widths[:-1]]
        self.ones = np.ones(batch, self.dtype)
        self.loss_gradient = self.cross_entropy(batch, widths[-1])

    def step(self) -> None:
        """Forward, backward, update."""
        h, last = self.h, len(self.h) - 1
        for i in range(last):
            h[i].dot(self.p[2 * i], h[i + 1])
            np.add(h[i + 1], self.p[2 * i + 1], h[i + 1])
            if i < last - 1:
                np.tanh(h[i + 1], h[i + 1])
        g = h[last]
        self.loss_gradient(g)
        for i in reversed(range(last)):
            h[i].T.dot(g, self.g[2 * i])
            self.ones.dot(g, self.g[2 * i + 1])
            if i > 0:
                d = self.d[i - 1]
                g.dot(self.p[2 * i].T, d)
                np.multiply(h[i], h[i], h[i])
                np.subtract(self.one, h[i], h[i])
                np.multiply(d, h[i], d)
                g = d
        self.update()


class Rnn(Flat):
    """What doesn't depend on the step before is done for all at once; only the last output is computed."""

    def __init__(self, workload: Workload) -> None:
        """Set the arrays aside: time along the first axis, examples along the second one."""
        super().__init__(workload)
        batch, steps = workload.inputs.shape
        vocabulary, hidden = workload.parameters[0].shape
        self.ids = np.ascontiguousarray(workload.inputs.T).ravel()
        self.x, self.z = self.empty(steps * batch, hidden), self.empty(steps * batch, hidden)
        self.d_x, self.h = self.empty(steps * batch, hidden), self.empty((steps + 1) * batch, hidden)
        self.h[:batch] = 0
        self.z_at = np.split(self.z, steps)
        self.h_at = np.split(self.h, steps + 1)
        self.d_h, self.slope = self.empty(batch, hidden), self.empty(batch, hidden)
        self.bias, self.output = self.empty(hidden), self.empty(batch, vocabulary)
        self.ones, self.all_ones = np.ones(batch, self.dtype), np.ones(steps * batch, self.dtype)
        self.loss_gradient = self.cross_entropy(batch, vocabulary)

    def step(self) -> None:
        """Forward, backward through time, update."""
        table, w_i, b_i, w_h, b_h, w_o, b_o = self.p
        d_table, d_w_i, d_b_i, d_w_h, d_b_h, d_w_o, d_b_o = self.g
        table.take(self.ids, 0, self.x, "clip")
        self.x.dot(w_i, self.z)
        np.add(b_i, b_h, self.bias)
        np.add(self.z, self.bias, self.z)
        for z, before, h in zip(self.z_at, self.h_at, self.h_at[1:], strict=False):
            before.dot(w_h, h)
            np.add(h, z, h)
            self.sigmoid(h)
        h.dot(w_o, self.output)
        np.add(self.output, b_o, self.output)
        self.loss_gradient(self.output)
        h.T.dot(self.output, d_w_o)
        self.ones.dot(self.output, d_b_o)
        self.output.dot(w_o.T, self.d_h)
        w_h_t = w_h.T
        for d_z, h in zip(reversed(self.z_at), reversed(self.h_at), strict=False):
            np.subtract(self.one, h, self.slope)
            np.multiply(self.slope, h, self.slope)
            np.multiply(self.d_h, self.slope, d_z)
            d_z.dot(w_h_t, self.d_h)
        self.x.T.dot(self.z, d_w_i)
        self.h[: len(self.z)].T.dot(self.z, d_w_h)
        self.all_ones.dot(self.z, d_b_i)
        d_b_h[...] = d_b_i
        self.z.dot(w_i.T, self.d_x)
        order = self.ids.argsort(kind="stable")
        ids = self.ids.take(order)
        first = np.flatnonzero(np.concatenate(([True], ids[1:] != ids[:-1])))
        d_table.fill(0)
        d_table[ids.take(first)] = np.add.reduceat(self.d_x.take(order, 0), first, 0)
        self.update()


class Embedding(Flat):
    """The update goes straight into the rows that were looked up, number by number."""

    def __init__(self, workload: Workload) -> None:
        """Set the arrays aside."""
        super().__init__(workload)
        (self.table,) = self.p
        width = self.table[0].size
        self.e = self.empty(len(workload.inputs), width)
        self.columns = np.arange(width)
        self.places = np.empty(self.e.shape, np.intp)
        self.starts = np.empty((len(workload.inputs), 1), np.intp)
        self.twice_alpha = self.number(2 * workload.alpha)

    def step(self) -> None:
        """Look up, backward, update."""
        ids = self.workload.inputs
        self.table.take(ids, 0, self.e, "clip")
        e = self.e.reshape(-1)
        self.last = e.dot(e)
        np.multiply(ids[:, np.newaxis], len(self.columns), self.starts)
        np.add(self.starts, self.columns, self.places)
        np.multiply(self.e, self.twice_alpha, self.e)
        np.subtract.at(self.flat, self.places.reshape(-1), e)


class Function:
    """What is common to the rest: operands, and arrays for the value and the gradients."""

    def __init__(self, workload: Workload) -> None:
        """Set the arrays aside."""
        self.x, self.z, self.length = workload.inputs, workload.targets, workload.length
        self.y, self.d_x, self.d_z = (np.empty_like(x) for x in (self.x, self.x, self.z))
        self.one = np.array(1, self.x.dtype)
        self.sum = 0.0

    def results(self) -> list[Array]:
        """The gradients."""
        return [gradient for gradient in (self.d_x, self.d_z) if gradient.size]


class Chain(Function):
    """In place."""

    def step(self) -> None:
        """Forward, backward."""
        x, y, d_x = self.x, self.y, self.d_x
        y[...] = x
        for _ in range(self.length):
            np.add(y, x, y)
        g = np.ones_like(y)
        d_x[...] = g
        for _ in range(self.length):
            np.add(d_x, g, d_x)


class LargeSigmoid(Function):
    """Piece by piece."""

    def step(self) -> None:
        """Forward, backward."""
        self.sum, one = 0.0, self.one
        for start in range(0, len(self.x), PIECE):
            x, y, d_x = (a[start : start + PIECE] for a in (self.x, self.y, self.d_x))
            np.negative(x, y)
            np.exp(y, y)
            np.add(y, one, y)
            np.divide(one, y, y)
            self.sum += y.sum()
            np.subtract(one, y, d_x)
            np.multiply(d_x, y, d_x)


class LargeTanh(Function):
    """Piece by piece."""

    def step(self) -> None:
        """Forward, backward."""
        self.sum, one = 0.0, self.one
        for start in range(0, len(self.x), PIECE):
            x, y, d_x = (a[start : start + PIECE] for a in (self.x, self.y, self.d_x))
            np.tanh(x, y)
            self.sum += y.sum()
            np.multiply(y, y, d_x)
            np.subtract(one, d_x, d_x)


class LargeProduct(Function):
    """The sum of products is a scalar product."""

    def step(self) -> None:
        """Forward, backward."""
        self.sum = float(self.x.dot(self.z))
        self.d_x[...] = self.z
        self.d_z[...] = self.x


KINDS: dict[str, Callable[[Workload], Doing]] = {
    "xor": Xor,
    "mlp": Mlp,
    "rnn": Rnn,
    "embedding": Embedding,
    "chain": Chain,
    "sigmoid": LargeSigmoid,
    "tanh": LargeTanh,
    "product": LargeProduct,
}


def start(workload: Workload) -> Doing:
    """Begin a workload."""
    return KINDS[workload.kind](workload)
