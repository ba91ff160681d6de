"""What gradient checkers detect: every planted fault of an op's rule, shown to each of them.

    python -m benchmarks.detection            # every checker that can be imported; a few minutes
    python -m benchmarks.detection --only tanh_derivative_from_the_value    # nothing written
    python -m benchmarks.detection --page     # the page, from what was found last

A rule with a fault in it is plugged into each library as its users plug in their own functions, and is
checked on small random arrays, the same for all. Each fault has a process of its own, forked from one that
has the libraries imported and has computed nothing.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import signal
import sys
import tomllib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from dlspec import SPEC_VERSION, check_gradient
from dlspec.catalogue import BY_NAME
from dlspec.faults import FOLDER as FAULTS
from dlspec.faults import Change, exam, faults, random_faults, reference

Array = NDArray[Any]

HISTORY = Path(__file__).parent / "history" / "detection.json"
PAGE = Path(__file__).parent.parent / "docs" / "detection.md"

SEEDS = (0, 1, 2)
SECONDS = 120  # for one fault; the slowest that ends takes a tenth of it
_THRESHOLD = "1e-5"
SCIPY_THRESHOLD = float(_THRESHOLD)
FIRST_RANDOM = 1_000_000
"""The number of the first random fault, far from those that the clauses have been tried on every day."""

AREAS = ("arithmetic", "elementwise", "reductions", "matrices", "shapes", "indexing", "losses", "everywhere")


# The faults.


@dataclass(frozen=True)
class Planted:
    """A fault of a rule.

    Attributes:
        change: The fault.
        area: The file it stands in.
        ops: The ops that a tester would check.
        gradient: Whether the values stay as they are, and only what is pulled back changes.
    """

    change: Change
    area: str
    ops: tuple[str, ...]
    gradient: bool


NOT_ABOUT_NUMBERS = ("errors.", "objects.", "scale.cost.", "scale.memory.")
ABOUT_NUMBERS_NEVERTHELESS = ("errors.nan_and_infinity.", "errors.means_of_nothing.")

ONLY_BACKWARDS = frozenset(
    {
        "batches_without_an_inner_side",
        "exp_gradient_uses_the_operand",
        "max_to_the_first_only",
        "relu_slope_one_at_zero",
        "sigmoid_derivative_from_the_value",
        "sigmoid_derivative_overflows",
        "sum_pulls_back_along_another_dim",
        "tanh_of_the_main_thread_only",
        "transpose_sorts_negative_axes",
    }
)
"""Faults that change a forward, or what is beside it, but only what the vjp will see of it."""

OPS_OF_A_PART = {"broadcasting": ("add", "multiply"), "losses": ("cross_entropy", "mse")}


def planted() -> tuple[list[Planted], dict[str, int]]:
    """The faults of rules, and how many of the areas' faults were left out for which reason."""
    found: list[Planted] = []
    left_out = {"outside the rules": 0, "refusals, types of errors and copies": 0}
    for area in AREAS:
        for table in tomllib.loads((FAULTS / f"{area}.toml").read_text(encoding="utf-8"))["fault"]:
            change = faults()[table["id"]]
            places = [hunk.place.split(".") for hunk in change.hunks]
            if not all(place[0] in {"primitives", "rows", "shapes"} for place in places):
                left_out["outside the rules"] += 1
            elif not _about_numbers(change.caught_by or ""):
                left_out["refusals, types of errors and copies"] += 1
            else:
                found.append(Planted(change, area, _ops(change, places), _backwards(change, places)))
    return found, left_out


def _about_numbers(clause: str) -> bool:
    if clause.startswith(ABOUT_NUMBERS_NEVERTHELESS):
        return True
    return not clause.startswith(NOT_ABOUT_NUMBERS) and not clause.endswith(".refusals")


def _ops(change: Change, places: Sequence[Sequence[str]]) -> tuple[str, ...]:
    named = [place[-1].removesuffix("_vjp") for place in places]
    ops = tuple(dict.fromkeys(name for name in named if name in CALLS))
    return ops or OPS_OF_A_PART.get(change.of) or (change.of,)


def _backwards(change: Change, places: Sequence[Sequence[str]]) -> bool:
    if change.id in ONLY_BACKWARDS:
        return True
    return all(place[-1].endswith("_vjp") or place[-1] in {"scatter", "unbroadcast"} for place in places)


# What a tester would ask.


