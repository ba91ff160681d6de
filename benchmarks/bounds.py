"""How much of each tolerance is used: the worst ratio of error to bound, and where.

    python -m benchmarks.bounds        # a few minutes; writes benchmarks/history/bounds.json

Two measurements of the reference. *Rows*: the laws' comparisons of value and gradient for every row of the
catalogue that rounds, on tens of thousands of drawn cases of each, in either type. The answers are the row's
definition in NumPy's longdouble (for float32: in float64), differentiated by a complex step, all cases at
once. *Clauses*: every comparison that any clause makes, on its frozen cases, recorded as it is made. A ratio
above 1 is a failure. One below 1/100 is a bound too loose to notice a fault, unless there is a reason for it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlspec import tolerance
from dlspec.catalogue import BY_NAME, Op
from dlspec.failure import NotProvided
from dlspec.implementation import Implementation
from dlspec.implementations import load
from dlspec.manifest import clauses
from dlspec.tolerance import rounding

Array = NDArray[Any]

HISTORY = Path(__file__).parent / "history" / "bounds.json"
SEED = 20261123
CASES = 25_000
CELLS = 4_000  # a cell has sixteen operands, each element of which is a step of its own
STEP = 2.0**-540


# What each row is drawn from: the shapes of one case, and the interval of its numbers, as in the catalogue.
SHAPES: dict[str, tuple[tuple[tuple[int, ...], ...], tuple[float, float], dict[str, Any]]] = {
    "divide": (((4,), (4,)), (0.25, 4), {}),
    "power": (((4,),), (0.25, 4), {"exponent": 1.5}),
    "exp": (((4,),), (-4, 4), {}),
    "log": (((4,),), (1 / 16, 16), {}),
    "tanh": (((4,),), (-3, 3), {}),
    "sigmoid": (((4,),), (-4, 4), {}),
    "sum": (((6,),), (-4, 4), {"dim": -1}),
    "mean": (((6,),), (-4, 4), {"dim": -1}),
    "mm": (((2, 4), (4, 3)), (-2, 2), {}),
    "softmax": (((4,),), (-4, 4), {}),
    "log_softmax": (((4,),), (-4, 4), {}),
    "cross_entropy": (((4,),), (-4, 4), {}),
    "linear": (((2, 4), (4, 3), (1, 3)), (-2, 2), {}),
    "mse_loss": (((6,), (6,)), (-4, 4), {}),
    "rnn_cell": (
        ((2, 3), (2, 3), (3, 3), (1, 3), (3, 3), (1, 3), (3, 2), (1, 2)),
        (-1, 1),
        {"activation": "tanh"},
    ),
    "lstm_cell": (((2, 2), (2, 2), (2, 2), *((2, 2), (1, 2)) * 4, *((2, 2),) * 4, (2, 2)), (-1, 1), {}),
}


def draw(op: Op, n: int, dtype: str, rng: np.random.Generator) -> list[Array]:
    """Operands of `n` cases, stacked along a leading axis: not lattice points, but any numbers."""
    shapes, (low, high), _ = SHAPES[op.name]
    return [rng.uniform(low, high, (n, *shape)).astype(dtype) for shape in shapes]


def defined(op: Op, operands: list[Array], static: dict[str, Any]) -> Array:
    """The definition, of all cases at once."""
    if op.name == "cross_entropy":
        return op.define(*operands, **static, reduction="none")
    if op.name == "mse_loss":
        return np.asarray(np.mean((operands[0] - operands[1]) ** 2, axis=-1))
    return op.define(*operands, **static)


def asked(op: Op, impl: Implementation, case: list[Array], w: Array, static: dict[str, Any]) -> list[Array]:
    """The reference's value and cotangents for one case."""
    # In a stack, a bias needs an axis of its own to be broadcast along.
    biases = [x.shape[0] == 1 and x.ndim > 1 for x in case]
    given = [x[0] if bias else x for x, bias in zip(case, biases, strict=True)]

    def program(namespace: Any, *values: Any) -> Any:
        return op.program(namespace, *values, **static)

    value, bars = impl.gradients(program, *given, cotangent=w)
    found = [bar.reshape(x.shape) for bar, x in zip(bars, case, strict=True) if bar is not None]
    return [np.asarray(value), *found]


