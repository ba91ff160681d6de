"""A class of homework: `dlspec grade FOLDER`.

command.py        the command
submissions.py    what in a folder is a submission, and its contents
assignment.py     what a profile is worth, and the score that follows
examiner.py       verifies one submission after another, each in a private folder; a process of its own
custody.py        limits for what a submission starts, and the end of all of it
namespaces.py     where Linux allows it: no network, and processes that can't see others
confined.py       the worker of `dlspec.runner`, within these limits
seal.py           a journal that only the worker can write
guard.py          whether a submission has changed what judges it
pool.py           several examiners on this machine
cluster.py        examiners on a Dask cluster
audit.py          fresh cases from a secret seed
boundary.py       a submission in another process, asked for arrays
grades.py         what came of everyone: JSON and CSV, and `grades.schema.json`

Its promise is isolation, limits and honest results. It is no security sandbox: a submission runs with the
rights of whoever grades it.
"""
