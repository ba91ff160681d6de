"""A module that is no framework."""

ANSWER = 42
