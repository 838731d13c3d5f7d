"""Test the layouts of VOC and COCO, what is refused of them, and the batches of a training."""

import json

import numpy as np
import pytest
import torch

from leoclr_plugin.data.detection_loader import DetectionLoader
from leoclr_plugin.data.detection_sets import read_detection_set
from leoclr_plugin.data.multilabel_sets import VOC_CLASSES
from leoclr_plugin.data.sampler import ShardSampler
from leoclr_plugin.errors import UserError
from tests.detection_pictures import COLOURS, Scene, scenes, write_coco, write_voc

pytest.importorskip("pycocotools")
TWO = Scene("000007", [("cat", (3, 4, 30, 40), False), ("dog", (33, 2, 64, 48), True)])


def read(layout, root, *names):
    return read_detection_set(layout, root, names, "detection.train_sets")


def test_both_layouts_give_the_boxes_that_were_drawn(tmp_path):
    voc = read("voc", write_voc(tmp_path, "VOC2007/trainval", [TWO]), "VOC2007/trainval")
    coco = read("coco", write_coco(tmp_path, "train2017", [TWO]), "train2017")
    assert voc.classes == VOC_CLASSES
    assert coco.classes == ("cat", "dog")
    for data in (voc, coco):
        (picture,) = data.pictures
        assert picture.size == (48, 64)
        np.testing.assert_array_equal(picture.boxes, [[3, 4, 30, 40], [33, 2, 64, 48]])
        assert [data.classes[label - 1] for label in picture.labels] == ["cat", "dog"]
        assert picture.ignored.tolist() == [False, True]


def test_several_sets_are_one(tmp_path):
    write_voc(tmp_path, "VOC2007/trainval", scenes(2))
    write_voc(tmp_path, "VOC2012/trainval", scenes(3, 2))
    data = read("voc", tmp_path, "VOC2007/trainval", "VOC2012/trainval")
    assert [picture.path[-8:-4] for picture in data.pictures] == [f"000{i}" for i in range(5)]


def test_a_training_mirrors_half_of_the_images_with_their_boxes(tmp_path):
    data = read("coco", write_coco(tmp_path, "train2017", [TWO, *scenes(7, 8)]), "train2017")
    mirrored = 0
    for epoch in range(2):
        sampler = ShardSampler(8, 4, seed=1, training=True)
        sampler.set_epoch(epoch)
        first, again = (list(DetectionLoader(data.pictures, sampler, 2)) for _ in range(2))
        for (images, targets), (same, _) in zip(first, again, strict=True):
            assert all(torch.equal(a, b) for a, b in zip(images, same, strict=True))
            for image, target in zip(images, targets, strict=True):
                assert not target["iscrowd"].any()
                assert len(target["boxes"])
                for box, label in zip(target["boxes"].int(), target["labels"], strict=True):
                    left, top, right, bottom = box.tolist()
                    inside = image[:, top:bottom, left:right].float().mean(dim=(1, 2))
                    colour = torch.tensor(COLOURS[data.classes[label - 1]])
                    assert (inside - colour).abs().max() < 12
                    mirrored += len(target["boxes"]) == 1 and left >= 32
    assert 2 <= mirrored <= 12


def test_an_evaluation_shows_every_picture_once_with_what_is_ignored(tmp_path):
    pictures = [TWO, Scene("000008"), *scenes(3, 9)]
    data = read("coco", write_coco(tmp_path, "val2017", pictures), "val2017")
    batches = list(DetectionLoader(data.pictures, ShardSampler(5, 2, 0, False), 1))
    assert [len(images) for images, _ in batches] == [2, 2, 1]
    assert batches[0][1][0]["iscrowd"].tolist() == [0, 1]
    assert batches[0][1][1]["boxes"].shape == (0, 4)


def test_an_image_of_another_size_than_its_annotation_is_refused(tmp_path):
    data = read("coco", write_coco(tmp_path, "val2017", [TWO]), "val2017")
    Scene("000007", size=(32, 48)).save(tmp_path / "val2017/000007.jpg")
    with pytest.raises(UserError, match="has 32 x 48 pixels, but its annotation says 64 x 48"):
        list(DetectionLoader(data.pictures, ShardSampler(1, 1, 0, False), 1))


def test_a_box_without_area_is_left_out_with_a_line(tmp_path, capsys):
    scene = Scene("000001", [("cat", (3, 4, 3, 40), False), ("dog", (5, 5, 20, 20), False)])
    (picture,) = read("coco", write_coco(tmp_path, "train2017", [scene]), "train2017").pictures
    assert picture.labels.tolist() == [2]
    assert "1 boxes have no area and are left out, the first is" in capsys.readouterr().err


BAD = [
    (lambda root: (root / "Annotations/000003.xml").unlink(), "1 annotation files are not there"),
    (lambda root: (root / "JPEGImages/000003.jpg").unlink(), "1 images are not there, the first"),
    (lambda root: edit(root, "<xmax>", "<xmax>9"), r"outside of their picture, .*000003\.xml \("),
    (lambda root: edit(root, "<name>", "<name>sea"), r"a class that the .*000003\.xml \(sea(c|d)"),
    (lambda root: edit(root, "</annotation>", ""), r"000003\.xml is damaged"),
    (lambda root: edit(root, "xmin", "xmen"), r"000003\.xml is damaged"),
    (lambda root: (root / "ImageSets/Main/trainval.txt").unlink(), "does not hold VOCdevkit/VOC2"),
]


def edit(root, old, new):
    path = root / "Annotations/000003.xml"
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize(("damage", "message"), BAD)
def test_bad_annotations_are_one_line(damage, message, tmp_path):
    write_voc(tmp_path, "VOC2007/trainval", scenes(4))
    damage(tmp_path / "VOCdevkit/VOC2007")
    with pytest.raises(UserError, match=message) as error:
        read("voc", tmp_path, "VOC2007/trainval")
    assert "\n" not in str(error.value)


def test_a_coco_category_that_is_not_declared_is_refused(tmp_path):
    write_coco(tmp_path, "train2017", scenes(3))
    path = tmp_path / "annotations/instances_train2017.json"
    content = json.loads(path.read_text())
    content["annotations"][0]["category_id"] = 5
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"1 objects have a class that the .*image 0 \(5, "):
        read("coco", tmp_path, "train2017")
    path.write_text("{")
    with pytest.raises(UserError, match="is damaged, or not in COCO's format"):
        read("coco", tmp_path, "train2017")


@pytest.mark.parametrize(
    ("layout", "name", "message"),
    [
        ("voc", "VOC2007/trainval", "has not the voc layout: it holds no folder VOCdevkit"),
        ("coco", "val2017", "instances_val2017.json is not there"),
        ("coco", "train2017", "none of the 1 pictures has an object"),
    ],
)
def test_another_layout_a_missing_set_and_one_without_objects_are_refused(
    layout, name, message, tmp_path
):
    write_coco(tmp_path, "train2017", [Scene("000001")])
    with pytest.raises(UserError, match=message):
        read(layout, tmp_path, name)
