"""Test ``leoclr transfer`` as a user types it."""

import csv
import json
import shutil
from pathlib import Path

import pytest
import torch

from leoclr_plugin.commands import networks
from leoclr_plugin.commands.main import main
from leoclr_plugin.evaluation import transfer_sets
from leoclr_plugin.zoo.manifest import read_manifest
from leoclr_plugin.zoo.model import load
from tests.conftest import available_hosts, make_image, make_labelled, run_leoclr
from tests.pages import Page
from tests.runs import run_folder
from tests.zoo_fixtures import NAME


@pytest.fixture
def run(tmp_path):
    return run_folder(tmp_path / "run").folder


@pytest.fixture
def labelled(tmp_path):
    """A folder of images with several labels."""
    return make_labelled(tmp_path / "labelled", train=20, val=10)


@pytest.fixture
def counted(monkeypatch):
    """The titles of all extractions of features."""
    titles = []
    extract = transfer_sets.extract_features

    def count(method, loader, kinds, name, source):
        titles.append(name)
        return extract(method, loader, kinds, name, source)

    monkeypatch.setattr(transfer_sets, "extract_features", count)
    return titles


def transfer(*args: object) -> int:
    return main(["transfer", *map(str, args), "--num_workers", "1"])


@pytest.mark.parametrize("host", available_hosts())
def test_one_run_is_written_beside_it(host, run, image_folder):
    process = run_leoclr("transfer", run, "--datasets", image_folder, "--batch_size", 16, host=host)
    assert process.returncode == 0, process.stderr
    content = json.loads((run / "transfer.json").read_text())
    (result,) = content["results"]
    assert (result["train_images"], result["test_images"]) == (40, 20)
    assert result["metric"] == "top-1"
    cell = f"{result['value']:.2f} ± {result['standard_error']:.2f}"
    line, *_, row, written = process.stdout.splitlines()
    assert line.startswith(f"{run} on {image_folder}: top-1 {cell} % (strength ")
    assert row.split("  ")[0] == str(run)
    assert row.endswith(cell)
    assert written == f"Written to {run}/transfer.json, transfer.csv, transfer.html"
    assert content["environment"]["host"] == host


