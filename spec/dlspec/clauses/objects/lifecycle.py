"""Playing a program of steps: an implementation and the model side by side, compared after every step."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from dlspec.clauses.objects.helpers import assert_fact, assert_nothing_arrived
from dlspec.failure import ConformanceFailure, NotProvided
from dlspec.implementation import TapeImplementation, Value
from dlspec.lifecycle import ACCEPTED, OPS, REFUSED, Known, Model, Step
from dlspec.strategies import arrays_of, whole
from dlspec.tolerance import assert_equal

Array = NDArray[Any]

NUMBERS = st.integers(-4, 4).filter(bool)
NEAR = st.integers(0, 3)
FAR = st.integers(0, 30)

TENSORS: dict[str, tuple[Any, ...]] = {
    "leaf": (NUMBERS, NUMBERS),
    "constant": (NUMBERS, NUMBERS),
    "add": (NEAR, FAR),
    "subtract": (NEAR, FAR),
    "multiply": (NEAR, FAR),
    "negative": (NEAR,),
    "backward": (NEAR, NUMBERS, NUMBERS),
    "backward_retaining": (NEAR, NUMBERS, NUMBERS),
    "assign": (FAR, NUMBERS, NUMBERS),
    "change": (FAR, NUMBERS, NUMBERS),
    "clear": (FAR,),
    "zero": (FAR,),
    "drop": (FAR,),
}
"""The steps that tensors with a tape can take, and what each is told: which tensors, which numbers."""

OBJECTS: dict[str, tuple[Any, ...]] = {
    **TENSORS,
    "enter": (),
    "leave": (),
    "raise": (),
    "detach": (NEAR,),
    "retain_grad": (NEAR,),
}
"""These, and the steps that switch recording off and on, cut off history, and keep a result's gradient."""

METHODS = {kind: f"_{kind}" for kind in OBJECTS}
"""Made once: Python remembers a name that an attribute was looked up by, which memory is counted with."""

WEIGHTS = {"leaf": 2, "multiply": 3, "add": 2, "backward": 2, "backward_retaining": 2}


def programs(kinds: dict[str, tuple[Any, ...]]) -> dict[str, st.SearchStrategy[Any]]:
    """What two leaves start with, and a program of 10 to 40 steps of these kinds."""
    steps = [
        st.tuples(st.just(kind), *told).map(list)
        for kind, told in kinds.items()
        for _ in range(WEIGHTS.get(kind, 1))
    ]
    return {
        "start": arrays_of(whole(-4, 4, away=1), (2, 2)),
        "program": st.lists(st.one_of(steps), min_size=10, max_size=40),
    }


