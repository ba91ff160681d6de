"""Any module that has the reference's names, all of them or some: nothing to write.

Each op is kept as the source text that a user of that module would write, in a template. The spec compiles
the text to call it, and prints the same text in the script that reproduces a failure: what is shown is
what was run.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec.failure import NotProvided
from dlspec.implementation import Program, TapeImplementation, Value, taking

Array = NDArray[Any]

TENSOR_OPS: Mapping[str, tuple[str, str]] = {
    # catalogue name: the attribute of Tensor that it needs, and how it is written
    "add": ("__add__", "{out} = {0} + {1}"),
    "subtract": ("__sub__", "{out} = {0} - {1}"),
    "multiply": ("__mul__", "{out} = {0} * {1}"),
    "divide": ("__truediv__", "{out} = {0} / {1}"),
    "negative": ("__neg__", "{out} = -{0}"),
    "power": ("__pow__", "{out} = {0} ** {exponent}"),
    "exp": ("exp", "{out} = {0}.exp()"),
    "log": ("log", "{out} = {0}.log()"),
    "relu": ("relu", "{out} = {0}.relu()"),
    "tanh": ("tanh", "{out} = {0}.tanh()"),
    "sigmoid": ("sigmoid", "{out} = {0}.sigmoid()"),
    "sum": ("sum", "{out} = {0}.sum({arguments})"),
    "mean": ("mean", "{out} = {0}.mean({arguments})"),
    "max": ("max", "{out} = {0}.max({arguments})"),
    "mm": ("mm", "{out} = {0}.mm({1})"),
    "transpose": ("transpose", "{out} = {0}.transpose({arguments})"),
    "reshape": ("reshape", "{out} = {0}.reshape({arguments})"),
    "expand": ("expand", "{out} = {0}.expand({arguments})"),
    "index_select": ("index_select", "{out} = {0}.index_select(Tensor({indices}))"),
    "softmax": ("softmax", "{out} = {0}.softmax({arguments})"),
    "log_softmax": ("log_softmax", "{out} = {0}.log_softmax({arguments})"),
    "cross_entropy": ("cross_entropy", "{out} = {0}.cross_entropy(Tensor({targets}), {arguments})"),
}

NAMED_OPS: Mapping[str, tuple[str, str]] = {
    # catalogue name: the class that it needs, and how it is used
    "linear": (
        "Linear",
        "layer = Linear(*{1}.data.shape)\nlayer.weight = {1}\nlayer.bias = {2}\n{out} = layer.forward({0})",
    ),
    "linear_without_bias": (
        "Linear",
        "layer = Linear(*{1}.data.shape, bias=False)\nlayer.weight = {1}\n{out} = layer.forward({0})",
    ),
    "embedding": (
        "Embedding",
        "layer = Embedding(*{0}.data.shape)\nlayer.weight = {0}\n{out} = layer.forward(Tensor({indices}))",
    ),
    "rnn_cell": (
        "RNNCell",
        "cell = RNNCell({2}.data.shape[0], {2}.data.shape[1], {6}.data.shape[1], {arguments})\n"
        "cell.w_ih.weight, cell.w_ih.bias = {2}, {3}\n"
        "cell.w_hh.weight, cell.w_hh.bias = {4}, {5}\n"
        "cell.w_ho.weight, cell.w_ho.bias = {6}, {7}\n"
        "{out} = cell.forward({0}, {1})",
    ),
    "lstm_cell": (
        "LSTMCell",
        "cell = LSTMCell({3}.data.shape[0], {3}.data.shape[1], {15}.data.shape[1])\n"
        "cell.xf.weight, cell.xf.bias = {3}, {4}\n"
        "cell.xi.weight, cell.xi.bias = {5}, {6}\n"
        "cell.xo.weight, cell.xo.bias = {7}, {8}\n"
        "cell.xc.weight, cell.xc.bias = {9}, {10}\n"
        "cell.hf.weight, cell.hi.weight = {11}, {12}\n"
        "cell.ho.weight, cell.hc.weight = {13}, {14}\n"
        "cell.w_ho.weight = {15}\n"
        "y, (h, c) = cell.forward({0}, ({1}, {2}))\n"
        "{out} = y, h, c",
    ),
    "mse_loss": ("MSELoss", "{out} = MSELoss({arguments}).forward({0}, {1})"),
    "cross_entropy_loss": (
        "CrossEntropyLoss",
        "{out} = CrossEntropyLoss({arguments}).forward({0}, Tensor({targets}))",
    ),
}

POSITIONAL = ("dim", "copies", "axes", "shape")
"""Static arguments that users write without their name; `axes` and `shape` as several arguments."""

NAMES = (
    *("Tensor", "Layer", "Linear", "Tanh", "Sigmoid", "Sequential", "Embedding", "RNNCell", "LSTMCell"),
    *("MSELoss", "CrossEntropyLoss", "SGD", "no_grad"),
)
"""The reference's public names that the spec looks for."""


