"""A tensor whose `exp` returns in two processes."""

import os

import deeplearning_framework as whole

FORKED: list[int] = []


class Tensor(whole.Tensor):
    """The reference's, but for one op."""

    __slots__ = ()

    def exp(self) -> whole.Tensor:
        """Answer right, twice."""
        if not FORKED:
            FORKED.append(os.fork())
        return super().exp()
