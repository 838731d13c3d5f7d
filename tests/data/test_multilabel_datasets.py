"""Test data sets of images with several labels, from a labels file and in public layouts."""

import json

import numpy as np
import pytest
from omegaconf import OmegaConf

from leoclr_plugin.data.datasets import (
    build_dataset,
    build_pretrain_dataset,
    class_names,
    take_number_of_classes,
)
from leoclr_plugin.data.held_out import hold_out
from leoclr_plugin.data.multilabel_sets import VOC_CLASSES
from leoclr_plugin.data.sources import build_source
from leoclr_plugin.errors import UserError
from tests.conftest import make_image


@pytest.fixture
def labelled(tmp_path):
    """Make folders ``train`` and ``val`` with images and labels of three classes."""
    for part, count in (("train", 6), ("val", 4)):
        folder = tmp_path / part / "images"
        folder.mkdir(parents=True)
        lines = ["image,cat,dog,owl"]
        for i in range(count):
            make_image(i, 0).save(folder / f"{i}.png")
            lines.append(f"images/{i}.png,{i % 2},1,{'' if i == 0 else i // 2 % 2}")
        (tmp_path / part / "labels.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def node(root, **changes):
    return OmegaConf.create(
        {
            **{"dataset": "custom", "train_path": f"{root}/train", "val_path": f"{root}/val"},
            **{"labels": f"{root}/train/labels.csv", "val_labels": f"{root}/val/labels.csv"},
            **changes,
        }
    )


def test_items_are_images_with_their_labels(labelled):
    data = node(labelled)
    dataset = build_dataset(data, "train")
    source = build_source(dataset, 0, 1)
    labels = source.targets.tolist()
    assert labels == [[0, 1, -1], [1, 1, 0], [0, 1, 1], [1, 1, 1], [0, 1, 0], [1, 1, 0]]
    assert np.array_equal(source.image(3), np.asarray(make_image(3, 0)))
    assert [row.tolist() for row in dataset.targets] == labels
    assert len(build_dataset(data, "val")) == 4
    assert class_names(data) == dataset.classes == ("cat", "dog", "owl")
    take_number_of_classes(data)
    assert data.num_classes == 3


def test_validation_labels_have_the_order_of_the_training_labels(labelled):
    path = labelled / "val" / "labels.csv"
    path.write_text("image,owl,cat,dog\n" + "".join(f"images/{i}.png,1,0,\n" for i in range(4)))
    assert build_dataset(node(labelled), "val").targets[0].tolist() == [0, -1, 1]


def test_links_and_other_spellings_of_the_folder_name_the_same_images(labelled):
    (labelled / "link").symlink_to(labelled / "train")
    for root in (f"{labelled}/link", f"{labelled}/val/../train", f"{labelled}/train/images"):
        assert len(build_dataset(node(labelled, train_path=root), "train")) == 6


def test_images_without_a_row_are_used_for_pretraining_only(labelled, capsys):
    make_image(9, 0).save(labelled / "train" / "images" / "9.png")
    dataset = build_pretrain_dataset(node(labelled))
    assert dataset.targets[-1].tolist() == [-1, -1, -1]
    assert "1 of 7 images under" in capsys.readouterr().err
    with pytest.raises(UserError, match=r"1 of 7 images under .* have no labels, .*9\.png; add"):
        build_dataset(node(labelled), "train")
    # The message suggests to list the labelled images.
    (labelled / "list.txt").write_text("".join(f"images/{i}.png\n" for i in range(5)))
    data = node(labelled, train_list=str(labelled / "list.txt"))
    assert len(build_dataset(data, "train")) == 5


def test_rows_without_an_image_are_refused(labelled):
    for i in (1, 2):
        (labelled / "train" / "images" / f"{i}.png").unlink()
    with pytest.raises(UserError, match=r"2 of 6 images are not under .*, the first is images/1"):
        build_dataset(node(labelled), "train")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"val_labels": None}, "data.labels is given and data.val_labels is not"),
        ({"dataset": "imagenette"}, "data.dataset=imagenette has labels of its own"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labelled, changes, message):
    with pytest.raises(UserError, match=message):
        build_dataset(node(labelled, **changes), "val")


def test_without_labels_the_file_is_not_read(labelled):
    (labelled / "train" / "labels.csv").unlink()
    dataset = build_pretrain_dataset(node(labelled, no_labels=True))
    assert set(dataset.targets) == {-1}


def test_held_out_images_are_the_same_every_time_and_are_not_trained_on(labelled, tmp_path):
    data = node(labelled)
    changes = hold_out(data, 2, tmp_path / "rates")
    again = hold_out(data, 2, tmp_path / "again")
    changed = OmegaConf.merge(data, changes)
    parts = [
        {path for path, _ in build_dataset(changed, split).samples} for split in ("train", "val")
    ]
    assert [len(part) for part in parts] == [4, 2]
    assert not parts[0] & parts[1]
    texts = [
        [(tmp_path / f / n).read_text() for n in ("kept.txt", "held-out.txt")]
        for f in ("rates", "again")
    ]
    assert texts[0] == texts[1]
    assert changes.keys() == again.keys()
    with pytest.raises(UserError, match="6 images cannot be held out of 6"):
        hold_out(data, 6, tmp_path / "rates")


