"""What a cell prints, on its way to the page: a little at a time, and not without end."""

from __future__ import annotations

import io
import time
from collections.abc import Callable

MOST = 100_000
"""Characters of one run that are shown; a page with millions of them would not move any more."""

SOON = 0.1
"""Seconds after which what is there is sent, while a cell is still printing."""


class Output(io.TextIOBase):
    """A text stream that hands on what is written, up to a limit, and counts the rest.

    Attributes:
        length: Characters written so far.
    """

    def __init__(self, send: Callable[[str], object]) -> None:
        """Begin with nothing.

        Args:
            send: Takes a piece of text to the page.
        """
        super().__init__()
        self._send = send
        self._kept: list[str] = []
        self._sent = time.monotonic()
        self.length = 0

    def writable(self) -> bool:
        """That it is."""
        return True

    def write(self, text: str) -> int:
        """Take a text, and send it with others before long."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        room = MOST - self.length
        self.length += len(text)
        if room > 0:
            self._kept.append(text[:room])
            if room <= len(text) or time.monotonic() - self._sent > SOON:
                self.flush()
        return len(text)

    def flush(self) -> None:
        """Send what is there."""
        if self._kept:
            self._send("".join(self._kept))
            self._kept.clear()
        self._sent = time.monotonic()

    @property
    def left_out(self) -> int:
        """How many characters were not shown."""
        return max(0, self.length - MOST)
