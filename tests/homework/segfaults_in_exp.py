"""A tensor whose `exp` reads where nothing is."""

import ctypes

import deeplearning_framework as whole


class Tensor(whole.Tensor):
    """The reference's, but for one op."""

    __slots__ = ()

    def exp(self) -> whole.Tensor:
        """Never come back."""
        ctypes.string_at(0)
        return super().exp()
