"""Compare training by several processes on the CPU (gloo) with training by one."""

import csv
import json
import os
import subprocess

import pytest
import torch

from leoclr_plugin.checkpoints.reading import read_checkpoint
from tests.configs import small_config
from tests.conftest import available_hosts, run_leoclr
from tests.programs import ROOT, forked_python
from tests.training import test_interruption as interrupted
from tests.training.test_interruption import FORMATS

STEPS = 10


def train(image_folder, out, processes, batch_size, *overrides):
    """Train two epochs of five steps and return what each process has at the end."""
    out.mkdir()
    command = [forked_python(), "-m", "tests.training.ranks", str(out)]
    settings = [
        *("accelerator=cpu", f"devices={processes}", "data.val_path=null", "max_epochs=2"),
        *(f"optimizer.batch_size={batch_size}", "method_kwargs.queue_size=160"),
        *("checkpoint.enabled=False", "scheduler.warmup_epochs=0", "+num_sanity_val_steps=0"),
        *("optimizer.lr=0.01", "optimizer.classifier_lr=0.01", "+enable_progress_bar=False"),
        # With batch norm over 8 images, rounding errors grow tenfold in every second step.
        "precision=64-true",
    ]
    run = subprocess.run(
        [*command, *small_config(image_folder), *settings, *overrides],
        cwd=out,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return [torch.load(out / f"{rank}.pt") for rank in range(processes)]


def assert_all_equal(ranks):
    """Check that all processes have equal weights and gradients."""
    first, *rest = ranks
    for rank in rest:
        for part in ("state", "gradients"):
            assert first[part].keys() == rank[part].keys()
            different = [k for k, v in first[part].items() if not torch.equal(v, rank[part][k])]
            # Each process has its own running statistics of batch norm.
            assert all("running" in key for key in different)


@pytest.mark.parametrize("host", available_hosts())
def test_two_processes_equal_one_with_the_double_batch(image_folder, tmp_path, monkeypatch, host):
    monkeypatch.setenv("LEOCLR_HOST", host)
    (one,) = train(image_folder, tmp_path / "one", 1, 8)
    two = train(image_folder, tmp_path / "two", 2, 4)
    assert_all_equal(two)
    losses = torch.tensor([rank["losses"] for rank in two]).mean(dim=0)
    assert len(losses) == STEPS
    expected = torch.tensor(one["losses"])
    assert torch.allclose(losses, expected, rtol=1e-6)
    for key, gradient in one["gradients"].items():
        shared = two[0]["gradients"][key]
        assert torch.allclose(shared, gradient, rtol=1e-6, atol=1e-9), key
    for key, weight in one["state"].items():
        if "momentum" in key and weight.is_floating_point() and "running" not in key:
            assert torch.allclose(two[0]["state"][key], weight, rtol=1e-6, atol=1e-9), key
    # Each step puts the same keys into the queue. Their order within a step may differ, because
    # the keys of each process stay together.
    assert two[0]["state"]["queue_ptr"].tolist() == one["state"]["queue_ptr"].tolist() == [0]
    blocks = [state["queue"].T.reshape(STEPS, 16, -1) for state in (one["state"], two[0]["state"])]
    cosines = blocks[0] @ blocks[1].transpose(1, 2)
    assert (cosines.max(dim=2).values > 1 - 1e-6).all()
    assert (cosines.max(dim=1).values > 1 - 1e-6).all()


@pytest.mark.parametrize(
    "options", [(), ("+method_kwargs.shuffle_keys=True",), ("+accumulate_grad_batches=2",)]
)
def test_three_processes_have_the_same_queue_and_weights(image_folder, tmp_path, options):
    ranks = train(image_folder, tmp_path / "three", 3, 3, "+keep_batch_norm=True", *options)
    assert_all_equal(ranks)
    # 40 images give each process four batches of 3 in each of two epochs; four images are left
    # out.
    assert {len(rank["losses"]) for rank in ranks} == {2 * 4}
    assert ranks[0]["losses"] != ranks[1]["losses"]


TWO = ("accelerator=cpu", "devices=2", "optimizer.batch_size=4", "data.val_path=null")


def test_two_processes_exit_together_and_continue(image_folder, tmp_path):
    run = interrupted.train(8, "SIGTERM", image_folder, tmp_path, *TWO)
    assert run.returncode == 143, run.stderr[-3000:]
    assert run.stderr.count("SIGTERM: saved") == 1
    # The processes only agree in every 20th step of an epoch, beginning with its first. Epochs
    # have five steps here, so they agree at the start of the next epoch.
    assert read_checkpoint(interrupted.last(tmp_path))["global_step"] == 10
    run = interrupted.train(0, "none", image_folder, tmp_path, *TWO)
    assert run.returncode == 0, run.stderr[-3000:]
    assert read_checkpoint(interrupted.last(tmp_path))["global_step"] == 15


def test_infinite_loss_in_one_process_stops_both(image_folder, tmp_path):
    run = interrupted.train(7, "nan", image_folder, tmp_path, *TWO)
    assert run.returncode == 2, run.stderr[-3000:]
    assert "has a loss that is not finite" in run.stderr
    assert read_checkpoint(interrupted.last(tmp_path))["global_step"] == 5


@pytest.mark.parametrize("host", available_hosts())
def test_two_processes_validate_on_shards_with_different_numbers_of_batches(
    image_folder, tmp_path, host
):
    # One process gets five images and the other four, in batches of four.
    val = sorted((image_folder / "val").rglob("*.png"))[::2][:9]
    listed = tmp_path / "val.txt"
    listed.write_text("".join(f"{path.relative_to(image_folder / 'val')}\n" for path in val))
    two = (*TWO[:3], f"+data.val_list={listed}", "+enable_progress_bar=False")
    once = ("max_epochs=1", "knn_eval.enabled=True", f"checkpoint.dir={tmp_path}")
    run = run_leoclr("pretrain", *small_config(image_folder), *two, *once, host=host)
    assert run.returncode == 0, run.stderr[-3000:]
    (folder,) = (tmp_path / "leoclr").iterdir()
    with (folder / "metrics.csv").open() as file:
        (knn,) = [row["val_knn_acc1"] for row in csv.DictReader(file) if row["val_knn_acc1"]]
    # The accuracy is that of all nine images and not the mean over both shards.
    assert float(knn) * len(val) / 100 == pytest.approx(round(float(knn) * len(val) / 100))

    run = run_leoclr("linear", folder, *two, "max_epochs=1", host=host, cwd=tmp_path)
    assert run.returncode == 0, run.stderr[-3000:]
    assert run.stdout.count("Written to") == 1
    assert json.loads((folder / "linear.json").read_text())["epochs"] == 1


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("world", [2, 3])
def test_loaders_share_an_epoch_without_repeats(image_folder, tmp_path, world, form):
    def start(rank: int) -> subprocess.Popen:
        paths = [tmp_path / "store", image_folder / "train", tmp_path / f"{rank}.txt"]
        command = [forked_python(), "-m", "tests.training.shard", rank, world, form, *paths]
        return subprocess.Popen([str(part) for part in command], cwd=ROOT)

    processes = [start(rank) for rank in range(world)]
    assert [process.wait(timeout=300) for process in processes] == [0] * world
    shards = [
        [[int(value) for value in line.split()] for line in path.read_text().splitlines()]
        for path in (tmp_path / f"{rank}.txt" for rank in range(world))
    ]
    epochs = []
    for parts in zip(*shards, strict=True):
        assert len({len(part) for part in parts}) == 1
        assert all(len(part) == 2 + 4 * part[1] > 2 for part in parts)
        indexes = [index for part in parts for index in part[2:]]
        assert len(indexes) == len(set(indexes))
        epochs.append(indexes)
    assert epochs[0] != epochs[1]
