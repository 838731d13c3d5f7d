"""The contract between the plugin and a host, tested with every host that is available."""

import json
import math
import os
import subprocess
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from tests.configs import small_config
from tests.conftest import available_hosts, run_leoclr
from tests.host.probe import BASELINES, OPTIMIZERS, SCHEDULES
from tests.programs import ROOT, forked_python

HOSTS = available_hosts()


@pytest.fixture(scope="module")
def probes(image_folder, tmp_path_factory) -> dict[str, dict]:
    """Return what each host computed; the second one computed with the weights of the first."""
    folder = tmp_path_factory.mktemp("probe")
    results = {}
    for name in HOSTS:
        env = {**os.environ, "LEOCLR_HOST": name, "PYTHONPATH": str(ROOT)}
        command = [forked_python(), "-m", "tests.host.probe", str(folder), str(image_folder)]
        run = subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
        results[name] = torch.load(folder / f"{name}.result", weights_only=False)
    return results


@pytest.fixture(scope="module", params=HOSTS)
def probe(request, probes) -> dict:
    return probes[request.param]


@pytest.fixture(scope="module")
def both(probes) -> tuple[dict, dict]:
    if "solo-learn" not in probes:
        pytest.skip("the real solo-learn is not there")
    return probes["bundled"], probes["solo-learn"]


def without_optional_parts(cfg: dict) -> dict:
    """Return a configuration without the settings of solo-learn's own DALI loader and UMAP."""
    return {key: value for key, value in cfg.items() if key not in ("dali", "auto_umap")}


@pytest.mark.parametrize("method", BASELINES)
def test_forward_returns_features_logits_and_projection(probe, method):
    outputs = probe["methods"][method]["outputs"]
    assert set(outputs) == {"feats", "logits", "z"} | ({"p"} if method == "byol" else set())


def test_parse_cfg_counts_views_and_classes_and_scales_rates(probe):
    cfg = probe["methods"]["leoclr"]["cfg"]
    assert (cfg["data"]["num_large_crops"], cfg["data"]["num_small_crops"]) == (2, 1)
    assert cfg["data"]["num_classes"] == 10
    assert cfg["optimizer"]["lr"] == pytest.approx(0.1 * 8 / 256)
    assert cfg["optimizer"]["classifier_lr"] == pytest.approx(0.1 * 8 / 256)
    assert cfg["optimizer"]["kwargs"]["momentum"] == 0.9
    assert probe["methods"]["mocov2plus"]["cfg"]["data"]["num_small_crops"] == 0


def test_a_momentum_update_before_any_optimizer_step_changes_nothing(probe):
    # Both networks are still equal, and so is their average.
    state = probe["methods"]["leoclr"]["state_after"]
    for key in state:
        if key.startswith("momentum_projector."):
            assert torch.allclose(state[key], state[key.removeprefix("momentum_")], atol=1e-6)


def test_schedules_begin_and_end_at_the_given_rates(probe):
    first = [rates[0] for rates in probe["rates"]["warmup_cosine"]]
    assert first[0] == pytest.approx(0.001)
    assert max(first) == pytest.approx(0.1 * 8 / 256)
    assert first[-1] < 0.0025
    steps = [rates[0] for rates in probe["rates"]["step"]]
    assert steps[3] == pytest.approx(steps[0] / 10)
    assert steps[7] == pytest.approx(steps[0] / 100)


@pytest.mark.parametrize("method", BASELINES)
def test_a_batch_without_labels_has_a_finite_loss(probe, method):
    assert 0 < probe["methods"][method]["loss_without_labels"] < math.inf


@pytest.mark.parametrize("method", BASELINES)
def test_hosts_agree_on_names_and_shapes(both, method):
    states = [probe["methods"][method]["state_after"] for probe in both]
    shapes = [{key: tuple(value.shape) for key, value in state.items()} for state in states]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("method", BASELINES)
def test_hosts_agree_on_loss_and_gradients(both, method):
    ours, theirs = (probe["methods"][method] for probe in both)
    assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-5)
    assert ours["logged"] == pytest.approx(theirs["logged"], rel=1e-5, abs=1e-6)
    assert ours["gradients"].keys() == theirs["gradients"].keys()
    for key, norm in ours["gradients"].items():
        assert norm == pytest.approx(theirs["gradients"][key], rel=1e-3, abs=1e-6), key


@pytest.mark.parametrize("method", BASELINES)
def test_hosts_agree_on_the_state_after_a_step(both, method):
    ours, theirs = (probe["methods"][method]["state_after"] for probe in both)
    for key, value in ours.items():
        assert torch.allclose(value.float(), theirs[key].float(), rtol=1e-4, atol=1e-5), key


