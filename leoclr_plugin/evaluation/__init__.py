"""The host's evaluators on a checkpoint folder."""
