"""What in a folder is a submission: a Python file, a package, or a folder with one Python file in it.

Everything is read before anything runs, so no submission can change another, and it makes no difference
whether it is judged on this machine or on another.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dlspec.runner.stop import Stop

MOST_BYTES = 50_000_000
"""A submission beyond this size is no homework, and would have to be copied for everyone who judges it."""

CACHES = ("__pycache__", "node_modules", "venv")
"""Folders that tools make; hidden ones are passed over as well."""

NEUTRAL = "submission"
"""What a submission is called while it is judged if its own name can't be imported, or stands for another."""


@dataclass(frozen=True)
class Submission:
    """One piece of homework.

    Attributes:
        name: The name of its file or folder, which is what a row of the results is called.
        place: Where it is within its private folder: what `dlspec verify` would be given there.
        files: Its contents, by place within that folder.
    """

    name: str
    place: str
    files: dict[str, bytes]

    def digest(self) -> str:
        """One digest of all of it: what decides whether it has changed."""
        digest = hashlib.sha256()
        for path, content in sorted(self.files.items()):
            for part in (path.encode("utf-8", "surrogateescape"), content):
                digest.update(len(part).to_bytes(8, "big") + part)
        return digest.hexdigest()


@dataclass(frozen=True)
class LeftOut:
    """An entry of the folder that is no submission, and why."""

    name: str
    reason: str


def find(folder: Path) -> tuple[list[Submission], list[LeftOut]]:
    """The submissions of a folder, by name, and what was left out.

    Hidden entries, caches, and files that aren't Python are passed over; of these the files are named.

    Raises:
        Stop: There is no such folder, or no submission in it.
    """
    try:
        entries = sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError as error:
        raise Stop(f"{folder}: {(error.strerror or 'cannot be read').lower()}; a folder is wanted") from error
    found: list[Submission] = []
    left_out: list[LeftOut] = []
    for entry in entries:
        if entry.name.startswith(".") or entry.name in CACHES:
            continue
        try:
            found.append(_read(entry))
        except _NoSubmission as why:
            left_out.append(LeftOut(_shown(entry), str(why)))
        except OSError as error:
            left_out.append(LeftOut(_shown(entry), f"can't be read: {error.strerror}"))
    if not found:
        told = "".join(f"\n  {entry.name}: {entry.reason}" for entry in left_out)
        raise Stop(f"{folder} holds no submission: a Python file, or a folder with one{told}")
    return found, left_out


class _NoSubmission(Exception):
    """`str` says why."""


def _shown(path: Path) -> str:
    """The name of an entry, a folder's with a stroke; bytes that aren't UTF-8 are escaped."""
    name = path.name.encode("utf-8", "backslashreplace").decode("utf-8")
    return f"{name}/" if path.is_dir() else name


def _read(entry: Path) -> Submission:
    if entry.is_file():
        if entry.suffix != ".py":
            raise _NoSubmission("no Python file")
        stem = _safe(entry.stem)
        return Submission(_shown(entry), f"{stem}.py", {f"{stem}.py": _content([entry])[0]})
    if not entry.is_dir():
        raise _NoSubmission("neither a file nor a folder")
    paths = list(_walk(entry))
    inside = [path.relative_to(entry).as_posix() for path in paths]
    folder = _safe(entry.name)
    if "__init__.py" in inside:
        place = folder
    else:
        programs = [path for path in inside if path.endswith(".py") and "/" not in path]
        if not programs:
            raise _NoSubmission("no Python file in it")
        if len(programs) > 1:
            raise _NoSubmission(
                f"{len(programs)} Python files and no __init__.py, so it isn't clear which it is"
            )
        # Where it is a single file, its folder needs no name that can be imported.
        place = f"{NEUTRAL}/{_safe(Path(programs[0]).stem)}.py"
        inside[inside.index(programs[0])] = place.partition("/")[2]
        folder = NEUTRAL
    files = {f"{folder}/{path}": content for path, content in zip(inside, _content(paths), strict=True)}
    return Submission(_shown(entry), place, files)


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in CACHES:
            continue
        if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
            continue  # what lies elsewhere wasn't handed in
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)
        elif path.is_file():
            yield path


def _content(paths: list[Path]) -> list[bytes]:
    if sum(path.stat().st_size for path in paths) > MOST_BYTES:
        raise _NoSubmission(f"larger than {MOST_BYTES // 1_000_000} MB")
    return [path.read_bytes() for path in paths]


def _safe(name: str) -> str:
    """The name itself where Python can import it and it means nothing else."""
    if not name.isidentifier() or not name.isascii():
        return NEUTRAL
    try:
        taken = importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        taken = True
    return NEUTRAL if taken else name


def lay_out(files: dict[str, bytes], folder: Path) -> None:
    """Write the contents of a submission into a folder."""
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


def file_name(name: str) -> str:
    """A name for a submission's report: its own, without what a file system may not like."""
    own = name.rstrip("/")
    kept = "".join(char if char.isprintable() and char not in '/\\:*?"<>|' else "_" for char in own)
    kept = kept.encode()[:MOST_NAME].decode(errors="ignore")
    # What was changed to the same is told apart.
    return kept if kept == own else f"{kept}-{hashlib.sha256(own.encode()).hexdigest()[:8]}"


MOST_NAME = 200
"""Bytes of a file name that leave room for an ending."""
