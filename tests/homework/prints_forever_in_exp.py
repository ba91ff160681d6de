"""A tensor whose `exp` prints without end."""

import sys

import deeplearning_framework as whole


class Tensor(whole.Tensor):
    """The reference's, but for one op."""

    __slots__ = ()

    def exp(self) -> whole.Tensor:
        """Never come back."""
        while True:
            sys.stdout.write("epoch 1, loss 0.69\n" * 1000)
            sys.stderr.write("warning\n" * 1000)
