"""Make pictures of coloured rectangles in the layouts of VOC and of COCO."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

COLOURS = {"cat": (220, 40, 40), "dog": (40, 90, 220)}


@dataclass
class Scene:
    """A picture of 64 x 48 pixels; an object is a class, a box and whether it is ignored."""

    name: str
    objects: list[tuple[str, tuple[int, int, int, int], bool]] = field(default_factory=list)
    size: tuple[int, int] = (64, 48)

    def save(self, path: Path) -> None:
        width, height = self.size
        rng = np.random.default_rng(int(self.name))
        pixels = rng.integers(100, 156, (height, width, 3)).astype(np.uint8)
        for shown, (left, top, right, bottom), _ in self.objects:
            pixels[top:bottom, left:right] = COLOURS[shown]
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path, quality=95, subsampling=0)


def scenes(number: int, first: int = 0) -> list[Scene]:
    """Return scenes of one rectangle or two, one beside the other."""
    made = []
    for i in range(first, first + number):
        rng = np.random.default_rng(i)
        objects = []
        for k in range(1 + i % 2):
            left, top = 32 * k + rng.integers(1, 8), rng.integers(1, 20)
            box = (left, top, left + rng.integers(16, 22), top + rng.integers(16, 26))
            objects.append((("cat", "dog")[(i + k) // 2 % 2], tuple(map(int, box)), False))
        made.append(Scene(f"{i:06}", objects))
    return made


def write_voc(root: Path, name: str, pictures: list[Scene]) -> Path:
    """Write a set such as ``VOC2007/trainval`` below ``root/VOCdevkit``."""
    year, _, part = name.partition("/")
    folder = root / "VOCdevkit" / year
    for inner in ("Annotations", "ImageSets/Main"):
        (folder / inner).mkdir(parents=True, exist_ok=True)
    for scene in pictures:
        scene.save(folder / f"JPEGImages/{scene.name}.jpg")
        objects = "".join(
            f"<object><name>{shown}</name><difficult>{int(ignored)}</difficult><bndbox>"
            f"<xmin>{box[0] + 1}</xmin><ymin>{box[1] + 1}</ymin>"
            f"<xmax>{box[2]}</xmax><ymax>{box[3]}</ymax></bndbox></object>"
            for shown, box, ignored in scene.objects
        )
        size = "<size><width>{}</width><height>{}</height></size>".format(*scene.size)
        path = folder / f"Annotations/{scene.name}.xml"
        path.write_text(f"<annotation>{size}{objects}</annotation>")
    names = "".join(f"{scene.name}\n" for scene in pictures)
    (folder / f"ImageSets/Main/{part}.txt").write_text(names)
    return root


def write_coco(root: Path, name: str, pictures: list[Scene]) -> Path:
    """Write a set such as ``train2017``: its images, and ``annotations/instances_<name>.json``."""
    numbers = {"cat": 17, "dog": 18}
    images, annotations = [], []
    for scene in pictures:
        scene.save(root / name / f"{scene.name}.jpg")
        width, height = scene.size
        entry = {"id": int(scene.name), "file_name": f"{scene.name}.jpg"}
        images.append({**entry, "width": width, "height": height})
        for shown, (left, top, right, bottom), ignored in scene.objects:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": int(scene.name),
                    "category_id": numbers[shown],
                    "bbox": [left, top, right - left, bottom - top],
                    "iscrowd": int(ignored),
                }
            )
    categories = [{"id": number, "name": shown} for shown, number in numbers.items()]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    (root / f"annotations/instances_{name}.json").write_text(json.dumps(content))
    return root


def tiny_resnet() -> ResNet:
    """Return a narrow ResNet of one block a stage, for ``backbone.name``."""
    network = ResNet(BasicBlock, [1, 1, 1, 1])
    network.inplanes = 64
    for i, width in enumerate((16, 32, 64, 128), start=1):
        layer = network._make_layer(BasicBlock, width, 1, stride=1 if i == 1 else 2)
        setattr(network, f"layer{i}", layer)
    network.fc = nn.Identity()
    network.num_features = network.inplanes
    return network
