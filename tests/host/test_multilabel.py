"""Pretrain and evaluate on pictures of several labels, under both hosts and with both loaders."""

import csv
import json

import pytest

from tests.conftest import available_hosts, make_image, run_leoclr

SIZE = ["augmentations.0.crop_size=32", "augmentations.1.crop_size=[32,32]"]
SMALL = [
    *("optimizer.batch_size=8", "data.num_workers=0", "max_epochs=1", "precision=32"),
    *("accelerator=cpu", "method_kwargs.queue_size=16", "backbone.name=small_convnet"),
]


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    root = tmp_path_factory.mktemp("labelled")
    for part, count in (("train", 16), ("val", 10)):
        (root / part).mkdir()
        lines = ["image,striped,bright,rare"]
        for i in range(count):
            make_image(i, i % 5).save(root / part / f"{i}.png")
            lines.append(f"{i}.png,{i % 2},{int(i % 3 == 0)},0")
        (root / part / "labels.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.mark.parametrize("form", ["image_folder", "dali"])
@pytest.mark.parametrize("host", available_hosts())
def test_from_the_labels_file_to_the_figures(host, form, labelled, tmp_path):
    def leoclr(*words) -> str:
        run = run_leoclr(*words, cwd=tmp_path, host=host)
        assert run.returncode == 0, run.stderr[-3000:]
        return run.stdout

    labels = [
        f"data.{k}={labelled}/{p}/labels.csv"
        for k, p in (("labels", "train"), ("val_labels", "val"))
    ]
    leoclr("pretrain", "custom/leoclr", *labels, f"data.format={form}", *SIZE, *SMALL)
    (run,) = (tmp_path / "trained_models" / "leoclr").iterdir()
    with (run / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["val_mAP"] for row in rows if row["val_mAP"]]
    assert json.loads((run / "args.json").read_text())["data"]["num_classes"] == 3

    printed = leoclr("knn", run, "--num_workers", 0, "--k", 5)
    result = json.loads((run / "knn.json").read_text())
    assert f"mAP {result['mAP']:.2f} % (without rare, which no image shows)" in printed
    assert list(result["AP"]) == ["striped", "bright", "rare"]
    if form == "dali":
        return
    leoclr("linear", run, "max_epochs=1", "optimizer.batch_size=8", "data.num_workers=0")
    assert 0 < json.loads((run / "linear.json").read_text())["mAP"] <= 100
    leoclr("linear", run, "--protocol", "svm", "data.num_workers=0")
    assert json.loads((run / "svm.json").read_text())["cost"]["rare"] is None
    leoclr("linear", run, "--protocol", "quick", "data.num_workers=0")
    assert 0 < json.loads((run / "quick.json").read_text())["mAP"] <= 100
