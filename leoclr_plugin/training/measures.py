"""Log label-free measures during a pretraining, on the same images each time."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from omegaconf import DictConfig

from leoclr_plugin.checkpoints.reading import input_size
from leoclr_plugin.config.defaults import fill_in
from leoclr_plugin.config.nodes import Measures
from leoclr_plugin.data.image_loader import ImageLoader
from leoclr_plugin.data.sample import sample_loader
from leoclr_plugin.data.sampler import processes
from leoclr_plugin.data.views import given_mean_and_std, pretrain_views, val_view
from leoclr_plugin.errors import UserError
from leoclr_plugin.metrics.label_free import label_free_measures
from leoclr_plugin.terminal import tell
from leoclr_plugin.training.encoding import evaluation_mode, of_all_processes
from leoclr_plugin.training.last_epoch import is_last_epoch

PREFIX = "measure_"


class LabelFreeMeasures(Callback):
    """Logs ``measure_rankme``, ``measure_lidar`` and so on of the query encoder's features.

    They are measured after the first epoch, after every n-th one from there and after the last, as
    the host's Checkpointer writes. The training is the same with and without this callback.
    """

    def __init__(self, loader: ImageLoader, views: int, every_n_epochs: int) -> None:
        """Create the callback.

        Args:
            loader: see ``measure_loader``.
            views: the number of augmented views that it gives of each image.
            every_n_epochs: the number of epochs from one measurement to the next.
        """
        self._loader, self._views, self._every = loader, views, every_n_epochs

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say if the images are too few for the network's features."""
        if trainer.is_global_zero:
            images = len(self._loader.dataset)
            tell_too_few(images, self._views, pl_module.features_dim, "raise measures.images")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure and log if it is due."""
        if trainer.current_epoch % self._every and not is_last_epoch(trainer):
            return
        weight = next(pl_module.parameters())

        def encode(images: torch.Tensor) -> torch.Tensor:
            return pl_module(images.to(weight.device, weight.dtype))["feats"]

        with evaluation_mode(pl_module):
            encoded = encode_sample(encode, self._loader)
        features, views = (of_all_processes(part).cpu() for part in encoded)
        if not (features.isfinite().all() and views.isfinite().all()):
            # Such features have no measure. The guards of ``training.nonfinite`` report them.
            return
        for name, value in label_free_measures(features, views).items():
            pl_module.log(f"{PREFIX}{name}", value)


def measures_callback(cfg: DictConfig) -> list[Callback]:
    """Return the callback that ``cfg.measures`` asks for, if it asks for one.

    Args:
        cfg: a parsed configuration; changed in place.

    Raises:
        UserError: if the images cannot be read, or there are fewer of them than processes.
    """
    if not (cfg.get("measures") or {}).get("every_n_epochs"):
        return []
    fill_in(cfg, "measures", Measures)
    node = cfg.measures
    loader = measure_loader(cfg, cfg.data, node.images, node.views, cfg.get("seed") or 0)
    images = len(loader.dataset)
    if images < processes(cfg):
        raise UserError(
            f"measures.images={node.images}: {images} images are too few for {processes(cfg)} "
            "processes; raise it, or set measures.every_n_epochs=0"
        )
    return [LabelFreeMeasures(loader, node.views, node.every_n_epochs)]


def measure_loader(
    cfg: DictConfig, data: DictConfig, images: int, views: int, seed: int
) -> ImageLoader:
    """Return the loader of the images that a network is measured on.

    Args:
        cfg: the configuration of the pretraining. The augmented views are those of its first
            pipeline, which crops at random.
        data: the ``data`` node of the images, which may be others than those of ``cfg``.
        images: see ``sample_loader``.
        views: see ``sample_loader``.
        seed: see ``sample_loader``.
    """
    dataset, given = cfg.data.dataset, given_mean_and_std(cfg.data)
    plain, augmented = (
        val_view(dataset, input_size(cfg), given),
        pretrain_views(cfg.augmentations, dataset, given),
    )
    return sample_loader(data, plain, augmented[0], images, views, seed)


@torch.no_grad()
def encode_sample(
    encode: Callable[[torch.Tensor], torch.Tensor], batches: Iterable[list[torch.Tensor]]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Encode the batches of ``measure_loader``.

    Args:
        encode: maps images ``[n, C, H, W]`` to features ``[n, F]``.
        batches: the loader.

    Returns:
        The features ``[N, F]`` of the images without augmentation and ``[N, V, F]`` of their
        views, in float32.
    """
    features, views = [], []
    for plain, *augmented in batches:
        features.append(encode(plain).float())
        views.append(torch.stack([encode(view).float() for view in augmented], dim=1))
    return torch.cat(features), torch.cat(views)


def tell_too_few(images: int, views: int, length: int, remedy: str) -> None:
    """Print a line on stderr if LiDAR's covariance within the images has not full rank.

    Args:
        images: the number of images.
        views: the number of views of each image.
        length: the number of features, F.
        remedy: says how to take more images.
    """
    if images * (views - 1) < length:
        tell(
            f"LiDAR: {images} images with {views} views are too few for {length} features, so its "
            f"figures are only fit for a comparison with one another; {remedy}",
        )
