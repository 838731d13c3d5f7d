"""The keys of a pipeline of ``augmentations``: what is done to make a view of an image."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from leoclr_plugin.config.keys import PRETRAIN, Count, Natural, Node, NotNegative, Share, key

_PER_CHANNEL = Annotated[list[float], Field(min_length=3, max_length=3)]
_PAIR = Annotated[list[Natural], Field(min_length=2, max_length=2)]


class RandomResizedCrop(Node):
    """``rrc``: the random crop, or where it is off the resize of the whole image."""

    enabled: bool = key(None, "crop at random; off, the whole image is resized", needed=(PRETRAIN,))
    crop_min_scale: Share = key(
        None, "least part of the image's area that a crop has", needed_with="enabled"
    )
    crop_max_scale: Share = key(
        None, "largest part of the image's area that a crop has", needed_with="enabled"
    )


class Chance(Node):
    """What is done to a view with a probability."""

    prob: Share = key(None, "probability", needed=(PRETRAIN,))


class ColorJitter(Node):
    """``color_jitter``: torchvision's, with a probability."""

    prob: Share = key(None, "probability", needed=(PRETRAIN,))
    brightness: NotNegative = key(None, "range of the factor of brightness", needed_with="prob")
    contrast: NotNegative = key(None, "range of the factor of contrast", needed_with="prob")
    saturation: NotNegative = key(None, "range of the factor of saturation", needed_with="prob")
    # Half a circle either way is every hue.
    hue: float = key(
        None,
        "range of the turn of hue, in circles",
        limits={"ge": 0, "le": 0.5},
        needed_with="prob",
    )


class Pipeline(Node):
    """One pipeline: all views of it are drawn in the same way."""

    crop_size: Natural | _PAIR = key(
        None,
        "size of a view in pixels; of a view that is not cropped a number is the shorter side",
        needed=(PRETRAIN,),
        wanted="a whole number of at least 1 or a pair [height, width] of such numbers",
    )
    num_crops: Count = key(None, "views of each image that are made so", needed=(PRETRAIN,))
    rrc: RandomResizedCrop = key(None, "the random resized crop")
    color_jitter: ColorJitter = key(None, "the colour jitter")
    grayscale: Chance = key(None, "to grey")
    gaussian_blur: Chance = key(None, "the Gaussian blur, its sigma from 0.1 to 2 pixels")
    solarization: Chance = key(None, "inverts what is brighter than the middle")
    equalization: Chance = key(None, "equalises the histogram; not with DALI")
    horizontal_flip: Chance = key(None, "mirrors left and right")
    mean: _PER_CHANNEL = key(
        None,
        "mean of each channel, of a data set whose own is not known",
        wanted="a list of three numbers",
    )
    std: _PER_CHANNEL = key(
        None,
        "standard deviation of each channel, of a data set whose own is not known",
        wanted="a list of three numbers",
    )
