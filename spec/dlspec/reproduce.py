"""The script that shows a failure by itself.

The failing case is run once more while every call of an op and every verb is noted down; the notes are then
written out as the program a user would type. For a plain module that is NumPy and the user's own names,
nothing else; for an adapter it goes through the adapter.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import math
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
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

LONGEST = 25
"""Lines beyond which a script shows nothing that its clause doesn't show better."""
MOST_NUMBERS = 12
"""Numbers beyond which an array of equal ones isn't written out."""
MOST_CHARACTERS = 3000
"""Characters that a script may have: its numbers are there to be read."""


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
    bars: Sequence[Array | None] = ()
    """What a pullback gave, last."""

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
        if value.size > MOST_NUMBERS and (value == (first := value.flat[0])).all():
            return f"np.full({value.shape}, {_numbers_of(np.asarray(first))}{dtype})"
        shape = "" if value.size or len(value.shape) <= 1 else f".reshape({value.shape})"
        return f"np.array({_numbers_of(value)}{dtype}){shape}"
    return repr(value)


def _numbers_of(array: Array) -> str:
    return repr(array.tolist()).replace("nan", "np.nan").replace("inf", "np.inf")


class NoScript(Exception):
    """There is no script for a failure; `str` says why."""


def script(clause: Clause, impl: Implementation, target: str, failure: BaseException | None = None) -> str:
    """The stand-alone script for a clause that fails, or on which the implementation raises.

    It prints what came and what should have come, and ends in an assertion that fails as long as the
    implementation is wrong; or it raises what the implementation raises. Where the case at hand takes more
    room than a reader has, another frozen case that fails too is shown instead.

    Args:
        clause: The clause.
        impl: The implementation.
        target: What `dlspec verify` was given.
        failure: What the clause raised, so that its case alone is run again.

    Raises:
        NoScript: The failure doesn't show again, or not by the numbers that come out, or not in few lines.
    """
    why: NoScript | None = None
    for inputs in _cases(clause, failure):
        try:
            return _script(clause, impl, target, inputs, failure)
        except NoScript as none:
            why = why or none
    assert why is not None
    raise why


def _cases(clause: Clause, failure: BaseException | None) -> Iterator[Mapping[str, Any] | None]:
    """The inputs to try: those at hand, then other frozen ones, small ones first. None: the whole clause."""
    if clause.frozen_as is None:
        yield None
        return
    if isinstance(failure, ConformanceFailure) and failure.case is not None:
        yield {name: casefile.decode(value) for name, value in failure.case.items()}
    wanted = (
        ("operands", "static", "cotangent") if clause.inputs is not None else tuple(clause.strategies or ())
    )
    frozen = [{name: case[name] for name in wanted} for case in casefile.load(clause.frozen_as)]
    # An array without elements is the shortest of all, and shows the least.
    yield from sorted(frozen, key=lambda inputs: (not _numbers(inputs), _numbers(inputs)))


def _numbers(value: Any) -> int:
    """How many numbers there are in the inputs of a case."""
    if isinstance(value, np.ndarray):
        return value.size
    if isinstance(value, Mapping):
        return sum(map(_numbers, value.values()))
    return sum(map(_numbers, value)) if isinstance(value, (list, tuple)) else 0


def _script(
    clause: Clause,
    impl: Implementation,
    target: str,
    inputs: Mapping[str, Any] | None,
    failure: BaseException | None,
) -> str:
    """The script for one case."""
    recorder = Recorder(impl)
    before = _instrument(impl, recorder)
    drawn = str(np.random.get_state())
    try:
        again = _again(clause, impl, inputs)
        draws = str(np.random.get_state()) != drawn
        if failure is not None and type(again) is not type(failure):
            raise NoScript("it fails in another way when it is asked again")
        lines, closing = _text(impl, recorder, clause, again)
    finally:
        for name, value in before.items():
            if value is None:
                del vars(impl)[name]
            else:
                vars(impl)[name] = value
    heading = [f"# {clause.id}", *(f"# {line}" for line in textwrap.wrap(clause.sentence, 88))]
    # What an implementation draws at random must be the same whenever the script is run.
    seed = ["np.random.seed(0)"] if draws else []
    lines = [*heading, "import numpy as np", *_imports(impl, target, recorder), "", *seed, *lines, *closing]
    text = "\n".join(lines) + "\n"
    if text.count("\n") > LONGEST or len(text) > MOST_CHARACTERS:
        raise NoScript(f"it takes more than {LONGEST} lines to show it, or more numbers than anybody reads")
    # A planted fault is in place already, and can't be put there twice in one process.
    if not _shows("\n".join(line for line in lines if not line.startswith("load(")), again):
        raise NoScript("the calls that were noted don't show it by themselves")
    return text