def rows(impl: Implementation) -> Iterator[dict[str, Any]]:
    """For every row, type and quantity: the worst ratio, and the case."""
    for name, (_, _, given) in SHAPES.items():
        op, n = BY_NAME[name], CELLS if name.endswith("cell") else CASES
        for dtype in ("float64", "float32"):
            start = time.perf_counter()
            rng = np.random.default_rng([SEED, list(SHAPES).index(name), dtype == "float32"])
            operands, static = draw(op, n, dtype, rng), dict(given)
            if name == "cross_entropy":
                static["targets"] = rng.integers(0, operands[0].shape[-1], n)
            wide = np.longdouble if dtype == "float64" else np.float64
            wider = [x.astype(wide) for x in operands]
            value = defined(op, wider, static)
            w = (rng.choice([-1.0, 1.0], value.shape) * rng.uniform(0.5, 4, value.shape)).astype(dtype)
            answers, scales = [value], [np.abs(value) + op.offset]
            for k, x in enumerate(wider):
                bars, sizes = np.zeros(x.shape, wide), np.zeros(x.shape, wide)
                for index in np.ndindex(x.shape[1:]):
                    moved = x.astype(np.result_type(wide, np.complex64))
                    moved[(slice(None), *index)] += 1j * STEP
                    column = defined(op, [*wider[:k], moved, *wider[k + 1 :]], static).imag / STEP
                    axes = tuple(range(1, value.ndim))
                    bars[(slice(None), *index)] = (w * column).sum(axis=axes)
                    sizes[(slice(None), *index)] = np.abs(w * column).sum(axis=axes)
                    if op.conditioned:
                        size = np.abs(x[(slice(None), *index)]).reshape(-1, *[1] * (value.ndim - 1))
                        scales[0] = scales[0] + size * np.abs(column)
                answers.append(bars)
                scales.append(sizes + slack(op, w, wider, static))
            got = [np.empty(a.shape, dtype) for a in answers]
            for i in range(n):
                own = {key: np.asarray(v[i]) if isinstance(v, np.ndarray) else v for key, v in static.items()}
                found = asked(op, impl, [x[i] for x in operands], w[i], own)
                for array, one in zip(got, found, strict=True):
                    array[i] = one
            worst: dict[str, dict[str, Any]] = {}
            for k, (one, right, scale) in enumerate(zip(got, answers, scales, strict=True)):
                bound = rounding(op.vjp_ulp if k else op.ulp, scale.astype(np.float64), dtype)
                ratio = (np.abs(one - right) / bound).astype(np.float64).reshape(n, -1)
                place = int(ratio.max(1).argmax())
                quantity = "gradient" if k else "value"
                entry = worst.setdefault(
                    quantity,
                    {"bound": f"{op.id}.{quantity}", "dtype": dtype, "ratio": 0.0, "elements": 0},
                )
                entry["elements"] += int(ratio.size)
                if ratio.max() > entry["ratio"]:
                    entry["ratio"] = float(f"{ratio.max():.3g}")
                    entry["at"] = {
                        "operand": k - 1,
                        "operands": [[float(v).hex() for v in x[place].ravel()] for x in operands],
                        "cotangent": [float(v).hex() for v in w[place].ravel()],
                    }
                    if "targets" in static:
                        entry["at"]["target"] = int(static["targets"][place])
            yield from worst.values()
            say(f"{op.id} {dtype}: {time.perf_counter() - start:.0f} s")


def slack(op: Op, w: Array, operands: list[Array], static: dict[str, Any]) -> Array | float:
    """The row's slack, of each case by itself."""
    if op.slack is None:
        return 0.0
    if op.name == "cross_entropy":
        return np.asarray(op.slack(w, *operands, **static, reduction="none"))
    if op.name.endswith("cell"):
        return np.asarray(np.abs(w).sum(axis=(1, 2), keepdims=True))
    return np.asarray(op.slack(w, *operands, **static))


