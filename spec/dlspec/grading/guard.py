"""Whether a submission has changed what judges it: the spec, NumPy, and the parts of Python that both rely
on.

A submission lives in the process that judges it, so it can replace any function there. It is noticed in two
ways: names that stood for something before the submission was loaded must stand for the same afterwards,
code included; and the right answer to a question must still pass, and a wrong one fail.

Who means to cheat can still get around it, for instance by changing the guard. What can't be reached from
there is the audit, which is judged in another process.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import numpy.testing  # watched, although the spec has no use for it: who replaces it means no good
from numpy.typing import NDArray

from dlspec import manifest
from dlspec.implementation import FunctionalImplementation, Value
from dlspec.runner.judge import ask
from dlspec.runner.result import Status

Array = NDArray[Any]

OURS = "dlspec"
STANDARD = ("builtins", "gc", "hashlib", "hmac", "inspect", "json", "sys", "time", "tracemalloc", "zlib")
"""Modules on which a verdict rests. Of these, as of NumPy, only what can be called is watched."""

FREE = ("displayhook", "excepthook", "unraisablehook", "breakpointhook")
"""Functions that a program may well replace."""

MOST_NAMED = 3


class Guard:
    """Remembers what everything was, and says what is something else now."""

    def __init__(self) -> None:
        """Look around. The submission must not be loaded yet."""
        self._before = {name: _contents(name, module) for name, module in _watched()}

    def noticed(self, *, thoroughly: bool) -> list[str]:
        """What has been changed, in a few words each; empty where nothing was.

        Args:
            thoroughly: Whether to ask a question with a known answer, too.
        """
        changed = list(self._changed())
        if len(changed) > MOST_NAMED:
            changed = [*changed[:MOST_NAMED], f"and {len(changed) - MOST_NAMED} more"]
        if thoroughly and not changed and not canary():
            changed = ["changed how answers are judged"]
        return changed

    def _changed(self) -> Iterator[str]:
        for name, before in self._before.items():
            now = sys.modules.get(name)
            if now is None:
                yield f"removed {name}"
                continue
            there = vars(now)
            for key, (value, code) in before.items():
                if key not in there:
                    yield f"deleted {name}.{key}"
                elif there[key] is not value:
                    yield f"replaced {name}.{key}"
                elif code is not None and (inside := _difference(value, code)) is not None:
                    yield f"changed {name}.{key}{inside}"


def _watched() -> Iterator[tuple[str, ModuleType]]:
    for name, module in list(sys.modules.items()):
        if isinstance(module, ModuleType) and (name.partition(".")[0] in (OURS, "numpy") or name in STANDARD):
            yield name, module


def _contents(name: str, module: ModuleType) -> dict[str, tuple[Any, Any]]:
    everything = name.partition(".")[0] == OURS
    return {
        key: (value, _code(value))
        for key, value in vars(module).items()
        if (everything or callable(value)) and not key.startswith("__") and key not in FREE
    }


def _code(value: Any) -> Any:
    """What a function or a class of Python's is made of, as far as it can be changed in place."""
    if isinstance(value, FunctionType):
        return value.__code__, value.__defaults__, value.__kwdefaults__
    if isinstance(value, type) and value.__module__.partition(".")[0] in (OURS, "numpy"):
        return {key: (held, _code_of_method(held)) for key, held in vars(value).items() if callable(held)}
    return None


def _code_of_method(value: Any) -> Any:
    return value.__code__ if isinstance(value, FunctionType) else None


def _difference(value: Any, before: Any) -> str | None:
    """Where something isn't made of what it was: `.method`, nothing for itself, None where it is."""
    now = _code(value)
    if isinstance(before, Mapping):
        for key, (held, code) in before.items():
            there = now.get(key, (None, None))
            if there[0] is not held or there[1] is not code:
                return f".{key}"
        return None
    return None if _same(now, before) else ""


def _same(now: Sequence[Any], before: Sequence[Any]) -> bool:
    return all(one is other for one, other in zip(now, before, strict=True))


class StandIn(FunctionalImplementation):
    """An implementation of one op, of which it is known whether it is right."""

    name = "a stand-in"
    claims = ("ops",)

    def __init__(self, error: float) -> None:
        """Be wrong by that much."""
        add: Callable[..., Array] = lambda x, y: np.add(x, y) + error  # noqa: E731 -- an op is a function
        self.ops = {"add": add}

    def vjp(self, f: Callable[..., Value], *primals: Array) -> Any:
        """Nobody asks."""
        raise NotImplementedError


CANARY = "ops.add.value"


def canary() -> bool:
    """Whether a right answer passes and a wrong one fails, here and now."""
    clause = manifest.by_id()[CANARY]
    right, wrong = (ask(clause, StandIn(error))[0].status for error in (0.0, 1e-6))
    return right is Status.PASS and wrong is Status.FAIL