@dataclass(frozen=True)
class Call:
    """One way to call an op.

    Attributes:
        shapes: Of the operands.
        static: The other arguments.
    """

    shapes: tuple[tuple[int, ...], ...]
    static: Mapping[str, Any] = field(default_factory=dict)


_PAIRS = [Call(((3, 4), (3, 4))), Call(((3, 4), (4,))), Call(((3, 1), (2, 1, 4))), Call(((3, 4), ()))]
_ONE = [Call(((3, 4),))]
_REDUCED = [
    Call(((3, 4),)),
    Call(((3, 4),), {"dim": 0}),
    Call(((3, 4),), {"dim": -1, "keepdims": True}),
    Call(((2, 3, 4),), {"dim": (0, 2)}),
]
_ALONG_A_DIM = [Call(((3, 4),)), Call(((3, 4),), {"dim": 0})]
_REDUCTIONS: Sequence[Mapping[str, str]] = ({}, {"reduction": "sum"}, {"reduction": "none"})
_CLASSES = np.array([2, 0, 3])

CALLS: Mapping[str, Sequence[Call]] = {
    **dict.fromkeys(("add", "subtract", "multiply", "divide"), _PAIRS),
    **dict.fromkeys(("negative", "exp", "log", "relu", "tanh", "sigmoid"), _ONE),
    "power": [Call(((3, 4),), {"exponent": c}) for c in (2, 3, -1, 0.5)],
    **dict.fromkeys(("sum", "mean", "max"), _REDUCED),
    "mm": [
        Call(((3, 4), (4, 2))),
        Call(((4,), (4, 2))),
        Call(((3, 4), (4,))),
        Call(((2, 3, 4), (4, 5))),
        Call(((2, 3, 4), (2, 4, 5))),
    ],
    "affine": [Call(((3, 4), (4, 2), (2,))), Call(((2, 3, 4), (4, 5), (5,)))],
    "transpose": [Call(((3, 4),)), Call(((2, 3, 4),), {"axes": (1, 2, 0)})],
    "reshape": [Call(((3, 4),), {"shape": (2, 6)}), Call(((3, 4),), {"shape": (-1,)})],
    "expand": [Call(((3, 4),), {"dim": 0, "copies": 2}), Call(((3, 4),), {"dim": -1, "copies": 2})],
    "index_select": [
        Call(((5, 3),), {"indices": np.array([0, 3, 3, 1])}),
        Call(((5, 3),), {"indices": np.array([[4, 0], [2, 4]])}),
    ],
    **dict.fromkeys(("softmax", "log_softmax"), _ALONG_A_DIM),
    "cross_entropy": [
        *(Call(((3, 4),), {"targets": _CLASSES, **reduction}) for reduction in _REDUCTIONS),
        Call(((2, 3, 4),), {"targets": np.stack([_CLASSES, _CLASSES[::-1]])}),
    ],
    "mse": [Call(((3, 4), (3, 4)), reduction) for reduction in _REDUCTIONS],
}
"""Each op with each of its arguments: what a diligent tester would try, and no more."""


def operands(op: str, call: Call, seed: int) -> list[Array]:
    """Standard normal numbers, moved to where the op is defined and smooth."""
    rng = np.random.default_rng(seed)
    drawn = [rng.standard_normal(shape) for shape in call.shapes]
    first = drawn[0]
    if op == "log" or (op == "power" and not isinstance(call.static["exponent"], int)):
        drawn[0] = np.abs(first) + 0.5
    if op == "relu" or (op == "power" and call.static["exponent"] == -1):
        drawn[0] = first + np.copysign(0.5, first)
    if op == "divide":
        drawn[1] = drawn[1] + np.copysign(0.5, drawn[1])
    if op == "max":  # in the order drawn, but no two within reach of one another
        drawn[0] = (np.argsort(np.argsort(first, axis=None)).reshape(first.shape) - first.size / 2) / 3
    return [np.asarray(x) for x in drawn]


