"""No command uses the network unless a download was asked for."""

import subprocess
import sys

import pandas as pd
import pytest

from tests.configs import small_config
from tests.conftest import run_leoclr
from tests.network import no_network
from tests.programs import forked_python
from tests.runs import run_folder


def test_the_hook_refuses_and_tells(tmp_path):
    """Otherwise the tests below could not fail."""
    log, script = tmp_path / "network.log", tmp_path / "script.py"
    udp = "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"
    for python, program in (
        (sys.executable, "import socket; socket.create_connection(('192.0.2.1', 80))"),
        (forked_python(), "import socket; socket.create_connection(('192.0.2.1', 80))"),
        (forked_python(), "import requests; requests.get('http://192.0.2.1')"),
        (forked_python(), f"import socket; {udp}.sendto(b'', ('192.0.2.1', 9))"),
    ):
        script.write_text(program)
        with pytest.raises(AssertionError, match=r"192\.0\.2\.1 in"), no_network(tmp_path) as env:
            run = subprocess.run([python, script], env=env, capture_output=True, text=True)
            assert "the test allows no network" in run.stderr
        log.unlink()


def test_commands_that_ask_for_no_download(image_folder, tmp_path):
    """``tests.test_readme`` runs the commands of the README without the network as well."""
    train, val = image_folder / "train", image_folder / "val"
    run = run_folder(tmp_path / "run", data__train_path=str(train), data__val_path=str(val)).folder
    parquet = tmp_path / "images.parquet"
    pd.DataFrame({"image": [p.read_bytes() for p in train.glob("*/*")]}).to_parquet(parquet)
    extra = "{_target_: albumentations.HorizontalFlip}"
    config, *overrides = small_config(image_folder)
    commands = [
        ("doctor",),
        ("zoo", "list"),
        ("zoo", "verify"),
        ("stats", train),
        ("check-data", parquet),
        ("pretrain", config, *overrides, "max_epochs=1", f"+augmentations.0.extra=[{extra}]"),
        ("measure", run, "--images", 8),
        ("embed", run, val, "--out", tmp_path / "features.parquet"),
        ("pairs", "mine", "--data", val, "--encoder", run, "--out", "p.csv", "--k", 3),
        ("transfer", run, "--datasets", image_folder),
        ("finetune", run, "max_epochs=1", "optimizer.batch_size=8"),
        ("export", run, "--format", "timm"),
    ]
    with no_network(tmp_path) as env:
        for words in commands:
            done = run_leoclr(*words, cwd=tmp_path, **env)
            assert done.returncode == 0, done.stderr[-3000:]
