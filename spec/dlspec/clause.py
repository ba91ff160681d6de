"""A clause is a pytest function: its docstring is the sentence, its body the check, its name the id.

    @clause(cases=arrays_of(reals(-30, 30)))
    def test_tanh_is_odd(impl: Implementation, x: Array) -> None:
        '''`tanh(-x)` MUST equal `-tanh(x)`, exactly.'''
        assert_equal(impl.value("tanh", -x), -impl.value("tanh", x), "tanh(-x)")

in `clauses/ops/test_tanh.py` is the clause `ops.tanh.tanh_is_odd`. `cases` is a strategy. The verdict runs
what `dlspec freeze` once drew from it, so that everybody sits the same exam; `--explore` draws on.

A law is the same sentence for every row of the catalogue: `@law()` on `test_value(impl, op, case)` is
the clause `ops.<op>.value` for each op. Its cases are those of the row, with their exact answers.

A sentence that says MUST counts towards the verdict; one that says SHOULD is reported beside it.

A clause depends on others: where those don't hold, its own failure is no news. What is declared once holds
for many clauses:

    DEPENDS = ("ops.multiply.gradient",)       in a file: for each of its clauses
    @clause(depends="ops.exp.value")           for this clause
    @law(depends="value")                      on another law of the same row, for every row

A name without dots is a neighbour: a clause of the same topic, or a law of the same row. Any other is an id,
or a pattern of ids such as `ops.*.value`. A law depends on itself as well, asked of the simplest row and of
the rows that its own is made of. `dlspec.manifest.rests_on` has what follows from all this.
"""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_type_hints

import numpy as np
from numpy.typing import NDArray

from dlspec import casefile
from dlspec.catalogue import CATALOGUE, Inputs, Op
from dlspec.failure import ConformanceFailure, NotProvided
from dlspec.implementation import Implementation, TapeImplementation
from dlspec.oracle import Answer, answer_of
from dlspec.strategies import cotangents_of

Array = NDArray[Any]

SIMPLEST = "ops.add"
"""The row in which what every op gets wrong is looked for: there is next to nothing to it but the engine."""


@dataclass(frozen=True)
class OpCase:
    """One question about a row of the catalogue, and its answer.

    Attributes:
        operands: The arrays that the op is evaluated on.
        static: The arguments that no gradient flows to.
        cotangent: What is pulled back.
        answer: What is right.
    """

    operands: tuple[Array, ...]
    static: dict[str, Any]
    cotangent: Array
    answer: Answer

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type that the case is computed in."""
        return self.cotangent.dtype

    def fits(self, dtype: str) -> bool:
        """Whether that type holds the case's numbers to the last bit."""
        arrays = (*self.operands, self.cotangent)
        others = (x for x in arrays if x.dtype.kind == "f" and x.dtype != dtype)
        return all((x == x.astype(dtype)).all() for x in others)

    def astype(self, dtype: str) -> OpCase:
        """The same case, which is exact in either type, in another."""
        return OpCase(_cast(self.operands, dtype), self.static, _cast(self.cotangent, dtype), self.answer)

    def indexed(self, dtypes: Sequence[str]) -> OpCase:
        """The same case with indices and targets in a type among these, the first where theirs isn't."""
        static = {
            name: value.astype(dtypes[0])
            if isinstance(value, np.ndarray) and str(value.dtype) not in dtypes
            else value
            for name, value in self.static.items()
        }
        return OpCase(self.operands, static, self.cotangent, self.answer)

    def inputs(self) -> dict[str, Any]:
        """What a report or a case file keeps of the question."""
        return {"operands": self.operands, "static": self.static, "cotangent": self.cotangent}

    def stored(self) -> dict[str, Any]:
        """Question and answer, as a case file has them."""
        return {**self.inputs(), **vars(self.answer)}

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> OpCase:
        """The inverse of `stored`."""
        keys = ("value", "value_scale", "cotangents", "cotangent_scales")
        return cls(
            stored["operands"], stored["static"], stored["cotangent"], Answer(*(stored[key] for key in keys))
        )


