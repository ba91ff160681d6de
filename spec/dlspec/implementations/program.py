"""A program in any language, which answers in JSON lines: `dlspec verify cmd:./program`.

The protocol is in `docs/protocol.md`, and its schema in `protocol.schema.json` beside this file. A clause
asks about Python functions. Here they run on values that only note down what is called; the notes are data,
and are sent whole, with the arrays that go in and the cotangent that is to be pulled back. So the other side
needs to remember nothing from one question to the next.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from dlspec import SPEC_VERSION
from dlspec.failure import REFUSALS, Crashed, Garbled, Late, NotProvided, ProgramError
from dlspec.implementation import INDEX_DTYPES, Array, FunctionalImplementation
from dlspec.implementations import Clock, TargetError, wire
from dlspec.smoke import BrokenAdapter, declarations
from dlspec.tolerance import assert_equal

PROTOCOL = 1
"""The version of the protocol."""

PROFILES = ("ops", "autodiff", "layers", "losses", "optim", "training", "numerics", "errors")
"""What can be claimed: identity and memory, which the other profiles are about, don't show in messages."""

RESULTS = {"rnn_cell": 2, "lstm_cell": 3}
"""The ops that give several values."""

KINDS: Mapping[str, Callable[[str], Exception]] = {
    **REFUSALS,
    "not-provided": NotProvided,
    "internal": ProgramError,
}
"""What an error of the program is to a clause, by the kind that it says."""

ANSWERS: Mapping[str, frozenset[str]] = {
    "value": frozenset({"value"}),
    "vjp": frozenset({"value", "cotangents"}),
    "sgd": frozenset({"parameters"}),
}
"""What an answer has besides its `id`, by the message that asked for it."""

START = 20.0
"""Seconds for the answer to `start`, where a clause has as many."""

LONGEST_ANSWER = 2**26
"""Bytes of one answer. The longest that a clause asks for is a hundred times shorter."""

SHOWN = 200
"""Characters of an offending text that are shown."""

LINES_OF_STDERR = 15
MOST_ENDS_IN_A_ROW = 20
"""A program that ends so many times without having answered anything isn't started again."""

POLL = 0.05
PATIENCE = 1.0
"""Seconds in which a program may end by itself, and its last words arrive."""


def shown(text: str) -> str:
    """A text of the program's, shortened."""
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "...")


@dataclass(frozen=True)
class Limit:
    """How long an answer is waited for.

    Attributes:
        seconds: What messages say.
        until: By the monotonic clock.
        start: Whether it is the answer to `start` that doesn't come: then the program isn't in order.
    """

    seconds: float
    until: float
    start: bool


