"""A user reads which device makes the views, and what the faster way would need."""

import pytest
import torch

from leoclr_plugin.data import opencv
from leoclr_plugin.training import loading
from leoclr_plugin.training.loading import how_dali_loads, how_it_loads, how_threads_load
from leoclr_plugin.training.pretrain import prepare
from tests.configs import method_cfg


def test_a_training_on_a_cpu_names_its_threads():
    text = how_it_loads(prepare(method_cfg(data__num_workers=4)))
    assert text.startswith("4 threads decode and augment on the CPU, with colours and blur by ")
    assert "data.augment_on" not in text
    one = how_it_loads(prepare(method_cfg(data__num_workers=0)))
    assert one.startswith("a thread decodes and augments on the CPU")


@pytest.mark.parametrize("installed", [True, False])
def test_a_gpu_is_offered_with_what_it_needs(installed, monkeypatch):
    monkeypatch.setattr(loading, "has_dali", lambda: installed)
    text = how_threads_load(2, "cpu", on_gpu=True)
    assert "data.augment_on=gpu or data.format=dali" in text
    assert ("pip install" in text.partition("data.format=dali")[2]) != installed
    assert (
        how_dali_loads(True) == 'not installed: pip install "leoclr-plugin[dali]"  (Linux)'
    ) != (installed)


def test_without_opencv_its_package_is_named(monkeypatch):
    monkeypatch.setattr(opencv, "cv2", None)
    assert 'pip install "leoclr-plugin[opencv]"' in how_threads_load(2, "cpu", on_gpu=False)


def test_what_the_gpu_does_is_said():
    assert how_threads_load(2, "gpu", True).endswith("on the CPU, and the GPU does the rest")


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU")
def test_a_machine_without_a_gpu_is_sent_to_the_default_loader(monkeypatch):
    monkeypatch.setattr(loading, "has_dali", lambda: True)
    assert "data.format=image_folder is several times as fast" in how_dali_loads()
