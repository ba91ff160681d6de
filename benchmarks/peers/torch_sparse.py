"""PyTorch with `sparse=True`, which is about embeddings: the gradient of a table is the rows looked up."""

from __future__ import annotations

from benchmarks.pairs import CannotDoError
from benchmarks.peers.torch import VERSIONS, Words
from benchmarks.workloads import Doing, Workload

__all__ = ["VERSIONS", "start"]


class SparseWords(Words):
    """Summed squares of an embedding's rows."""

    sparse = True


def start(workload: Workload) -> Doing:
    """Begin a workload."""
    if workload.kind != "embedding":
        raise CannotDoError("only the embedding is sparse")
    return SparseWords(workload)
