"""Test what a comparison starts and how it reports failures."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from leoclr_plugin.compare import run
from leoclr_plugin.compare.run import Budget, _reason
from leoclr_plugin.errors import UserError
from leoclr_plugin.system.files import alone_in
from tests.configs import small_config


def test_reason_of_a_failure_is_its_last_message_without_progress_bars(tmp_path):
    log = tmp_path / "log.txt"
    log.write_text("Epoch 0: 0%\rEpoch 0: 33%\rUserError: the disk is full\n\rEpoch 0: 33%\n\n")
    assert _reason(log, 2) == "UserError: the disk is full"
    log.write_text("Traceback\n  File ...\ntorch.cuda.OutOfMemoryError: 3 GiB\nEpoch 0: 33%")
    assert _reason(log, 1) == "torch.cuda.OutOfMemoryError: 3 GiB"
    log.write_text("Epoch 0: 33%\n\n")
    assert _reason(log, 1) == "Epoch 0: 33%"
    log.write_text("")
    assert _reason(log, 3) == "exit code 3"
    assert _reason(log, -9) == "ended by signal 9"


def test_all_methods_are_evaluated_at_the_size_of_the_original(image_folder, tmp_path, monkeypatch):
    configs = {}

    def record_config(command, log):
        cfg = OmegaConf.load(Path(command[-1]) / "config.yaml")
        configs[cfg.method] = cfg
        return 1

    monkeypatch.setattr(run, "run_child", record_config)
    config, *overrides = small_config(image_folder)
    overrides.append("augmentations.0.crop_size=24")
    run.compare(config, ["leoclr", "mocov2plus"], Budget(epochs=1), 1, tmp_path, overrides)
    assert {node.crop_size for node in configs["mocov2plus"].augmentations} == {24}
    assert [cfg.evaluated_at for cfg in configs.values()] == [[32, 32], [32, 32]]


def test_two_comparisons_do_not_share_a_folder(image_folder, tmp_path):
    config, *overrides = small_config(image_folder)
    with alone_in(tmp_path, "comparison"), pytest.raises(UserError, match="is at work there; wait"):
        run.compare(config, ["leoclr"], Budget(epochs=1), 1, tmp_path, overrides)
    assert [path.name for path in tmp_path.iterdir()] == [".leoclr-lock"]