def test_images_held_out_of_a_share_are_trained_on_whole(labelled, tmp_path):
    data = node(labelled, fraction=0.5)
    changed = OmegaConf.merge(data, hold_out(data, 1, tmp_path / "rates"))
    assert [len(build_dataset(changed, split)) for split in ("train", "val")] == [2, 1]


def test_a_labels_file_in_the_current_folder_is_found(labelled, monkeypatch):
    monkeypatch.chdir(labelled / "train")
    data = OmegaConf.create(
        {"dataset": "custom", "train_path": ".", "val_path": None, "labels": "labels.csv"}
    )
    assert len(build_dataset(data, "train")) == 6


@pytest.fixture
def voc(tmp_path):
    """Make a folder in VOC 2007's layout with one image in each set."""
    root = tmp_path / "VOCdevkit" / "VOC2007"
    for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (root / folder).mkdir(parents=True)
    objects_of_images = {
        "a": [("cat", 0), ("dog", 1), ("dog", 0), ("person", 1)],
        "b": [("tvmonitor", 0), ("tvmonitor", 1)],
    }
    parts = ("trainval", "test")
    for (name, objects), part in zip(objects_of_images.items(), parts, strict=True):
        make_image(0, 0).save(root / "JPEGImages" / f"{name}.jpg")
        content = "".join(
            f"<object><name>{label}</name><difficult>{difficult}</difficult></object>"
            for label, difficult in objects
        )
        (root / "Annotations" / f"{name}.xml").write_text(f"<annotation>{content}</annotation>")
        (root / "ImageSets" / "Main" / f"{part}.txt").write_text(f"{name}\n")
    return tmp_path


def test_a_voc_class_is_unknown_if_all_its_objects_are_difficult(voc):
    data = OmegaConf.create({"dataset": "voc2007", "train_path": str(voc), "val_path": str(voc)})
    (labels,) = build_dataset(data, "train").targets
    shown = dict(zip(VOC_CLASSES, labels.tolist(), strict=True))
    assert {name: value for name, value in shown.items() if value} == {
        **{"cat": 1, "dog": 1},
        "person": -1,
    }
    (labels,) = build_dataset(data, "val").targets
    assert labels.tolist() == [0] * 19 + [1]
    assert class_names(data) == VOC_CLASSES
    assert build_pretrain_dataset(OmegaConf.merge(data, {"no_labels": True})).targets == [-1]


def test_images_of_voc_are_held_out_of_its_training_set(voc, tmp_path):
    root = voc / "VOCdevkit" / "VOC2007"
    make_image(1, 0).save(root / "JPEGImages" / "c.jpg")
    (root / "Annotations" / "c.xml").write_text((root / "Annotations" / "a.xml").read_text())
    (root / "ImageSets" / "Main" / "trainval.txt").write_text("a\nc\n")
    data = OmegaConf.create({"dataset": "voc2007", "train_path": str(voc), "val_path": str(voc)})
    expected = dict(build_dataset(data, "train").samples)
    changed = OmegaConf.merge(data, hold_out(data, 1, tmp_path / "rates"))
    parts = [build_dataset(changed, split).samples for split in ("train", "val")]
    assert [len(part) for part in parts] == [1, 1]
    assert {name for part in parts for name, _ in part} == set(expected)
    for name, labels in (sample for part in parts for sample in part):
        assert labels.tolist() == expected[name].tolist()
    assert class_names(changed) == VOC_CLASSES


@pytest.mark.parametrize("name", ["voc2007", "voc2012"])
def test_a_folder_without_voc_is_refused_with_a_remedy(name, tmp_path):
    data = OmegaConf.create({"dataset": name, "train_path": str(tmp_path), "val_path": None})
    with pytest.raises(
        UserError, match=f"does not hold VOCdevkit/{name.upper()} .*with \\+data.download=True"
    ):
        build_dataset(data, "train")


def test_coco_classes_are_in_the_order_of_their_ids(tmp_path):
    pytest.importorskip("pycocotools")
    (tmp_path / "annotations").mkdir()
    (tmp_path / "train2017").mkdir()
    content = {
        "images": [{"id": 7, "file_name": "x.jpg"}, {"id": 3, "file_name": "y.jpg"}],
        "categories": [{"id": 18, "name": "dog"}, {"id": 2, "name": "bicycle"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 18},
            {"id": 2, "image_id": 7, "category_id": 18},
        ],
    }
    (tmp_path / "annotations" / "instances_train2017.json").write_text(json.dumps(content))
    data = OmegaConf.create({"dataset": "coco", "train_path": str(tmp_path), "val_path": None})
    samples = build_dataset(data, "train+unlabeled").samples
    assert class_names(data) == ("bicycle", "dog")
    assert [(path[-5:], labels.tolist()) for path, labels in samples] == [
        ("y.jpg", [0, 0]),
        ("x.jpg", [0, 1]),
    ]
