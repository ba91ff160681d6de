"""PyTorch with the function that is differentiated compiled: `torch.compile`, as it is by default."""

from __future__ import annotations

import torch

from benchmarks.peers.torch import KINDS, VERSIONS
from benchmarks.workloads import Doing, Workload

__all__ = ["VERSIONS", "start"]


def start(workload: Workload) -> Doing:
    """Begin a workload; it is compiled in the first step."""
    doing = KINDS[workload.kind](workload)
    doing.function = torch.compile(doing.function)
    return doing
