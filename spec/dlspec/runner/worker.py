"""One implementation in one process: ask it clause after clause, and keep a journal of it.

    python -P -m dlspec.runner.worker JOB.json

The journal is written line by line, an event at a time, to a file that `supervise` reads while it grows. So
nothing is lost when the implementation ends the process, and standard output is free for whatever it prints.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

# All of the spec is imported before the target's folder gets onto the path: a `random.py` that lies there
# must not take the standard library's place for it.
from dlspec import manifest, reproduce
from dlspec.clause import Clause
from dlspec.failure import Garbled
from dlspec.implementation import Divergence, Implementation
from dlspec.implementations import Clock, TargetError, load
from dlspec.runner.judge import ask, plain, shortened, users_traceback
from dlspec.runner.result import Status, Subject
from dlspec.smoke import BrokenAdapter, smoke

GRACE = 10.0
"""Seconds after a time limit at which a worker ends by itself, should its supervisor be gone."""


@dataclass(frozen=True)
class Job:
    """What a worker is to do.

    Attributes:
        target: What `dlspec verify` was given.
        ids: The clauses to ask, in order; those of profiles that aren't claimed are left out.
        journal: Where the journal goes.
        examples: How many cases to draw beyond the frozen ones.
        seed: Where the drawing starts.
        timeout: Seconds for one clause.
        import_timeout: Seconds for loading the target.
        smoke: Whether to try the adapter first.
        scripts: Whether to write a script for each failure.
        first_only: Whether the first clause that isn't a pass is enough.
    """

    target: str
    ids: tuple[str, ...]
    journal: str
    examples: int
    seed: int
    timeout: float
    import_timeout: float
    smoke: bool
    scripts: bool = True
    first_only: bool = False

    def save(self, path: Path) -> None:
        """Write the job where a worker will read it."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Job:
        """The inverse of `save`."""
        stored = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**stored, "ids": tuple(stored["ids"])})


class Journal:
    """A file of events, each a line of JSON that is on its way to the disk before the next thing happens."""

    def __init__(self, path: str) -> None:
        """Write to `path`."""
        self._path = path
        self._owner = os.getpid()

    def write(self, event: str, **parts: Any) -> None:
        """Add one event."""
        if os.getpid() != self._owner:
            # A fork that the implementation made and that came back here: the original goes on.
            os._exit(0)
        line = json.dumps({"event": event, **parts}, allow_nan=False) + "\n"
        # Opened anew each time: an implementation may close files that aren't its own.
        with Path(self._path).open("ab", buffering=0) as file:
            file.write(line.encode())


def work(job: Job, journal: Journal) -> None:
    """Load the target and ask it every clause of the job."""
    watchdog, clock = _Watchdog(), Clock(job.timeout)
    # A target that reads the command line finds its own name there, and nothing of ours.
    sys.argv = [job.target]
    watchdog.set(job.import_timeout)
    impl = _loaded(job, journal, clock)
    if impl is None:
        return
    watchdog.set(job.timeout)
    clock.start()
    if job.smoke and not _in_order(impl, journal):
        return
    journal.write("ready")
    for id in job.ids:
        clause = manifest.by_id()[id]
        if clause.profile not in impl.claims:
            continue
        watchdog.set(job.timeout)
        clock.start()
        journal.write("begin", id=id)
        result, raised = ask(clause, impl, examples=job.examples, seed=job.seed)
        journal.write("result", **result.to_json())
        # After a timeout it is for the supervisor to say what is still to be asked, and of a new worker.
        if raised is not None and (job.first_only or result.status is Status.TIMEOUT):
            break
        if job.scripts and raised is not None and result.status in (Status.FAIL, Status.ERROR):
            # Afterwards, since it runs the failing case again: what happens there can't change the result.
            watchdog.set(job.timeout)
            clock.start()
            journal.write("script", id=id, **_script(clause, impl, job.target, raised))
    journal.write("end")


def _loaded(job: Job, journal: Journal, clock: Clock) -> Implementation | None:
    """The implementation that the target names; None, and why in the journal, where there is none."""
    try:
        impl = load(job.target, clock)
        subject = describe(impl)
    except BrokenAdapter as broken:
        journal.write("broken", **_how(broken))
        return None
    except BaseException as raised:  # a target may end the program while it is imported
        journal.write("unloadable", **_why(raised, job.target))
        return None
    journal.write("loaded", subject=plain(subject.to_json()))
    return impl


