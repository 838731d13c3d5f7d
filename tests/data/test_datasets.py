import pickle
from collections import Counter
from urllib.error import URLError

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from torchvision import datasets

from leoclr_plugin.data.datasets import build_dataset, build_pretrain_dataset
from leoclr_plugin.data.sources import build_source
from leoclr_plugin.errors import UserError
from tests.conftest import make_folder, make_image


def data(dataset: str, root, **changes):
    node = {"dataset": dataset, "train_path": f"{root}/train", "val_path": f"{root}/val"}
    return OmegaConf.create({**node, "no_labels": False, "fraction": -1, **changes})


def read(dataset, name="custom"):
    """Return the source of a data set and all of its images."""
    source = build_source(dataset, 0, 1)
    return source.targets.tolist(), [source.image(i) for i in range(len(dataset))]


@pytest.mark.parametrize("dataset", ["custom", "imagenet", "imagenet100", "imagenette"])
def test_class_folders_give_image_and_label(dataset, image_folder):
    targets, images = read(build_pretrain_dataset(data(dataset, image_folder)), dataset)
    assert targets == np.repeat(range(5), 8).tolist()
    assert np.array_equal(images[9], np.asarray(make_image(1001, 1)))
    assert len(build_dataset(data(dataset, image_folder), "val")) == 20


def test_folder_without_labels(tmp_path):
    (tmp_path / "train" / "deeper").mkdir(parents=True)
    make_image(0, 0).save(tmp_path / "train" / "a.png")
    make_image(1, 0).convert("L").save(tmp_path / "train" / "deeper" / "b.JPG")
    (tmp_path / "train" / "notes.txt").write_text("not an image")
    targets, images = read(build_pretrain_dataset(data("custom", tmp_path, no_labels=True)))
    assert targets == [-1, -1]
    assert [image.shape[2] for image in images] == [3, 3]


def test_validation_classes_have_the_numbers_of_the_training_classes(tmp_path):
    for folder in ("train/cat", "train/dog", "train/owl", "val/cat", "val/owl"):
        (tmp_path / folder).mkdir(parents=True)
        make_image(0, 0).save(tmp_path / folder / "a.png")
    val = build_dataset(data("custom", tmp_path), "val")
    assert [target for _, target in val.samples] == val.targets.tolist() == [0, 2]
    (tmp_path / "val" / "owl").rename(tmp_path / "val" / "eel")
    with pytest.raises(UserError, match=r"1 class folders of .*val are not in .*train, .* eel"):
        build_dataset(data("custom", tmp_path), "val")


@pytest.mark.parametrize("fraction", [0.25, 0.5])
def test_fraction_keeps_each_class_share_and_is_the_same_every_time(fraction, image_folder):
    node = data("custom", image_folder, fraction=fraction)
    first = build_pretrain_dataset(node).samples
    assert first == build_pretrain_dataset(node).samples
    assert Counter(target for _, target in first) == dict.fromkeys(range(5), 8 * fraction)


def test_the_fraction_applies_to_the_training_set_of_a_probe_only(image_folder):
    node = data("custom", image_folder, fraction=0.25)
    targets = [target for _, target in build_dataset(node, "train").samples]
    assert Counter(targets) == dict.fromkeys(range(5), 2)
    assert len(build_dataset(node, "val")) == 20


