"""Layers: functions with parameters."""

from deeplearning_framework.layers.activations import Relu, Sigmoid, Tanh
from deeplearning_framework.layers.base import Layer
from deeplearning_framework.layers.container import Sequential
from deeplearning_framework.layers.embedding import Embedding
from deeplearning_framework.layers.linear import Linear
from deeplearning_framework.layers.rnn import LSTMCell, RNNCell

__all__ = ["Embedding", "LSTMCell", "Layer", "Linear", "RNNCell", "Relu", "Sequential", "Sigmoid", "Tanh"]
