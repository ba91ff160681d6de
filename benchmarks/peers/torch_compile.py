"""PyTorch with the function that is differentiated compiled: `torch.compile`, as it is by default."""

from __future__ import annotations

import torch

from benchmarks.pairs import CannotDoError
from benchmarks.peers.torch import KINDS, VERSIONS
from benchmarks.workloads import Doing, Workload

__all__ = ["VERSIONS", "start"]

UNROLLED = 100
"""Steps of a loop that are compiled in about a minute; of thousands it hasn't been seen to come to an end."""


def start(workload: Workload) -> Doing:
    """Begin a workload; it is compiled in the first step."""
    if max(workload.length, workload.inputs.shape[-1] if workload.kind == "rnn" else 0) > UNROLLED:
        raise CannotDoError("unrolls the loop: thousands of operations to compile")
    doing = KINDS[workload.kind](workload)
    doing.function = torch.compile(doing.function)
    return doing
