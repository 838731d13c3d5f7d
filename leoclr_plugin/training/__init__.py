"""Pretraining: from a configuration to a checkpoint folder."""
