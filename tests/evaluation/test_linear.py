import torch

from leoclr_plugin.evaluation.linear import linear_on_features, parse_linear
from tests.host.probe import linear_cfg


def test_linear_probe_finds_linearly_separable_classes(tmp_path):
    generator = torch.Generator().manual_seed(0)
    targets = torch.arange(10).repeat(12)
    features = torch.eye(10)[targets] + 0.05 * torch.randn(120, 10, generator=generator)
    cfg = linear_cfg(max_epochs=20, optimizer__lr=30.0, checkpoint={"dir": str(tmp_path)})
    cfg.enable_progress_bar = False
    result = linear_on_features(parse_linear(cfg), (features, targets), (features, targets))
    assert result["top1"] > 95
    assert result["top5"] == 100
    assert result["epochs"] == 20
