"""A tensor whose `exp` ends the process."""

import os

import deeplearning_framework as whole


class Tensor(whole.Tensor):
    """The reference's, but for one op."""

    __slots__ = ()

    def exp(self) -> whole.Tensor:
        """Never come back."""
        os._exit(3)
