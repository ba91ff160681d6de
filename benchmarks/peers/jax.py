"""JAX: a whole step as one function, compiled."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jax import numpy as jnp

from benchmarks.peers.functional import Functions, Values, operands
from benchmarks.workloads import Array, Doing, Workload

VERSIONS = {"JAX": jax.__version__}

jax.config.update("jax_enable_x64", True)
# Everything is done when the call returns, without a hand-over from thread to thread.
jax.config.update("jax_cpu_enable_async_dispatch", False)


class Loops(Functions):
    """Loops as JAX wants them to be written: the compiler sees one step of them."""

    def rnn(self, workload: Workload, p: Values) -> Any:
        """The cell's outputs but the last are of no use, which the compiler would find out, too."""
        table, w_i, b_i, w_h, b_h, w_o, b_o = p

        def one(h: Any, column: Any) -> Any:
            return self.sigmoid((table[column] @ w_i + b_i) + (h @ w_h + b_h)), None

        h = jnp.zeros((len(workload.inputs), len(w_h)), w_h.dtype)
        h, _ = jax.lax.scan(one, h, jnp.asarray(workload.inputs.T))
        return self.cross_entropy(h @ w_o + b_o, workload.targets)

    def chain(self, workload: Workload, p: Values) -> Any:
        """y = x, and then y = y + x again and again."""
        (x,) = p
        return jnp.sum(jax.lax.fori_loop(0, workload.length, lambda _, y: y + x, x))


class Work:
    """A workload under way."""

    def __init__(self, workload: Workload) -> None:
        """Compile a step."""
        self.workload = workload
        self.values: Any = [jnp.array(x) for x in operands(workload)]
        self.gradients: Any = []
        self.last: Any = float("nan")
        gradient = jax.value_and_grad(Loops(jnp).loss(workload))

        def trained(values: Any) -> Any:
            last, gradients = gradient(values)
            return last, [p - workload.alpha * g for p, g in zip(values, gradients, strict=True)]

        if workload.parameters:
            # The old parameters are given away, so that the new ones may be written into their memory.
            self.function = jax.jit(trained, donate_argnums=0)
        else:
            self.function = jax.jit(gradient)

    def step(self) -> None:
        """Forward, backward, and an update where something is trained."""
        if self.workload.parameters:
            self.last, self.values = self.function(self.values)
        else:
            self.gradients = []
            self.last, self.gradients = self.function(self.values)

    def results(self) -> list[Array]:
        """The last loss and the parameters, or the gradients."""
        if self.workload.parameters:
            return [np.array(self.last), *map(np.asarray, self.values)]
        return [np.asarray(g) for g in self.gradients]


def start(workload: Workload) -> Doing:
    """Begin a workload."""
    return Work(workload)
