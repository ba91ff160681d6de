"""The smoke test names the line of the contract that an adapter breaks, and passes what is sound."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deeplearning_framework as dl
from dlspec.implementation import FunctionalImplementation, TapeImplementation
from dlspec.implementations import load
from dlspec.implementations.module import NAMED_OPS, TENSOR_OPS
from dlspec.smoke import BrokenAdapter, smoke


class Tape(TapeImplementation):
    """The reference, plugged in by hand."""

    name, claims = "a tape", ("ops", "autodiff")
    ops = {"negative": lambda x: -x}

    def leaf(self, array: Any) -> Any:
        return dl.Tensor(array, autograd=True)

    def constant(self, array: Any) -> Any:
        return dl.Tensor(array)

    def backward(self, value: Any, cotangent: Any = None, *, retain_graph: bool = False) -> None:
        value.backward(cotangent)

    def grad(self, leaf: Any) -> Any:
        return leaf.grad

    def numpy(self, value: Any) -> Any:
        return value.data


class Functional(FunctionalImplementation):
    """Knows how to negate."""

    name, claims = "a function", ("ops",)
    ops = {"negative": lambda x: -x}

    def vjp(self, f: Any, *primals: Any) -> Any:
        return f(*primals), self.pullback_of(f, primals)

    def pullback_of(self, f: Any, primals: Any) -> Callable[[Any], Any]:
        marked = [object() for _ in primals]
        result = f(*marked)
        return lambda w: [w if mark is result else None for mark in marked]


class Lent:
    """A tensor that keeps the array it was given."""

    def __init__(self, array: Any) -> None:
        self.data = array


class OneBuffer:
    """Every value of it is the same memory."""

    buffer = np.zeros(100)

    def __call__(self, array: Any) -> Any:
        value = self.buffer[: array.size].reshape(array.shape)
        value[...] = array
        return value


def with_(adapter: type, **attributes: object) -> Any:
    return type("Broken", (adapter,), attributes)()


def raises(self: Any, *arguments: Any, **options: Any) -> Any:
    raise ZeroDivisionError("of the adapter's own")


def blank(self: Any, *arguments: Any, **options: Any) -> Any:
    raise NotImplementedError("make a tensor")


def writes(self: Any, array: Any) -> Any:
    array *= 2
    return dl.Tensor(array / 2, autograd=True)


def sends_back(answer: Callable[[Any], Any]) -> Any:
    return lambda self, f, *xs: (f(*xs), answer)


def exhausted() -> Callable[[Any], Any]:
    calls: list[None] = []

    def pullback(w: Any) -> Any:
        calls.append(None)
        if len(calls) % 2 == 0:
            raise RuntimeError("the graph is freed")
        return [w]

    return pullback


def scribbles(w: Any) -> Any:
    result = [w.copy()]
    w *= 0
    return result


def scribbles_on_primals(self: Any, f: Any, *xs: Any) -> Any:
    value = f(*(x.copy() for x in xs))
    for x in xs:
        x[...] = 0
    return value, lambda w: [w]


SOUND = [Tape, Functional]


@pytest.mark.parametrize("adapter", SOUND)
def test_a_sound_adapter_passes(adapter: Any) -> None:
    smoke(adapter())


@pytest.mark.parametrize("target", ["deeplearning_framework", "dual_numbers", "autograd"])
def test_the_shipped_plugs_are_in_order(target: str) -> None:
    smoke(load(target))


def test_the_names_of_ops_are_those_that_a_module_is_asked_for() -> None:
    from dlspec.catalogue import OPS

    assert TENSOR_OPS.keys() | NAMED_OPS.keys() == OPS


@pytest.mark.parametrize(
    ("adapter", "message"),
    [
        # What it says of itself.
        (with_(Functional, name=""), "name: the adapter has none"),
        (with_(Functional, claims=("ops", "magic")), "claims: 'magic' is no profile"),
        (with_(Functional, claims=()), "claims: nothing is claimed"),
        (with_(Functional, dtypes=("float16",)), "dtypes: "),
        (with_(Functional, dtypes=()), "dtypes: "),
        (
            with_(Functional, index_dtypes=("float64",)),
            "index_dtypes: .*float64.* is not made of int64, int32",
        ),
        (with_(Functional, index_dtypes=()), "index_dtypes"),
        (with_(Functional, ops=["tanh"]), "ops: a dict"),
        (with_(Functional, ops={"tanh": np.ones(3)}), "ops: .* 'tanh' is a ndarray"),
        (
            with_(Functional, ops={"tahn": np.tanh}),
            "ops: the catalogue has no op 'tahn'. Did you mean 'tanh'",
        ),
        (with_(Functional, ops={}), "ops: the table is empty"),
        # Arrays in and out.
        (
            with_(Functional, constant=raises),
            r"constant\(x\): raises ZeroDivisionError: of the adapter's own",
        ),
        (with_(Functional, constant=blank), r"constant\(x\): is still blank: make a tensor"),
        (with_(Functional, numpy=raises), r"numpy\(constant\(x\)\): raises ZeroDivisionError"),
        (with_(Functional, numpy=lambda self, v: [1.0]), r"numpy\(.*gives a list where a NumPy array"),
        (with_(Functional, numpy=lambda self, v: v.reshape(-1)), r"shape \(\) comes back with shape \(1,\)"),
        (with_(Functional, numpy=lambda self, v: v.astype("float32")), "float64 comes back as float32"),
        (
            with_(Functional, dtypes=("float32",), numpy=lambda self, v: np.asarray(v, "f8")),
            "comes back as float64",
        ),
        (with_(Functional, numpy=lambda self, v: np.asarray(v + 1)), r"1.5 comes back as 2.5"),
        (with_(Functional, constant=OneBuffer()), "a second constant changes the first"),
        # A tape.
        (with_(Tape, leaf=raises), r"leaf\(x\): raises ZeroDivisionError"),
        (with_(Tape, leaf=blank), r"leaf\(x\): is still blank: make a tensor"),
        (with_(Tape, leaf=writes), r"leaf\(x\): writes into the array"),
        (with_(Tape, leaf=lambda self, x: Lent(x)), r"leaf\(x\): holds the array that it was given"),
        (with_(Tape, numpy=blank), r"numpy\(leaf\(x\)\): is still blank"),
        (with_(Tape, backward=raises), r"backward\(leaf, w\): raises ZeroDivisionError"),
        (with_(Tape, backward=lambda self, v, w=None, **_: None), r"grad\(leaf\): gives None after backward"),
        (with_(Tape, grad=raises), r"grad\(leaf\): raises ZeroDivisionError"),
        (with_(Tape, grad=lambda self, leaf: None), r"grad\(leaf\): gives None after backward"),
        (
            with_(Tape, grad=lambda self, leaf: dl.Tensor(leaf.grad.data[0])),
            r"shape \(1, 3\) comes back with",
        ),
        (with_(Tape, grad=lambda self, leaf: leaf), "comes back as"),
        (
            with_(Tape, grad=lambda self, leaf: [leaf.grad]),
            r"numpy\(grad\(leaf\)\): raises AttributeError",
        ),
        (
            with_(Tape, grad=lambda self, leaf: dl.Tensor(np.array([[2.0, -1.0, 0.25]]))),
            r"grad\(leaf\): a leaf that had no part in it",
        ),
        # A function of a function.
        (with_(Functional, vjp=raises), "vjp.*: raises ZeroDivisionError"),
        (with_(Functional, vjp=blank), "vjp.*: is still blank"),
        (with_(Functional, vjp=lambda self, f, *xs: f(*xs)), "vjp.*: a pair of value and pullback is wanted"),
        (with_(Functional, vjp=lambda self, f, *xs: None), "a pair .* is wanted, not a NoneType"),
        (
            with_(Functional, vjp=lambda self, f, *xs: (f(*xs) + 1, scribbles)),
            "the value of vjp.*comes back as",
        ),
        (with_(Functional, vjp=scribbles_on_primals), "vjp.*: writes into the primal"),
        (with_(Functional, vjp=sends_back(raises)), "the pullback of vjp.*: raises"),
        (with_(Functional, vjp=sends_back(lambda w: None)), "pullback.*: gives a NoneType where a sequence"),
        (with_(Functional, vjp=sends_back(lambda w: w)), "pullback.*: gives a ndarray where a sequence"),
        (with_(Functional, vjp=sends_back(lambda w: (None,))), "pullback.*: gives None, where the cotangent"),
        (with_(Functional, vjp=sends_back(lambda w: (w, w))), "gives 2 cotangents where a sequence of one"),
        (
            with_(Functional, vjp=sends_back(lambda w: [w.T])),
            r"shape \(1, 3\) comes back with shape \(3, 1\)",
        ),
        (with_(Functional, vjp=sends_back(lambda w: [2 * w])), "pullback.*: .*comes back as"),
        (with_(Functional, vjp=sends_back(lambda w: [w.astype("f4")])), "float64 comes back as float32"),
        (
            with_(Functional, vjp=sends_back(exhausted())),
            "a second time: raises RuntimeError: the graph is fre",
        ),
        (with_(Functional, vjp=sends_back(scribbles)), "pullback.*: writes into the cotangent"),
        (
            with_(Functional, pullback_of=lambda self, f, xs: lambda w: [w]),
            "gives 1 cotangents where a sequence of one cotangent for each of 2",
        ),
        (with_(Functional, pullback_of=lambda self, f, xs: lambda w: [w] * len(xs)), "gives for x, zeros,"),
    ],
)
def test_a_broken_adapter_is_told_which_line_of_the_contract_it_breaks(adapter: Any, message: str) -> None:
    with pytest.raises(BrokenAdapter, match=message):
        smoke(adapter)


BROKEN = """
import deeplearning_framework as dl
from dlspec.implementation import TapeImplementation

