"""The normative text. A folder is a profile, a file a topic, a function a clause, its docstring the sentence."""
