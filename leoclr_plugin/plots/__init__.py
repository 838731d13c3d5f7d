"""Drawings of plain tensors, which know nothing of hosts, data sets and runs."""