@pytest.mark.parametrize("method", BASELINES)
def test_hosts_train_alike_from_the_same_seed(both, method):
    ours, theirs = (probe["trained"][method] for probe in both)
    assert_close(ours["logged"], theirs["logged"], rtol=1e-6, atol=1e-12)
    assert_close(ours["state"], theirs["state"], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("method", BASELINES)
def test_hosts_agree_on_the_parsed_configuration(both, method):
    ours, theirs = (probe["methods"][method]["cfg"] for probe in both)
    assert ours == without_optional_parts(theirs)


@pytest.mark.parametrize("method", BASELINES)
def test_hosts_agree_on_the_methods_defaults(both, method):
    ours, theirs = (probe["defaults"][method] for probe in both)
    assert ours == without_optional_parts(theirs)


def test_hosts_agree_on_classes_and_on_rates_of_several_processes(both):
    ours, theirs = (probe["parsed"] for probe in both)
    assert ours == theirs
    assert ours["processes"][1] == pytest.approx(8 * ours["imagenette"][1])


@pytest.mark.parametrize("method", ["leoclr", "mocov2plus", "byol"])
def test_momentum_networks_start_as_the_online_ones_and_have_no_gradients(probe, method):
    assert all(probe["methods"][method]["momentum_starts_equal"])
    assert probe["methods"][method]["keys"] == {"feats": False, "z": False}


@pytest.mark.parametrize("method", BASELINES)
def test_hosts_agree_on_the_parameter_groups(both, method):
    ours, theirs = (probe["methods"][method]["groups"] for probe in both)
    assert ours == theirs


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_hosts_agree_on_every_steps_rate(both, schedule):
    ours, theirs = (torch.tensor(probe["rates"][schedule]) for probe in both)
    assert torch.allclose(ours, theirs, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_hosts_agree_on_optimizers(both, optimizer):
    ours, theirs = (probe["optimizers"][optimizer] for probe in both)
    assert ours["cfg"] == theirs["cfg"]
    # solo-learn's LARS excludes a part of a group without splitting it, so its groups differ.
    if optimizer != "lars_excluded":
        assert ours["groups"] == theirs["groups"]
    for key, weight in ours["weights"].items():
        assert torch.allclose(weight, theirs["weights"][key], rtol=1e-4, atol=1e-6), key


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_an_optimizer_gets_plain_values(probe, optimizer):
    # Some of torch's optimizers store the values as they are given, and a checkpoint with values of
    # OmegaConf could not be loaded.
    arguments = probe["optimizers"][optimizer]["arguments"]
    assert {type(value) for value in arguments.values()} <= {bool, float, list}


def test_both_classifiers_are_validated(probe):
    names = {
        f"{prefix}val_{key}" for prefix in ("", "momentum_") for key in ("loss", "acc1", "acc5")
    }
    logged, _ = probe["classifiers"]["validations"]
    assert logged.keys() == names | {"val_knn_acc1", "val_knn_acc5"}
    # The two have their own classifiers, so their losses differ.
    assert logged["val_loss"] != logged["momentum_val_loss"]


def test_hosts_agree_on_both_classifiers_and_the_online_knn(both):
    ours, theirs = (probe["classifiers"] for probe in both)
    assert ours["groups"] == theirs["groups"]
    for key in ("loss", "logged", "validations"):
        assert_close(ours[key], theirs[key], rtol=1e-5, atol=1e-12)


def test_hosts_agree_on_the_moving_average(both):
    ours, theirs = (probe["momentum"] for probe in both)
    assert ours["requires_grad"] == theirs["requires_grad"] == [False, False]
    assert ours["taus"] == pytest.approx(theirs["taus"], rel=1e-12)
    assert_close(ours["state"], theirs["state"], rtol=1e-6, atol=1e-8)


def test_a_probe_can_be_trained_on_less_than_five_classes(probe):
    assert 0 < probe["linear"]["loss_of_two_classes"] < math.inf


def test_hosts_agree_on_the_evaluators(both):
    ours, theirs = both
    assert ours["knn"] == theirs["knn"]
    assert ours["linear"]["loss"] == pytest.approx(theirs["linear"]["loss"], rel=1e-6)
    assert_close(ours["linear"]["logged"], theirs["linear"]["logged"], rtol=1e-6, atol=1e-12)
    assert ours["linear"]["cfg"] == without_optional_parts(theirs["linear"]["cfg"])


def test_bundled_backbones_are_the_hosts(both):
    ours, theirs = (probe["backbones"]["shapes"] for probe in both)
    # solo-learn has its own code for the Wide ResNet, which is in neither torchvision nor timm.
    assert theirs.keys() - ours.keys() == {"wide_resnet28w2", "wide_resnet28w8"}
    # It also has its own code for the PoolFormer. The bundled host takes timm's, whose weights have
    # other names.
    poolformers = {f"poolformer_{size}" for size in ("s12", "s24", "s36", "m36", "m48")}
    assert {name for name in ours if ours[name] != theirs.get(name)} == poolformers
    assert both[0]["backbones"]["small"] == both[1]["backbones"]["small"]


@pytest.fixture(scope="module")
def models(image_folder, tmp_path_factory) -> dict[str, Path]:
    """Return the ``checkpoint.dir`` of each host, which holds the checkpoint of one epoch."""
    folders = {}
    for host in HOSTS:
        folders[host] = tmp_path_factory.mktemp(host)
        run = run_leoclr(
            "pretrain",
            *small_config(image_folder),
            "method_kwargs.queue_size=64",
            "max_epochs=1",
            f"checkpoint.dir={folders[host]}",
            host=host,
        )
        assert run.returncode == 0, run.stderr
    return folders


@pytest.mark.parametrize("trained_under", HOSTS)
def test_a_checkpoint_of_one_host_can_be_evaluated_under_all_hosts(trained_under, models):
    folder = models[trained_under]
    (args,) = folder.rglob("args.json")
    assert args.parent.parent == folder / "leoclr"
    (checkpoint,) = args.parent.glob("*.ckpt")
    version = args.parent.name
    assert checkpoint.name == f"leoclr-custom-{version}-ep=0.ckpt"
    assert json.loads(args.read_text())["method"] == "leoclr"

    results = []
    for host in HOSTS:
        run = run_leoclr("knn", args.parent, host=host)
        assert run.returncode == 0, run.stderr
        results.append(json.loads((args.parent / "knn.json").read_text()))
    assert all(result == results[0] for result in results)


@pytest.mark.parametrize("finetuned", [False, True])
def test_hosts_agree_on_a_trained_probe(finetuned, models, tmp_path):
    (args,) = models["bundled"].rglob("args.json")
    settings = [
        f"+finetune={finetuned}",
        "optimizer.lr=0.05",
        "optimizer.batch_size=8",
        "max_epochs=2",
    ]
    results = []
    for host in HOSTS:
        run = run_leoclr("linear", args.parent, *settings, host=host, cwd=tmp_path)
        assert run.returncode == 0, run.stderr
        results.append(json.loads((args.parent / "linear.json").read_text()))
    assert all(result["loss"] == pytest.approx(results[0]["loss"], rel=1e-3) for result in results)


@pytest.mark.parametrize("host", HOSTS)
def test_optimizers_and_schedules_that_cannot_be_built_are_refused_in_one_line(
    host, models, image_folder, tmp_path
):
    def refused(command: str, *words: object) -> str:
        run = run_leoclr(command, *words, f"checkpoint.dir={tmp_path}", host=host)
        assert run.returncode == 2
        assert "Traceback" not in run.stderr
        return run.stderr.strip().splitlines()[-1]

    pretrain = ("pretrain", *small_config(image_folder))
    assert (
        "optimizer.name=sdg must be one of sgd, lars, adam, adamw (did you mean 'sgd'?)"
        in refused(*pretrain, "optimizer.name=sdg")
    )
    # solo-learn lists this schedule but has no code for it; the bundled host does not list it.
    assert "exponential" in refused(*pretrain, "scheduler.name=exponential")
    assert "optimizer.lr=-1 must be a number of at least 0" in refused(*pretrain, "optimizer.lr=-1")
    assert "optimizer or scheduler: Invalid momentum value: -1" in refused(
        *pretrain, "++optimizer.kwargs.momentum=-1"
    )
    # For these settings torch raises an error of another class than for others.
    assert "optimizer or scheduler: `fused` and `foreach` cannot be `True`" in refused(
        *pretrain, "+optimizer.kwargs.fused=True", "+optimizer.kwargs.foreach=True"
    )
    assert not list(tmp_path.glob("leoclr/*"))
    (args,) = models[host].rglob("args.json")
    linear = ("linear", args.parent, "optimizer.batch_size=8")
    assert (
        "optimizer.name=sdg must be one of sgd, lars, adam, adamw (did you mean 'sgd'?)"
        in refused(*linear, "optimizer.name=sdg")
    )
    assert "layer" in refused(*linear, "+optimizer.layer_decay=0.5")
    assert (
        "mixup=0.5 is for fine-tuning: leave it out, or run leoclr finetune on the same checkpoint"
        in refused(*linear, "+mixup=0.5")
    )
    assert "backbone.name=resnet50, but the checkpoint's is small_convnet" in refused(
        *linear, "backbone.name=resnet50"
    )


@pytest.mark.skipif("solo-learn" not in HOSTS, reason="the real solo-learn is not there")
@pytest.mark.parametrize(
    ("method", "settings"),
    [
        (
            "swav",
            "num_prototypes:8,temperature:0.1,queue_size:16,epoch_queue_starts:0,sk_iters:3,"
            "sk_epsilon:0.05,freeze_prototypes_epochs:1",
        ),
        ("deepclusterv2", "num_prototypes:[4,4],temperature:0.1,kmeans_iters:2"),
    ],
)
def test_methods_that_register_buffers_during_training_can_be_evaluated(
    method, settings, image_folder, tmp_path
):
    config, *small = small_config(image_folder)
    run = run_leoclr(
        *("pretrain", config.replace("leoclr", "mocov2plus"), f"method={method}"),
        f"++method_kwargs={{proj_hidden_dim:32,proj_output_dim:16,{settings}}}",
        *(change for change in small if not change.startswith("augmentations.1")),
        "max_epochs=2",
        f"checkpoint.dir={tmp_path}",
        host="solo-learn",
    )
    assert run.returncode == 0, run.stderr[-2000:]
    (folder,) = (tmp_path / method).iterdir()
    run = run_leoclr("knn", folder, host="solo-learn")
    assert run.returncode == 0, run.stderr[-2000:]
