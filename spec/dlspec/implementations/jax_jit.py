"""JAX with `jax.jit`: what XLA makes of a program as a whole, forward and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax

from dlspec.implementation import Array
from dlspec.implementations.jax import Jax


class JaxJit(Jax):
    """Programs of several ops at once; op by op the answers are those of `Jax`, which claims more."""

    name, claims = "JAX jit", ("autodiff",)

    def run(self, f: Callable[..., Any], *operands: Array) -> Any:
        """The program, compiled."""
        return super().run(jax.jit(f), *operands)

    def vjp(self, f: Callable[..., Any], *primals: Array) -> tuple[Any, Callable[[Array], Sequence[Any]]]:
        """`jax.vjp` of the program, compiled."""
        return super().vjp(jax.jit(f), *primals)
