"""Ask one clause, and put what comes of it into a status and words.

Every clause is asked under the same circumstances, whatever was asked before it or set by the implementation:
NumPy's floating-point state, warnings, global random generators and the working folder. So a verdict doesn't
change when a crash restarts the run in the middle, or when a single clause is asked.
"""

from __future__ import annotations

import linecache
import os
import random
import re
import sysconfig
import time
import traceback
import warnings
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import dlspec
from dlspec.failure import ConformanceFailure, Crashed, Garbled, Late, NotProvided
from dlspec.runner.result import Result, Status

if TYPE_CHECKING:
    from dlspec.clause import Clause
    from dlspec.implementation import Implementation

OURS = str(Path(dlspec.__file__).parent) + os.sep
CLAUSES = str(Path(OURS, "clauses")) + os.sep
LONGEST_MESSAGE = 2000
LONGEST_TRACEBACK = 30
FRAMES = 3
"""Frames of the user's code that an error is shown with, the innermost ones."""


def ask(
    clause: Clause,
    impl: Implementation,
    *,
    examples: int = 0,
    seed: int = 0,
    frozen: bool = True,
    pass_on: type[BaseException] | tuple[type[BaseException], ...] = (),
) -> tuple[Result, BaseException | None]:
    """Ask an implementation one clause.

    Args:
        clause: The clause.
        impl: The implementation.
        examples: How many cases to draw beyond the frozen ones.
        seed: Where the drawing starts.
        frozen: Whether the frozen cases are asked.
        pass_on: Exceptions that are none of the implementation's, such as a real Ctrl-C.

    Returns:
        The result, and what was raised where it isn't a pass.
    """
    raised: BaseException | None = None
    start = time.perf_counter()
    try:
        with _same_circumstances(clause.id):
            clause.check(impl, examples=examples, seed=seed, frozen=frozen)
    except pass_on:
        raise
    except BaseException as exception:  # SystemExit and KeyboardInterrupt are answers too, and wrong ones
        raised = exception
    seconds = time.perf_counter() - start
    if raised is None:
        return Result(clause.id, Status.PASS, seconds), None
    status, message = _status_and_message(raised)
    failure = plain(raised.to_json()) if isinstance(raised, ConformanceFailure) else None
    return Result(clause.id, status, seconds, message, failure), raised


def _status_and_message(raised: BaseException) -> tuple[Status, str]:
    if isinstance(raised, ConformanceFailure):
        return Status.FAIL, shortened(raised.message)
    if isinstance(raised, NotProvided):
        return Status.NOT_PROVIDED, shortened(str(raised))
    if isinstance(raised, Late):
        return Status.TIMEOUT, shortened(str(raised))
    if isinstance(raised, (Crashed, Garbled)):
        return Status.CRASH if isinstance(raised, Crashed) else Status.ERROR, shortened(str(raised))
    message = shortened("".join(traceback.format_exception_only(raised)).rstrip())
    if isinstance(raised, AssertionError) and _is_ours(_frames(raised)[-1].filename):
        return Status.FAIL, f"{message}\n{_place(_frames(raised)[-1])}"
    places = "".join(f"\n{_place(frame)}" for frame in _telling_frames(raised))
    # A profile is a promise: what is claimed and not there is missing work, and no accident.
    status = Status.FAIL if isinstance(raised, NotImplementedError) else Status.ERROR
    return status, message + places


@contextmanager
def _same_circumstances(id: str) -> Iterator[None]:
    folder, drawn, drawn_by_numpy = Path.cwd(), random.getstate(), np.random.get_state()
    seed = zlib.crc32(id.encode())
    random.seed(seed)
    np.random.seed(seed)
    try:
        with (
            np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(drawn)
        np.random.set_state(drawn_by_numpy)
        os.chdir(folder)


def _is_ours(filename: str) -> bool:
    return filename.startswith((OURS, "<"))


def _is_library(filename: str) -> bool:
    """Whether a file is NumPy's or the standard library's, where no user looks for a mistake of their own."""
    standard = sysconfig.get_path("stdlib") + os.sep
    numpy = str(Path(np.__file__).parent) + os.sep
    return filename.startswith(numpy) or (filename.startswith(standard) and "site-packages" not in filename)


def _frames(raised: BaseException) -> list[traceback.FrameSummary]:
    # The innermost ones suffice: endless recursion has a thousand, and each is the same.
    return list(traceback.extract_tb(raised.__traceback__, limit=-50))


def _telling_frames(raised: BaseException) -> list[traceback.FrameSummary]:
    """Where to look: the innermost frames of the user's code, or the line of the clause that asked."""
    frames = [frame for frame, _ in groupby(_frames(raised)) if not frame.filename.startswith("<")]
    foreign = [frame for frame in frames if not _is_ours(frame.filename)]
    own = [frame for frame in foreign if not _is_library(frame.filename)]
    asking = [frame for frame in frames if frame.filename.startswith(CLAUSES)]
    return (own or foreign)[-FRAMES:] or asking[-1:] or frames[-1:]


def _place(frame: traceback.FrameSummary) -> str:
    line = linecache.getline(frame.filename, frame.lineno or 0).strip()
    return f"  {shown(frame.filename)}:{frame.lineno} in {frame.name}" + (f": {line}" if line else "")


def shown(filename: str) -> str:
    """A file as it is imported or found from here: where that lies is no part of a report."""
    if filename.startswith(OURS):
        return f"dlspec/{Path(filename).relative_to(OURS).as_posix()}"
    # Packages first: their folder may lie below the working folder, in an environment, or in the library's.
    packages = [Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib", "stdlib")]
    for folder in (*packages, Path.cwd()):
        if Path(filename).is_relative_to(folder):
            return Path(filename).relative_to(folder).as_posix()
    return filename


def users_traceback(raised: BaseException) -> str:
    """The traceback of an exception without the frames of this package and of the import system."""
    formatted = traceback.TracebackException.from_exception(raised, limit=-50)
    _trim(formatted)
    lines = "".join(formatted.format()).rstrip().splitlines()
    if len(lines) > LONGEST_TRACEBACK:
        lines = ["...", *lines[-LONGEST_TRACEBACK:]]
    return _without_addresses("\n".join(lines))


def _trim(formatted: traceback.TracebackException) -> None:
    kept = [frame for frame in formatted.stack if not _is_ours(frame.filename)]
    formatted.stack = traceback.StackSummary.from_list(kept)
    for linked in (formatted.__cause__, formatted.__context__):
        if linked is not None:
            _trim(linked)


def shortened(text: str) -> str:
    """A text of bearable length that is the same in every run."""
    text = _without_addresses(text)
    return text if len(text) <= LONGEST_MESSAGE else text[:LONGEST_MESSAGE] + " ..."


def _without_addresses(text: str) -> str:
    """Objects without their memory addresses, which differ from run to run."""
    return re.sub(r"\bat 0x[0-9A-Fa-f]+", "at 0x...", text)


def plain(value: Any) -> Any:
    """Anything, as JSON can hold it: what has no other form becomes its `repr`."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        return _without_addresses(value)
    if isinstance(value, float):
        return value if np.isfinite(value) else repr(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return shortened(repr(value))