class Question:
    """An op, its operands and arguments, and the rule to ask."""

    def __init__(self, op: str, call: Call, seed: int, rule: Any) -> None:
        """Put the operands in place."""
        self.op, self.static, self.seed, self.rule = op, dict(call.static), seed, rule
        self.operands = operands(op, call, seed)

    def forward(self, *arrays: Array) -> tuple[Array, Any]:
        """The value and the residuals."""
        y, residuals = self.rule.forward(*arrays, **self.static)
        y = np.asarray(y)
        # A function of one's own must not hand out its operand's memory: no library takes that well.
        return (y.copy() if any(np.may_share_memory(y, x) for x in arrays) else y), residuals

    def vjp(self, y_bar: Array, needs: Sequence[bool], residuals: Any) -> list[Array | None]:
        """The cotangent of each operand."""
        several = (tuple(needs),) if len(self.operands) > 1 else ()
        bars = self.rule.vjp(y_bar, *several, *residuals)
        return [None if bar is None else np.asarray(bar) for bar in bars]

    @property
    def definition(self) -> Callable[..., Array]:
        """The op by the textbook."""
        name = {"affine": "linear", "mse": "mse_loss"}.get(self.op, self.op)
        return partial(BY_NAME[name].define, **self.static)


# The criteria. Each returns if it is content, and raises something if it isn't.

Criterion = Callable[[Question], None]


def by_gradcheck(question: Question, *, fast_mode: bool) -> None:
    """PyTorch's, with its defaults."""
    torch: Any = import_module("torch")

    def forward(ctx: Any, *tensors: Any) -> Any:
        y, ctx.residuals = question.forward(*(x.detach().numpy() for x in tensors))
        return torch.from_numpy(y)

    def backward(ctx: Any, y_bar: Any) -> Any:
        bars = question.vjp(y_bar.numpy(), ctx.needs_input_grad, ctx.residuals)
        return tuple(None if bar is None else torch.from_numpy(np.array(bar)) for bar in bars)

    members = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    function: Any = type("Planted", (torch.autograd.Function,), members)
    torch.manual_seed(question.seed)
    given = [torch.tensor(x, requires_grad=True) for x in question.operands]
    torch.autograd.gradcheck(function.apply, given, fast_mode=fast_mode)


def by_jax(question: Question) -> None:
    """JAX's, with its defaults: the first derivative, in reverse mode."""
    jax: Any = import_module("jax")
    kept: list[Any] = []

    def primal(*arrays: Any) -> Any:
        return jax.numpy.asarray(question.forward(*map(np.asarray, arrays))[0])

    def forward(*arrays: Any) -> Any:
        y, residuals = question.forward(*map(np.asarray, arrays))
        kept.append(residuals)  # which may be anything, where JAX knows only arrays
        return jax.numpy.asarray(y), np.array(len(kept) - 1)

    def backward(number: Any, y_bar: Any) -> Any:
        needs = [True] * len(question.operands)
        bars = question.vjp(np.asarray(y_bar), needs, kept[int(number)])
        return tuple(jax.numpy.asarray(bar) for bar in bars)

    function = jax.custom_vjp(primal)
    function.defvjp(forward, backward)
    import_module("jax.test_util").check_grads(function, tuple(question.operands), order=1, modes=["rev"])


def by_autograd(question: Question) -> None:
    """HIPS autograd's, in reverse mode, of first order, as the vjp is no function of autograd's."""
    extend: Any = import_module("autograd.extend")
    kept: list[Any] = []

    @extend.primitive  # type: ignore[untyped-decorator]  # the library has no types
    def function(*arrays: Array) -> Array:
        y, residuals = question.forward(*arrays)
        kept[:] = [residuals]
        return y

    def maker(k: int) -> Callable[..., Any]:
        needs = [j == k for j in range(len(question.operands))]

        def vjp(_: Any, *arrays: Array) -> Callable[[Array], Any]:
            residuals = kept[0]
            return lambda y_bar: question.vjp(y_bar, needs, residuals)[k]

        return vjp

    extend.defvjp(function, *map(maker, range(len(question.operands))))
    np.random.seed(question.seed)  # which is where autograd takes its directions from
    import_module("autograd.test_util").check_grads(function, modes=["rev"], order=1)(*question.operands)


def by_scipy(question: Question) -> None:
    """SciPy's, of a sum with random weights; it returns a distance, and leaves the verdict to the user."""
    shapes = [x.shape for x in question.operands]
    ends = np.cumsum([x.size for x in question.operands])[:-1]
    weights = np.random.default_rng(question.seed + 100).standard_normal(
        np.shape(question.forward(*question.operands)[0])
    )

    def unpacked(x: Array) -> list[Array]:
        return [part.reshape(shape) for part, shape in zip(np.split(x, ends), shapes, strict=True)]

    def value(x: Array) -> float:
        return float(np.sum(weights * question.forward(*unpacked(x))[0]))

    def gradient(x: Array) -> Array:
        _, residuals = question.forward(*unpacked(x))
        bars = question.vjp(weights, [True] * len(shapes), residuals)
        return np.concatenate([np.ravel(np.asarray(bar)) for bar in bars])

    start = np.concatenate([x.ravel() for x in question.operands])
    distance = import_module("scipy.optimize").check_grad(value, gradient, start)
    if not distance <= SCIPY_THRESHOLD:
        raise AssertionError(f"the gradient is {distance} away")