def write_cifar10(root):
    """Write a CIFAR-10 in its own format with two images in each batch file."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    names = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
    for i, name in enumerate(names):
        pixels = np.full((2, 3072), i, np.uint8)
        (folder / name).write_bytes(pickle.dumps({"data": pixels, "labels": [i % 10, 9]}))
    meta = {"label_names": [str(i) for i in range(10)]}
    (folder / "batches.meta").write_bytes(pickle.dumps(meta))


def write_stl10(root):
    """Write an STL-10 in its own format with 3 labelled, 4 unlabelled and 2 test images."""
    folder = root / "stl10_binary"
    folder.mkdir(parents=True)
    for name, count in (("train", 3), ("unlabeled", 4), ("test", 2)):
        (folder / f"{name}_X.bin").write_bytes(bytes(count * 3 * 96 * 96))
    (folder / "train_y.bin").write_bytes(bytes([1, 2, 3]))
    (folder / "test_y.bin").write_bytes(bytes([4, 5]))
    (folder / "class_names.txt").write_text("\n".join("abcdefghij"))


@pytest.fixture
def no_checksums(monkeypatch):
    from torchvision.datasets import cifar, stl10

    monkeypatch.setattr(cifar, "check_integrity", lambda *args: True)
    monkeypatch.setattr(stl10.STL10, "_check_integrity", lambda self: True)


def test_cifar10(tmp_path, no_checksums):
    write_cifar10(tmp_path)
    node = data("cifar10", tmp_path, train_path=str(tmp_path), val_path=str(tmp_path))
    targets, images = read(build_pretrain_dataset(node), "cifar10")
    assert targets == [0, 9, 1, 9, 2, 9, 3, 9, 4, 9]
    assert images[4].shape == (32, 32, 3)
    assert len(build_dataset(node, "val")) == 2


def test_stl10_pretrains_on_labelled_and_unlabelled_images(tmp_path, no_checksums):
    write_stl10(tmp_path)
    node = data("stl10", tmp_path, train_path=str(tmp_path), val_path=str(tmp_path))
    targets, images = read(build_pretrain_dataset(node), "stl10")
    assert targets == [0, 1, 2, -1, -1, -1, -1]
    assert images[0].shape == (96, 96, 3)
    assert len(build_dataset(node, "train")) == 3
    assert len(build_dataset(node, "val")) == 2


@pytest.mark.parametrize("dataset", ["cifar10", "cifar100", "stl10"])
def test_nothing_is_downloaded_unless_asked(dataset, tmp_path):
    node = data(dataset, tmp_path, train_path=str(tmp_path), val_path=str(tmp_path))
    with pytest.raises(UserError, match=r"data\.download=True fetches it"):
        build_pretrain_dataset(node)
    assert list(tmp_path.iterdir()) == []


def test_imagenette_is_downloaded_on_request(tmp_path, monkeypatch):
    from torchvision import datasets as tv

    calls = []

    def fetch(root, split, size, download):
        calls.append((split, size, download))
        if download:
            make_folder(root / "imagenette2-160" / split, 1)
        elif not (root / "imagenette2-160").exists():
            raise RuntimeError("Dataset not found")

    monkeypatch.setattr(tv, "Imagenette", fetch, raising=False)
    node = data("imagenette", tmp_path / "imagenette2-160", download=True)
    assert len(build_pretrain_dataset(node)) == 5
    assert calls.count(("train", "160px", True)) == 1
    node = data("imagenette", tmp_path / "elsewhere", download=True)
    with pytest.raises(UserError, match=r"write \.\.\./imagenette2-160/train"):
        build_pretrain_dataset(node)


@pytest.mark.parametrize(
    ("dataset", "kind"),
    [("imagenette", "Imagenette"), ("cifar10", "CIFAR10"), ("voc2007", "VOCDetection")],
)
def test_a_failed_download_is_told_with_a_remedy(dataset, kind, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise URLError("Name or service not known")

    fail.__name__ = kind
    monkeypatch.setattr(datasets, kind, fail, raising=False)
    node = data(dataset, tmp_path / "imagenette2-160", download=True)
    with pytest.raises(
        UserError, match=f"downloaded to {tmp_path}.*: Name or .*; check the network"
    ):
        build_pretrain_dataset(node)


def test_a_missing_imagenette_is_refused_with_both_remedies(tmp_path):
    with pytest.raises(UserError, match=r"set data\.train_path .*, or data\.download=True"):
        build_pretrain_dataset(data("imagenette", tmp_path / "imagenette2-160"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": "imagenet-100"}, "did you mean 'imagenet100'"),
        ({"format": "lmdb"}, "data.format=lmdb must be one of image_folder, dali"),
        ({"fraction": 1.5}, "data.fraction=1.5"),
        ({"fraction": "half"}, "data.fraction=half"),
        ({"fraction": 0.05}, "of 40 images: .*number of classes = 5; each class needs an image"),
        ({"train_path": "nowhere"}, "the data folder nowhere is not there"),
    ],
)
def test_bad_data_is_named(change, message, image_folder):
    node = OmegaConf.merge(data("custom", image_folder), change)
    with pytest.raises(UserError, match=message):
        build_pretrain_dataset(node)


def test_folder_that_is_empty_or_has_no_class_folders(tmp_path):
    (tmp_path / "train").mkdir()
    with pytest.raises(UserError, match="is empty"):
        build_pretrain_dataset(data("custom", tmp_path))
    with pytest.raises(UserError, match="holds no image"):
        build_pretrain_dataset(data("custom", tmp_path, no_labels=True))
    make_image(0, 0).save(tmp_path / "train" / "a.png")
    with pytest.raises(UserError, match=r"1 images but no class folders.*data\.no_labels=True"):
        build_pretrain_dataset(data("custom", tmp_path))


def test_items_are_collated_into_the_hosts_batch(image_folder):
    from leoclr_plugin.data.loaders import pretrain_loader
    from leoclr_plugin.training.pretrain import prepare
    from tests.configs import method_cfg

    cfg = method_cfg(data__train_path=f"{image_folder}/train", data__dataset="custom")
    torch.manual_seed(0)
    batches = list(pretrain_loader(prepare(cfg)))
    assert len(batches) == 5
    for indexes, views, targets in batches:
        assert [tuple(view.shape) for view in views] == [(8, 3, 32, 32)] * 3
        assert torch.equal(indexes // 8, targets)
    seen = torch.cat([indexes for indexes, _, _ in batches]).tolist()
    assert sorted(seen) == list(range(40))
    assert seen != list(range(40))


def test_only_listed_files_are_loaded(image_folder, tmp_path):
    list_file = tmp_path / "clean.txt"
    list_file.write_text("class1/003.png\nclass4/000.png\n")
    node = data("custom", image_folder, train_list=str(list_file))
    dataset = build_dataset(node, "train")
    assert [(path[-14:], target) for path, target in dataset.samples] == [
        ("class1/003.png", 1),
        ("class4/000.png", 4),
    ]
    assert dataset.targets.tolist() == [1, 4]
    assert len(build_dataset(node, "val")) == 20


def test_a_folder_with_more_classes_than_the_data_set_is_refused(image_folder, tmp_path):
    node = data("imagenette", image_folder, num_classes=4)
    message = r"train has 5 class folders, and data\.dataset=imagenette 4 classes; set .*=custom"
    with pytest.raises(UserError, match=message):
        build_pretrain_dataset(node)
    list_file = tmp_path / "first.txt"
    list_file.write_text("class3/000.png\n")
    node.train_list = str(list_file)
    assert len(build_pretrain_dataset(node)) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "is not a file"), ("train/x.png\n", "1 names of 1 that are not images under")],
)
def test_bad_lists_are_named(image_folder, tmp_path, content, message):
    list_file = tmp_path / "clean.txt"
    if content is not None:
        list_file.write_text(content)
    with pytest.raises(UserError, match=message):
        build_dataset(data("custom", image_folder, train_list=str(list_file)), "train")


def test_class_folders_are_in_torchvisions_order(tmp_path):
    for name in ("b/2.png", "b/10.JPG", "a-b/x/0.png", "a/z/1.png", "a/0.png", "a/z-z/0.png"):
        path = tmp_path / "train" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        make_image(0, 0, (8, 8)).save(path)
        path.with_name("notes.txt").touch()
    dataset = build_dataset(data("custom", tmp_path), "train")
    expected = datasets.ImageFolder(tmp_path / "train")
    assert dataset.samples == expected.samples
    assert dataset.targets.tolist() == expected.targets
    assert dataset.classes == tuple(expected.classes)


def test_class_folders_without_an_image_are_counted(image_folder, tmp_path):
    make_folder(tmp_path / "train", per_class=1, classes=2)
    for name in ("later", "empty"):
        (tmp_path / "train" / name).mkdir()
    (tmp_path / "train" / "empty" / "notes.txt").touch()
    with pytest.raises(UserError, match=r"has 2 class folders without an image, .* is empty; imag"):
        build_dataset(data("custom", tmp_path), "train")


@pytest.mark.parametrize("no_labels", [False, True])
def test_an_hdf5_file_of_other_classes_is_not_imagenet100(tmp_path, no_labels):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name in ("n1", "n2"):
            file.create_group(name)["a.jpg"] = np.zeros(9, np.uint8)
    data = {"dataset": "imagenet100", "format": "h5", "train_path": str(tmp_path / "a.h5")}
    cfg = OmegaConf.create({**data, "val_path": None, "no_labels": no_labels})
    with pytest.raises(UserError, match=r"a\.h5 has 2 classes, and data\.dataset=imagenet100 has"):
        build_dataset(cfg, "train")
