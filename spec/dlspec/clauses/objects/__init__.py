"""Tensors and layers as objects: their identity, and the state they carry."""