def by_value(question: Question) -> None:
    """No checker of gradients: the value beside that of the definition, by NumPy's default."""
    kept = [x.copy() for x in question.operands]
    np.testing.assert_allclose(question.forward(*question.operands)[0], question.definition(*kept))


def by_check_gradient(question: Question, *, defined: bool) -> None:
    """The spec's, on the framework's own tensors, with the textbook's definition or without."""
    apply = import_module("deeplearning_framework").apply
    check_gradient(
        lambda *tensors: apply(question.rule, *tensors, **question.static),
        *question.operands,
        definition=question.definition if defined else None,
        seed=question.seed,
    )


@dataclass(frozen=True)
class Checker:
    """A published criterion.

    Attributes:
        package: What it comes with.
        title: What the tables call it.
        check: How to ask it.
    """

    package: str
    title: str
    check: Criterion


CHECKERS: Mapping[str, Checker] = {
    "gradcheck": Checker("torch", "`torch.autograd.gradcheck`", partial(by_gradcheck, fast_mode=False)),
    "gradcheck_fast": Checker("torch", "the same, `fast_mode=True`", partial(by_gradcheck, fast_mode=True)),
    "jax": Checker("jax", "`jax.test_util.check_grads`", by_jax),
    "autograd": Checker("autograd", "`autograd.test_util.check_grads`", by_autograd),
    "scipy": Checker("scipy", f"`scipy.optimize.check_grad` < {_THRESHOLD}", by_scipy),
    "check_gradient": Checker("dlspec", "`dlspec.check_gradient`", partial(by_check_gradient, defined=False)),
    "value": Checker("numpy", "`numpy.testing.assert_allclose` of the value", by_value),
    "check_gradient_defined": Checker(
        "dlspec", "`dlspec.check_gradient` with a definition", partial(by_check_gradient, defined=True)
    ),
}

OF_GRADIENTS = ("gradcheck", "gradcheck_fast", "jax", "autograd", "scipy")
"""The published ones that compare a gradient with differences of the function."""


def versions() -> dict[str, str]:
    """The packages that are here; what is imported now, every fork has."""
    found = {"numpy": np.__version__}
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    for package, module in (
        ("torch", "torch"),
        ("jax", "jax.test_util"),
        ("autograd", "autograd.test_util"),
        ("scipy", "scipy.optimize"),
    ):
        try:
            import_module(module)
        except ImportError as error:
            sys.stderr.write(f"{package} is not here: {error}\n")
        else:
            found[package] = version(package)
    if "torch" in found:
        import_module("torch").set_num_threads(1)
    if "jax" in found:
        import_module("jax").config.update("jax_enable_x64", True)
    return found


# One process for each fault.


@dataclass(frozen=True)
class Sitting:
    """What came of one fault, or of the ops as they are.

    Attributes:
        caught: Each checker that noticed, and what it said on the first call on which it did.
        values: A digest of the op's values on the testers' inputs.
        crashes: Whether the rule stops with an error of the program itself; there is no number to check.
    """

    caught: Mapping[str, str]
    values: str
    crashes: bool


class _TooLong(BaseException):
    """Not an Exception, which a checker might catch."""


def _too_long(*_: object) -> None:
    raise _TooLong


@dataclass(frozen=True)
class Asked:
    """What to ask of whom: a planted fault, a random one, or the reference as it is."""

    ops: Sequence[str]
    checkers: Sequence[str]
    planted: str | None = None
    random: int | None = None


def examine(asked: Asked) -> Sitting:
    """Plant a fault in this process, and ask each checker."""
    if asked.random is not None:
        random_faults.implementation(asked.random)
    else:
        hunks = () if asked.planted is None else faults()[asked.planted].hunks
        reference.changed(hunks, f"fault:{asked.planted}")
    signal.signal(signal.SIGALRM, _too_long)
    # What a tester sees is a failed test; a warning is none.
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        caught = {name: said for name in asked.checkers if (said := _said(name, asked.ops)) is not None}
        return Sitting(caught, *_tried(asked.ops))


