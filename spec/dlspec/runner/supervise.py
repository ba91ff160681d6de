"""Run workers until every clause has its result, whatever the implementation does to them.

A worker that dies leaves a journal: the clause in it that has begun and has no result is the one that
killed it. That clause is a crash, or a timeout where the supervisor had to kill the worker, and a new worker
asks the rest.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from dlspec.implementations import PROGRAM
from dlspec.runner.result import Result, Status, Subject
from dlspec.runner.stop import ExitCode, Stop
from dlspec.runner.worker import Job, carry_out

POLL = 0.01
"""Seconds between two looks at the journal."""

IMPORT_TIMEOUT = 120.0
"""Seconds for importing the target: the large frameworks need ten, and more from a cold disk."""

PROGRAM_GRACE = 5.0
"""Seconds after a time limit in which a worker may still say what a program had written of its answer."""

TIMEOUTS_PER_TOPIC = 2
"""After so many clauses of one topic that hang, the topic's other clauses are blocked."""

MOST_TIMEOUTS = 10
MOST_DEATHS_IN_A_ROW = 20
MOST_DEATHS = 100
"""Limits at which the run gives up: an implementation that hangs or crashes everywhere ends in minutes."""


ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass(frozen=True)
class Plan:
    """What is to be asked of which target.

    Attributes:
        target: What `dlspec verify` was given.
        ids: The clauses to ask, in order; those of profiles that aren't claimed are left out.
        examples: How many cases to draw beyond the frozen ones.
        seed: Where the drawing starts.
        timeout: Seconds for one clause.
        import_timeout: Seconds for loading the target.
        scripts: Whether to write a script for each failure.
        first_only: Whether the first clause that isn't a pass is enough.
    """

    target: str
    ids: tuple[str, ...]
    examples: int = 0
    seed: int = 0
    timeout: float = 30.0
    import_timeout: float = IMPORT_TIMEOUT
    scripts: bool = True
    first_only: bool = False


@dataclass
class Run:
    """What came of a plan.

    Attributes:
        subject: What the target turned out to be.
        results: The result of each clause that was asked, or of which it is known why it wasn't.
        scripts: Stand-alone scripts of failures, by clause.
        no_scripts: Why there is none, by clause.
        interrupted: Whether it was broken off from outside.
    """

    subject: Subject
    results: dict[str, Result] = field(default_factory=dict)
    scripts: dict[str, str] = field(default_factory=dict)
    no_scripts: dict[str, str] = field(default_factory=dict)
    interrupted: bool = False


class Watcher:
    """Told what happens while a run is under way; the methods of this one do nothing."""

    def loaded(self, subject: Subject) -> None:
        """The target is loaded. Raising `Stop` here ends the run."""

    def begun(self, id: str) -> None:
        """A clause is being asked."""

    def answered(self, result: Result) -> None:
        """A clause has its result."""


def supervise(plan: Plan, watcher: Watcher, start: Callable[[Path, Path, Path], Worker] | None = None) -> Run:
    """Carry out a plan.

    Args:
        plan: What to ask.
        watcher: Whom to tell.
        start: Starts a worker on a job, with a journal, in a folder; by default a new interpreter.

    Returns:
        The run; with `interrupted` set if Ctrl-C or a request to terminate broke it off.

    Raises:
        Stop: The target can't be loaded, or its adapter is broken.
    """
    with tempfile.TemporaryDirectory(prefix="dlspec-", ignore_cleanup_errors=True) as folder:
        supervisor = _Supervisor(plan, watcher, Path(folder), start or NewInterpreter)
        with termination_as_interrupt():
            try:
                supervisor.carry_out()
            except KeyboardInterrupt:
                if supervisor.run is None:
                    raise Stop(f"interrupted while {plan.target} was loaded", ExitCode.INCOMPLETE) from None
                supervisor.run.interrupted = True
    assert supervisor.run is not None
    return supervisor.run


