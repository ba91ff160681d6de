"""The machinery of `dlspec verify`.

main.py           the console entry: says what is missing where the extra isn't installed
cli.py            the commands
exams.py          those by which the spec itself is examined
supervise.py      starts workers, survives their crashes and hangs
worker.py         one implementation in one process: asks clause after clause, keeps a journal
judge.py          asks one clause, and puts what comes of it into a status and words
verdict.py        from statuses to verdicts, a pure function
report.py         the JSON report, and `report.schema.json`, its schema
divergences.py    declared divergences, checked against the clauses
words.py          what a failure looks like, in plain lines
screen.py         what a terminal shows
pytest_plugin.py  the same clauses through pytest, a second door

The verdict needs no pytest, so what lies in the user's folder (conftest.py, plugins, addopts, a `random.py`)
can't change it.
"""