def _said(checker: str, ops: Sequence[str]) -> str | None:
    """What a checker has to complain of, if anything."""
    signal.alarm(SECONDS)
    try:
        for question in _questions(ops):
            try:
                CHECKERS[checker].check(question)
            except (Exception, _TooLong) as error:
                said = str(error).strip().split("\n", 1)[0]
                return f"{question.op}: {type(error).__name__}: {said}"
    finally:
        signal.alarm(0)
    return None


def _tried(ops: Sequence[str]) -> tuple[str, bool]:
    """A digest of the values, and whether a call crashes."""
    digest = sha256()
    for question in _questions(ops):
        try:
            y, residuals = question.forward(*question.operands)
            digest.update(f"{y.dtype} {y.shape}".encode() + y.tobytes())
            question.vjp(np.ones_like(y), [True] * len(question.operands), residuals)
        except (TypeError, NameError, AttributeError):
            return "", True
        except Exception:
            # A refusal, or arrays that don't fit: whoever checks the op meets it as well.
            continue
    return digest.hexdigest(), False


def _questions(ops: Sequence[str]) -> Iterator[Question]:
    primitives = import_module("deeplearning_framework.primitives")
    for op in ops:
        for call in CALLS[op]:
            for seed in SEEDS:
                yield Question(op, call, seed, getattr(primitives, op.upper()))


def measure(only: Sequence[str], randoms: int, jobs: int) -> dict[str, Any]:
    """The whole table, as data.

    Raises:
        ValueError: A fault that is meant to be in the gradient changes a value.
    """
    here = versions()
    checkers = [name for name, checker in CHECKERS.items() if checker.package in {*here, "dlspec"}]
    chosen, left_out = planted()
    chosen = [fault for fault in chosen if not only or fault.change.id in only]
    numbers = range(FIRST_RANDOM, FIRST_RANDOM + randoms)
    made = [random_faults.fault(number) for number in numbers]
    right = _examined([Asked((op,), checkers) for op in CALLS], jobs)
    sittings = _examined([Asked(fault.ops, checkers, planted=fault.change.id) for fault in chosen], jobs)
    values = {op: sitting.values for op, sitting in zip(CALLS, right, strict=True)}
    for fault, sitting in zip(chosen, sittings, strict=True):
        # What is about two ops, and in the gradient, is about broadcasting, which NumPy does forwards.
        same = len(fault.ops) > 1 or sitting.crashes or sitting.values == values[fault.ops[0]]
        if fault.gradient and not same:
            raise ValueError(f"{fault.change.id} changes a value, but isn't counted as one that does")
    at_random = _examined(
        [Asked((random_faults.fault(number).rule,), checkers, random=number) for number in numbers], jobs
    )
    rows = exam.read_matrix()
    noticed = _noticed(numbers, jobs)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {"dlspec": SPEC_VERSION, **here},
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "seeds": list(SEEDS),
        "calls": sum(len(calls) for calls in CALLS.values()),
        "checkers": checkers,
        "false_alarms": {
            name: [op for op, sitting in zip(CALLS, right, strict=True) if name in sitting.caught]
            for name in checkers
        },
        "left_out": left_out,
        "crashes": [
            fault.change.id for fault, sitting in zip(chosen, sittings, strict=True) if sitting.crashes
        ],
        "faults": [
            {
                "id": fault.change.id,
                "area": fault.area,
                "in": "gradient" if fault.gradient else "value",
                "dlspec": bool(rows.get(fault.change.id)),
                "caught": [name for name in checkers if name in sitting.caught],
            }
            for fault, sitting in zip(chosen, sittings, strict=True)
            if not sitting.crashes
        ],
        "random": [
            {
                "number": number,
                "says": str(fault),
                "in": "value" if fault.part == "value" else "gradient",
                "dlspec": number in noticed,
                "caught": [name for name in checkers if name in sitting.caught],
            }
            for number, fault, sitting in zip(numbers, made, at_random, strict=True)
        ],
    }


def _examined(asked: Sequence[Asked], jobs: int) -> list[Sitting]:
    """Each in a process of its own, in that order."""
    sys.stderr.write(f"{len(asked)} to examine, at {datetime.now(UTC):%H:%M:%S}\n")
    reference.warm()
    with warnings.catch_warnings():
        # JAX warns of forks, for its threads' sake; in this process none of them run.
        warnings.filterwarnings("ignore", message=".*fork", category=RuntimeWarning)
        with multiprocessing.get_context("fork").Pool(jobs, maxtasksperchild=1) as pool:
            return pool.map(examine, asked, chunksize=1)