@contextlib.contextmanager
def termination_as_interrupt() -> Iterator[None]:
    """A polite request to end is treated as Ctrl-C: what runs is stopped, and what is known is reported."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Supervisor:
    """Keeps the books over all the workers of one run."""

    def __init__(
        self, plan: Plan, watcher: Watcher, folder: Path, start: Callable[[Path, Path, Path], Worker]
    ) -> None:
        self.plan = plan
        self.watcher = watcher
        self.folder = folder
        self.start = start
        self.program = plan.target.startswith(f"{PROGRAM}:")
        self.satisfied = False
        self.run: Run | None = None
        self.smoke = True
        self.workers = 0
        self.deaths = 0
        self.deaths_in_a_row = 0
        self.timeouts = 0
        self.timeouts_of_topic: Counter[str] = Counter()

    def carry_out(self) -> None:
        while not self.satisfied and ((ids := self._pending()) is None or ids):
            worker = self._start(self.plan.ids if ids is None else ids)
            try:
                self._follow(worker)
            finally:
                worker.end()
            if worker.broke is not None:
                self._leave_rest(f"not asked: {worker.broke}")
            self._give_up_if_hopeless()

    def _pending(self) -> tuple[str, ...] | None:
        """The clauses still to be asked; None while it isn't known which profiles are claimed."""
        if self.run is None:
            return None
        claims = self.run.subject.claims
        return tuple(
            id for id in self.plan.ids if id.partition(".")[0] in claims and id not in self.run.results
        )

    def _start(self, ids: tuple[str, ...]) -> Worker:
        self.workers += 1
        plan = self.plan
        journal = self.folder / f"journal-{self.workers}.jsonl"
        job = Job(
            plan.target,
            ids,
            str(journal),
            plan.examples,
            plan.seed,
            plan.timeout,
            plan.import_timeout,
            self.smoke,
            plan.scripts,
            plan.first_only,
        )
        job_file = self.folder / f"job-{self.workers}.json"
        job.save(job_file)
        return self.start(job_file, journal, self.folder)

    def _follow(self, worker: Worker) -> None:
        """Read one worker's journal until it ends, is done or has to be killed."""
        begun: str | None = None
        stage, limit, since = "loading", self.plan.import_timeout, time.monotonic()
        late = False
        while True:
            # Asked before the journal is read: what a worker wrote before it ended is then read, too.
            ended = late or worker.ended()
            for event in worker.journal.news():
                since, limit = time.monotonic(), self.plan.timeout
                stage = event["event"]
                if stage == "end":
                    return
                begun = event["id"] if stage == "begin" else None
                self._book(event)
            if ended:
                break
            if time.monotonic() - since > limit + PROGRAM_GRACE * self.program:
                worker.end()
                late = True  # once more around, for what was written meanwhile
                continue
            time.sleep(POLL)
        self.deaths += 1
        self.deaths_in_a_row += 1
        if stage == "loading":
            self._not_loaded(worker, late)
        elif stage == "loaded":
            # The smoke test killed the worker. That is for the clauses to judge, so it isn't tried again.
            self.smoke = False
        if begun is not None:
            self._died(begun, worker, late, time.monotonic() - since)

    def _book(self, event: Mapping[str, Any]) -> None:
        match event["event"]:
            case "unloadable":
                raise Stop(event["message"], ExitCode.USAGE, event["traceback"])
            case "broken" if self.workers > 1:
                self._leave_rest(f"not asked: started again, {event['message']}")
            case "broken":
                what = f"the {'program' if self.program else 'adapter'} is broken: "
                if event["message"].startswith("the program "):
                    what = ""  # it says so itself
                raise Stop(f"{what}{event['message']}", ExitCode.ADAPTER, event["traceback"])
            case "fault":
                raise Stop(f"dlspec has a fault of its own: {event['message']}", ExitCode.INCOMPLETE)
            case "loaded" if self.run is None:
                subject = Subject.from_json(event["subject"])
                self.watcher.loaded(subject)
                self.run = Run(subject)
            case "begin":
                self.watcher.begun(event["id"])
            case "result":
                self.deaths_in_a_row = 0
                result = Result.from_json(event)
                (self._late if result.status is Status.TIMEOUT else self._add)(result)
            case "script":
                assert self.run is not None
                if event["text"] is None:
                    self.run.no_scripts[event["id"]] = event["reason"]
                else:
                    self.run.scripts[event["id"]] = event["text"]

    def _add(self, result: Result) -> None:
        assert self.run is not None
        self.run.results[result.id] = result
        self.satisfied = self.plan.first_only and result.status is not Status.PASS
        self.watcher.answered(result)

    def _not_loaded(self, worker: Worker, late: bool) -> None:
        what = (
            f"took longer than {self.plan.import_timeout:g} s"
            if late
            else f"ended the process ({worker.how()})"
        )
        if self.run is None:
            raise Stop(f"{self.plan.target} can't be loaded: importing it {what}")
        self._leave_rest(f"not asked: a second import of the target {what}")

    def _died(self, id: str, worker: Worker, late: bool, seconds: float) -> None:
        if not late:
            self._add(Result(id, Status.CRASH, seconds, f"the process ended: {worker.how()}"))
            return
        self._late(Result(id, Status.TIMEOUT, seconds, f"no answer within {self.plan.timeout:g} s"))

    def _late(self, result: Result) -> None:
        self.timeouts += 1
        self._add(result)
        topic = result.id.rpartition(".")[0]
        self.timeouts_of_topic[topic] += 1
        if self.timeouts_of_topic[topic] < TIMEOUTS_PER_TOPIC:
            return
        for other in self._pending() or ():
            if other.rpartition(".")[0] == topic:
                why = f"not asked: {TIMEOUTS_PER_TOPIC} clauses of {topic} before it gave no answer in time"
                self._add(Result(other, Status.BLOCKED, 0.0, why))

    def _give_up_if_hopeless(self) -> None:
        if self.timeouts >= MOST_TIMEOUTS:
            self._leave_rest(f"not asked: {self.timeouts} clauses before it gave no answer in time")
        elif self.deaths_in_a_row >= MOST_DEATHS_IN_A_ROW:
            self._leave_rest(f"not asked: the process ended {self.deaths_in_a_row} times in a row")
        elif self.deaths >= MOST_DEATHS:
            self._leave_rest(f"not asked: the process had ended {self.deaths} times before")

    def _leave_rest(self, why: str) -> None:
        for id in self._pending() or ():
            self._add(Result(id, Status.NOT_RUN, 0.0, why))


