"""How long things take: every op, and whole steps of training beside the same step in hand-written NumPy.

A time says something only beside another time from the same minute on the same machine. So what these
report are ratios, and before anything is timed its result is compared with what it should be.
"""
