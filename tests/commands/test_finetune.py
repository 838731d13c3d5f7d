"""Test ``leoclr finetune`` on a run and on a model of the zoo, under both hosts."""

import json
from pathlib import Path

import pytest

from leoclr_plugin.commands.main import main
from tests.conftest import available_hosts, run_leoclr
from tests.runs import run_folder
from tests.zoo_fixtures import NAME

SETTINGS = ["max_epochs=2", "optimizer.batch_size=5", "data.num_workers=1", "precision=32"]


@pytest.fixture
def run(image_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return run_folder(
        tmp_path / "run",
        backbone__name="small_convnet",
        data__dataset="custom",
        data__train_path=f"{image_folder}/train",
        data__val_path=f"{image_folder}/val",
    )


@pytest.mark.parametrize("host", available_hosts())
def test_the_command_prints_and_writes_beside_the_run(run, host, tmp_path):
    words = ["--labels", "2-per-class", "optimizer.layer_decay=0.5", "mixup=0", "ema_decay=0.9"]
    done = run_leoclr("finetune", run.folder, *SETTINGS, *words, host=host, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    printed, written = done.stdout.splitlines()
    path = run.folder / "finetune-2-per-class.json"
    assert written == f"Written to {path}"
    result = json.loads(path.read_text())
    figures = f"top-1 {result['top1']:.2f} %, top-5 {result['top5']:.2f} %"
    assert printed == f"Fine-tuning with 10 labelled images: {figures}"
    assert (result["images"], result["labels"], result["epochs"]) == (10, "2-per-class", 2)
    assert result["checkpoint"] == run.checkpoint.name
    names = (run.folder / "labels-2-per-class.txt").read_text().splitlines()
    assert len(names) == 10
    (trained,) = (tmp_path / "trained_models/finetune").iterdir()
    assert {path.suffix for path in trained.iterdir()} == {".ckpt", ".csv", ".json"}


def test_hosts_methods_and_seeds_get_the_same_labels_and_hosts_the_same_figures(
    run, image_folder, tmp_path, capsys
):
    other = run_folder(
        tmp_path / "other",
        data__dataset="custom",
        data__train_path=f"{image_folder}/train",
        data__val_path=f"{image_folder}/val",
        seed=9,
    )
    quick = [*SETTINGS, "max_epochs=1", "checkpoint.enabled=False", "--labels", "25%"]
    assert main(["finetune", str(run.folder), *quick]) == 0
    assert main(["finetune", str(other.folder), *quick, "seed=7"]) == 0
    first, second = (
        (source.folder / "labels-25-percent.txt").read_text() for source in (run, other)
    )
    assert first == second
    assert len(first.splitlines()) == 10
    results = {}
    for host in available_hosts():
        words = [run.folder, *quick, "--out", host]
        done = run_leoclr("finetune", *words, host=host, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        results[host] = json.loads((tmp_path / host / "finetune-25-percent.json").read_text())
    (expected, *more) = results.values()
    assert all(result == expected for result in more)


def test_a_zoo_model_and_a_file_of_labels(zoo, image_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    source = run_folder(tmp_path / "run")
    (zoo / f"{NAME}.json").write_text((source.folder / "args.json").read_text())
    labels = tmp_path / "mine.txt"
    labels.write_text("".join(f"class{i}/00{i}.png\n" for i in range(5)))
    data = [f"data.{part}_path={image_folder}/{part}" for part in ("train", "val")]
    words = ["--labels", labels, "--config", "custom/leoclr", "data.dataset=custom", *data]
    words += ["crop_size=32", "rand_augment.num_ops=2", "max_epochs=1", *SETTINGS[1:]]
    assert main(["finetune", f"zoo:{NAME}", *map(str, words)]) == 0
    result = json.loads(Path("finetune-mine.json").read_text())
    assert (result["images"], result["size"]) == (5, [32, 32])
    assert result["checkpoint"] == f"zoo:{NAME}"
    assert Path("labels-mine.txt").read_text() == labels.read_text()
    assert main(["finetune", "zoo:nothing", *map(str, words)]) == 2
    assert "the zoo has no model 'nothing'" in capsys.readouterr().err


def test_images_of_several_labels_give_map(run, image_folder, tmp_path, capsys):
    overrides = []
    for part, key in (("train", "labels"), ("val", "val_labels")):
        images = sorted((image_folder / part).glob("*/*.png"))
        rows = [f"{path},{int(path.parent.name[-1]) % 2},{i % 2}" for i, path in enumerate(images)]
        csv = tmp_path / f"{part}.csv"
        csv.write_text("\n".join(["image,striped,even", *rows]) + "\n")
        folder = f"data.{part}_path={image_folder}/{part}"
        overrides += [f"data.{key}={csv}", folder]
    assert main(["finetune", str(run.folder), *SETTINGS, *overrides, "--labels", "50%"]) == 0
    assert "Fine-tuning with 20 labelled images: mAP " in capsys.readouterr().out
    result = json.loads((run.folder / "finetune-50-percent.json").read_text())
    assert set(result["AP"]) == {"striped", "even"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--labels", "0%"], "--labels 0% must be above 0% and at most 100%"),
        (["--labels", "some"], "--labels some is not a file, a share such as 1% or a number"),
        (["--labels", "1%", "optimizer.batch_size=16"], "is larger than the data set of 5 images"),
        (["backbone.name=resnet50"], "the checkpoint's is small_convnet; leave it out"),
        (["mixup=0.2"], "mixes the images of a batch in pairs: make optimizer.batch_size=5 even"),
    ],
)
def test_bad_input_is_one_line(words, message, run, capsys):
    before = sorted(run.folder.iterdir())
    assert main(["finetune", str(run.folder), *SETTINGS, *words]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("leoclr finetune: ")
    assert message in line
    lists = [path for path in run.folder.iterdir() if path not in before]
    assert all(path.name == "labels-1-percent.txt" for path in lists)
    assert not Path("trained_models").exists()


def test_a_trial_writes_nothing(run, capsys):
    before = sorted(run.folder.iterdir())
    words = [*SETTINGS, "--labels", "50%", "+fast_dev_run=True"]
    assert main(["finetune", str(run.folder), *words]) == 0
    assert "nothing was written" in capsys.readouterr().out
    assert sorted(run.folder.iterdir()) == before
    assert not Path("trained_models").exists()