def _text(
    impl: Implementation, recorder: Recorder, clause: Clause, failure: Exception
) -> tuple[list[str], list[str]]:
    """What was called, and what shows that the answer is wrong."""
    if not recorder.lines:
        raise NoScript("nothing was computed before it failed")
    if len(recorder.lines) > LONGEST:
        raise NoScript(f"it takes {len(recorder.lines)} calls to show it, which is no short script any more")
    _drop_unused(recorder)
    body = _body(impl, recorder)
    if isinstance(failure, ConformanceFailure) and failure.expected in _refusals(failure):
        return body[:-1], _refusal(body[-1], failure)
    closing = _closing(impl, recorder, clause, failure)
    if not isinstance(failure, ConformanceFailure):
        kind = type(failure).__name__
        *first, last = [*body, *closing] or ["pass"]
        return first, [f'print("expected an answer, got {kind}:")', last]
    return body, closing


def _refusals(failure: ConformanceFailure) -> tuple[str, ...]:
    """What `refused` says that it expected; nothing where the failure is another."""
    expected = failure.expected if isinstance(failure.expected, str) else ""
    names = expected.split(" or ")
    known = all(
        isinstance(kind := getattr(builtins, name, None), type) and issubclass(kind, Exception)
        for name in names
    )
    return (expected,) if known else ()


def _refusal(call: str, failure: ConformanceFailure) -> list[str]:
    """The call that should have been refused, and what came of it."""
    expected = str(failure.expected)
    kinds = expected.replace(" or ", ", ")
    other = ["except Exception as raised:", "    got = type(raised).__name__"]
    return [
        'got = "no exception"',
        "try:",
        *(f"    {line}" for line in call.splitlines()),
        f"except ({kinds}):" if ", " in kinds else f"except {kinds}:",
        f"    got = {expected!r}",
        *(other if failure.got != "no exception" else []),
        f'print({failure.what!r} ": got", got, "expected", {expected!r})',
        f"assert got == {expected!r}",
    ]


def _again(clause: Clause, impl: Implementation, inputs: Mapping[str, Any] | None) -> Exception:
    """Run the failing case alone; what is raised this time."""
    try:
        if inputs is None:
            clause.check(impl)
        else:
            clause.check_case(impl, inputs)
    except Exception as again:
        return again
    raise NoScript("it doesn't fail when it is asked again")


def _shows(text: str, failure: Exception) -> bool:
    """Whether a script, run here and now, raises what it should."""
    wanted = AssertionError if isinstance(failure, ConformanceFailure) else type(failure)
    path, streams = list(sys.path), (io.StringIO(), io.StringIO())
    try:
        with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
            exec(
                compile(text, "<script>", "exec"), {"__name__": "__main__"}
            )  # the text that was just written
    except BaseException as raised:
        return type(raised).__name__ == wanted.__name__
    finally:
        sys.path[:] = path
    return False


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
            bars = pullback(cotangent)
            recorder.bars = [None if bar is None else np.asarray(impl.numpy(bar)) for bar in bars]
            return bars

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
    if _in_working_folder(impl):
        lines = ["import sys", "sys.path.insert(0, '.')"]
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


def _in_working_folder(impl: ModuleImplementation) -> bool:
    """Whether a module was found for no other reason than that it lies where the command was given."""
    top = sys.modules.get(impl.module.__name__.partition(".")[0])
    file = getattr(top, "__file__", None)
    if file is None:
        return False
    home = Path(file).resolve().parent
    return (home.parent if hasattr(top, "__path__") else home) == Path.cwd().resolve()


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


