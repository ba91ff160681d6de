"""A tensor whose `exp` raises, and whose `log` isn't written yet."""

import deeplearning_framework as whole


def _helper(data: object) -> None:
    raise ValueError(f"can't work with a {type(data).__name__} \x1b[31m\nnor with anything else")


class Tensor(whole.Tensor):
    """The reference's, but for two ops."""

    __slots__ = ()

    def exp(self) -> whole.Tensor:
        """Raise."""
        _helper(self.data)
        return super().exp()

    def log(self) -> whole.Tensor:
        """Be left for later."""
        raise NotImplementedError("later")
