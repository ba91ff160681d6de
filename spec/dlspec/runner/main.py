"""The console entry: what runs before it is known whether everything that `dlspec` needs is there."""

from __future__ import annotations

import importlib.util
import io
import os
import sys
import traceback

NEEDED = ("hypothesis", "jsonschema", "mpmath", "numpy", "rich", "typer")


def main() -> None:
    """Run the command line, and never show a user a traceback of this package's own."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that lacks a character shows its number; a verdict is not lost over it.
            stream.reconfigure(errors="backslashreplace")
    if any(importlib.util.find_spec(package) is None for package in NEEDED):
        _end('dlspec needs its extra: pip install "deeplearning-framework[spec]"', 2)

    from dlspec.runner.cli import app
    from dlspec.runner.stop import ExitCode, Stop

    try:
        app()
    except Stop as stop:
        if stop.details:
            sys.stderr.write(f"{stop.details}\n\n")
        _end(f"dlspec: {stop}", stop.code)
    except KeyboardInterrupt:
        _end("dlspec: interrupted", ExitCode.INCOMPLETE)
    except Exception as fault:
        if os.environ.get("DLSPEC_TRACEBACK"):
            raise
        frame = traceback.extract_tb(fault.__traceback__)[-1]
        what = f"{type(fault).__name__}: {fault} ({frame.filename}:{frame.lineno})"
        _end(f"dlspec has a fault of its own, DLSPEC_TRACEBACK=1 shows more: {what}", ExitCode.INCOMPLETE)


def _end(line: str, code: int) -> None:
    sys.stderr.write(f"{line}\n")
    sys.exit(int(code))


if __name__ == "__main__":
    main()