def written(
    template: str, operands: Sequence[str], static: Mapping[str, Any], names: Mapping[str, str], out: str
) -> str:
    """The source text of one call.

    Args:
        template: From the tables above.
        operands: The names of the variables that are operands.
        static: The static arguments.
        names: Variables that hold static arguments which are arrays.
        out: The name of the result.
    """
    words = []
    for key, value in static.items():
        if "{" + key + "}" in template:
            continue
        if key in ("axes", "shape"):
            words += [repr(int(side)) for side in value]
        else:
            words.append(repr(value) if key in POSITIONAL else f"{key}={value!r}")
    fixed = {key: names.get(key, repr(value)) for key, value in static.items()}
    text = template.format(*operands, out=out, arguments=", ".join(words), **fixed)
    return text.replace(", )", ")")


class ModuleImplementation(TapeImplementation):
    """A module with the reference's names, plugged in by name or path."""

    def __init__(self, module: ModuleType, name: str | None = None) -> None:
        """Find out what the module has.

        Args:
            module: The module.
            name: What reports call it; by default the module's own name.
        """
        self.module = module
        self.name = name or module.__name__
        self.version = _version(module)
        self._found = {key: found for key in NAMES if (found := self._look_up(key)) is not None}
        self._compiled: dict[Any, Callable[..., Value]] = {}
        tensor = self._found.get("Tensor")
        self._templates = {
            **{op: text for op, (needs, text) in TENSOR_OPS.items() if hasattr(tensor, needs)},
            **{op: text for op, (needs, text) in NAMED_OPS.items() if needs in self._found},
        }
        self.ops = {op: self._op(op) for op in self._templates}
        self.claims = tuple(self._claims())
        self.dtypes = ("float64", "float32") if self._keeps_float32() else ("float64",)

    def _look_up(self, name: str) -> Any:
        home = self._home_of(name)
        return None if home is None else getattr(home, name)

    def _home_of(self, name: str) -> ModuleType | None:
        """The module, or the submodule as the reference divides them, that has a name."""
        if hasattr(self.module, name):
            return self.module
        if not hasattr(self.module, "__path__"):
            return None
        for part in ("tensor", "layers", "losses", "optim"):
            try:
                submodule = importlib.import_module(f"{self.module.__name__}.{part}")
            except ImportError:
                continue
            if hasattr(submodule, name):
                return submodule
        return None

    def home_of(self, name: str) -> str:
        """Where a user would import a name from."""
        home = self._home_of(name)
        return self.module.__name__ if home is None else home.__name__

    def _claims(self) -> Iterator[str]:
        has = self._found
        backward = hasattr(has.get("Tensor"), "backward")
        if any(op in self._templates for op in TENSOR_OPS):
            yield "ops"
        if backward:
            yield from ("autodiff", "objects")
        if has.keys() & {
            "Layer",
            "Linear",
            "Tanh",
            "Sigmoid",
            "Sequential",
            "Embedding",
            "RNNCell",
            "LSTMCell",
        }:
            yield "layers"
        if has.keys() & {"MSELoss", "CrossEntropyLoss"}:
            yield "losses"
        if "SGD" in has:
            yield "optim"
        if has.keys() >= {"Linear", "SGD"} and has.keys() & {"MSELoss", "CrossEntropyLoss"}:
            yield "training"
        if has:
            yield "numerics"
        if backward:
            yield "scale"
        if has:
            yield "errors"

    def _keeps_float32(self) -> bool:
        # Asked of a tensor as it was made, not of a result: an op that widens float32 breaks a promise that
        # the rest of the module makes.
        try:
            return np.asarray(self._found["Tensor"](np.ones(1, np.float32)).data).dtype == np.float32
        except Exception:  # whatever it raises, it doesn't keep float32
            return False

    def _op(self, op: str) -> Callable[..., Value]:
        def call(*operands: Value, **static: Any) -> Value:
            arrays: dict[str, Any] = {}
            signature: tuple[Any, ...] = (op, len(operands))
            if static:  # most calls have no such arguments, and long programs are made of those
                arrays = {key: value for key, value in static.items() if isinstance(value, np.ndarray)}
                # With its type: to a dictionary 1, 1.0 and True are one key.
                plain = tuple((key, type(value), value) for key, value in static.items() if key not in arrays)
                signature += (plain, tuple(arrays))
            compiled = self._compiled.get(signature)
            if compiled is None:
                compiled = self._compiled[signature] = self._compile(op, len(operands), static, tuple(arrays))
            return compiled(*operands, *arrays.values())

        return call

    def _compile(
        self, op: str, count: int, static: Mapping[str, Any], arrays: Sequence[str]
    ) -> Callable[..., Value]:
        operands = [f"x{k}" for k in range(count)]
        body = self.source(op, operands, static, {key: key for key in arrays}, "result")
        indented = "".join(f"    {line}\n" for line in body.splitlines())
        text = f"def {op}({', '.join([*operands, *arrays])}):\n{indented}    return result\n"
        namespace = dict(self._found)
        exec(compile(text, f"<{op}>", "exec"), namespace)  # our own templates, never the user's text
        compiled: Callable[..., Value] = namespace[op]
        return compiled

    def source(
        self, op: str, operands: Sequence[str], static: Mapping[str, Any], names: Mapping[str, str], out: str
    ) -> str:
        """What a user of the module would write for a call of `op`."""
        return written(self._templates[op], operands, static, names, out)

    def named(self, name: str) -> Any:
        """One of the module's public names."""
        try:
            return self._found[name]
        except KeyError:
            raise NotProvided(name) from None

    def _method(self, name: str) -> None:
        if not hasattr(self.named("Tensor"), name):
            raise NotProvided(f"Tensor.{name}")

    def leaf(self, array: Array) -> Value:
        """`Tensor(array, autograd=True)`."""
        return self.named("Tensor")(np.array(array), autograd=True)

    def constant(self, array: Array) -> Value:
        """`Tensor(array)`."""
        return self.named("Tensor")(np.array(array))

    def numpy(self, value: Value) -> Array:
        """`value.data`."""
        return np.asarray(value.data)

    def backward(self, value: Value, cotangent: Array | None = None, *, retain_graph: bool = False) -> None:
        """`value.backward(Tensor(cotangent))`, with `retain_graph=True` only where it is asked for."""
        self._method("backward")
        arguments = () if cotangent is None else (self.constant(cotangent),)
        if retain_graph:
            taking(value.backward, "Tensor.backward", "retain_graph")(*arguments, retain_graph=True)
        else:
            value.backward(*arguments)

    def grad(self, leaf: Value) -> Value | None:
        """`leaf.grad`."""
        return leaf.grad

    def wants_gradient(self, value: Value) -> bool:
        """`value.autograd`."""
        if not hasattr(value, "autograd"):
            raise NotProvided("Tensor.autograd")
        return bool(value.autograd)

    def set_grad(self, leaf: Value, array: Array | None) -> None:
        """`leaf.grad = Tensor(array)`."""
        leaf.grad = None if array is None else self.constant(array)

    def retain_grad(self, value: Value) -> None:
        """`value.retain_grad()`."""
        self._method("retain_grad")
        value.retain_grad()

    def detach(self, value: Value) -> Value:
        """`value.detach()`."""
        self._method("detach")
        return value.detach()

    def no_grad(self) -> AbstractContextManager[Any]:
        """`no_grad()`."""
        context: AbstractContextManager[Any] = self.named("no_grad")()
        return context

    def set_data(self, leaf: Value, array: Array) -> None:
        """`leaf.data = array`."""
        leaf.data = np.array(array)

    def change_data(self, leaf: Value, difference: Array) -> None:
        """`leaf.data -= difference`."""
        leaf.data -= difference

    def sgd(
        self,
        parameters: Sequence[Array],
        gradients: Sequence[Sequence[Array | None]],
        *,
        alphas: Sequence[float],
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> list[list[Array]]:
        """One `SGD` over leaves whose `.grad` is set before each `step()`."""
        options = {"momentum": momentum, "weight_decay": weight_decay, "nesterov": nesterov}
        leaves = [self.leaf(parameter) for parameter in parameters]
        # Options at their default are left out: an optimizer without them is partial, not useless.
        wanted = {key: on for key, on in options.items() if on}
        optimizer = taking(self.named("SGD"), "SGD", *wanted)(leaves, alpha=alphas[0], **wanted)
        history = []
        for alpha, step in zip(alphas, gradients, strict=True):
            optimizer.alpha = alpha
            for leaf, gradient in zip(leaves, step, strict=True):
                self.set_grad(leaf, gradient)
            optimizer.step()
            history.append([self.array(leaf) for leaf in leaves])
        return history

    def train(
        self,
        program: Program,
        parameters: Sequence[Array],
        batches: Sequence[Sequence[Array]],
        *,
        alpha: float,
    ) -> list[tuple[Array, list[Array]]]:
        """One set of leaves and one `SGD`, alive over all the steps, as a user would train."""
        leaves = [self.leaf(parameter) for parameter in parameters]
        optimizer = self.named("SGD")(leaves, alpha=alpha)
        history = []
        for batch in batches:
            loss = program(self.F, *leaves, *(self.constant(array) for array in batch))
            value = self.array(loss)
            self.backward(loss, np.ones_like(value))
            optimizer.step()
            history.append((value, [self.array(leaf) for leaf in leaves]))
        return history


def _version(module: ModuleType) -> str | None:
    version = getattr(module, "__version__", None)
    return version if isinstance(version, str) else None
