"""Training and the linear probe on the DALI loader, over every host that is there."""

import csv

import pytest

from tests.conftest import available_hosts, run_leoclr

pytest.importorskip("nvidia.dali")

SMALL = (
    "data.format=dali",
    "data.num_workers=1",
    "optimizer.batch_size=8",
    "checkpoint.frequency=1",
    "+num_sanity_val_steps=0",
)


@pytest.mark.parametrize("host", available_hosts())
@pytest.mark.parametrize("method", ["leoclr", "mocov2plus"])
def test_every_epoch_trains_all_of_its_steps(image_folder, tmp_path, host, method):
    sizes = ["augmentations.0.crop_size=32"]
    if method == "leoclr":
        sizes.append("augmentations.1.crop_size=[32,32]")
    run = run_leoclr(
        "pretrain",
        f"custom/{method}",
        f"data.train_path={image_folder}/train",
        f"data.val_path={image_folder}/val",
        f"checkpoint.dir={tmp_path}",
        "method_kwargs.queue_size=64",
        "max_epochs=3",
        "+log_every_n_steps=1",
        *sizes,
        *SMALL,
        host=host,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    (folder,) = (tmp_path / method).iterdir()
    with (folder / "metrics.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["train_nce_loss_step"]]
    assert [row["epoch"] for row in rows] == ["0"] * 5 + ["1"] * 5 + ["2"] * 5

    if method == "leoclr":
        run = run_leoclr("linear", folder, "max_epochs=1", *SMALL[:3], host=host)
        assert run.returncode == 0, run.stderr[-3000:]
        assert (folder / "linear.json").exists()
