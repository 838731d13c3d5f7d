"""The list of what is in the zoo: ``zoo/manifest.json``, which a wheel has as well."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from leoclr_plugin.errors import UserError, suggestion
from leoclr_plugin.files import read_json


@dataclass(frozen=True)
class Entry:
    """One model of the zoo; ``zoo/manifest.schema.json`` says what each field holds.

    Attributes:
        name: by which users ask for it.
        file: name of the file with the weights, safetensors in half precision.
        sha256: of the file, 64 hexadecimal digits.
        bytes: of the file.
        method: of the pretraining.
        backbone: a ResNet under torchvision's and timm's common name.
        dataset: name of the data set of the pretraining.
        images: number of them.
        size: height and width in pixels of the images.
        classes: names of the data set's classes, in the order of the targets.
        epochs: of pretraining, that its schedule was made for.
        epochs_trained: of these, that the weights have.
        seed: of pretraining.
        command: that trained it.
        config: file beside the manifest with the full configuration.
        commit: of this package, at which it was trained.
        hardware: that it was trained on.
        hours: of training.
        results: ``knn`` and ``linear``, each with ``top1``, ``top5`` and ``spread`` in percent.
        licence: of the weights.
        limits: what to know before using it.
    """

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
        """The epochs in words: ``24``, or ``51 of 60``."""
        all_of_them = self.epochs_trained == self.epochs
        return f"{self.epochs}" if all_of_them else f"{self.epochs_trained} of {self.epochs}"

    def __post_init__(self) -> None:
        # It becomes a path of the cache.
        if Path(self.file).name != self.file or self.file.startswith("."):
            raise UserError(f"the zoo's manifest names the file {self.file!r}; it must be a name")


def zoo_folder() -> Path:
    """The folder with the manifest: in the checkout, or inside the wheel without the weights."""
    spec = find_spec("leoclr_plugin.zoo_files")
    if spec is None:
        # A checkout on the path that was not installed.
        return Path(__file__).resolve().parents[2] / "zoo"
    return Path(next(iter(spec.submodule_search_locations)))


def read_manifest(folder: Path | None = None) -> dict[str, Entry]:
    """All entries by name.

    Raises:
        UserError: for a damaged manifest, or a file name in it that is more than a name.
    """
    path = (folder or zoo_folder()) / "manifest.json"
    models = read_json(path)["models"]
    return {name: make_entry(name, fields) for name, fields in models.items()}


def find_entry(name: str) -> Entry:
    """The entry of a model.

    Raises:
        UserError: where there is none; near names are suggested.
    """
    entries = read_manifest()
    if name not in entries:
        raise UserError(f"the zoo has no model {name!r}{suggestion(name, entries)}")
    return entries[name]


def make_entry(name: str, fields: dict[str, Any]) -> Entry:
    """An entry of what the manifest has under ``name``."""
    lists = {key: tuple(fields[key]) for key in ("size", "classes")}
    return Entry(name=name, **{**fields, **lists})
