"""The version. It has a file of its own so that reading it does not import torch."""

__version__ = "0.1.0"
