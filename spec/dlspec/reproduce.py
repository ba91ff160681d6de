"""The script that shows a failure by itself.

The failing case is run once more while every call of an op and every verb is noted down; the notes are then
written out as the program a user would type. For a plain module that is NumPy and the user's own names,
nothing else; for an adapter it goes through the adapter.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec import casefile
from dlspec.clause import Clause
from dlspec.failure import ConformanceFailure
from dlspec.implementation import Implementation, TapeImplementation
from dlspec.implementations import PLANTED
from dlspec.implementations.module import NAMES, ModuleImplementation

Array = NDArray[Any]

LONGEST = 40
"""Lines beyond which a script shows nothing that its clause doesn't show better."""


@dataclass
class Recorder:
    """Notes of one case: lines of source, and the names of the values they made."""

    impl: Implementation
    lines: list[tuple[str, str]] = field(default_factory=list)
    """Kind (leaf, constant, op, backward) and text."""
    names: dict[int, str] = field(default_factory=dict)
    kept: list[Any] = field(default_factory=list)
    """Every named value: while it lives, its id is its own."""
    leaves: list[str] = field(default_factory=list)
    result: str | None = None
    count: int = 0

    def fresh(self, prefix: str) -> str:
        """A variable that isn't used yet."""
        self.count += 1
        return f"{prefix}{self.count - 1}"

    def bind(self, name: str, value: Any) -> None:
        """Note that a variable holds a value, or several."""
        self.names[id(value)] = name
        self.kept.append(value)
        if isinstance(value, tuple):
            for k, item in enumerate(value):
                self.bind(f"{name}[{k}]", item)

    def of(self, value: Any) -> str:
        """The variable that holds a value; a literal where none does."""
        return self.names.get(id(value)) or literal(value)

    def restart(self) -> None:
        """Forget what came before: a clause that asks several times failed on the last one."""
        self.lines.clear()
        self.leaves = []
        self.result = None
        self.count = 0


def literal(value: Any) -> str:
    """A value as source."""
    if isinstance(value, np.ndarray):
        dtype = (
            "" if value.dtype in (np.float64, np.int64) and value.size else f", dtype={str(value.dtype)!r}"
        )
        text = repr(value.tolist()).replace("nan", "np.nan").replace("inf", "np.inf")
        shape = "" if value.size or len(value.shape) <= 1 else f".reshape({value.shape})"
        return f"np.array({text}{dtype}){shape}"
    return repr(value)


def script(
    clause: Clause, impl: Implementation, target: str, failure: BaseException | None = None
) -> str | None:
    """The stand-alone script for a clause that fails, or on which the implementation raises.

    Args:
        clause: The clause.
        impl: The implementation.
        target: What `dlspec verify` was given.
        failure: What the clause raised, so that its case alone is run again.

    Returns:
        The script; None where the failure doesn't show again, or not in few lines.
    """
    recorder = Recorder(impl)
    before = _instrument(impl, recorder)
    try:
        message = _again(clause, impl, failure)
    finally:
        for name, value in before.items():
            if value is None:
                del vars(impl)[name]
            else:
                vars(impl)[name] = value
    if message is None or not recorder.lines or len(recorder.lines) > LONGEST:
        return None
    _drop_unused(recorder)
    heading = [f"# {clause.id}", *(f"# {line}" for line in textwrap.wrap(clause.sentence, 88))]
    lines = [*heading, "import numpy as np", *_imports(impl, target, recorder), "", *_body(impl, recorder)]
    return "\n".join([*lines, *_closing(impl, recorder, clause, message)]) + "\n"


def _again(clause: Clause, impl: Implementation, failure: BaseException | None) -> str | None:
    """Run the failing case alone; what is wrong this time."""
    try:
        if (
            isinstance(failure, ConformanceFailure)
            and failure.case is not None
            and clause.frozen_as is not None
        ):
            inputs = {name: casefile.decode(value) for name, value in failure.case.items()}
            clause.check_case(impl, inputs)
        else:
            clause.check(impl)
    except ConformanceFailure as again:
        return again.message + (f", allowed {again.bound:.1e}" if again.bound else "")
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def _drop_unused(recorder: Recorder) -> None:
    """Leave out constants that no later line reads, such as a seed that backward was given as a value."""
    kept: list[tuple[str, str]] = []
    for number, (kind, text) in enumerate(recorder.lines):
        name = text.split(" = ", 1)[0]
        later = " ".join(line for _, line in recorder.lines[number + 1 :])
        if kind != "constant" or re.search(rf"\b{name}\b", later):
            kept.append((kind, text))
    recorder.lines = kept