class Process:
    """A program that runs: questions in, answers out."""

    def __init__(self, command: Sequence[str]) -> None:
        """Start it."""
        # Where this process leads a session, it is a worker of `dlspec verify`, which is killed with its
        # whole group: the program belongs to it. Elsewhere it gets a group of its own, killed in the end.
        self._own_group = os.name == "posix" and os.getsid(0) != os.getpid()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=self._own_group,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._stdin, self._stdout, self._stderr = (
            self._process.stdin,
            self._process.stdout,
            self._process.stderr,
        )
        self._unread = b""
        self._words: deque[str] = deque(maxlen=LINES_OF_STDERR)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        """Keep the last lines of what the program says to people, and never let it wait for a reader."""
        line = b""
        while chunk := self._stderr.read(2**16):
            *lines, line = (line + chunk).split(b"\n")
            self._words.extend(text.decode(errors="replace") for text in lines if text.strip())
            line = line[-SHOWN:]
        if line:
            self._words.append(line.decode(errors="replace"))

    def ask(self, number: int, question: str, limit: Limit) -> dict[str, Any]:
        """The answer to a question, which is a line of JSON.

        Raises:
            Crashed: The program ended.
            Garbled: It doesn't keep the protocol.
            Late: It gave no whole answer in time, and was killed.
        """
        self._nothing_unread()
        try:
            data = memoryview(question.encode() + b"\n")
            while data:
                data = data[self._stdin.write(data) or 0 :]
        except (BrokenPipeError, OSError):
            if self._ends_soon():
                self.crashed()
            self.garbled("a program reads its questions from stdin until that ends, and this one closed it")
        line = self._line(limit)
        text = line.decode(errors="replace")
        try:
            answer = json.loads(line)
        except ValueError:
            self.garbled(
                "an answer is one line of JSON on stdout, where nothing else may be printed (stderr is free)",
                text,
            )
        if not isinstance(answer, dict):
            self.garbled("an answer is an object", text)
        if answer.get("id") != number or isinstance(answer.get("id"), bool):
            self.garbled(f'an answer repeats the "id" of its question, which was {number}', text)
        self._nothing_unread()
        return answer

    def _line(self, limit: Limit) -> bytes:
        read = [self._unread]
        size = len(self._unread)
        while b"\n" not in read[-1]:
            if size > LONGEST_ANSWER:
                beginning = b"".join(read)[: SHOWN + 1].decode(errors="replace")
                self.garbled(f"an answer has at most {LONGEST_ANSWER} bytes", beginning)
            try:
                chunk = self._stdout.read(2**16) if self._something_to_read(limit.until) else b""
            except TimeoutError:
                self._unread = b"".join(read)
                self.late(limit)
            if not chunk:
                self._unread = b"".join(read)
                if self._ends_soon():
                    self.crashed()
                self.garbled("answers are written to stdout, and this program closed it")
            read.append(chunk)
            size += len(chunk)
        line, _, self._unread = b"".join(read).partition(b"\n")
        return line

    def _something_to_read(self, until: float) -> bool:
        """Wait for output; False where the program ended without any.

        Raises:
            TimeoutError: It runs, and it is too late.
        """
        if sys.platform == "win32":
            return True  # pipes can't be waited for there; reading waits, until everybody has closed them
        while True:
            # Asked first: what was written before the end can then still be read.
            ended = self._process.poll() is not None
            if not ended and time.monotonic() >= until:
                raise TimeoutError
            if select.select([self._stdout], [], [], 0 if ended else POLL)[0]:
                return True
            if ended:
                return False  # something that it started may keep the pipe open

    def _nothing_unread(self) -> None:
        more = self._unread
        if not more and sys.platform != "win32" and select.select([self._stdout], [], [], 0)[0]:
            more = self._stdout.read(2**16) or b""
        if more:
            self.garbled(
                "each question has one answer, which comes after it, and this program wrote more",
                more.decode(errors="replace"),
            )

    def _ends_soon(self) -> bool:
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            return False
        return True

    def garbled(self, rule: str, text: str | None = None) -> NoReturn:
        """Say which line of the protocol is broken, by which text."""
        wrote = "" if text is None else f"; it wrote {shown(text)}"
        raise Garbled(f"the program breaks the protocol: {rule}{wrote}{self.last_words()}")

    def late(self, limit: Limit) -> NoReturn:
        """Kill the program, and say what there was of an answer when its time was over."""
        self._kill()
        half = shown(self._unread.decode(errors="replace")) if self._unread else None
        if limit.start:
            wrote = "it wrote nothing" if half is None else f"without an end of line it wrote {half}"
            self.garbled(
                f"no whole line in answer to `start` within {limit.seconds:g} s; {wrote}: "
                "end each answer with a newline and flush it"
            )
        what = "no answer" if half is None else "no end of line"
        wrote = "" if half is None else f"; it wrote {half}"
        raise Late(f"{what} within {limit.seconds:g} s{wrote}{self.last_words()}")

    def crashed(self) -> NoReturn:
        """Say how the program ended."""
        half = (
            f" in the middle of an answer, {shown(self._unread.decode(errors='replace'))}"
            if self._unread
            else ""
        )
        raise Crashed(f"the program ended{half}: {self.how()}{self.last_words()}")

    def how(self) -> str:
        """How it ended."""
        code = self._process.wait()
        if code >= 0:
            return f"exit code {code}"
        with contextlib.suppress(ValueError):
            return f"signal {-code}, {signal.Signals(-code).name}"
        return f"signal {-code}"

    def last_words(self) -> str:
        """The last lines that it wrote to stderr, indented, each after a line break."""
        self._listener.join(PATIENCE)
        return "".join(f"\n  stderr: {line}" for line in self._words)

    def end(self) -> None:
        """End the program, and what it has started."""
        with contextlib.suppress(OSError):
            self._stdin.close()
        self._ends_soon()
        self._kill()
        self._stdout.close()
        self._listener.join(PATIENCE)
        if not self._listener.is_alive():  # something that it started may still hold the other end
            self._stderr.close()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self._own_group:
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
        self._process.wait()


