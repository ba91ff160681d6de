"""Tests of what makes pages, which need what only the sessions of the pages install."""

from __future__ import annotations

import importlib.util

# `nox -s site` has it, and runs them; elsewhere there is nothing here to run.
collect_ignore_glob = [] if importlib.util.find_spec("markdown") else ["test_*.py"]
