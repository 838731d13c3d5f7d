"""Open a model of the zoo in the way in which a run's folder is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from torch import nn

from leoclr_plugin.checkpoints.reading import CheckpointFolder
from leoclr_plugin.system.files import read_json
from leoclr_plugin.zoo.evaluate import Encoder
from leoclr_plugin.zoo.manifest import find_entry, zoo_folder
from leoclr_plugin.zoo.model import load

PREFIX = "zoo:"


@dataclass(frozen=True)
class ZooSource:
    """A model of the zoo with the attributes of a ``CheckpointFolder``.

    Attributes:
        folder: the folder for results, which is the current one.
        checkpoint: the name as the user writes it, ``zoo:NAME``.
        cfg: the configuration of the pretraining; it names no folders of images.
    """

    folder: Path
    checkpoint: Path
    cfg: DictConfig

    def load_method(self) -> nn.Module:
        """Return the network, which gives ``feats`` and nothing else, in evaluation mode.

        Raises:
            UserError: if its file cannot be downloaded, or is not the file of the manifest.
        """
        return Encoder(load(str(self.checkpoint).removeprefix(PREFIX)).backbone).eval()


def open_source(name: str) -> CheckpointFolder | ZooSource:
    """Open a run's folder, one of its checkpoints, or ``zoo:NAME``.

    Raises:
        UserError: if it is not there; see ``CheckpointFolder.open``.
    """
    if not name.startswith(PREFIX):
        return CheckpointFolder.open(name)
    entry = find_entry(name.removeprefix(PREFIX))
    cfg = OmegaConf.create(read_json(zoo_folder() / entry.config))
    return ZooSource(Path(), Path(name), cfg)
