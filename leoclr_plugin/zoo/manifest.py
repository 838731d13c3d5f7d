"""Read ``zoo/manifest.json``, the list of the zoo's models. A wheel contains it as well."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from leoclr_plugin.errors import UserError, suggestion
from leoclr_plugin.system.files import read_json


@dataclass(frozen=True)
class Entry:
    """One model of the zoo. ``zoo/manifest.schema.json`` gives the type of each field.

    Attributes:
        name: name of the model, as users type it.
        file: name of the file of weights, safetensors in half precision.
        sha256: SHA-256 of the file, 64 hexadecimal digits.
        bytes: size of the file.
        method: name of the pretraining method.
        backbone: name of a ResNet that torchvision and timm share.
        dataset: name of the data set of the pretraining.
        images: number of training images.
        size: height and width of the images in pixels.
        classes: names of the data set's classes, in the order of the targets.
        epochs: number of epochs that the learning rate schedule was made for.
        epochs_trained: number of epochs after which the weights were saved.
        seed: seed of the pretraining.
        command: command that trained the model.
        config: name of the file beside the manifest with the full configuration.
        commit: commit of this package that trained the model.
        hardware: hardware that the model was trained on.
        hours: duration of the training.
        results: ``knn`` and ``linear``, each with ``top1``, ``top5`` and ``spread`` in percent, or
            with ``mAP`` and ``spread`` for images of several labels.
        licence: licence of the weights.
        limits: what to know before using the model.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str
    file: str
    sha256: str
    bytes: int
    method: str
    backbone: str
    dataset: str
    images: int
    size: tuple[int, int]
    classes: tuple[str, ...]
    epochs: int
    epochs_trained: int
    seed: int
    command: str
    config: str
    commit: str
    hardware: str
    hours: float
    results: dict[str, dict[str, Any]]
    licence: str
    limits: str

    @property
    def length(self) -> str:
        """The number of epochs as text: ``24``, or ``51 of 60``."""
        complete = self.epochs_trained == self.epochs
        return f"{self.epochs}" if complete else f"{self.epochs_trained} of {self.epochs}"

    def __post_init__(self) -> None:
        # These become parts of paths in the cache and in folders of pictures, and must not lead
        # out of them.
        for file in (self.name, self.file, self.config):
            if Path(file).name != file or file.startswith(".") or "\0" in file:
                raise UserError(
                    f"the zoo's manifest has the name {file!r}; it must be a plain file name"
                )


def zoo_folder() -> Path:
    """Return the folder of the manifest. A checkout has the weights there, a wheel does not."""
    spec = find_spec("leoclr_plugin.zoo_files")
    if spec is None:
        # The package runs from a checkout that was not installed.
        return Path(__file__).resolve().parents[2] / "zoo"
    return Path(next(iter(spec.submodule_search_locations)))


def read_manifest(folder: Path | None = None) -> dict[str, Entry]:
    """Return all entries by name.

    Raises:
        UserError: when the manifest is damaged, or when it gives a path instead of a file name.
    """
    path = (folder or zoo_folder()) / "manifest.json"
    models = read_json(path).get("models")
    if not isinstance(models, dict):
        raise UserError(f"{path} is damaged: it has no models by name")
    return {name: make_entry(name, fields) for name, fields in models.items()}


def find_entry(name: str) -> Entry:
    """Return the entry of a model.

    Raises:
        UserError: when the name is unknown; the message suggests similar names.
    """
    entries = read_manifest()
    if name not in entries:
        raise UserError(f"the zoo has no model {name!r}{suggestion(name, entries)}")
    return entries[name]


def make_entry(name: str, fields: dict[str, Any]) -> Entry:
    """Make an entry from the fields that the manifest has under ``name``.

    Raises:
        UserError: when a field is missing, unknown or of another type.
    """
    given = {**fields, "name": name} if isinstance(fields, dict) else fields
    try:
        return TypeAdapter(Entry).validate_python(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, (name, *first["loc"])))
        raise UserError(f"the zoo's manifest is damaged at {place}: {first['msg']}") from error