def _closing(impl: Implementation, recorder: Recorder, clause: Clause, failure: Exception) -> list[str]:
    """The lines that print what came and what should have come, and say whether that is the same."""
    backward = [line for kind, line in recorder.lines if kind == "backward"]
    functional = not isinstance(impl, TapeImplementation)
    pulled = [f"bars = pullback({backward[-1]})"] if backward and functional else []
    if not isinstance(failure, ConformanceFailure):
        # Its own exception ends the script; what is lazy has to be asked for its numbers.
        asked = recorder.result if not backward and recorder.result in recorder.names.values() else None
        return [*pulled, *([f"print({_array_of(impl, asked)})"] if asked else [])]
    if failure.expected is None:
        raise NoScript("what is wrong is not a number that comes out")
    name, place = failure.what or "value", ""
    if failure.index:
        place = f"[{', '.join(map(str, failure.index))}]"
    for expression, array in _candidates(impl, recorder, pulled, failure.what or "", clause):
        text = _comparison(expression, array, failure, place)
        if text is not None:
            got, expected, check = text
            return [
                *pulled,
                f"got, expected = {got}, {expected}",
                f'print("{name}{place}: got", got, "expected", expected)',
                f"assert {check}",
            ]
    raise NoScript("what is wrong is none of the numbers that come out of the calls that were noted")


def _comparison(
    expression: str, array: Array | None, failure: ConformanceFailure, place: str
) -> tuple[str, str, str] | None:
    """Source of what came, of what should have come and of the check, where this array is what is wrong."""
    got, expected = failure.got, failure.expected
    if array is None:
        return (expression, repr(expected), "got is not None") if got is None else None
    if failure.index is None:
        for text, value in ((f"{expression}.shape", array.shape), (f"{expression}.dtype", array.dtype)):
            if str(value) == got:
                quoted = expected if value == array.shape else repr(expected)
                return text, quoted, "got == expected"
        return None
    if len(failure.index) != array.ndim or any(
        k >= n for k, n in zip(failure.index, array.shape, strict=True)
    ):
        return None
    element = array[failure.index].item()
    if not (element == got or (_is_nan(element) and _is_nan(got))):
        return None
    if _is_nan(expected):
        return expression + place, "np.nan", "np.isnan(got)"
    check = "got == expected"
    if failure.bound:
        # Rounded up, so that what is within the bound stays within it.
        check = f"abs(got - expected) <= {_rounded_up(failure.bound)}"
        check = f"got == expected or {check}" if np.isinf(expected) else check
    return expression + place, _numbers_of(np.asarray(expected)), check


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _rounded_up(bound: float) -> str:
    """A bound with two digits, not below itself."""
    text = f"{bound:.1e}"
    return text if float(text) >= bound else f"{bound * 1.05:.1e}"


def _candidates(
    impl: Implementation, recorder: Recorder, pulled: Sequence[str], what: str, clause: Clause
) -> Iterator[tuple[str, Array | None]]:
    """What the script could show, as source and as it is now; what the failure names comes first."""
    values = {name: value for value in recorder.kept if (name := recorder.names.get(id(value)))}
    found: list[tuple[str, Array | None]] = []
    if pulled:
        found += [(f"bars[{k}]", bar) for k, bar in enumerate(recorder.bars)]
    elif isinstance(impl, TapeImplementation) and any(kind == "backward" for kind, _ in recorder.lines):
        for name in recorder.leaves:
            grad = impl.grad(values[name]) if name in values else None
            shown = f"impl.numpy(impl.grad({name}))"
            if isinstance(impl, ModuleImplementation):
                shown = f"{name}.grad.data"
            if grad is None:
                found.append((shown.removesuffix(".data"), None))
            else:
                found.append((shown, np.asarray(impl.numpy(grad))))
    if clause.op is not None and len(clause.op.operands) == len(found):
        named = [operand in what.split() for operand in clause.op.operands]
        found = sorted(found, key=lambda pair: not named[found.index(pair)])
    for name, value in reversed(values.items()):
        if name in recorder.leaves or value is None or isinstance(value, tuple):
            continue
        try:
            found.append((_array_of(impl, name), np.asarray(impl.numpy(value))))
        except Exception:  # not everything that was noted has numbers
            continue
    yield from found


def _array_of(impl: Implementation, name: str) -> str:
    """How the numbers behind a variable are written."""
    return f"{name}.data" if isinstance(impl, ModuleImplementation) else f"impl.numpy({name})"
