"""A backbone that both hosts offer besides their own, small enough to train in a minute."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

NAME = "small_convnet"
_CHANNELS = (16, 32, 64)


class SmallConvNet(nn.Sequential):
    """Three 3x3 convolutions of stride 2 with batch norm and ReLU, then the mean over all places.

    Images ``[N, C, H, W]`` of any size become features ``[N, 64]``. A last batch norm centres the
    features. Without it all images look alike to a contrastive loss at the start of a training.

    Attributes:
        num_features: dimension of the features, under the name that the hosts read.
    """

    def __init__(self, in_chans: int = 3) -> None:
        layers: list[nn.Module] = []
        for before, after in pairwise((in_chans, *_CHANNELS)):
            convolution = nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False)
            layers += [convolution, nn.BatchNorm2d(after), nn.ReLU()]
        self.num_features = _CHANNELS[-1]
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.BatchNorm1d(self.num_features)]
        super().__init__(*layers)


def small_convnet(method: str, in_chans: int = 3) -> SmallConvNet:
    """Build the network; the hosts tell every constructor the method's name, which it ignores."""
    return SmallConvNet(in_chans)
