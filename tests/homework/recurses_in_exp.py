"""A tensor whose `exp` calls itself."""

import deeplearning_framework as whole


class Tensor(whole.Tensor):
    """The reference's, but for one op."""

    __slots__ = ()

    def exp(self) -> whole.Tensor:
        """Ask oneself."""
        return self.exp()
