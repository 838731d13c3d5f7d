"""Pictures with boxes around their objects, in the layouts of VOC and of COCO."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tqdm import tqdm

from leoclr_plugin.data.annotation_xml import read_annotation
from leoclr_plugin.data.boxes import Annotation, Entry, Picture, check_pictures
from leoclr_plugin.data.multilabel_sets import VOC_CLASSES, categories, open_coco, open_voc
from leoclr_plugin.errors import UserError, one_line
from leoclr_plugin.terminal import printable

_BAR_DELAY = 2.0  # seconds before a progress bar is shown


@dataclass(frozen=True)
class DetectionSet:
    """Pictures, and the names of the classes in the order of their labels."""

    pictures: list[Picture]
    classes: tuple[str, ...]


def read_detection_set(layout: str, root: Path, names: Sequence[str], key: str) -> DetectionSet:
    """Read the annotations of one or several sets; images are not decoded.

    A box without an area is left out, and a line on stderr says so.

    Args:
        layout: ``"voc"`` or ``"coco"``.
        root: the folder with ``VOCdevkit``, or with ``annotations`` and the images' folders.
        names: the sets, such as ``VOC2007/trainval`` or ``train2017``.
        key: the setting that names them, for errors.

    Raises:
        UserError: if a folder, a set or an annotation is missing or damaged, if images are missing,
            if a class is unknown, or if a box lies outside of its picture. It gives the number of
            such cases and the first of them.
    """
    inside = {"voc": "VOCdevkit", "coco": "annotations"}[layout]
    if not (root / inside).is_dir():
        raise UserError(
            f"{root} has not the {layout} layout: it holds no folder {inside}; name the folder "
            "that does, or change detection.layout"
        )
    parts = [{"voc": _voc, "coco": _coco}[layout](root, name, key) for name in names]
    classes = parts[0][0]
    for name, (others, _) in zip(names, parts, strict=True):
        if others != classes:
            raise UserError(f"{key}: {name} has other classes than {names[0]}; leave it out")
    all_entries = [entry for _, entries in parts for entry in entries]
    title = printable(f"Reading {', '.join(names)}")
    bar = tqdm(all_entries, desc=title, delay=_BAR_DELAY, leave=False)
    return DetectionSet(check_pictures(bar, classes, f"{key} of {root}"), classes)


def _voc(root: Path, name: str, key: str) -> tuple[tuple[str, ...], list[Entry]]:
    folder, _, part = name.partition("/")
    try:
        dataset = open_voc(
            root, folder.removeprefix("VOC"), part, key, "write the set as VOC2007/trainval"
        )
    except ValueError as error:
        raise UserError(
            f"{key}: {name} is no set of VOC: {one_line(error)} Write it as VOC2007/trainval"
        ) from error
    return VOC_CLASSES, [
        (str(image), str(annotation), partial(_read_voc, annotation))
        for image, annotation in zip(dataset.images, dataset.annotations, strict=True)
    ]


def _read_voc(path: str) -> Annotation:
    root = read_annotation(path)
    size = tuple(int(root.findtext(f"size/{side}", "0")) for side in ("height", "width"))
    objects = []
    for shown in root.findall("object"):
        left, top, right, bottom = (
            float(shown.findtext(f"bndbox/{edge}", "")) for edge in ("xmin", "ymin", "xmax", "ymax")
        )
        # VOC counts pixels from 1, and its last pixel belongs to the box.
        box = (left - 1, top - 1, right, bottom)
        difficult = shown.findtext("difficult", "0").strip() == "1"
        objects.append((shown.findtext("name", ""), box, difficult))
    return size if all(size) else None, objects


def _coco(root: Path, name: str, key: str) -> tuple[tuple[str, ...], list[Entry]]:
    path = root / "annotations" / f"instances_{name}.json"
    try:
        dataset = open_coco(root, name, key)
        names = {category["id"]: category["name"] for category in categories(dataset)}
        files = {number: dataset.coco.imgs[number]["file_name"] for number in dataset.ids}
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is damaged, or not in COCO's format: {one_line(error)}") from error

    def read(number: int) -> Annotation:
        image = dataset.coco.imgs[number]
        size = (image.get("height"), image.get("width"))
        objects = []
        for annotation in dataset.coco.imgToAnns[number]:
            left, top, width, height = annotation["bbox"]
            box = (left, top, left + width, top + height)
            shown = annotation["category_id"]
            objects.append((names.get(shown, shown), box, bool(annotation.get("iscrowd"))))
        return size if all(size) else None, objects

    return tuple(names.values()), [
        (str(root / name / file), f"{path}, image {number}", partial(read, number))
        for number, file in files.items()
    ]