def _noticed(numbers: Sequence[int], jobs: int) -> set[int]:
    """The random faults that fail a clause."""
    questions = {f"random-fault:{number}": random_faults.clauses_for(number) for number in numbers}
    sat = exam.sit(questions, jobs=jobs, first_only=True) if questions else ()
    return {int(sitting.target.partition(":")[2]) for sitting in sat if sitting.failed}


# What becomes of it: a table, and a page.

Row = Mapping[str, Any]
Rule = Callable[[Row], bool]


def criteria(found: Mapping[str, Any]) -> list[tuple[str, Rule]]:
    """Each checker that was there, by its title, and what they come to together."""

    def by(*names: str) -> Rule:
        return lambda row: any(name in row["caught"] for name in names)

    singles = [name for name in OF_GRADIENTS if name in found["checkers"]]
    return [
        *((CHECKERS[name].title, by(name)) for name in singles),
        ("any of these", by(*singles)),
        (CHECKERS["value"].title, by("value")),
        ("any of these, and that", by(*singles, "value")),
        (CHECKERS["check_gradient"].title, by("check_gradient")),
        (CHECKERS["check_gradient_defined"].title, by("check_gradient_defined")),
        ("the clauses", lambda row: bool(row["dlspec"])),
    ]


def table(found: Mapping[str, Any], kind: str) -> list[tuple[str, str, str]]:
    """For each criterion how many it catches of the faults in the gradient, and of all."""
    rows: list[Row] = found[kind]
    backward = [row for row in rows if row["in"] == "gradient"]

    def share(of: Sequence[Row], rule: Rule) -> str:
        caught = sum(map(rule, of))
        # Rounded down: 100 % is all of them, and nothing less.
        return f"{caught} of {len(of)} ({100 * caught // max(len(of), 1)} %)"

    return [(title, share(backward, rule), share(rows, rule)) for title, rule in criteria(found)]


def escaped(found: Mapping[str, Any]) -> list[Row]:
    """The planted faults that no published checker notices, nor a look at the value."""
    published = {*OF_GRADIENTS, "value"}
    return [row for row in found["faults"] if not published & set(row["caught"])]


WHY = {
    "It takes a number that nobody draws from a normal distribution.": (
        "tanh_derivative_from_the_value",
        "softmax_without_a_shift",
    ),
    "It takes two numbers that are equal, or a 0.": (
        "max_to_each_in_full",
        "relu_slope_one_at_zero",
        "power_root_of_zero_has_no_slope",
    ),
    "It takes the same operand twice.": ("multiply_by_itself_counts_once",),
    "It takes a shape that the tester didn't try: a square, a single element, no element.": (
        "mm_gradient_of_a_square_factor_not_transposed",
        "relu_wrong_for_a_single_number",
        "expand_to_no_copies_makes_one",
    ),
    "It takes another order in memory.": ("exp_pullback_in_memory_order", "reshape_in_the_order_of_memory"),
    "It takes a longer array.": ("a_block_of_indices", "mm_of_tiles"),
    "It takes another type than float64.": ("sum_promotes_float32", "divide_rounds_integers_down"),
    "It takes another thread.": ("tanh_of_the_main_thread_only",),
}
"""Some of the faults that escape, by what it would have taken; the page refuses any that doesn't."""

DIFFERENCES = (
    (
        "relu_lets_only_positive_cotangents_through",
        ("jax", "autograd", "scipy"),
        "PyTorch's check multiplies by unit vectors, and in its fast mode by vectors of positive numbers. "
        "JAX, autograd and a weighted sum use both signs, and notice.",
    ),
    (
        "broadcast_operand_not_reduced",
        ("jax", "autograd", "scipy"),
        "PyTorch's engine adds up a cotangent that is larger than its operand, so that what is wrong here is "
        "right there.",
    ),
    (
        "mm_pulls_back_in_single_precision",
        ("autograd",),
        "Seven digits are enough for tolerances of 1e-3 and 1e-5. autograd has 1e-6, and notices.",
    ),
    (
        "sigmoid_scales_the_cotangent_in_place",
        ("gradcheck_fast", "autograd", "scipy"),
        "It shows only if the caller uses the cotangent once more. None of the checkers looks on purpose; "
        "three of them happen to use it.",
    ),
    (
        "log_gradient_with_epsilon",
        (),
        "The error is below every tolerance, and below most of what plain differences can tell. "
        "`dlspec.check_gradient` extrapolates them, and notices.",
    ),
)
"""Where the checkers differ: a fault, which of the published ones notice it, and why."""


