"""The networks that commands measure: a run's, or a model of the zoo."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from leoclr_plugin.commands.shared import not_negative, positive

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from torch import nn

    from leoclr_plugin.data.levels import Levels
    from leoclr_plugin.data.views import MeanAndStd, View

NETWORK_HELP = "folder with a *.ckpt and its args.json, the *.ckpt itself, or zoo:NAME"


@dataclass(frozen=True)
class Network:
    """A trained network and how its images are prepared.

    Attributes:
        name: the network as the user names it.
        method: in evaluation mode; it maps images ``[N, C, H, W]`` to a dict with the backbone's
            features ``feats`` ``[N, F]``. Its ``backbone`` has the weights.
        size: height and width of the images in pixels.
        mean_and_std: the normalisation of the images in the network's own training.
        levels: how the levels of the images are read, as in the network's own training.
        source: the checkpoint or the model of the zoo, for error messages.
        folder: the run's folder; None for a model of the zoo.
        cfg: the configuration of the training; that of a model of the zoo names no images.
    """

    name: str
    method: nn.Module
    size: tuple[int, int]
    mean_and_std: MeanAndStd
    levels: Levels | None
    source: object
    folder: Path | None
    cfg: DictConfig

    def view(self, dataset: str) -> View:
        """Return how an image of ``dataset`` is prepared, without augmentation.

        The data set decides how an image is resized and cropped. The normalisation stays that of
        the training, because the network knows no other one.
        """
        from dataclasses import replace

        from leoclr_plugin.data.views import val_view

        return replace(val_view(dataset, self.size), mean_and_std=self.mean_and_std)


def add_loading_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of how images are loaded."""
    parser.add_argument(
        "--batch_size", type=positive, default=256, help="number of images to encode at once"
    )
    parser.add_argument(
        "--num_workers", type=not_negative, default=4, help="threads that load images"
    )


def open_network(name: str) -> Network:
    """Open a run's folder, one of its checkpoints, or a model of the zoo.

    Args:
        name: the path of the folder or of the checkpoint, or ``zoo:NAME``.

    Raises:
        UserError: if it is not there, or cannot be read.
    """
    from leoclr_plugin.checkpoints.reading import input_size
    from leoclr_plugin.data.levels import levels_of
    from leoclr_plugin.data.views import normalization_of
    from leoclr_plugin.zoo.source import ZooSource, open_source

    source = open_source(name)
    return Network(
        name,
        source.load_method(),
        input_size(source.cfg),
        normalization_of(source.cfg),
        levels_of(source.cfg.data),
        source.checkpoint,
        None if isinstance(source, ZooSource) else source.folder,
        source.cfg,
    )


@dataclass(frozen=True)
class OpenedEncoder:
    """A network that embeds images, and how they are prepared.

    Attributes:
        method: see ``Network``.
        view: how an image is prepared.
        levels: see ``Network``.
        source: see ``Network``.
    """

    method: nn.Module
    view: View
    levels: Levels | None
    source: object


def open_encoder(name: str) -> OpenedEncoder:
    """Open a run, a model of the zoo, or a pretrained model of timm.

    Args:
        name: what ``open_network`` takes, or ``timm:NAME``. The prefix may be left out unless the
            name is also that of a folder.

    Raises:
        UserError: if there is no such network, or its weights cannot be had.
    """
    from leoclr_plugin.errors import UserError
    from leoclr_plugin.zoo import source, timm_source

    there = name.startswith(source.PREFIX) or Path(name).exists()
    if name.startswith(timm_source.PREFIX) or (not there and timm_source.is_timm(name)):
        opened = timm_source.open_timm(name.removeprefix(timm_source.PREFIX))
        return OpenedEncoder(opened.method, opened.view, None, name)
    if not there:
        raise UserError(
            f"--encoder {name} is no folder of a run, no zoo:NAME and no model of timm; check the "
            "name"
        )
    network = open_network(name)
    return OpenedEncoder(network.method, network.view("custom"), network.levels, network.source)


def require_bytes(networks: Sequence[Network], command: str) -> None:
    """Check that networks were trained on RGB images of 8 bits.

    Raises:
        UserError: if one was not, which ``command`` does not know.
    """
    from leoclr_plugin.errors import UserError

    for network in networks:
        if network.levels is not None:
            raise UserError(
                f"{network.name} was trained with data.channels or data.range, and leoclr "
                f"{command} knows RGB images of 8 bits only; leave it out"
            )


def add_data_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument of labelled images; the default is the run's own."""
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="folder that holds train and val, each with class folders or a labels.csv (default: "
        "the run's own images)",
    )


def labelled_data(networks: Sequence[Network], args: argparse.Namespace) -> DictConfig:
    """Return the configuration of the images of ``--data``, or of the runs' own images.

    Args:
        networks: the networks, which share the images.
        args: the arguments of ``add_data_argument`` and ``add_loading_arguments``.

    Returns:
        The nodes ``data`` and ``optimizer.batch_size``.

    Raises:
        UserError: if the folder lacks a part, or there is no folder and a network has no images of
            its own or others than the first.
    """
    from leoclr_plugin.errors import UserError
    from leoclr_plugin.evaluation.data import evaluation_cfg, folder_cfg

    if args.data is not None:
        return folder_cfg("custom", args.data, args.num_workers, batch_size=args.batch_size)
    configurations = []
    for network in networks:
        data = network.cfg.data
        if network.folder is None or not data.get("val_path"):
            raise UserError(
                f"{network.name} names no validation images; name a folder that holds train and "
                "val with --data"
            )
        configurations.append(
            evaluation_cfg(network.cfg, batch_size=args.batch_size, num_workers=args.num_workers)
        )
        if configurations[-1] != configurations[0]:
            raise UserError(
                f"{networks[0].name} and {network.name} were trained with other images; name a "
                "folder that holds train and val for all of them with --data"
            )
    return configurations[0]
