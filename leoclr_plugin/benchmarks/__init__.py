"""Measurements behind ``leoclr bench``."""
