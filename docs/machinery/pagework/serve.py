"""Shows the built pages on this machine: `python -m pagework.serve FOLDER`, until Ctrl+C."""

from __future__ import annotations

import argparse
import contextlib
import functools
import http.server
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path

PORT = 8000
HIGHEST_PORT = 65535


class Pages(http.server.SimpleHTTPRequestHandler):
    """The files of a folder, without a line for each that somebody reads."""

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""

    def end_headers(self) -> None:
        """Have a browser ask whether what it has kept is still so: pages are built again and again."""
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()


def server(folder: Path, port: int) -> http.server.ThreadingHTTPServer:
    """A server of that folder for this machine alone, at that port or, where it is taken, at any."""
    handler = functools.partial(Pages, directory=str(folder))
    for each in (port, 0):
        with contextlib.suppress(OSError):
            return http.server.ThreadingHTTPServer(("127.0.0.1", each), handler)
    raise OSError(f"neither port {port} nor any other can be had")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; see the module's docstring."""
    parser = argparse.ArgumentParser("python -m pagework.serve", description="Show the built pages.")
    parser.add_argument("site", type=Path, help="folder of the built site")
    parser.add_argument("--port", type=int, default=PORT, help="[%(default)s]")
    parser.add_argument("--no-browser", action="store_true", help="don't open a browser")
    options = parser.parse_args(arguments)
    if not 0 <= options.port <= HIGHEST_PORT:
        parser.error(f"--port {options.port}: a number from 0 to {HIGHEST_PORT} is wanted")
    if not (options.site / "index.html").is_file():
        parser.error(f"{options.site} is no built site: it has no index.html")
    with server(options.site, options.port) as pages:
        address = f"http://127.0.0.1:{pages.server_address[1]}/"
        print(
            f"The pages are at {address} until you press Ctrl+C; {options.site / 'index.html'} opens as well."
        )
        sys.stdout.flush()
        if not options.no_browser:
            webbrowser.open(address)
        with contextlib.suppress(KeyboardInterrupt):
            pages.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
