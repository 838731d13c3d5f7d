import pytest
import torch
from lightning.pytorch.callbacks import RichProgressBar, TQDMProgressBar
from omegaconf import OmegaConf

from leoclr_plugin.errors import UserError
from leoclr_plugin.training.pretrain import prepare
from leoclr_plugin.training.trainer import build_trainer, settle_hardware
from tests.configs import method_cfg


@pytest.fixture
def gpus(monkeypatch):
    def pretend(count: int) -> None:
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return pretend


def settled(**cfg):
    cfg = OmegaConf.create({"strategy": "ddp", "precision": "16-mixed", **cfg})
    settle_hardware(cfg)
    return cfg


def test_stock_gpu_settings_run_on_a_cpu(gpus, capsys):
    gpus(0)
    cfg = settled(accelerator="auto", devices=[0, 1], strategy=None)
    assert (cfg.accelerator, cfg.devices, cfg.strategy, cfg.precision) == ("cpu", [0], "auto", 32)
    assert "precision=16-mixed needs a GPU; using 32" in capsys.readouterr().err


@pytest.mark.parametrize(("capability", "emulated"), [("AVX2", True), ("AVX512", False)])
def test_bfloat16_stays_on_a_cpu(gpus, monkeypatch, capsys, capability, emulated):
    gpus(0)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert settled(accelerator="cpu", precision="bf16-mixed").precision == "bf16-mixed"
    assert ("emulates it" in capsys.readouterr().err) == emulated


def test_gpu_settings_stay_if_there_is_a_gpu(gpus):
    gpus(2)
    cfg = settled(accelerator="auto", devices=[0, 1])
    assert (cfg.accelerator, cfg.devices, cfg.strategy, cfg.precision) == (
        "gpu",
        [0, 1],
        "ddp",
        "16-mixed",
    )
    # A number of devices becomes the list whose length scales the learning rate.
    assert settled(accelerator="gpu", devices=2).devices == [0, 1]


def test_a_missing_gpu_is_refused(gpus):
    gpus(0)
    with pytest.raises(UserError, match="there is no GPU; use accelerator=cpu"):
        settled(accelerator="gpu", devices=[0])


@pytest.mark.parametrize(
    ("devices", "on_cpu", "on_gpus"),
    [
        ("auto", [0], [0, 1, 2]),
        (-1, [0], [0, 1, 2]),
        ("0,1", [0, 1], [0, 1]),
        ([1], [1], [1]),
        (2, [0, 1], [0, 1]),
        ("2", [0, 1], [0, 1]),
    ],
)
def test_every_form_of_devices_is_read(gpus, devices, on_cpu, on_gpus):
    gpus(0)
    assert settled(accelerator="cpu", devices=devices).devices == on_cpu
    # Without accelerator=cpu there is one process on a CPU.
    assert len(settled(accelerator="auto", devices=devices).devices) == 1
    gpus(3)
    assert settled(accelerator="auto", devices=devices).devices == on_gpus
    assert settled(accelerator="cpu", devices=devices).devices == on_cpu


def test_dali_settings_have_defaults(gpus):
    gpus(0)
    node = {"prefetch": 3}
    cfg = settled(accelerator="cpu", precision=32, data={"format": "dali"}, dali=node)
    assert cfg.dali.prefetch == 3
    assert (cfg.dali.device, cfg.dali.cache_mb, cfg.dali.hw_decoder_load) == ("cpu", 0, 0.9)


def test_arguments_that_leoclr_sets_itself_are_reported_as_ignored(tmp_path, capsys):
    cfg = method_cfg(checkpoint__dir=str(tmp_path), enable_checkpointing=True, logger=False)
    trainer = build_trainer(prepare(cfg), "leoclr")
    error = capsys.readouterr().err
    assert "logger=False is ignored" in error
    assert "enable_checkpointing=True is ignored" in error
    assert trainer.loggers
    assert trainer.checkpoint_callback is None


@pytest.mark.parametrize("terminal", [True, False])
def test_a_log_shows_how_far_a_training_is(tmp_path, monkeypatch, terminal):
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    cfg = prepare(method_cfg(checkpoint__dir=str(tmp_path)))
    # On a terminal Lightning chooses, and takes another bar where rich is installed.
    bar = build_trainer(cfg, "leoclr").progress_bar_callback
    assert isinstance(bar, TQDMProgressBar) or (terminal and isinstance(bar, RichProgressBar))
    cfg.enable_progress_bar = False
    assert build_trainer(cfg, "leoclr").progress_bar_callback is None