def _instrument(impl: Implementation, recorder: Recorder) -> dict[str, Any]:
    """Put noting versions of ops and verbs before the implementation's own."""
    ops = {name: _noting_op(recorder, impl, name, op) for name, op in impl.ops.items()}
    replaced: dict[str, Any] = {"ops": ops}
    evaluate, pull = impl.evaluate, impl.pull

    def noting_evaluate(*arguments: Any) -> Any:
        recorder.restart()
        return evaluate(*arguments)

    def noting_pull(*arguments: Any) -> Any:
        recorder.restart()
        return pull(*arguments)

    replaced.update(evaluate=noting_evaluate, pull=noting_pull, vjp=_noting_vjp(recorder, impl, impl.vjp))
    replaced["constant"] = _noting_source(recorder, "constant", impl.constant)
    if isinstance(impl, TapeImplementation):
        replaced["leaf"] = _noting_source(recorder, "leaf", impl.leaf)
        replaced["backward"] = _noting_backward(recorder, impl, impl.backward)
    before = {name: vars(impl).get(name) for name in replaced}
    vars(impl).update(replaced)
    return before


def _noting_source(recorder: Recorder, kind: str, make: Callable[[Array], Any]) -> Callable[[Array], Any]:
    def noting(array: Array) -> Any:
        name = recorder.fresh("x" if kind == "leaf" else "c")
        recorder.lines.append((kind, f"{name} = {literal(np.asarray(array))}"))
        if kind == "leaf":
            recorder.leaves.append(name)
        value = make(array)
        recorder.bind(name, value)
        return value

    return noting


def _noting_op(
    recorder: Recorder, impl: Implementation, op: str, call: Callable[..., Any]
) -> Callable[..., Any]:
    def noting(*operands: Any, **static: Any) -> Any:
        names = [recorder.of(operand) for operand in operands]
        # Noted before it is called: the last line is then the one that raises.
        out = recorder.fresh("y")
        recorder.lines.append(("op", _call(impl, op, names, static, out)))
        value = call(*operands, **static)
        recorder.bind(out, value)
        recorder.result = out
        return value

    return noting


def _call(impl: Implementation, op: str, operands: Sequence[str], static: Mapping[str, Any], out: str) -> str:
    literals = {name: literal(value) for name, value in static.items() if isinstance(value, np.ndarray)}
    if isinstance(impl, ModuleImplementation):
        return impl.source(op, operands, static, literals, out)
    arguments = [*operands, *(f"{name}={literals.get(name, repr(value))}" for name, value in static.items())]
    return f"{out} = F.{op}({', '.join(arguments)})"


def _noting_vjp(recorder: Recorder, impl: Implementation, vjp: Callable[..., Any]) -> Callable[..., Any]:
    def noting(f: Callable[..., Any], *primals: Array) -> Any:
        if isinstance(impl, TapeImplementation):
            return vjp(_from_leaves(recorder, f), *primals)
        names = [f"x{k}" for k in range(len(primals))]

        def traced(*values: Any) -> Any:
            recorder.restart()
            recorder.lines += [
                ("leaf", f"{n} = {literal(np.asarray(p))}") for n, p in zip(names, primals, strict=True)
            ]
            recorder.leaves = list(names)
            recorder.count = len(names)
            for name, value in zip(names, values, strict=True):
                recorder.bind(name, value)
            return f(*values)

        value, pullback = vjp(traced, *primals)

        def noting_pullback(cotangent: Array) -> Any:
            recorder.lines = [line for line in recorder.lines if line[0] != "backward"]
            recorder.lines.append(("backward", literal(np.asarray(cotangent))))
            return pullback(cotangent)

        return value, noting_pullback

    return noting


def _from_leaves(recorder: Recorder, f: Callable[..., Any]) -> Callable[..., Any]:
    """A run of the program on fresh leaves: what stands before them belongs to an earlier run."""

    def noting(*leaves: Any) -> Any:
        names = [recorder.of(leaf) for leaf in leaves]
        starts = {f"{name} = " for name in names}
        recorder.lines = [
            line
            for line in recorder.lines
            if line[0] == "leaf" and any(line[1].startswith(start) for start in starts)
        ]
        recorder.leaves = names
        return f(*leaves)

    return noting