@dataclass(eq=False, frozen=True)
class Given:
    """An array that goes into a program, as it is written."""

    text: str


@dataclass(eq=False, frozen=True)
class Step:
    """A call of an op that was noted down."""

    op: str
    operands: tuple[Any, ...]
    static: str


@dataclass(eq=False, frozen=True)
class Made:
    """What a step gives, or one of several things that it gives."""

    step: Step
    part: int


@dataclass
class Notes:
    """What a program called, in order; `tried` where each call is asked about before the next."""

    steps: list[Step] = field(default_factory=list)
    tried: bool = False


class ProgramImplementation(FunctionalImplementation):
    """The program behind a target `cmd:COMMAND`."""

    def __init__(self, command: str, clock: Clock | None = None) -> None:
        """Start the program, and ask what it is.

        Args:
            command: The command line.
            clock: How long its answers are waited for; by default as long as it takes, but for the first.

        Raises:
            TargetError: There is no such program, or it ends at once.
            Garbled: It doesn't keep the protocol.
        """
        self._command = words(command)
        self._clock = Clock() if clock is None else clock
        self._known = False
        self._lock = threading.RLock()
        self._here = threading.local()
        self._number = 0
        self._ends = 0
        self._process: Process | None = None
        atexit.register(self.close)
        try:
            self._known_by(self._started())
        except Crashed as crashed:
            self.close()
            line, _, stderr = str(crashed).partition("\n")
            raise TargetError(f"{command} can't be used: asked to start, {line}", stderr) from None
        except Garbled:
            self.close()
            raise
        except OSError as error:
            raise TargetError(f"{command} can't be run: {error.strerror or error}") from None
        self._known = True

    def _known_by(self, told: dict[str, Any]) -> None:
        self.name, self.version = told["name"], told.get("version")
        self.claims, self.dtypes = tuple(told["claims"]), tuple(told["dtypes"])
        self.index_dtypes = tuple(told.get("index_dtypes", INDEX_DTYPES))
        self.ops = {op: partial(self._note, op) for op in told["ops"]}
        try:
            declarations(self)
        except BrokenAdapter as broken:
            self._garbled(f"the answer to `start`: {broken}", told)

    # The conversation.

    def _started(self) -> dict[str, Any]:
        self._process = Process(self._command)
        told = self._ask_now("start", {"protocol": str(PROTOCOL), "spec": json.dumps(SPEC_VERSION)})
        if "error" in told:
            self._process.garbled(
                "`start` is answered with what the program is, not with an error", str(told["error"])
            )
        if fault := fault_of_start(told):
            self._process.garbled(fault, json.dumps(told))
        return told

    def _ask(self, message: str, parts: Mapping[str, str]) -> dict[str, Any]:
        """The answer to a question, whose parts are JSON already.

        Raises:
            Crashed: The program ended; it is started again for the next question.
            Garbled: It doesn't keep the protocol; likewise.
            Late: It gave no whole answer in time; likewise.
            Exception: What the program says is wrong, as one of `KINDS`.
        """
        with self._lock:
            try:
                if self._process is None:
                    if self._ends >= MOST_ENDS_IN_A_ROW:
                        raise Crashed(f"not started again: the program has ended {self._ends} times in a row")
                    self._started()
                answer = self._ask_now(message, parts)
            except (Crashed, Garbled, Late):
                self._ends += 1
                self.close()
                raise
            self._ends = 0
        expected = {"error"} if "error" in answer else ANSWERS[message]
        if extra := answer.keys() - {"id"} - expected:
            what = "an answer with an error" if "error" in answer else f"the answer to `{message}`"
            self._garbled(f'{what} has no "{sorted(extra)[0]}"', answer)
        if "error" in answer:
            raise self._error(answer["error"])
        return answer

    def _ask_now(self, message: str, parts: Mapping[str, str]) -> dict[str, Any]:
        assert self._process is not None
        self._number += 1
        head = f'{{"message": "{message}", "id": {self._number}'
        rest = "".join(f', "{name}": {text}' for name, text in parts.items())
        return self._process.ask(self._number, f"{head}{rest}}}", self._limit(message))

    def _limit(self, message: str) -> Limit:
        clock, start = self._clock, time.monotonic() + START
        # Started again in the middle of a clause it may have less time: then it is the clause's that is over.
        if message == "start" and (not self._known or start < clock.until):
            return Limit(min(START, clock.seconds), min(start, clock.until), start=True)
        return Limit(clock.seconds, clock.until, start=False)

    def _error(self, told: Any) -> Exception:
        whole = isinstance(told, dict) and told.keys() == {"kind", "message"}
        kind, message = (told["kind"], told["message"]) if whole else (None, None)
        if not isinstance(kind, str) or kind not in KINDS or not isinstance(message, str):
            self._garbled(
                f'an error has a "message" and a "kind" out of {", ".join(KINDS)}, and nothing else', told
            )
        return KINDS[kind](message)

    def _garbled(self, rule: str, told: Any) -> NoReturn:
        text = told if isinstance(told, str) else json.dumps(told)
        process = self._process
        self._ends += 1
        try:
            assert process is not None
            process.garbled(rule, text)
        finally:
            self.close()

    def _array(self, told: Any, where: str) -> Array:
        try:
            return wire.read_array(told)
        except wire.NotOnTheWire as wrong:
            self._garbled(f"{where}: {wrong}", told)

    def close(self) -> None:
        """End the program; the next question starts it again."""
        process, self._process = self._process, None
        if process is not None:
            process.end()

    # Programs as data.

    def _note(self, op: str, *operands: Any, **static: Any) -> Any:
        """Note a call of an op down."""
        taken = tuple(
            self.constant(np.asarray(x)) if isinstance(x, (np.ndarray, np.generic)) else x for x in operands
        )
        told = {name: wire.argument(value) for name, value in static.items()}
        step = Step(op, taken, json.dumps(told))
        made = tuple(Made(step, part) for part in range(RESULTS.get(op, 1)))
        notes: Notes | None = getattr(self._here, "notes", None)
        if notes is not None:
            if notes.tried:
                self.numpy(made[0])
            notes.steps.append(step)
        return made if len(made) > 1 else made[0]

    def constant(self, array: Array) -> Any:
        """An array that goes into a program."""
        return Given(json.dumps(wire.array(array)))

    def numpy(self, value: Any) -> Array:
        """The value of a program: what was noted down of how it is made is sent."""
        if isinstance(value, np.ndarray):
            return value
        answer = self._ask("value", _written((), steps_before(value), value))
        return self._array(answer.get("value"), 'the "value"')

    def vjp(self, f: Callable[..., Any], *primals: Array) -> tuple[Array, Callable[[Array], Sequence[Any]]]:
        """The value of what `f` noted down, and the pullback, which sends all of it again with a cotangent.

        Where something is wrong the program is run once more, and each call asked about before the next one:
        a clause may expect a refusal in the middle of it.
        """
        inputs = tuple(self.constant(primal) for primal in primals)
        try:
            question, value = self._recorded(f, inputs, Notes())
        except Exception:
            question, value = self._recorded(f, inputs, Notes(tried=True))
        question |= {"wanted": json.dumps(list(range(len(primals))))}

        def pullback(cotangent: Array) -> Sequence[Any]:
            answer = self._ask(
                "vjp", {**question, "cotangent": json.dumps(wire.array(np.asarray(cotangent)))}
            )
            again = self._array(answer.get("value"), 'the "value"')
            assert_equal(again, value, "the value that comes with cotangents")
            bars = answer.get("cotangents")
            if not isinstance(bars, list) or len(bars) != len(primals):
                self._garbled(f'"cotangents" is a list with an entry for each of {len(primals)} wanted', bars)
            return [None if bar is None else self._array(bar, "a cotangent") for bar in bars]

        return value, pullback

    def _recorded(
        self, f: Callable[..., Any], inputs: tuple[Given, ...], notes: Notes
    ) -> tuple[dict[str, str], Array]:
        before = getattr(self._here, "notes", None)
        self._here.notes = notes
        try:
            result = f(*inputs)
        finally:
            self._here.notes = before
        question = _written(inputs, notes.steps, result)
        answer = self._ask("value", question)
        return question, self._array(answer.get("value"), 'the "value"')

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
        """The message `sgd`: the whole descent at once."""
        steps = [
            {"alpha": wire.number(alpha), "gradients": [None if g is None else wire.array(g) for g in step]}
            for alpha, step in zip(alphas, gradients, strict=True)
        ]
        question = {
            "parameters": [wire.array(parameter) for parameter in parameters],
            "steps": steps,
            "momentum": wire.number(momentum),
            "weight_decay": wire.number(weight_decay),
            "nesterov": nesterov,
        }
        answer = self._ask("sgd", {name: json.dumps(part) for name, part in question.items()})
        told = answer.get("parameters")
        if (
            not isinstance(told, list)
            or len(told) != len(steps)
            or not all(isinstance(after, list) and len(after) == len(parameters) for after in told)
        ):
            self._garbled('"parameters" is a list for each step, of one array for each parameter', told)
        return [[self._array(parameter, "a parameter") for parameter in after] for after in told]