class Tail:
    """A journal that is read while it grows."""

    def __init__(self, path: Path) -> None:
        """Start at the beginning of `path`, which need not exist yet."""
        self._path = path
        self._read = 0

    def news(self) -> Iterator[dict[str, Any]]:
        """The events since the last look."""
        for line in self.lines():
            yield json.loads(line)

    def lines(self) -> list[bytes]:
        """The lines since the last look. One without its end is left for the next."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        return whole.splitlines()

    def cut(self) -> bool:
        """Whether something has gone that was there before."""
        return self._read > (self._path.stat().st_size if self._path.exists() else 0)


class Worker(ABC):
    """A worker process and its journal.

    Attributes:
        journal: What the worker tells.
        broke: Why nothing more is to be asked, where the worker has broken a rule that holds for the run.
    """

    def __init__(self, journal: Path) -> None:
        """Read `journal` as it grows."""
        self.journal = Tail(journal)
        self.broke: str | None = None

    @property
    @abstractmethod
    def pid(self) -> int:
        """The process, which leads a group of its own."""

    @abstractmethod
    def code(self, *, wait: bool) -> int | None:
        """The exit code, or the negative number of the signal that ended it; None while it runs."""

    def ended(self) -> bool:
        """Whether the process has ended."""
        return self.code(wait=False) is not None

    def end(self) -> None:
        """Kill the worker, and what it has started."""
        # Permission is denied on macOS where all that is left of a group waits to be reaped.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if sys.platform == "win32":
                os.kill(self.pid, signal.SIGTERM)
            else:
                os.killpg(self.pid, signal.SIGKILL)
        self.code(wait=True)

    def how(self) -> str:
        """How the process ended."""
        if self.broke is not None:
            return self.broke
        code = self.code(wait=True) or 0
        if code >= 0:
            return f"exit code {code}"
        try:
            return f"signal {-code}, {signal.Signals(-code).name}"
        except ValueError:
            return f"signal {-code}"


class NewInterpreter(Worker):
    """A worker in an interpreter of its own, which shares nothing with this one."""

    def __init__(self, job: Path, journal: Path, folder: Path) -> None:
        """Start on a job, with temporary files in a folder."""
        super().__init__(journal)
        self._process = subprocess.Popen(
            # -P: the working folder stays off the path until the target is imported.
            [sys.executable, "-P", "-m", "dlspec.runner.worker", str(job)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment(folder),
            # A group of its own, which is killed as a whole and which a Ctrl-C in the terminal doesn't reach.
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def code(self, *, wait: bool) -> int | None:
        """The exit code."""
        return self._process.wait() if wait else self._process.poll()


class Fork(Worker):
    """A worker that begins as a copy of this process, which has imported everything already.

    It starts in a hundredth of the time: where thousands are wanted, that decides. Not on Windows.
    """

    def __init__(self, job: Path, journal: Path, folder: Path) -> None:
        """Start on a job, with temporary files in a folder."""
        super().__init__(journal)
        self._code: int | None = None
        self._pid = os.fork()
        if self._pid == 0:
            _become_worker(job, folder)

    @property
    def pid(self) -> int:
        """The process."""
        return self._pid

    def code(self, *, wait: bool) -> int | None:
        """The exit code."""
        if self._code is None:
            pid, status = os.waitpid(self._pid, 0 if wait else os.WNOHANG)
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
        return self._code


def _become_worker(job: Path, folder: Path) -> NoReturn:
    """What a copy of this process does instead of going on."""
    try:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        os.environ.update(environment(folder))
        carry_out(job)
    finally:
        os._exit(1)


def environment(folder: Path) -> dict[str, str]:
    """The user's environment, without what would let it change the verdict or litter their folder."""
    inherited = dict(os.environ)
    for name in ("PYTHONWARNINGS", "PYTHONOPTIMIZE", "PYTHONINSPECT"):
        inherited.pop(name, None)
    # One thread each: sums are then added up in the same order on every machine.
    inherited |= dict.fromkeys(ONE_THREAD, "1")
    inherited["PYTHONDONTWRITEBYTECODE"] = "1"
    inherited["HYPOTHESIS_STORAGE_DIRECTORY"] = str(folder / "hypothesis")
    # Homework draws its loss curve as it is imported; without a window to close, that doesn't hang.
    inherited.setdefault("MPLBACKEND", "Agg")
    return inherited
