"""The losses: pure functions of tensors, one file each."""

from leoclr_plugin.losses.leoclr import cosine_similarities, leoclr_loss_func

__all__ = ["cosine_similarities", "leoclr_loss_func"]