def test_one_table_has_all_runs_and_data_sets(
    run, zoo, image_folder, labelled, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert transfer("run", f"zoo:{NAME}", "--datasets", f"{image_folder},labelled") == 0
    content = json.loads(Path("transfer/transfer.json").read_text())
    assert content["header"] == ["run", f"{image_folder} top-1 %", "labelled mAP %"]
    assert [row[0] for row in content["rows"]] == ["run", f"zoo:{NAME}"]
    rows = list(csv.DictReader(Path("transfer/transfer.csv").read_text().splitlines()))
    assert [(row["run"], row["dataset"]) for row in rows] == [
        (name, dataset)
        for name in ("run", f"zoo:{NAME}")
        for dataset in (str(image_folder), "labelled")
    ]
    assert [float(row["value"]) for row in rows] == [r["value"] for r in content["results"]]
    assert rows[1]["mAP"] == rows[1]["value"]
    assert rows[1]["top1"] == ""
    page = Page(Path("transfer/transfer.html").read_text())
    assert page.texts["td"] == [cell for row in content["rows"] for cell in row]
    assert capsys.readouterr().out.splitlines()[-2].split()[0] == f"zoo:{NAME}"


def test_what_was_measured_is_not_measured_again(
    run, image_folder, labelled, tmp_path, monkeypatch, capsys, counted
):
    assert transfer(run, "--datasets", image_folder) == 0
    assert len(counted) == 2
    (first,) = json.loads((run / "transfer.json").read_text())["results"]
    assert transfer(run, "--datasets", f"{labelled},{image_folder}") == 0
    assert counted[2:] == [f"{labelled}, training images", f"{labelled}, test images"]
    assert f"{run}/transfer.json has this already; remove the file to" in capsys.readouterr().out
    assert first in json.loads((run / "transfer.json").read_text())["results"]
    # The earlier result of another data set stays in the table.
    assert transfer(run, "--datasets", image_folder) == 0
    results = json.loads((run / "transfer.json").read_text())["results"]
    assert {result["dataset"] for result in results} == {str(labelled), str(image_folder)}
    # A training that went on has other weights.
    (checkpoint,) = run.glob("*.ckpt")
    content = torch.load(checkpoint)
    content["state_dict"]["backbone.conv1.weight"] *= 2
    torch.save(content, checkpoint)
    counted.clear()
    assert transfer(run, "--datasets", image_folder) == 0
    assert len(counted) == 2


def test_interrupted_transfer_keeps_what_was_measured(run, image_folder, labelled, counted):
    broken = labelled / "val/3.png"
    broken.write_text("no image")
    assert transfer(run, "--datasets", f"{image_folder},{labelled}") == 2
    (result,) = json.loads((run / "transfer.json").read_text())["results"]
    assert result["dataset"] == str(image_folder)
    make_image(0, 0).save(broken)
    counted.clear()
    assert transfer(run, "--datasets", f"{image_folder},{labelled}") == 0
    assert counted == [f"{labelled}, training images", f"{labelled}, test images"]


def test_images_have_the_normalisation_of_the_training(run, zoo, tmp_path):
    trained_on_cifar = run_folder(tmp_path / "cifar", data__dataset="cifar10").folder
    for name, mean in ((run, 0.485), (trained_on_cifar, 0.4914), (f"zoo:{NAME}", 0.485)):
        network = networks.open_network(str(name))
        for dataset in ("custom", "pets", "cifar10", "eurosat"):
            assert network.view(dataset).mean_and_std[0][0] == mean
    # An image of a folder is cropped even so, because it may not be square.
    assert network.view("custom").resize_shorter == round(32 * 256 / 224)
    assert network.view("eurosat").resize_shorter is None


def test_network_of_the_zoo_is_the_one_that_users_load(zoo):
    images = torch.randn(2, 3, 32, 32)
    network = networks.open_network(f"zoo:{NAME}")
    assert network.size == (32, 32)
    expected = load(NAME).backbone(images)
    assert torch.equal(network.method(images)["feats"], expected)


# The manifest is read here, before the fixtures replace it with that of the tests.
@pytest.mark.parametrize("entry", read_manifest().values(), ids=lambda entry: entry.name)
def test_models_of_the_zoo_have_the_size_of_their_cards(entry):
    assert networks.open_network(f"zoo:{entry.name}").size == entry.size


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "--datasets", "pets"], "the checkpoint folder nowhere is not there"),
        (["zoo:nothing", "--datasets", "pets"], "the zoo has no model 'nothing'"),
        (["run", "--datasets", "pet"], "pet is neither a data set nor a folder; did you mean"),
        (["run", "--datasets", "run"], "run/train is not there; --datasets needs a folder that"),
        (["run", "--datasets", "dtd"], "dtd is missing in datasets, or incomplete; --download"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(
    arguments, message, run, zoo, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert transfer(*arguments) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("leoclr transfer: ")
    assert message in line
    assert sorted(tmp_path.rglob("*")) == before


def test_missing_data_set_ends_the_command_before_the_first_is_measured(
    run, image_folder, tmp_path, monkeypatch, capsys, counted
):
    monkeypatch.chdir(tmp_path)
    assert transfer(run, "--datasets", f"{image_folder},flowers102") == 2
    assert "flowers102 is missing in datasets" in capsys.readouterr().err
    assert counted == []


def test_unreadable_image_is_named(run, image_folder, tmp_path, capsys):
    shutil.copytree(image_folder, tmp_path / "data")
    (tmp_path / "data/val/class2/001.png").write_text("no image")
    assert transfer(run, "--datasets", tmp_path / "data") == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert "1 of 20 images cannot be read, the first is" in line
    assert not (run / "transfer.json").exists()


def test_empty_list_of_data_sets_is_refused(capsys):
    with pytest.raises(SystemExit) as exit_info:
        main(["transfer", "run", "--datasets", ","])
    assert exit_info.value.code == 2
    assert "argument --datasets: ',' has no name" in capsys.readouterr().err
