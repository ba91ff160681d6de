"""How accurate the reference is, beside other libraries: the worst input that a search finds for each.

    python -m benchmarks.accuracy            # every library that can be imported; about ten minutes
    python -m benchmarks.accuracy --quick    # a tenth of the inputs, nothing written
    python -m benchmarks.accuracy --page     # the page and the frozen cases, from what was found last

Every library is asked the same questions in the same run: bit patterns from the whole range, more of them
where the function does something, and then, for as many rounds as there are, the neighbourhoods of the inputs
that were worst for any library. The worst of all is measured once more against mpmath.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
from numpy.typing import NDArray

from benchmarks.exact import ELEMENTWISE, OPS, ROWS, Question, answer, depth, errors
from deeplearning_framework import primitives
from dlspec import casefile

Array = NDArray[Any]
Run = Callable[[Question], tuple[Array, Array]]

HISTORY = Path(__file__).parent / "history" / "accuracy.json"
PAGE = Path(__file__).parent.parent / "docs" / "accuracy.md"

SEED = 20261123
BLOCK = 1 << 18  # elements per question: one shape for all, since some libraries compile for each shape
ROUNDS = 4
KEPT = 48  # of the worst inputs, per library, whose neighbourhoods are searched
DTYPES = ("float64", "float32")


# The libraries.


def reference(question: Question) -> tuple[Array, Array]:
    """This framework: the primitives that tensors are made of."""
    static = {"targets": question.targets, "reduction": "none"} if question.op == "cross_entropy" else {}
    value, residuals = getattr(primitives, question.op)(question.x, **static)
    return value, getattr(primitives, f"{question.op}_vjp")(question.w, *residuals)[0]


def pytorch() -> tuple[str, Run]:
    """PyTorch on the CPU."""
    torch: Any = import_module("torch")
    torch.set_num_threads(1)
    ops: dict[str, Callable[..., Any]] = {
        **{name: getattr(torch, name) for name in ELEMENTWISE},
        "softmax": lambda x: torch.softmax(x, -1),
        "log_softmax": lambda x: torch.log_softmax(x, -1),
    }

    def run(question: Question) -> tuple[Array, Array]:
        x = torch.tensor(question.x, requires_grad=True)
        if question.op == "cross_entropy":
            y = torch.nn.functional.cross_entropy(x, torch.tensor(question.targets), reduction="none")
        else:
            y = ops[question.op](x)
        (bar,) = torch.autograd.grad(y, x, torch.tensor(question.w))
        return y.detach().numpy(), bar.numpy()

    return torch.__version__, run


def jax() -> tuple[str, Run]:
    """JAX on the CPU, with float64 switched on; its loss is Optax's formula, from the logits."""
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    library: Any = import_module("jax")
    library.config.update("jax_enable_x64", True)
    np_of_jax, nn = library.numpy, library.nn
    ops: dict[str, Callable[..., Any]] = {
        "exp": np_of_jax.exp,
        "log": np_of_jax.log,
        "tanh": np_of_jax.tanh,
        "sigmoid": nn.sigmoid,
        "softmax": nn.softmax,
        "log_softmax": nn.log_softmax,
    }

    def run(question: Question) -> tuple[Array, Array]:
        def f(x: Any) -> Any:
            if question.op != "cross_entropy":
                return ops[question.op](x)
            logs = nn.log_softmax(x)
            assert question.targets is not None
            return -np_of_jax.take_along_axis(logs, question.targets[:, None], 1)[:, 0]

        y, pull = library.vjp(f, np_of_jax.asarray(question.x))
        return np.asarray(y), np.asarray(pull(np_of_jax.asarray(question.w))[0])

    return library.__version__, run


def hips_autograd() -> tuple[str, Run]:
    """HIPS autograd; it has no softmax, and no loss, so these are written as its users write them."""
    make_vjp = import_module("autograd.core").make_vjp
    ops = import_module("dlspec.implementations.autograd").Autograd.ops

    def run(question: Question) -> tuple[Array, Array]:
        static = {"targets": question.targets, "reduction": "none"} if question.op == "cross_entropy" else {}
        pull, y = make_vjp(lambda x: ops[question.op](x, **static), question.x)
        return y, pull(question.w)

    return version("autograd"), run


