"""JAX (https://github.com/jax-ml/jax), which differentiates pure functions of arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

import jax
import jax.numpy as jnp

from dlspec.implementation import Array, FunctionalImplementation

jax.config.update("jax_enable_x64", True)

KEPT = 500
"""Compiled programs that are kept for the next call. Each takes 1.4 MB, and the clauses need thousands."""


class Jax(FunctionalImplementation):
    """One op after another, as they are called."""

    name, version = "JAX", version("jax")
    claims: tuple[str, ...] = ("ops", "autodiff", "numerics", "errors")
    dtypes: tuple[str, ...] = ("float64", "float32")
    ops = {
        "add": jnp.add,
        "subtract": jnp.subtract,
        "multiply": jnp.multiply,
        "divide": jnp.divide,
        "negative": jnp.negative,
        "power": lambda x, exponent: jnp.power(x, exponent),
        "exp": jnp.exp,
        "log": jnp.log,
        "relu": jax.nn.relu,
        "tanh": jnp.tanh,
        "sigmoid": jax.nn.sigmoid,
        "sum": lambda x, dim=None, keepdims=False: jnp.sum(x, axis=dim, keepdims=keepdims),
        "mean": lambda x, dim=None, keepdims=False: jnp.mean(x, axis=dim, keepdims=keepdims),
        "max": lambda x, dim=None, keepdims=False: jnp.max(x, axis=dim, keepdims=keepdims),
        "mm": jnp.matmul,
        "transpose": lambda x, axes=None: jnp.transpose(x, axes),
        "reshape": lambda x, shape: jnp.reshape(x, shape),
        "expand": lambda x, dim, copies: jnp.repeat(jnp.expand_dims(x, dim), copies, axis=dim),
        "index_select": lambda x, indices: jnp.take(x, indices, axis=0),
        "softmax": lambda x, dim=-1: jax.nn.softmax(x, axis=dim),
        "log_softmax": lambda x, dim=-1: jax.nn.log_softmax(x, axis=dim),
    }

    def __init__(self) -> None:
        """Count what is compiled: an op, once for each type and shape."""
        self._compiled = 0
        jax.monitoring.register_event_duration_secs_listener(self._count)

    def _count(self, event: str, seconds: float, **details: Any) -> None:
        self._compiled += event.endswith("backend_compile_duration")

    def _make_room(self) -> None:
        if self._compiled > KEPT:
            jax.clear_caches()
            self._compiled = 0

    def constant(self, array: Array) -> Any:
        """A JAX array: a copy, which nobody can write to."""
        return jnp.array(array)

    def run(self, f: Callable[..., Any], *operands: Array) -> Any:
        """As it is called."""
        self._make_room()
        return super().run(f, *operands)

    def vjp(self, f: Callable[..., Any], *primals: Array) -> tuple[Any, Callable[[Array], Sequence[Any]]]:
        """`jax.vjp`."""
        self._make_room()
        value, pullback = jax.vjp(f, *map(jnp.array, primals))
        return value, pullback
