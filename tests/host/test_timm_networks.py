"""timm's networks are timm's own, whatever a host registers under their names."""

import pytest
import timm
import torch
from timm.models import _registry

from leoclr_plugin.host.timm_networks import timm_name, timm_network


def test_a_name_that_a_host_has_registered_is_still_timms(monkeypatch):
    def of_the_host(**kwargs):
        raise AssertionError

    monkeypatch.setitem(_registry._model_entrypoints, "convnext_tiny", of_the_host)
    with torch.device("meta"):
        assert timm_network("convnext_tiny", num_classes=0).num_features == 768


def test_names_of_the_host_and_tags_of_weights_are_known():
    assert timm_name("vit_small") == "vit_small_patch16_224"
    assert timm_name("resnet34") == "resnet34"
    with torch.device("meta"):
        network = timm_network("vit_tiny.augreg_in21k", num_classes=0)
    expected = timm.get_pretrained_cfg("vit_tiny_patch16_224.augreg_in21k")
    assert network.pretrained_cfg["mean"] == expected.mean
    assert network.pretrained_cfg["tag"] == "augreg_in21k"


def test_another_name_is_refused():
    with pytest.raises(ValueError, match="timm has no network small_convnet"):
        timm_network("small_convnet")