def tinygrad() -> tuple[str, Run]:
    """tinygrad on the CPU, which wants clang; float32, its default and the type it is used with."""
    os.environ.setdefault("DEV", "CPU")
    tensor: Any = import_module("tinygrad").Tensor

    ops: dict[str, Callable[[Any], Any]] = {
        "exp": lambda x: x.exp(),
        "log": lambda x: x.log(),
        "tanh": lambda x: x.tanh(),
        "sigmoid": lambda x: x.sigmoid(),
        "softmax": lambda x: x.softmax(-1),
        "log_softmax": lambda x: x.log_softmax(-1),
    }

    def run(question: Question) -> tuple[Array, Array]:
        if question.x.dtype != np.float32:
            raise NotImplementedError
        x = tensor(question.x)
        if question.op == "cross_entropy":
            assert question.targets is not None
            y = x.sparse_categorical_crossentropy(tensor(question.targets.astype(np.int32)), reduction="none")
        else:
            y = ops[question.op](x)
        (bar,) = y.gradient(x, gradient=tensor(question.w))
        return y.numpy(), bar.numpy()

    return version("tinygrad"), run


PEERS = {"PyTorch": pytorch, "JAX": jax, "autograd": hips_autograd, "tinygrad": tinygrad}


def libraries() -> tuple[dict[str, str], dict[str, Run]]:
    """The versions of those that are here, and how to ask each."""
    versions = {"reference": f"NumPy {np.__version__}"}
    runs: dict[str, Run] = {"reference": reference}
    for name, start in PEERS.items():
        try:
            versions[name], runs[name] = start()
        except ImportError as error:
            say(f"{name} is not here: {error}")
    return versions, runs


def say(text: str) -> None:
    """Tell how far things are."""
    sys.stderr.write(text + "\n")


# The questions.


