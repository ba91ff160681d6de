"""Optimizers: what to do with a gradient."""

from deeplearning_framework.optim.sgd import SGD

__all__ = ["SGD"]
