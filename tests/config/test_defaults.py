"""The declared defaults are those that the host, or Lightning, fills in."""

import inspect

import pytest
from lightning.pytorch import Trainer
from omegaconf import OmegaConf

from leoclr_plugin.config.defaults import defaults, fill_in
from leoclr_plugin.config.keys import about, leaves
from leoclr_plugin.config.leoclr import LeOCLRSettings
from leoclr_plugin.config.nodes import Backbone, Performance
from leoclr_plugin.config.schema import Config
from leoclr_plugin.host import host
from leoclr_plugin.methods import METHODS
from leoclr_plugin.training.pretrain import prepare
from tests.configs import method_cfg

# These declared defaults are LeOCLR's or ours. The host has other defaults for other methods.
NOT_THE_HOSTS = (
    "momentum.base_tau",
    "momentum.final_tau",
    "dali.",
    "auto_umap",
    "augmentations",
)


def bare(**changes):
    cfg = method_cfg("mocov2plus", **changes)
    cfg.momentum = {}
    cfg.method_kwargs = {"proj_hidden_dim": 8, "proj_output_dim": 8, "temperature": 0.2}
    return cfg


def hosts_defaults() -> dict:
    """Return what the host fills in when a configuration has only the required keys."""
    pretrained = prepare(bare())
    METHODS["mocov2plus"].add_and_assert_specific_cfg(pretrained)
    probe = bare(pretrained_feature_extractor="a.ckpt")
    linear = host().parse_linear_cfg(probe)
    return {**OmegaConf.to_container(linear), **OmegaConf.to_container(pretrained)}


def test_defaults_are_the_hosts():
    filled = OmegaConf.create(hosts_defaults())
    given = bare(pretrained_feature_extractor="a.ckpt")
    compared = 0
    for key, node, name in leaves(Config):
        field = node.model_fields[name]
        if about(field).of != "solo-learn" or key.startswith(NOT_THE_HOSTS):
            continue
        host_default = OmegaConf.select(filled, key, default="absent")
        if host_default == "absent" or OmegaConf.select(given, key) is not None:
            continue
        if key.startswith("data.num_") or key == "method_kwargs" or key == "optimizer.kwargs":
            # The host computes these values from the data, the optimizer or the method.
            continue
        assert host_default == field.default, key
        compared += 1
    assert compared > 20


@pytest.mark.parametrize("key", ["max_steps", "accelerator", "num_nodes", "fast_dev_run"])
def test_defaults_are_lightnings(key):
    assert Config.model_fields[key].default == inspect.signature(Trainer).parameters[key].default


def test_only_missing_keys_are_filled_in():
    cfg = OmegaConf.create({"method_kwargs": {"temperature": 0.5, "query": None}})
    fill_in(cfg, "method_kwargs", LeOCLRSettings)
    assert (cfg.method_kwargs.temperature, cfg.method_kwargs.query) == (0.5, None)
    assert cfg.method_kwargs.queue_size == 65536
    cfg = OmegaConf.create({"performance": None})
    fill_in(cfg, "performance", Performance)
    assert cfg.performance == {"disable_channel_last": False, "compile": False}


def test_changing_a_returned_default_does_not_change_the_declaration():
    defaults(Backbone)["kwargs"]["a"] = 1
    assert defaults(Backbone) == {"kwargs": {}, "weights_partial": False}