def steps_before(value: Any) -> list[Step]:
    """The steps that a value is made by, in an order in which they can be taken."""
    found: dict[int, Step] = {}
    pending: list[Any] = [value]
    while pending:
        top = pending[-1]
        if not isinstance(top, Made) or id(top.step) in found:
            pending.pop()
            continue
        missing = [x for x in top.step.operands if isinstance(x, Made) and id(x.step) not in found]
        if missing:
            pending += missing
        else:
            found[id(top.step)] = top.step
            pending.pop()
    return list(found.values())


def _written(inputs: Sequence[Given], steps: Sequence[Step], result: Any) -> dict[str, str]:
    """A program as data: what goes into it, its steps, and which value is its result.

    Values are numbered: first the arrays that go in, then what each step gives.
    """
    numbers: dict[tuple[int, int], int] = {}
    given: list[Given] = []

    def enter(value: Any) -> None:
        if isinstance(value, Given) and (id(value), 0) not in numbers:
            numbers[id(value), 0] = len(given)
            given.append(value)

    for value in (*inputs, *(operand for step in steps for operand in step.operands), result):
        enter(value)
    count = len(given)
    for step in steps:
        for part in range(RESULTS.get(step.op, 1)):
            numbers[id(step), part] = count
            count += 1

    def told(value: Any) -> str:
        if isinstance(value, Given):
            return str(numbers[id(value), 0])
        if isinstance(value, Made):
            return str(numbers[id(value.step), value.part])
        return json.dumps(wire.scalar(value))

    lines = (
        f'{{"op": "{step.op}", "args": [{", ".join(map(told, step.operands))}], "static": {step.static}}}'
        for step in steps
    )
    return {
        "inputs": f"[{', '.join(value.text for value in given)}]",
        "program": f"[{', '.join(lines)}]",
        "result": told(result),
    }