def whole_range(op: str, dtype: str, rng: np.random.Generator, blocks: int) -> Iterator[Question]:
    """Numbers of every size, and more where the function neither fades nor saturates."""
    least, most = (-1080, 1024) if dtype == "float64" else (-150, 128)
    far = 760.0 if dtype == "float64" else 110.0
    for k in range(blocks):
        n = BLOCK // 4
        bits = (
            rng.integers(0, 2**64, n, dtype=np.uint64)
            if dtype == "float64"
            # A stride coprime to the number of patterns meets different ones in every block.
            else ((np.arange(n, dtype=np.uint64) * 2**32 // n + k * 40503) % 2**32).astype(np.uint32)
        )
        patterns = bits.view(dtype)
        parts = [
            np.where(np.isfinite(patterns), patterns, 0),
            signs(rng, n) * np.exp2(rng.uniform(least, most, n)),
            rng.uniform(-far, far, n),
            1 + signs(rng, n) * np.exp2(rng.uniform(-54, -1, n))
            if op == "log"
            else signs(rng, n) * np.exp2(rng.uniform(-32, 6, n)),
        ]
        with np.errstate(over="ignore"):
            x = np.concatenate([part.astype(dtype) for part in parts])
        yield asked(op, np.abs(x) if op == "log" else x, rng)


def signs(rng: np.random.Generator, n: Any) -> Array:
    """Pluses and minuses."""
    return np.asarray(rng.choice([-1.0, 1.0], n))


def asked(op: str, x: Array, rng: np.random.Generator) -> Question:
    """Numbers with cotangents between a half and 1, of both signs, which neither overflow nor vanish."""
    x = np.where(np.isfinite(x) & ((x > 0) | (op != "log")), x, 1).astype(x.dtype)
    return Question(op, x, (signs(rng, x.size) * rng.uniform(0.5, 1, x.size)).astype(x.dtype))


def rows_of_logits(op: str, dtype: str, rng: np.random.Generator, blocks: int) -> Iterator[Question]:
    """Rows of 2, 3, 5 and 17 logits, near and far from each other and from 0, with one far ahead or none."""
    decades = 2.9 if dtype == "float64" else 2.0
    for k in range(blocks):
        classes = (5, 2, 17, 3)[k % 4]
        n = BLOCK // 16
        x = rng.normal(size=(n, classes)) * 10 ** rng.uniform(-3, decades, (n, 1))
        ahead = rng.random((n, 1)) < 0.3
        x[:, :1] += ahead * rng.uniform(0, 1, (n, 1)) * 10 ** rng.uniform(0, decades, (n, 1))
        x += (rng.random((n, 1)) < 0.3) * signs(rng, (n, 1)) * 10 ** rng.uniform(0, 4, (n, 1))
        yield classified(op, x.astype(dtype), rng)


def classified(op: str, x: Array, rng: np.random.Generator) -> Question:
    """Rows with cotangents, and with targets for the loss: half of them the likeliest class."""
    shape = len(x) if op == "cross_entropy" else x.shape
    w = (signs(rng, shape) * rng.uniform(0.5, 1, shape)).astype(x.dtype)
    anyone = rng.integers(0, x.shape[1], len(x))
    return Question(op, x, w, np.where(rng.random(len(x)) < 0.5, x.argmax(1), anyone))


def neighbours(worst: Question, rng: np.random.Generator, size: int) -> Question:
    """Numbers a few, or a few billion, bit patterns away from these."""
    picked = worst.part(rng.integers(0, len(worst.x), size))
    integers = np.int64 if picked.x.dtype == np.float64 else np.int32
    reach = 44 if integers is np.int64 else 16
    moved = signs(rng, picked.x.shape) * np.exp2(rng.uniform(-1, reach, picked.x.shape))
    moved *= rng.random(picked.x.shape) < 0.75  # not every logit of a row at once
    x = (picked.x.view(integers) + moved.astype(integers)).view(picked.x.dtype)
    x = np.where(np.isfinite(x) & ((x > 0) | (worst.op != "log")), x, picked.x)
    fresh = asked(worst.op, x, rng) if worst.op in ELEMENTWISE else classified(worst.op, x, rng)
    keep = rng.random(size) < 0.5
    w = np.where(keep.reshape(-1, *[1] * (picked.w.ndim - 1)), picked.w, fresh.w)
    if picked.targets is None or fresh.targets is None:
        return Question(worst.op, x, w)
    return Question(worst.op, x, w, np.where(keep, picked.targets, fresh.targets))


# The search.


class Worst:
    """For one library and one quantity, the worst inputs met so far."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.errors = np.zeros(0)
        self.questions: list[tuple[Question, int]] = []
        self.places: list[tuple[int, ...]] = []

    def meet(self, question: Question, found: Array) -> None:
        """Look through a block of errors."""
        by_row = found.reshape(len(question.x), -1)
        rows = by_row.max(1)
        top = np.argpartition(rows, -KEPT)[-KEPT:] if rows.size > KEPT else np.arange(rows.size)
        for k in top:
            self.questions.append((question.part(slice(k, k + 1)), int(k)))
            place = (int(by_row[k].argmax()),) if found.ndim > 1 else ()
            self.places.append(place)
        self.errors = np.concatenate([self.errors, rows[top]])
        kept = np.argsort(-self.errors)[:KEPT]
        self.errors = self.errors[kept]
        self.questions = [self.questions[k] for k in kept]
        self.places = [self.places[k] for k in kept]


QUANTITIES = ("value", "pullback")
RANGES = ("normal", "subnormal")
Board = dict[tuple[str, str, str], Worst]


def look(question: Question, runs: dict[str, Run], board: Board) -> None:
    """Ask everyone one question."""
    right = answer(question)
    dtype = question.x.dtype
    finite = np.abs(right.value) <= np.finfo(dtype).max
    for name, run in runs.items():
        with np.errstate(all="ignore"):
            try:
                got = run(question)
            except NotImplementedError:
                continue
        rights = ((right.value, right.value_unit), (right.bar, right.bar_unit))
        for quantity, numbers, (exact, unit) in zip(QUANTITIES, got, rights, strict=True):
            amplified = 1 + depth(question, quantity)
            if question.op == "cross_entropy" and quantity == "value":
                amplified = amplified[np.arange(len(amplified)), question.targets]
            # autograd's pullback of a maximum in float32 is float64: more digits, which are rounded off here.
            found = errors(numbers.reshape(exact.shape).astype(dtype), exact, unit)
            small = np.abs(unit) < np.finfo(dtype).smallest_normal
            if question.op in ELEMENTWISE:
                found = np.where(finite, found, 0)  # the pullback of an overflow is no one's
            for part, chosen in (("normal", ~small), ("subnormal", small)):
                scaled = np.where(chosen, found / amplified, 0)
                board.setdefault((name, quantity, part), Worst()).meet(question, scaled)


def search(op: str, dtype: str, runs: dict[str, Run], blocks: int) -> Board:
    """The worst inputs for each library: drawn first, then looked for around the worst."""
    rng = np.random.default_rng([SEED, OPS.index(op), DTYPES.index(dtype)])
    board: Board = {}
    draw = rows_of_logits if op in ROWS else whole_range
    for question in draw(op, dtype, rng, blocks):
        look(question, runs, board)
    for _ in range(ROUNDS):
        by_width: dict[int, list[Question]] = {}
        for worst in list(board.values()):
            for question, _ in worst.questions:
                by_width.setdefault(question.x.shape[-1] if op in ROWS else 0, []).append(question)
        for width in sorted(by_width):
            found = joined(by_width[width])
            look(neighbours(found, rng, BLOCK // 16 if op in ROWS else BLOCK), runs, board)
    return board


def joined(questions: list[Question]) -> Question:
    """Several questions about one op as one."""
    targets = [q.targets for q in questions if q.targets is not None]
    return Question(
        questions[0].op,
        np.concatenate([q.x for q in questions]),
        np.concatenate([q.w for q in questions]),
        np.concatenate(targets) if targets else None,
    )


# Against mpmath.

DIGITS = 420
"""Enough for naive formulas: what they lose, at the smallest number, is 324 digits."""


def in_mpmath(question: Question) -> tuple[list[Any], list[Any], list[Any]]:
    """The value, the pullback and its unit, of one element or row, each as a list of mpmath numbers."""
    exp, log = mpmath.exp, mpmath.log
    xs = [mpmath.mpf(float(x)) for x in question.x.ravel()]
    ws = [mpmath.mpf(float(w)) for w in question.w.ravel()]
    if question.op in ELEMENTWISE:
        (x,), (w,) = xs, ws
        value, slope = {
            "exp": lambda: (exp(x), exp(x)),
            "log": lambda: (log(x), 1 / x),
            "tanh": lambda: (mpmath.tanh(x), 1 - mpmath.tanh(x) ** 2),
            "sigmoid": lambda: (1 / (1 + exp(-x)), exp(-abs(x)) / (1 + exp(-abs(x))) ** 2),
        }[question.op]()
        return [value], [w * slope], [w * slope]
    # Taking off the largest first changes nothing on paper, and spares a number with a million digits.
    m = max(xs)
    exps = [exp(x - m) for x in xs]
    total = sum(exps)
    p = [e / total for e in exps]
    if question.op == "softmax":
        dot = sum(w * q for w, q in zip(ws, p, strict=True))
        size = sum(abs(w) * q for w, q in zip(ws, p, strict=True))
        bars = [q * (w - dot) for w, q in zip(ws, p, strict=True)]
        return p, bars, [q * (abs(w) + size) for w, q in zip(ws, p, strict=True)]
    logs = [x - m - log(total) for x in xs]
    if question.op == "log_softmax":
        bars = [w - q * sum(ws) for w, q in zip(ws, p, strict=True)]
        sizes = [abs(w) + q * sum(abs(v) for v in ws) for w, q in zip(ws, p, strict=True)]
        return logs, bars, sizes
    assert question.targets is not None
    t = int(question.targets[0])
    bars = [ws[0] * (q - (k == t)) for k, q in enumerate(p)]
    return [-logs[t]], bars, bars


def confirmed(question: Question, run: Run, quantity: str, place: tuple[int, ...]) -> dict[str, Any]:
    """One error, measured against mpmath: in ulp, in ulp over its depth, and the question in hexadecimal."""
    dtype = question.x.dtype
    with np.errstate(all="ignore"):
        got = run(question)[QUANTITIES.index(quantity)].ravel().astype(dtype)
    k = place[0] if place else 0
    with mpmath.workdps(DIGITS):
        values, bars, sizes = in_mpmath(question)
        exact = (values if quantity == "value" else bars)[k]
        size = (values if quantity == "value" else sizes)[k]
        info = np.finfo(dtype)
        _, exponent = mpmath.frexp(size)
        exponent = max(int(exponent) - 1, int(info.minexp))
        spacing = mpmath.ldexp(1, min(exponent, int(info.maxexp) - 1) - int(info.nmant))
        beyond = mpmath.ldexp(1, int(info.maxexp))
        found = min(max(mpmath.mpf(float(got[k])), -beyond), beyond)
        off = float(abs(found - exact) / spacing) if not np.isnan(got[k]) else float("inf")
    deep = depth(question, quantity).ravel()
    d = float(deep[int(question.targets[0]) if got.size < deep.size and question.targets is not None else k])
    answer_ = {
        "ulp": round(off, 3),
        "per_depth": round(off / (1 + d), 3),
        "x": [float(x).hex() for x in question.x.ravel()],
        "w": [float(w).hex() for w in question.w.ravel()],
        "element": k,
        "got": float(got[k]).hex(),
        "exact": mpmath.nstr(exact, 25),
    }
    if question.op == "cross_entropy" and question.targets is not None:
        answer_["target"] = int(question.targets[0])
    return answer_


def measure(ops: Sequence[str], blocks: int) -> dict[str, Any]:
    """The whole table, as data."""
    versions, runs = libraries()
    table: list[dict[str, Any]] = []
    for op in ops:
        for dtype in DTYPES:
            start = time.perf_counter()
            asked_of = {name: run for name, run in runs.items() if (name, dtype) != ("tinygrad", "float64")}
            board = search(op, dtype, asked_of, blocks)
            for quantity in QUANTITIES:
                for part in RANGES:
                    row: dict[str, Any] = {"op": op, "dtype": dtype, "of": quantity, "range": part}
                    for name, run in asked_of.items():
                        worst = board[name, quantity, part]
                        # The few worst by the quick answer; mpmath says which of them is.
                        candidates = list(zip(worst.questions, worst.places, strict=True))[:6]
                        tried = [confirmed(one, run, quantity, place) for (one, _), place in candidates]
                        row[name] = max(tried, key=lambda one: one["per_depth"])
                    table.append(row)
            say(f"{op} {dtype}: {time.perf_counter() - start:.0f} s")
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "versions": versions,
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "seed": SEED,
        "inputs": {
            "elementwise": blocks * BLOCK + ROUNDS * BLOCK,
            "rows": (blocks + 4 * ROUNDS) * (BLOCK // 16),
        },
        "table": table,
    }


# What becomes of it: frozen cases, and a page.


WEIGHTS = np.array([0.75, -0.5, 0.625, -1.0, 0.875])


def extremes(op: str, dtype: str) -> list[Question]:
    """Where something begins or ends: the type's numbers, or the function's digits."""
    info = np.finfo(dtype)
    least, normal, most = float(info.smallest_subnormal), float(info.smallest_normal), float(info.max)
    if op in ROWS:
        far = 745.0 if dtype == "float64" else 103.0
        half = 2.0 ** (int(info.maxexp) - 2)
        logits = [
            (0.0, 0.0, 0.0, 0.0),
            (far, 0.0, -far, 1.0),
            (0.0, -far, -far + 1, -far - 9),
            (0.0, -36.0, -37.5, -40.25),
            (0.1, -16.3, -17.1, -18.0),
            (1000.5, 1000.25, 999.75, 998.0),
            (half, -half, half, 0.0),
            (least, -least, normal, 0.0),
        ]
        x = np.array(logits, dtype)
        w = np.resize(WEIGHTS.astype(dtype), len(x) if op == "cross_entropy" else x.shape)
        if op != "cross_entropy":
            return [Question(op, x, w)]
        return [Question(op, x, w, x.argmax(1)), Question(op, x, w, x.argmin(1))]
    wide = dtype == "float64"
    fades, ends = ((708.25, 745.0), (354.0, 372.5)) if wide else ((87.25, 103.5), (43.5, 51.5))
    sizes = [0.0, least, 3 * least, normal - least, normal, float(info.eps), 1e-30, 0.001, 0.5, 1.0]
    sizes += [*fades, *ends, 9.0, 19.0625, 36.75, 1e30, most]
    x = np.array([*sizes, *(-v for v in sizes)], dtype)
    if op == "log":
        one = np.ones(1, dtype)
        x = np.concatenate([x[x > 0], np.nextafter(one, 2 * one), np.nextafter(one, 0 * one)])
    if op == "exp":
        last = np.array(709.782712893384 if wide else 88.72283, dtype)  # before it overflows
        x = np.append(x[x < fades[0] + 1], last)
    return [Question(op, x, np.resize(WEIGHTS.astype(dtype), x.shape))]


def worst_inputs(found: dict[str, Any], op: str, dtype: str) -> list[Question]:
    """What was worst for anyone, in as few questions as there are widths of rows."""
    by_width: dict[int, dict[str, Question]] = {}
    for row in found["table"]:
        if (row["op"], row["dtype"]) != (op, dtype):
            continue
        for name in found["versions"]:
            if name in row:
                x, w = (np.array([float.fromhex(v) for v in row[name][key]], dtype) for key in "xw")
                if op in ROWS:
                    x = x.reshape(1, -1)
                    w = w if op == "cross_entropy" else w.reshape(1, -1)
                target = row[name].get("target")
                targets = None if target is None else np.array([target])
                key = f"{row[name]['x']} {row[name]['w']} {target}"
                by_width.setdefault(x.shape[-1], {})[key] = Question(op, x, w, targets)
    return [joined(list(questions.values())) for _, questions in sorted(by_width.items())]


def promote(found: dict[str, Any]) -> None:
    """Freeze the extremes and the worst inputs beside the cases that were drawn."""
    for op in OPS:
        id = f"numerics.accuracy.{op}_over_the_whole_range"
        drawn = [dict(case) for case in casefile.load(id) if not case.get("promoted")]
        kept = []
        for dtype in DTYPES:
            for question in [*extremes(op, dtype), *worst_inputs(found, op, dtype)]:
                case: dict[str, Any] = {"dtype": dtype, "x": question.x, "w": question.w}
                if op == "cross_entropy":
                    case["targets"] = question.targets
                kept.append({"question": case, "promoted": True})
        casefile.path_of(id).write_text(casefile.dumps(id, [*drawn, *kept]), encoding="utf-8")


REASONS = {
    ("exp", "log", "tanh"): "the function is NumPy's own, in its value and in what is made of it",
    ("sigmoid",): "the exponential is NumPy's",
    ("softmax", "log_softmax", "cross_entropy"): "the same formula: what differs is the exponential, and "
    "how its sum is rounded",
}
"""Why the reference isn't the most accurate, where it isn't."""


def why(row: dict[str, Any]) -> str:
    """The reason, for a row in which another library is more accurate by a hundredth of an ulp or more."""
    best = min(row[name]["per_depth"] for name in ("reference", *PEERS) if name in row)
    if row["reference"]["per_depth"] < best + 0.01:
        return ""
    return next(reason for ops, reason in REASONS.items() if row["op"] in ops)


def number(ulp: float) -> str:
    """Three digits, or a power of ten where only that says something."""
    if np.isinf(ulp):
        return "all"
    if ulp < 1000:
        return f"{ulp:.2f}"
    return f"10^{int(np.log10(ulp))}"


def tabulated(found: dict[str, Any], part: str) -> str:
    """The rows of one range as a table; the best of each in bold."""
    names = list(found["versions"])
    lines = [f"| of | {' | '.join(names)} | |", f"|---|{'---|' * len(names)}---|"]
    for row in found["table"]:
        if row["range"] == part:
            texts = {name: number(row[name]["per_depth"]) if name in row else "" for name in names}
            best = min(row[name]["per_depth"] for name in names if name in row)
            for name in names:
                if name in row and row[name]["per_depth"] < best + 0.01:
                    texts[name] = f"**{texts[name]}**"
            what = f"{row['op']}, {row['dtype']}" + (", pullback" if row["of"] == "pullback" else "")
            lines.append(f"| {what} | {' | '.join(texts.values())} | {why(row)} |")
    return "\n".join(lines)


def page(found: dict[str, Any]) -> str:
    """docs/accuracy.md."""
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    rows = [row for row in found["table"] if row["range"] == "normal"]
    led = sum(not why(row) for row in rows)
    numbers, logits = (found["inputs"][kind] / 1e6 for kind in ("elementwise", "rows"))
    least, least32 = (np.finfo(dtype).smallest_normal for dtype in DTYPES)
    return f"""# Accuracy

How many digits survive, from the smallest number to the largest: the worst input that a search finds, for
the reference and for four other libraries. Each was asked the same questions in the same run, some
{numbers:.0f} million numbers, or {logits:.1f} million rows of logits, for each function and type. Among them
are the neighbourhoods of what was worst for anyone, {ROUNDS} times over; and what was worst at last was
measured against mpmath with {DIGITS} digits. A search finds no upper bound: the true worst may be a little
worse.

An error is in ulp of the exact result, the distance to the type's next number. 0.5 is perfect, for it is
what rounding costs; 10^7 in float32 and 10^15 in float64 mean that no digit is right. For the three
functions of rows of logits an error is divided by 1 + d, where d is how far the logit is below the largest
one (for the largest, how far the next one is): subtracting it rounds, and every formula in use starts with
that. The pullbacks of softmax and log_softmax are differences, and one ulp is that of their terms.

The reference is the most accurate, or within a hundredth of an ulp of it, in {led} of {len(rows)} rows. The
others say why not. HIPS autograd has neither a softmax nor a loss; they were written as its users write
them. JAX takes subnormal operands for 0, of which a logarithm makes infinity.

{tabulated(found, "normal")}

## Where results are subnormal

Below {least:.1e} (float32: {least32:.1e}) numbers have ever fewer digits, until one spacing is all
there is; errors are in these spacings. 10^15 (float32: 10^6) is a 0 where there should be a number. JAX, like
many a compiler, takes every subnormal number for 0, which is its right, and which the spec's budgets allow;
the others lose them where an intermediate result overflows, or where 1 - y is 0.

{tabulated(found, "subnormal")}

## The budgets

The spec holds every implementation to budgets in eps that all formulas in use keep (a MUST), and says which
ones in ulp a careful implementation keeps over the whole range (a SHOULD): clauses `numerics.accuracy.*`.
Their frozen questions are the extremes of either type, and every worst input of these tables.

How close the reference comes to each tolerance of the spec is measured as well, by `python -m
benchmarks.bounds`: of no bound it uses all, and of none less than a hundredth without a reason.

Measured on {found["date"]} with {versions}, on {found["machine"]}, by
`python -m benchmarks.accuracy`, seed {found["seed"]}. All inputs are in
`benchmarks/history/accuracy.json`, in hexadecimal.
"""


def main() -> None:
    """Search, and write what was found."""
    parser = argparse.ArgumentParser(description="How accurate the reference is, beside other libraries.")
    parser.add_argument("--quick", action="store_true", help="few inputs; print, write nothing")
    parser.add_argument("--page", action="store_true", help="only write the page and the frozen cases")
    parser.add_argument("--blocks", type=int, default=16, help="of a quarter of a million numbers")
    parser.add_argument("ops", nargs="*", default=OPS)
    options = parser.parse_args()
    if not options.page:
        found = measure(options.ops, 2 if options.quick else options.blocks)
        if options.quick:
            sys.stdout.write(tabulated(found, "normal") + "\n\n" + tabulated(found, "subnormal") + "\n")
            return
        HISTORY.parent.mkdir(exist_ok=True)
        HISTORY.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    found = json.loads(HISTORY.read_text(encoding="utf-8"))
    PAGE.write_text(page(found), encoding="utf-8")
    promote(found)


if __name__ == "__main__":
    main()