def words(id: str, home: Mapping[str, str]) -> str:
    """A fault, linked to its story."""
    text = id.replace("_", " ")
    return f"[{text}](faults/{home[id]}.md#{id})"


def page(found: Mapping[str, Any]) -> str:
    """The page, from what was measured.

    Raises:
        ValueError: The page's examples are none.
    """
    home = {row["id"]: row["area"] for row in found["faults"]}
    caught = {row["id"]: set(row["caught"]) for row in found["faults"]}
    free = escaped(found)
    escapes = {row["id"] for row in free}
    for example in [id for ids in WHY.values() for id in ids]:
        if example not in escapes:
            raise ValueError(f"{example} doesn't escape the published checkers")
    for id, noticed, _ in DIFFERENCES:
        if caught[id] & set(OF_GRADIENTS) != set(noticed):
            raise ValueError(f"{id} is caught by {sorted(caught[id])}")
    right_of_wrong = [
        row["id"]
        for row in found["faults"]
        if "value" in row["caught"] and not set(OF_GRADIENTS) & set(row["caught"])
    ]
    packages = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    alarms = sum(len(ops) for ops in found["false_alarms"].values())
    left_out, crashes = found["left_out"], len(found["crashes"])
    backward = [row for row in found["faults"] if row["in"] == "gradient"]
    by_area = [(area, [row["id"] for row in free if row["area"] == area]) for area in AREAS]

    def shown(kind: str) -> str:
        head = "| | faults in the gradient | all faults |\n|---|--:|--:|\n"
        return head + "\n".join("| " + " | ".join(row) + " |" for row in table(found, kind))

    reasons = "\n".join(
        f"- {reason} {_sentence(', '.join(words(id, home) for id in ids))}" for reason, ids in WHY.items()
    )
    differences = "\n".join(f"- {_sentence(words(id, home))} {why}" for id, _, why in DIFFERENCES)
    blind = "\n".join(f"- {words(id, home)}" for id in right_of_wrong)
    rest = "\n\n".join(
        f"{_TITLES[area]} ({len(ids)}): {_sentence(', '.join(words(id, home) for id in ids))}"
        for area, ids in by_area
        if ids
    )
    return PAGE_TEXT.format(
        faults=len(found["faults"]),
        backward=len(backward),
        ops=len(CALLS),
        calls=found["calls"],
        seeds=len(found["seeds"]),
        tools=len([name for name in OF_GRADIENTS if name in found["checkers"]]),
        planted=shown("faults"),
        random=shown("random"),
        randoms=len(found["random"]),
        first=FIRST_RANDOM,
        escaped=len(free),
        tighter=sum("check_gradient_defined" in row["caught"] for row in free),
        outside=left_out["outside the rules"],
        refusals=left_out["refusals, types of errors and copies"],
        crashes=crashes,
        alarms=f"{alarms} false alarms" if alarms else "no false alarms",
        threshold=_THRESHOLD,
        packages=packages,
        machine=found["machine"],
        date=found["date"],
        reasons=reasons,
        differences=differences,
        blind=blind,
        rest=rest,
    )


def _sentence(text: str) -> str:
    """Links in a row as a sentence of their own."""
    return f"{text[:1]}{text[1:2].upper()}{text[2:]}."


_TITLES = {area: area.capitalize() for area in AREAS}

