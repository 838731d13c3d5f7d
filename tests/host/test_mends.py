"""Test the mends in separate processes, because they change classes of other packages for good."""

import subprocess
from pathlib import Path

from tests.programs import forked_python

LIGHTNING = """
import inspect
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import SingleDeviceStrategy

def build(**kwargs):
    return Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, **kwargs)

for kwargs in ({"strategy": None}, {"devices": [0]}):
    try:
        build(**kwargs)
    except Exception:
        continue
    print("not needed:", kwargs)

from leoclr_plugin.host.mends import mend_lightning
parameters = list(inspect.signature(Trainer.__init__).parameters)
mend_lightning()
# The stock scripts use this signature to choose keys of their config.
assert list(inspect.signature(Trainer.__init__).parameters) == parameters
trainer = build(strategy=None, devices=[0])
assert isinstance(trainer.strategy, SingleDeviceStrategy)
assert trainer.num_devices == 1
assert build(devices=[0, 1]).num_devices == 2
# Arguments that Lightning accepts keep their meaning.
assert build(devices=2).num_devices == 2
assert build(strategy="ddp", devices=2).strategy.__class__.__name__ == "DDPStrategy"
"""

WITHOUT_GPU = """
import torch
from leoclr_plugin.host.mends import mend_without_gpu
mend_without_gpu()
images, network = torch.ones(2, 3), torch.nn.Linear(3, 1)
assert images.cuda(non_blocking=True).device.type == "cpu"
assert images.to("cuda:0").device.type == "cpu"
assert network.to("cuda:0")(images.to(torch.device("cuda"))).shape == (2, 1)
assert images.to(torch.float64).dtype == torch.float64
assert images.to(images.double()).dtype == torch.float64
"""


def run(program: str, folder: Path) -> str:
    path = folder / "program.py"
    path.write_text(program)
    command = [forked_python(), path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_trainer_accepts_the_values_of_the_hosts_configs(tmp_path):
    assert "not needed" not in run(LIGHTNING, tmp_path)


def test_cuda_is_the_cpu_where_there_is_no_gpu(tmp_path):
    run(WITHOUT_GPU, tmp_path)