def words(command: str) -> list[str]:
    """A command line as a list, of which the first is a program that is there.

    Raises:
        TargetError: There is none.
    """
    try:
        split = shlex.split(command)
    except ValueError as error:
        raise TargetError(f"cmd:{command} is no command line: {error}") from None
    if not split:
        raise TargetError("cmd: needs a command, such as cmd:./program or cmd:'node program.js'")
    program, *arguments = split
    found = shutil.which(program)
    if found is None:
        path = Path(program)
        if path.is_file() and os.sep in program:
            raise TargetError(f"{program} can't be run: it isn't executable (chmod +x {program})")
        near = f" There is a file of that name here: did you mean cmd:./{program}?" if path.is_file() else ""
        raise TargetError(f"there is no program {program}.{near}")
    return [found, *arguments]


def fault_of_start(told: Mapping[str, Any]) -> str | None:
    """What is wrong with the answer to `start`; None where nothing is."""
    if told.get("protocol") != PROTOCOL:
        return f'the answer to `start` has the "protocol" that was asked for, {PROTOCOL}'
    if not isinstance(told.get("name"), str) or not told["name"]:
        return 'the answer to `start` has a "name"'
    if not isinstance(told.get("version"), (str, type(None))):
        return 'the "version" of a program is text, or null'
    for key in ("claims", "dtypes", "ops", "index_dtypes"):
        values = told.get(key, [] if key == "index_dtypes" else None)
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            return f'the answer to `start` has "{key}", a list of names'
    for profile in told["claims"]:
        if profile not in PROFILES:
            return f'"claims" is made of {", ".join(PROFILES)}, and has {profile!r}'
    if extra := told.keys() - {
        "id",
        "protocol",
        "name",
        "version",
        "claims",
        "dtypes",
        "index_dtypes",
        "ops",
    }:
        return f'the answer to `start` has no "{sorted(extra)[0]}"'
    return None