def _in_order(impl: Implementation, journal: Journal) -> bool:
    try:
        smoke(impl)
    except (BrokenAdapter, Garbled) as broken:
        journal.write("broken", **_how(broken))
        return False
    except BaseException:  # the implementation's own failure: the clauses are there to find it
        return True
    return True


class _Watchdog:
    """Ends the process at a time limit from a thread that needs no interpreter.

    The supervisor is sooner, unless it was killed; then nobody else would end a worker that hangs.
    """

    def __init__(self) -> None:
        self._nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 -- for as long as the process

    def set(self, seconds: float) -> None:
        faulthandler.dump_traceback_later(seconds + GRACE, exit=True, file=self._nowhere)


def describe(impl: Implementation) -> Subject:
    """What an adapter says of itself.

    Raises:
        BrokenAdapter: It isn't what `Implementation` asks for.
    """
    try:
        name, version = impl.name, impl.version
        claims, dtypes, divergences = impl.claims, impl.dtypes, impl.divergences
    except Exception as raised:
        raise BrokenAdapter(
            f"what it says of itself can't be read: {type(raised).__name__}: {raised}"
        ) from raised
    if not isinstance(name, str) or not isinstance(version, (str, type(None))):
        raise BrokenAdapter(f"name and version: text is wanted, not {name!r} and {version!r}")
    lists: tuple[tuple[str, Any], ...] = (("claims", claims), ("dtypes", dtypes))
    for key, values in lists:
        # A string is a sequence of strings, which a missing comma makes of a tuple of one.
        if isinstance(values, str) or not all(isinstance(value, str) for value in values):
            raise BrokenAdapter(f"{key}: a tuple of names is wanted, not {values!r}")
    unknown = [profile for profile in claims if profile not in manifest.PROFILES]
    if unknown:
        raise BrokenAdapter(f"claims: {unknown[0]!r} is no profile; there are {', '.join(manifest.PROFILES)}")
    if not claims:
        raise BrokenAdapter("claims: no profile is claimed, so there is nothing to verify")
    if not all(isinstance(divergence, Divergence) for divergence in divergences):
        raise BrokenAdapter("divergences: a tuple of dlspec.implementation.Divergence is wanted")
    in_order = tuple(profile for profile in manifest.PROFILES if profile in claims)
    return Subject(name, version, in_order, tuple(dtypes), tuple(divergences))


def _why(raised: BaseException, target: str) -> dict[str, str]:
    """Why a target can't be loaded: a line, and the traceback of its own code where that raised."""
    own = raised.__cause__ if isinstance(raised, TargetError) else raised
    message = shortened(str(raised)) if isinstance(raised, TargetError) else f"loading {target} failed"
    if isinstance(own, SystemExit):
        message = f"{message}: it ends the program while it is imported"
    said = raised.details if isinstance(raised, TargetError) else ""
    return {"message": message, "traceback": said if own is None else users_traceback(own)}


def _how(broken: BrokenAdapter | Garbled) -> dict[str, str]:
    """How an adapter is broken: a line, and the traceback of its own code where that raised."""
    own = broken.__cause__
    return {"message": shortened(str(broken)), "traceback": "" if own is None else users_traceback(own)}


def _script(
    clause: Clause, impl: Implementation, target: str, raised: BaseException
) -> dict[str, str | None]:
    """The text of a script, or why there is none: a failure without a script is still reported."""
    try:
        text = reproduce.script(clause, impl, target, raised)
    except reproduce.NoScript as none:
        return {"text": None, "reason": shortened(str(none))}
    except BaseException as failed:
        return {"text": None, "reason": shortened(f"writing it failed: {type(failed).__name__}: {failed}")}
    return {"text": plain(text), "reason": None}


def _leave_no_core() -> None:
    """A crash is a verdict here; its memory needn't lie in the user's folder."""
    if sys.platform != "win32":
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, most))


def carry_out(path: Path, keep: Callable[[str], Journal] = Journal) -> NoReturn:
    """Do the job in that file, and end the process at once.

    Args:
        path: The job.
        keep: Opens the journal at a path.
    """
    job = Job.load(path)
    journal = keep(job.journal)
    try:
        _leave_no_core()
        work(job, journal)
    except BaseException as raised:
        # A fault of this package's own; the supervisor says so in one line.
        frame = raised.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        place = "" if frame is None else f" ({frame.tb_frame.f_code.co_filename}:{frame.tb_lineno})"
        journal.write("fault", message=f"{type(raised).__name__}: {raised}{place}")
    # Not by returning: threads and exit handlers of the implementation's have no say in when a worker ends.
    os._exit(0)


if __name__ == "__main__":
    carry_out(Path(sys.argv[1]))