PAGE_TEXT = """\
# What gradient checkers detect

Whoever writes an op checks its gradient, and a check that passes says: so far, so good. How far is that? Here
every [planted fault](faults/index.md) of an op's rule was shown to the gradient checkers that people use.

They are good at what they are for. A gradient checker compares the gradient with differences of the function,
at the inputs it is given. It doesn't know what the function is meant to be, and can't ask about inputs that
nobody passed. So there are two figures: one for the faults in the gradient, which are its business, and one
for all faults of the op, which are the business of whoever relies on it.

## Planted faults

{faults} faults, {backward} of them in the gradient: the values stay as they are, and only what is pulled
back is wrong, somewhere.

{planted}

The last line is full by construction: a fault isn't planted until a clause catches it. That makes it no
measure of the clauses. What follows is one.

## Faults that nobody thought of

{randoms} faults made at random: a random rule, perturbed in a random way, under a random condition. Many
conditions are such that these inputs can't meet them (only in float32, only in another thread, only for
zeros), which is the point. They are those of `dlspec random-faults {randoms} --first {first}`, far from the
200 that are tried with every change. When the clauses were first asked they caught 298, and the laws on other
threads and long arrays were mended for the two that escaped, so these are no longer quite unknown. The
kinds of perturbations and conditions are always the same, and clauses were written with those in mind.

{random}

## What escapes

{escaped} of the {faults} planted faults escape every published checker, and the comparison of values as well.
Better tolerances alone would not find many of these. `dlspec.check_gradient` with a definition finds
{tighter}. For the others it would have to be other inputs:

{reasons}

These are the right derivatives of the wrong function. Every gradient checker has to pass them; the comparison
of values finds them:

{blind}

## Where they differ

{differences}

## How it was measured

```sh
python -m benchmarks.detection
```

The faulty rule is plugged in as users plug in functions of their own: a `torch.autograd.Function`, a
`jax.custom_vjp`, a `primitive` with `defvjp` in autograd; for SciPy, a sum with random weights and its
gradient. Forward and vjp are the rule's own NumPy code.

- Each checker has its defaults, in reverse mode and of first order, where it asks. The tolerances are 1e-3,
  relative, and 1e-5 in PyTorch, 1e-5 in JAX, and 1e-6 in autograd. SciPy's returns a
  distance and leaves the verdict to its user; the threshold is {threshold}. `check_gradient` is asked
  without and with a definition in NumPy of what the function should be.
- All get the same inputs: {ops} ops in {calls} calls, which try each argument of each op, times {seeds}
  seeds. They are small float64 arrays of standard normal numbers, in shapes that aren't square, positive for
  the logarithm and half a unit away from kinks and poles. That is more than the examples in the
  documentations do, and about what a diligent tester does. A fault is caught if any call makes the checker
  say no, or ends in an error.
- The ops as they are were shown to each of them, too. There were {alarms}.
- Each fault has a process of its own.

Of the faults in these areas, {outside} are outside the rules, in the engine or in the tensor's methods, and
{refusals} are about refusals or copies; no gradient checker claims anything there, and they aren't counted.
{crashes} more make the rule crash on an ordinary call. There is no number to check, so these aren't counted
either.

{packages}; {machine}; {date}.

## All that escape

{rest}
"""


def show(found: Mapping[str, Any]) -> None:
    """The tables on the screen."""
    console = Console()
    for kind, title in (("faults", "planted faults"), ("random", "random faults")):
        if not found[kind]:
            continue
        shown = Table("", "in the gradient", "all", title=title)
        for row in table(found, kind):
            shown.add_row(*(cell.replace("`", "") for cell in row))
        console.print(shown)
    console.print(f"false alarms: {found['false_alarms']}")
    if found["crashes"]:
        console.print(f"not counted, for they crash: {', '.join(found['crashes'])}")


def main() -> None:
    """Measure, or write the page from what was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", metavar="FAULT", nargs="+", default=[], help="these faults; write nothing")
    parser.add_argument("--random", metavar="N", type=int, default=300, help="how many random faults")
    parser.add_argument("--jobs", metavar="N", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--page", action="store_true", help="write the page only")
    arguments = parser.parse_args()
    if arguments.page:
        PAGE.write_text(page(json.loads(HISTORY.read_text(encoding="utf-8"))), encoding="utf-8")
        return
    found = measure(arguments.only, 0 if arguments.only else arguments.random, arguments.jobs)
    show(found)
    if arguments.only:
        for row in found["faults"]:
            sys.stdout.write(f"{row['id']}: {', '.join(row['caught']) or 'nothing'}\n")
        return
    missing = [name for name in CHECKERS if name not in found["checkers"]]
    if missing:
        sys.stderr.write(f"nothing is written, since these weren't there: {', '.join(missing)}\n")
        return
    HISTORY.write_text(dumps(found), encoding="utf-8")
    PAGE.write_text(page(found), encoding="utf-8")


def dumps(found: Mapping[str, Any]) -> str:
    """JSON with a line for each fault, so that a diff shows which have changed."""
    parts = []
    for key, value in found.items():
        if key in {"faults", "random"}:
            lines = ",\n".join(f"    {json.dumps(row)}" for row in value)
            parts.append(f"  {json.dumps(key)}: [\n{lines}\n  ]")
        else:
            parts.append(f"  {json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    main()