def tensor_of(array):
    return dl.Tenser(array)

class Mine(TapeImplementation):
    name, ops = "mine", {"negative": lambda x: -x}
    def leaf(self, array): return tensor_of(array)
    def backward(self, value, cotangent=None, *, retain_graph=False): value.backward(cotangent)
    def grad(self, leaf): return leaf.grad
    def numpy(self, value): return value.data
"""


def test_an_exception_of_the_adapter_is_shown_where_it_was_raised(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(BROKEN)
    verify = [sys.executable, "-P", "-m", "dlspec.runner.main", "verify", f"{path}:Mine"]
    through_pytest = ["-m", "pytest", "-q", "--pyargs", "dlspec.clauses", "--implementation", f"{path}:Mine"]

    done = subprocess.run(verify, capture_output=True, text=True, cwd=tmp_path, check=False)
    asked = subprocess.run(
        [sys.executable, *through_pytest], capture_output=True, text=True, cwd=tmp_path, check=False
    )

    assert done.returncode == 3
    assert asked.returncode == 4
    for shown in (done.stderr, asked.stderr):
        assert "the adapter is broken: leaf(x): raises AttributeError" in shown
        assert f'File "{path}", line 6, in tensor_of' in shown
        assert "return dl.Tenser(array)" in shown
        assert "smoke.py" not in shown
