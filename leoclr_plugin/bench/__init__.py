"""Measure speed and memory for ``leoclr bench``."""
