"""JAX (https://github.com/jax-ml/jax), which differentiates pure functions of arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

import jax
import jax.numpy as jnp

from dlspec.implementation import Array, FunctionalImplementation

jax.config.update("jax_enable_x64", True)


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

    def constant(self, array: Array) -> Any:
        """A JAX array: a copy, which nobody can write to."""
        return jnp.array(array)

    def vjp(self, f: Callable[..., Any], *primals: Array) -> tuple[Any, Callable[[Array], Sequence[Any]]]:
        """`jax.vjp`."""
        value, pullback = jax.vjp(f, *map(jnp.array, primals))
        return value, pullback


class JaxJit(Jax):
    """Whole programs at once: `jax.jit` of everything that is asked, forward and back."""

    name = "JAX jit"

    def run(self, f: Callable[..., Any], *operands: Array) -> Any:
        """The program, compiled."""
        return jax.jit(f)(*map(jnp.array, operands))

    def vjp(self, f: Callable[..., Any], *primals: Array) -> tuple[Any, Callable[[Array], Sequence[Any]]]:
        """`jax.vjp` of the program, compiled."""
        return super().vjp(jax.jit(f), *primals)
