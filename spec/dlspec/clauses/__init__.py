"""The normative text.

A folder is a profile, a file a topic, a function a clause, and its docstring the sentence.
"""
