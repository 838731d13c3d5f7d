"""Test labelled sets that a pretraining without labels is evaluated on."""

import csv
import json

import pytest

from leoclr_plugin.commands.main import main
from tests.configs import small_config
from tests.conftest import make_image


@pytest.fixture(autouse=True)
def work_in_tmp_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of images without classes."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(24):
        make_image(number % 5, number).save(folder / f"{number}.png")
    return folder


def labelled(folder, first: int):
    """Fill a folder with images, each of one or two of three classes."""
    folder.mkdir()
    rows = ["image,a,b,c"]
    for number in range(12):
        make_image(number % 3, first + number).save(folder / f"{number}.png")
        shown = [int(number % 3 == kind or number % 4 == kind) for kind in range(3)]
        rows.append(f"{number}.png,{','.join(map(str, shown))}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder


def pretrain(image_folder, photos, *overrides):
    words = [*small_config(image_folder), f"data.train_path={photos}", "data.val_path=null"]
    words += ["++data.no_labels=True", "optimizer.batch_size=8", *overrides]
    return main([str(word) for word in ("pretrain", *words)])


def test_each_set_is_logged_by_its_name_when_it_is_due(image_folder, photos, tmp_path):
    train, val = labelled(tmp_path / "t", 0), labelled(tmp_path / "v", 50)
    birds = f"{{train_path: {image_folder}/train, val_path: {image_folder}/val, k: 7}}"
    scenes = (
        f"{{train_path: {train}, val_path: {val}, labels: {train}/labels.csv, "
        f"val_labels: {val}/labels.csv, every_n_epochs: 2}}"
    )
    online = f"+data.online={{birds: {birds}, scenes: {scenes}}}"
    words = ("max_epochs=4", "checkpoint.enabled=True")
    assert pretrain(image_folder, photos, online, *words) == 0
    (run,) = (tmp_path / "trained_models" / "leoclr").iterdir()
    with (run / "metrics.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["birds_knn"]]
    assert [row["epoch"] for row in rows] == ["0", "1", "2", "3"]
    assert [bool(row["scenes_knn"]) for row in rows] == [True, False, True, True]
    for row in rows:
        assert 0 <= float(row["birds_linear"]) <= 100
        assert not row["scenes_linear"] or 0 < float(row["scenes_linear"]) <= 100
    # The evaluator finds the same figure for the last checkpoint.
    paths = ["--train_data_path", f"{image_folder}/train", "--val_data_path", f"{image_folder}/val"]
    arguments = ["--dataset", "custom", *paths, "--k", "7", "--num_workers", "0"]
    assert main(["knn", str(run), *arguments]) == 0
    result = json.loads((run / "knn.json").read_text())
    assert float(rows[-1]["birds_knn"]) == pytest.approx(result["top1"], abs=1e-3)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ("{train_path: nowhere, val_path: nowhere}", "nowhere"),
        ("{val_path: nowhere}", "the config lacks data.online.birds.train_path"),
        ("{train_path: a, val_path: b, k: many}", "data.online.birds.k=many must be a whole"),
        ("folder", "data.online"),
    ],
)
def test_an_unusable_set_is_named_before_the_training(node, message, image_folder, photos, capsys):
    assert pretrain(image_folder, photos, f"+data.online={{birds: {node}}}") == 2
    error = capsys.readouterr().err
    assert message in error.splitlines()[-1]
    assert "Epoch 0" not in error