@dataclass(frozen=True)
class Clause:
    """One sentence of the spec, and how it is checked.

    Attributes:
        id: Its permanent name, `<profile>.<topic>.<what it says>`.
        profile: The part of the spec that it belongs to.
        level: MUST or SHOULD, as its sentence has it.
        sentence: The normative text.
        source: File and line, within the package.
        body: The function that was written.
        op: For a law, the row it is about.
        strategies: What its cases are drawn from, by parameter; empty where the body needs none.
        frozen_as: The id under which its cases are frozen.
        depends: What has to hold for it to mean anything: ids, or patterns of ids.
        of_tape: Whether its body takes a `TapeImplementation`, so that it can't be asked of any other.
    """

    id: str
    profile: str
    level: Literal["MUST", "SHOULD"]
    sentence: str
    source: str
    body: Callable[..., None]
    op: Op | None = None
    strategies: Mapping[str, Any] | None = None
    inputs: Inputs | None = None
    frozen_as: str | None = None
    depends: tuple[str, ...] = ()
    of_tape: bool = False

    def check(self, impl: Implementation, *, examples: int = 0, seed: int = 0, frozen: bool = True) -> None:
        """Ask the implementation: the frozen cases first, then as many drawn ones as wanted.

        Args:
            impl: The implementation.
            examples: How many cases to draw.
            seed: Where the drawing starts.
            frozen: Whether the frozen ones are wanted; without them a failure is the simplest that was found.

        Raises:
            ConformanceFailure: The clause doesn't hold.
            NotProvided: The implementation hasn't got what the clause is about.
            Exception: Whatever else the implementation raised where it should have answered.
        """
        if self.frozen_as is None:
            self._call(impl, {}, None)
            return
        stored_cases = casefile.load(self.frozen_as) if frozen else ()
        if frozen and not stored_cases:
            raise LookupError(f"{self.id} has no frozen cases: run `dlspec freeze {self.id}`")
        for number, stored in enumerate(stored_cases):
            self._on_each_dtype(impl, self.arguments(stored), number)
        if examples:
            self._explore(impl, examples, seed)

    def check_case(self, impl: Implementation, inputs: Mapping[str, Any]) -> None:
        """Ask about one case alone, given by its inputs, such as one that a report kept."""
        if self.op is not None and self.inputs is not None:
            operands, cotangent = (_cast(inputs[name], "float64") for name in ("operands", "cotangent"))
            answer = answer_of(self.op, operands, inputs["static"], cotangent, exact=True)
            self._on_each_dtype(impl, {"case": OpCase(operands, inputs["static"], cotangent, answer)}, None)
        else:
            self._on_each_dtype(impl, {name: _cast(value, "float64") for name, value in inputs.items()}, None)

    def arguments(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of the body, besides the implementation, for a stored case."""
        if self.inputs is not None:
            return {"case": OpCase.load(stored)}
        return {name: value for name, value in stored.items() if name in (self.strategies or {})}

    def draw(self, draw: Callable[[Any], Any]) -> dict[str, Any]:
        """The arguments of the body for a case drawn from the clause's strategies."""
        if self.op is None or self.inputs is None:
            return {name: draw(strategy) for name, strategy in (self.strategies or {}).items()}
        operands, static = draw(self.inputs)
        cotangent = draw(cotangents_of(self.op.define(*operands, **static).shape))
        return {
            "case": OpCase(
                operands, static, cotangent, answer_of(self.op, operands, static, cotangent, exact=True)
            )
        }

    def _on_each_dtype(self, impl: Implementation, arguments: dict[str, Any], number: int | None) -> None:
        for dtype in impl.dtypes:
            if all(value.fits(dtype) for value in arguments.values() if isinstance(value, OpCase)):
                cast = {name: _cast(value, dtype) for name, value in arguments.items()}
                if isinstance(case := cast.get("case"), OpCase):
                    cast["case"] = case.indexed(impl.index_dtypes)
                self._call(impl, cast, number)

    def _call(self, impl: Implementation, arguments: dict[str, Any], number: int | None) -> None:
        if self.of_tape and not isinstance(impl, TapeImplementation):
            raise NotProvided("tensors that remember how they were made: leaf, backward and grad")
        if self.op is not None:
            arguments = {"op": self.op, **arguments}
        try:
            self.body(impl, **arguments)
        except ConformanceFailure as failure:
            failure.case = encode_arguments(arguments)
            failure.case_number = number
            raise

    def _explore(self, impl: Implementation, examples: int, seed: int) -> None:
        # Imported here: a verdict, which draws nothing, starts sooner without it.
        import hypothesis
        from hypothesis import strategies as st

        @hypothesis.seed(zlib.crc32(self.id.encode()) + seed)
        @hypothesis.settings(
            max_examples=examples,
            database=None,
            deadline=None,
            derandomize=False,
            report_multiple_bugs=False,
            verbosity=hypothesis.Verbosity.quiet,
            phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        @hypothesis.given(st.data())
        def explore(data: st.DataObject) -> None:
            self._on_each_dtype(impl, self.draw(data.draw), None)

        try:
            explore()
        except ConformanceFailure as failure:
            failure.found_by = "explore"
            raise


def encode_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of a check as JSON; an op's own answer is left out, for it isn't a question."""
    case = arguments.get("case")
    inputs = case.inputs() if isinstance(case, OpCase) else {k: v for k, v in arguments.items() if k != "op"}
    return {name: casefile.encode(value) for name, value in inputs.items()}


def _cast(value: Any, dtype: str) -> Any:
    if isinstance(value, OpCase):
        return value.astype(dtype)
    if isinstance(value, np.ndarray):
        return value.astype(dtype) if value.dtype.kind == "f" else value
    if isinstance(value, tuple):
        return tuple(_cast(item, dtype) for item in value)
    return value


def _level(sentence: str, id: str) -> Literal["MUST", "SHOULD"]:
    if "MUST" in sentence:
        return "MUST"
    if "SHOULD" in sentence:
        return "SHOULD"
    raise ValueError(f"{id}: the sentence says neither MUST nor SHOULD")


def _place(function: Callable[..., Any]) -> tuple[str, str, str]:
    """Profile, topic and source of a function in `clauses/<profile>/test_<topic>.py`."""
    *_, profile, module = function.__module__.split(".")
    source = f"clauses/{profile}/{module}.py:{function.__code__.co_firstlineno}"
    return profile, module.removeprefix("test_"), source


def _sentence(function: Callable[..., Any]) -> str:
    return " ".join(inspect.cleandoc(function.__doc__ or "").split())


def _declared(function: Callable[..., Any], stem: str, own: str | Sequence[str]) -> tuple[str, ...]:
    """What a function depends on, as its file and it itself declare."""
    named = (*function.__globals__.get("DEPENDS", ()), *((own,) if isinstance(own, str) else own))
    return tuple(dict.fromkeys(name if "." in name else f"{stem}.{name}" for name in named))


def _is_of_tape(function: Callable[..., Any]) -> bool:
    """Whether a function asks for tensors with a tape, as its annotation says."""
    return issubclass(get_type_hints(function)["impl"], TapeImplementation)


def clause(
    *, cases: Any = None, frozen_as: str | None = None, depends: str | Sequence[str] = ()
) -> Callable[[Callable[..., None]], Callable[[Implementation], None]]:
    """Make a function a clause.

    Args:
        cases: Where the body takes inputs: a strategy for its one parameter after `impl`, or a
            mapping from parameter to strategy. None where the body names its inputs itself.
        frozen_as: The id under which the cases are frozen, if the clause shares them with another; by default
            its own.
        depends: What has to hold for it to mean anything, beyond what its file declares.

    Returns:
        A decorator. What it gives takes the implementation alone, runs every case, and carries
        its `Clause` as `.clause`.
    """

    def decorate(body: Callable[..., None]) -> Callable[[Implementation], None]:
        profile, topic, source = _place(body)
        id = f"{profile}.{topic}.{body.__name__.removeprefix('test_')}"
        parameters = list(inspect.signature(body).parameters)[1:]
        strategies = cases if cases is None or isinstance(cases, Mapping) else {parameters[0]: cases}
        if set(parameters) != set(strategies or {}):
            raise TypeError(f"{id}: the body takes {parameters}, the cases give {sorted(strategies or {})}")
        sentence = _sentence(body)
        made = Clause(
            id,
            profile,
            _level(sentence, id),
            sentence,
            source,
            body,
            strategies=strategies,
            frozen_as=None if strategies is None else frozen_as or id,
            depends=_declared(body, f"{profile}.{topic}", depends),
            of_tape=_is_of_tape(body),
        )

        def check(impl: Implementation) -> None:
            made.check(impl)

        check.__name__, check.__doc__, check.__module__ = body.__name__, body.__doc__, body.__module__
        check.clause = made  # type: ignore[attr-defined] # read by the manifest and the pytest plugin
        return check

    return decorate


@dataclass(frozen=True)
class Law:
    """A sentence about every row of the catalogue that it applies to."""

    clauses: tuple[Clause, ...]

    def clause_of(self, op: Op) -> Clause:
        """The clause about one row."""
        return next(clause for clause in self.clauses if clause.op is op)

    def __iter__(self) -> Iterator[Clause]:
        """The clauses, in the catalogue's order."""
        return iter(self.clauses)


def of_row(op: Op) -> tuple[str, Inputs | None]:
    """The row's own inputs: what most laws are checked on."""
    return op.id, op.inputs


def of_demanding_numbers(op: Op) -> tuple[str, Inputs | None]:
    """The row's inputs with every digit of them in use; those that float32 can't hold are for float64."""
    return f"{op.id}.demanding", op.demanding


def of_whole_numbers(op: Op) -> tuple[str, Inputs | None]:
    """The row's whole numbers, on which the answer is exact."""
    return f"{op.id}.integral", op.integral


def law(
    *,
    cases: Callable[[Op], tuple[str, Inputs | None]] | None = of_row,
    applies: Callable[[Op], bool] = lambda op: True,
    depends: str | Sequence[str] = (),
) -> Callable[[Callable[..., None]], Callable[[Implementation, Op], None]]:
    """Make a function `(impl, op, case)` a law: one clause for every row it applies to.

    Args:
        cases: Which of the row's inputs it is checked on; the law leaves out rows that have none.
            None for a law that is checked without cases, as a function `(impl, op)`.
        applies: Which rows it is about.
        depends: What has to hold for it to mean anything, beyond what its file declares: other laws of the
            row by name, other clauses by id.

    Returns:
        A decorator. What it gives takes the implementation and the row, and carries its `Law` as `.law`.
    """

    def decorate(body: Callable[..., None]) -> Callable[[Implementation, Op], None]:
        _, _, source = _place(body)
        text = _sentence(body)
        made = []
        for op in CATALOGUE:
            frozen_as, inputs = cases(op) if cases else (None, None)
            if not applies(op) or (cases and inputs is None):
                continue
            name = body.__name__.removeprefix("test_")
            id = f"{op.id}.{name}"
            simpler = [f"{row}.{name}" for row in (SIMPLEST, *op.made_of)]
            sentence = text.replace("{op}", op.name)
            made.append(
                Clause(
                    id,
                    op.profile,
                    _level(text, id),
                    sentence,
                    source,
                    body,
                    op=op,
                    inputs=inputs,
                    frozen_as=frozen_as,
                    depends=(*_declared(body, op.id, depends), *simpler),
                    of_tape=_is_of_tape(body),
                )
            )
        all_of_them = Law(tuple(made))

        def check(impl: Implementation, op: Op) -> None:
            all_of_them.clause_of(op).check(impl)

        check.__name__, check.__doc__, check.__module__ = body.__name__, body.__doc__, body.__module__
        check.law = all_of_them  # type: ignore[attr-defined] # read by the manifest and the pytest plugin
        return check

    return decorate