class Play:
    """An implementation's tensors beside the model's.

    Attributes:
        tensors: What each side has of every tensor that is still held.
        outcomes: What the model said of each `backward`.
    """

    def __init__(self, impl: TapeImplementation, start: Array, *, flags: bool = False) -> None:
        """Start with a leaf for each row, so that the first op has something to work on.

        Args:
            impl: The implementation.
            start: What the first leaves hold; all that follow are of its type.
            flags: Whether to ask each tensor if it wants a gradient.
        """
        self.impl, self.dtype, self.flags, self.model = impl, start.dtype, flags, Model()
        self.tensors: list[tuple[Known, Value]] = []
        self.outcomes: list[str] = []
        self._blocks: list[AbstractContextManager[Any]] = []
        for row in start.tolist():
            self._leaf(*row)

    def run(self, program: list[Step], *, comparing: bool = True) -> None:
        """Take every step, comparing after each, then close the blocks that are open."""
        try:
            for number, step in enumerate(program, start=1):
                self.take(step)
                if comparing:
                    self.compare(f"after step {number}, {' '.join(map(str, step))}")
        finally:
            self.close()

    def take(self, step: Step) -> None:
        """Take one step on both sides."""
        kind, *told = step
        if kind in OPS:
            self._op(kind, *told)
        else:
            getattr(self, METHODS[kind])(*told)

    def compare(self, what: str) -> None:
        """Fail unless all tensors are what the model knows them to be."""
        for number, (known, native) in enumerate(self.tensors):
            name = f"tensor {number} {what}"
            assert_equal(self.impl.array(native), known.data, f"data of {name}")
            if known.grad is None:
                assert_nothing_arrived(self.impl, native, f"gradient of {name}")
            else:
                assert_equal(self.impl.gradient(native), known.grad, f"gradient of {name}")
            if self.flags:
                assert_fact(self.impl.wants_gradient(native), known.wants, f"autograd of {name}")

    def close(self) -> None:
        """Leave every block that is open."""
        while self._blocks:
            self._leave()

    def _numbers(self, *numbers: int) -> Array:
        return np.array(numbers, self.dtype)

    def _at(self, back: int) -> tuple[Known, Value]:
        """The tensor that many before the newest, around and around."""
        return self.tensors[-1 - back % len(self.tensors)]

    def _leaf(self, *numbers: int) -> None:
        array = self._numbers(*numbers)
        self.tensors.append((self.model.leaf(array, wants=True), self.impl.leaf(array)))

    def _constant(self, *numbers: int) -> None:
        array = self._numbers(*numbers)
        self.tensors.append((self.model.leaf(array, wants=False), self.impl.constant(array)))

    def _op(self, op: str, *at: int) -> None:
        known, native = zip(*(self._at(back) for back in at), strict=True)
        result = self.model.apply(op, *known)
        if result is not None:
            self.tensors.append((result, getattr(self.impl.F, op)(*native)))

    def _backward(self, at: int, *seed: int, retain: bool = False) -> None:
        (root, native), cotangent = self._at(at), self._numbers(*seed)
        outcome = self.model.backward(root, cotangent)
        self.outcomes.append(outcome)
        try:
            self.impl.backward(native, cotangent, retain_graph=retain)
        except (NotImplementedError, RecursionError):  # RuntimeErrors too, but no refusals
            raise
        except RuntimeError as raised:
            if outcome == ACCEPTED:
                raise ConformanceFailure(
                    f"backward: refused ({raised}), though nothing stands against it",
                    what="backward",
                    got=type(raised).__name__,
                    expected="gradients",
                ) from raised
            self.model.settle(accepted=False, retain=retain)
            return
        if outcome == REFUSED:
            raise ConformanceFailure(
                "backward: accepted where there is no way back",
                what="backward",
                got="no exception",
                expected="RuntimeError",
            )
        self.model.settle(accepted=True, retain=retain)

    def _backward_retaining(self, at: int, *seed: int) -> None:
        self._backward(at, *seed, retain=True)

    def _assign(self, at: int, *numbers: int) -> None:
        known, native = self._at(at)
        if known.op is None:
            self.model.write(known, self._numbers(*numbers))
            self.impl.set_data(native, self._numbers(*numbers))

    def _change(self, at: int, *numbers: int) -> None:
        known, native = self._at(at)
        if known.given:
            self.model.write(known, known.data - self._numbers(*numbers))
            self.impl.change_data(native, self._numbers(*numbers))

    def _clear(self, at: int) -> None:
        known, native = self._at(at)
        if known.wants and known.op is None:
            known.grad = None
            self.impl.set_grad(native, None)

    def _zero(self, at: int) -> None:
        """As an optimizer does it, where there is one."""
        known, native = self._at(at)
        if known.wants and known.op is None and known.grad is not None:
            known.grad = np.zeros_like(known.grad)
            try:
                self.impl.named("SGD")([native], alpha=1.0).zero()
            except NotProvided:
                self.impl.set_grad(native, known.grad)

    def _drop(self, at: int) -> None:
        if len(self.tensors) > 1:
            self.tensors.remove(self._at(at))

    def _enter(self) -> None:
        block = self.impl.no_grad()
        block.__enter__()
        self._blocks.append(block)
        self.model.depth += 1

    def _leave(self, error: Exception | None = None) -> None:
        if self._blocks:
            self.model.depth -= 1
            swallowed = self._blocks.pop().__exit__(type(error) if error else None, error, None)
            assert_fact(bool(swallowed), False, "whether no_grad swallows an exception")

    def _raise(self) -> None:
        self._leave(KeyError("left early"))

    def _detach(self, at: int) -> None:
        known, native = self._at(at)
        detached = self.model.leaf(known.data, wants=False)
        detached.given = known.given
        self.tensors.append((detached, self.impl.detach(native)))

    def _retain_grad(self, at: int) -> None:
        known, native = self._at(at)
        if known.wants:
            known.retains = True
            self.impl.retain_grad(native)
