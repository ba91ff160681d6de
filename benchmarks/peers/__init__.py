"""The same work with other frameworks, written as their users write it.

A module has `start`, which begins a workload or says why it can't, and `VERSIONS`. Each runs in an
environment of its own: `nox -s peers`.
"""
