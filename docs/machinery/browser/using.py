"""What the checks in the browser have in common."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page

Opener = Callable[..., Page]
"""Opens a page of the site; `conftest.opened` says with which options."""

PATIENCE = 60_000
"""Milliseconds for whatever is waited for; Python starts in three seconds, on a busy machine in twenty."""
