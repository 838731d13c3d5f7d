"""The losses: pure functions of tensors, one file each."""

from leoclr_plugin.losses.leoclr import cosine_similarities, leoclr_loss_func
from leoclr_plugin.losses.self_paced import age_at, self_paced_weights

__all__ = ["age_at", "cosine_similarities", "leoclr_loss_func", "self_paced_weights"]
