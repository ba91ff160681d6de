"""Losses: what training makes small."""

from deeplearning_framework.losses.cross_entropy import CrossEntropyLoss
from deeplearning_framework.losses.mse import MSELoss

__all__ = ["CrossEntropyLoss", "MSELoss"]
