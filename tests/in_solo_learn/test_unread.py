"""Solo-learn's own script refuses what only our commands read."""

import pytest
from omegaconf import OmegaConf

from leoclr_plugin.in_solo_learn.unread import unread_keys
from tests.configs import method_cfg
from tests.in_solo_learn.stock import CPU, needs_solo_learn, stock

_EXTRA = [{"_target_": "torchvision.transforms.v2.RandomRotation", "degrees": 20}]


@pytest.mark.parametrize(
    ("changes", "unread"),
    [
        ({"data__channels": "auto", "on_nonfinite": "stop"}, []),
        ({"data__channels": 1, "on_nonfinite": "skip"}, ["data.channels", "on_nonfinite"]),
        ({"data__pairs": {"file": "pairs.csv", "probability": 1.0}}, ["data.pairs.file"]),
        ({"augmentations": [{"extra": _EXTRA}]}, ["augmentations.0.extra"]),
        ({"data__channels": 1, "data__format": "dali"}, []),
        ({"data__online": {"own": {}}, "data__format": "dali"}, ["data.online"]),
        (
            {"data__pairs": {"file": "a.csv", "kinds": {"near": {}}}, "data__format": "dali"},
            ["data.pairs.kinds"],
        ),
        (
            {"augmentations": [{"degrade": {"blur": [0, 2]}}, {"degrade": None}]},
            ["augmentations.0.degrade.blur"],
        ),
        ({"method_kwargs__self_paced": {}}, []),
        ({"method": "mocov2plus", "method_kwargs__self_paced": {}}, ["method_kwargs.self_paced"]),
        ({"seed": None, "callbacks": [], "data__format": "dali"}, []),
    ],
)
def test_keys_of_ours_with_a_value_of_their_own_are_found(changes, unread):
    assert sorted(unread_keys(method_cfg(**changes))) == unread


def test_solo_learns_own_loader_reads_none_of_our_keys_of_other_methods():
    cfg = method_cfg("mocov2plus", data__format="dali", data__channels=1)
    assert list(unread_keys(cfg)) == ["data.channels"]
    assert not list(unread_keys(OmegaConf.merge(cfg, {"data": {"channels": "auto"}})))


@needs_solo_learn
@pytest.mark.parametrize("config", ["leoclr", "mocov2plus"])
def test_the_script_refuses_them_before_it_trains(config, image_folder, tmp_path):
    run = stock(
        "main_pretrain.py",
        *("--config-path", "scripts/pretrain/custom", "--config-name", config, *CPU),
        *(f"data.train_path={image_folder}/train", "data.val_path=null", "wandb.enabled=False"),
        "+data.pairs.file=pairs.csv",
        folder=tmp_path,
    )
    assert run.returncode
    assert (
        "main_pretrain.py does not read data.pairs.file; train with leoclr pretrain" in run.stderr
    )