def _noting_backward(
    recorder: Recorder, impl: Implementation, backward: Callable[..., Any]
) -> Callable[..., Any]:
    def noting(value: Any, cotangent: Array | None = None, *, retain_graph: bool = False) -> None:
        seed = "" if cotangent is None else f"Tensor({literal(np.asarray(cotangent))})"
        keep = "retain_graph=True" if retain_graph else ""
        text = f"{recorder.of(value)}.backward({', '.join(filter(None, (seed, keep)))})"
        if not isinstance(impl, ModuleImplementation):
            seed = "" if cotangent is None else literal(np.asarray(cotangent))
            text = f"impl.backward({', '.join(filter(None, (recorder.of(value), seed, keep)))})"
        recorder.lines.append(("backward", text))
        backward(value, cotangent, retain_graph=retain_graph)

    return noting


def _imports(impl: Implementation, target: str, recorder: Recorder) -> list[str]:
    if not isinstance(impl, ModuleImplementation):
        return ["from dlspec.implementations import load", "", f"impl = load({target!r})", "F = impl.F"]
    text = "\n".join(line for _, line in recorder.lines)
    used = sorted(name for name in NAMES if name == "Tensor" or f"{name}(" in text)
    path = Path(target)
    lines = []
    if target.partition(":")[0] in PLANTED:
        lines = [
            "from dlspec.implementations import load",
            f"load({target!r})  # stands in for the reference",
        ]
    if path.suffix == ".py":
        lines = ["import sys", f"sys.path.insert(0, {str(path.parent)!r})"]
        return [*lines, f"from {path.stem} import {', '.join(used)}"]
    homes: dict[str, list[str]] = {}
    for name in used:
        homes.setdefault(impl.home_of(name), []).append(name)
    return [*lines, *(f"from {home} import {', '.join(names)}" for home, names in homes.items())]


def _body(impl: Implementation, recorder: Recorder) -> list[str]:
    if isinstance(impl, ModuleImplementation):
        wrapped = {"leaf": "Tensor({}, autograd=True)", "constant": "Tensor({})"}
        return [
            f"{line.split(' = ', 1)[0]} = {wrapped[kind].format(line.split(' = ', 1)[1])}"
            if kind in wrapped
            else line
            for kind, line in recorder.lines
        ]
    if isinstance(impl, TapeImplementation):
        return [
            f"{line.split(' = ', 1)[0]} = impl.{kind}({line.split(' = ', 1)[1]})"
            if kind in ("leaf", "constant")
            else line
            for kind, line in recorder.lines
        ]
    return _functional_body(recorder)


def _functional_body(recorder: Recorder) -> list[str]:
    primals = [line for kind, line in recorder.lines if kind == "leaf"]
    constants = [
        f"{line.split(' = ', 1)[0]} = impl.constant({line.split(' = ', 1)[1]})"
        for kind, line in recorder.lines
        if kind == "constant"
    ]
    ops = [line for kind, line in recorder.lines if kind == "op"]
    if not primals:
        return [*constants, *ops]
    body = [f"    {line}" for line in [*constants, *ops]]
    return [
        *primals,
        "",
        f"def program({', '.join(recorder.leaves)}):",
        *body,
        f"    return {recorder.result}",
        "",
        f"value, pullback = impl.vjp(program, {', '.join(recorder.leaves)})",
    ]


def _closing(impl: Implementation, recorder: Recorder, clause: Clause, message: str) -> list[str]:
    backward = [line for kind, line in recorder.lines if kind == "backward"]
    labels = [f"gradient of {name}" for name in recorder.leaves]
    if clause.op is not None and len(clause.op.operands) == len(labels):
        labels = [f"cotangent of {name}" for name in clause.op.operands]
    module = isinstance(impl, ModuleImplementation)
    if not backward:
        shown = f"{recorder.result}.data" if module else f"impl.numpy({recorder.result})"
        got = [f'print("value:", {shown})'] if recorder.result else []
    elif isinstance(impl, TapeImplementation):
        grad = "getattr({0}.grad, 'data', None)" if module else "impl.grad({0})"
        got = [
            f'print("{label}:", {grad.format(name)})'
            for label, name in zip(labels, recorder.leaves, strict=True)
        ]
    else:
        got = [f"bars = pullback({backward[-1]})"]
        got += [f'print("{label}:", bars[{k}])' for k, label in enumerate(labels)]
    return [*got, f"print({f'wrong: {message}'!r})"]