def recorded(impl: Implementation) -> Iterator[dict[str, Any]]:
    """For every clause that compares within a bound: the worst ratio, and what was compared."""
    met: list[tuple[float, int, str]] = []
    compare = tolerance.assert_within

    def observe(got: Array | None, expected: Any, bound: Any, what: str) -> None:
        compare(got, expected, bound, what)
        limit = np.broadcast_to(np.asarray(bound, np.float64), np.shape(expected))
        with np.errstate(all="ignore"):
            error = np.abs(np.asarray(got, np.float64) - np.asarray(expected, np.float64))
            ratio = np.where((limit > 0) & np.isfinite(error), error / limit, 0)
        if np.any(limit > 0) and ratio.size:
            met.append((float(ratio.max()), int((limit > 0).sum()), what))

    users = [
        module
        for name, module in list(sys.modules.items())
        if name.startswith("dlspec") and vars(module).get("assert_within") is compare
    ]
    known = clauses()
    users += [
        module
        for name, module in list(sys.modules.items())
        if name.startswith("dlspec.") and module not in users and vars(module).get("assert_within") is compare
    ]
    for module in users:
        if module is not tolerance:
            module.assert_within = observe  # type: ignore[attr-defined] # that it has one was just seen
    try:
        for clause in known:
            met.clear()
            try:
                clause.check(impl)
            except NotProvided:
                continue
            if met:
                ratio, _, what = max(met)
                yield {
                    "bound": clause.id,
                    "ratio": float(f"{ratio:.3g}"),
                    "elements": sum(count for _, count, _ in met),
                    "at": what[:160],
                }
    finally:
        for module in users:
            if module is not tolerance:
                module.assert_within = compare  # type: ignore[attr-defined] # as above


TOO_LOOSE = 0.01

REASONS = {
    "ops.*": "on lattice points every order gives the same bits; the bound is for the full precision that "
    "the rows are measured with",
    "layers.linear.*": "as for ops.*",
    "layers.embedding.*": "as for ops.*; a table is looked up, and its rows added",
    "objects.optimizer_state.*": "a step of dyadic numbers is exact; in float32 a decimal rate would round",
    "losses.cross_entropy.*": "equal logits, or a division by a power of two, happen to be exact; a "
    "logarithm that doesn't take the largest off would round as often as is allowed",
    "losses.reductions.*": "as for losses.cross_entropy.*",
    "numerics.power.*": "squares and roots of these numbers are exact; a power by logarithms isn't",
    "numerics.softmax.*": "a certain class is exact, a row of 16384 is summed in pairs, where one after the "
    "other is allowed",
    "numerics.cross_entropy.huge_logits_are_accurate": "the distance of powers of two is exact",
    "numerics.sums.long_sums_keep_within_the_bound_of_any_order": "any order is allowed, of which the worst "
    "loses thousands of times what pairs lose",
    "errors.nan_and_infinity.*": "the row without NaN is exact",
}
"""Why less than a hundredth of a clause's bound is used, on its frozen cases, by the pattern of its id."""


def reason(bound: str) -> str:
    """The reason why a bound may be loose; empty where there is none."""
    return next((text for pattern, text in REASONS.items() if fnmatch(bound, pattern)), "")


def say(text: str) -> None:
    """Tell how far things are."""
    sys.stderr.write(text + "\n")


def main(measure: Callable[[str], Implementation] = load) -> None:
    """Measure, and write what was found."""
    impl = measure("deeplearning_framework")
    found = {
        "date": datetime.now(UTC).date().isoformat(),
        "numpy": np.__version__,
        "seed": SEED,
        "rows": list(rows(impl)),
        "clauses": list(recorded(impl)),
    }
    HISTORY.parent.mkdir(exist_ok=True)
    HISTORY.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
