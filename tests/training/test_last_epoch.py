"""Nothing that was trained is lost, whichever the host's frequency."""

import pytest
import torch

from tests.configs import small_config
from tests.conftest import available_hosts, run_leoclr


@pytest.mark.parametrize("host", available_hosts())
@pytest.mark.parametrize(
    ("length", "last"),
    [
        (["max_epochs=2"], 1),
        (["max_epochs=3"], 2),
        # 40 images, batches of 8.
        (["max_epochs=3", "+max_steps=10"], 1),
    ],
    ids=["between two", "on one", "by steps"],
)
def test_the_last_epoch_is_saved(image_folder, tmp_path, host, length, last):
    settings = ["checkpoint.frequency=2", "+enable_progress_bar=False", *length]
    run = run_leoclr("pretrain", *small_config(image_folder), *settings, cwd=tmp_path, host=host)
    assert run.returncode == 0, run.stderr
    (checkpoint,) = tmp_path.rglob("*.ckpt")
    assert checkpoint.stem.endswith(f"-ep={last}")
    loops = torch.load(checkpoint, weights_only=True)["loops"]
    assert loops["fit_loop"]["epoch_progress"]["current"]["processed"] == last + 1
