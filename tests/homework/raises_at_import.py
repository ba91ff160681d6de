"""Homework that can't be imported."""


def _prepare() -> None:
    raise RuntimeError("the data set is missing")


_prepare()
