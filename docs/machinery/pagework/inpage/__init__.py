"""What runs in the reader's browser: cells, and exercises that are judged by the spec's own clauses.

These modules import the standard library, NumPy, the reference and, for exercises, dlspec; the JavaScript
beside them (`docs/js`) calls `pagework.inpage.cells` and `pagework.inpage.exercises` in a worker.
"""
