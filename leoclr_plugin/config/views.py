"""The keys of a pipeline of ``augmentations``, which makes views of an image."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from leoclr_plugin.config.keys import (
    PRETRAIN,
    Count,
    Natural,
    Node,
    NotNegative,
    PerChannel,
    Share,
    key,
)

_TWO = Field(min_length=2, max_length=2)
_PAIR = Annotated[list[Natural], _TWO]
_ENDS_OF_SHARE = Annotated[list[Share], _TWO]
_ENDS_OF_BLUR = Annotated[list[Annotated[float, Field(ge=0, allow_inf_nan=False)]], _TWO]
_ENDS_OF_QUALITY = Annotated[list[Annotated[int, Field(ge=1, le=100)]], _TWO]


class RandomResizedCrop(Node):
    """``rrc``: the random resized crop."""

    enabled: bool = key(
        None, "crop at random; if False, the whole image is resized", needed=(PRETRAIN,)
    )
    crop_min_scale: Share = key(
        None, "smallest crop, as a fraction of the image's area", needed_with="enabled"
    )
    crop_max_scale: Share = key(
        None, "largest crop, as a fraction of the image's area", needed_with="enabled"
    )


class Chance(Node):
    """A change of a view that is made with a probability."""

    prob: Share = key(None, "probability", needed=(PRETRAIN,))


class ColorJitter(Node):
    """``color_jitter``: torchvision's ``ColorJitter``, applied with a probability."""

    prob: Share = key(None, "probability", needed=(PRETRAIN,))
    brightness: NotNegative = key(
        None, "largest change of the brightness factor from 1", needed_with="prob"
    )
    contrast: NotNegative = key(
        None, "largest change of the contrast factor from 1", needed_with="prob"
    )
    saturation: NotNegative = key(
        None, "largest change of the saturation factor from 1; RGB only", needed_with="prob"
    )
    # Half a turn of the colour circle in either direction reaches every hue.
    hue: float = key(
        None,
        "largest shift of the hue, in turns of the colour circle; RGB only",
        limits={"ge": 0, "le": 0.5},
        needed_with="prob",
    )


class Mix(Node):
    """``mix``: Random Crop and Mix, a view that is a grid of small crops."""

    scales: Annotated[list[Annotated[float, Field(ge=1)]], Field(min_length=1)] = key(
        [3, 6, 12],
        "shorter side of the image divided by the side of a crop; one is drawn for each image",
        of="leoclr",
        wanted="a list of numbers of at least 1",
    )
    grid: Annotated[int, Field(ge=1)] = key(2, "tiles on a side of the view", of="leoclr")
    copies: Natural = key(2, "tiles that each crop fills, once as it is", of="leoclr")


class Degrade(Node):
    """``degrade``: degradations by which one picture has several qualities.

    Each has a pair of strengths: at level 0 and at level 1.
    """

    prob: Share = key(1.0, "how often a view is degraded", of="leoclr")
    level: _ENDS_OF_SHARE = key(
        [0.0, 1.0],
        "ends of the levels; one is drawn for each view and holds for all of its degradations",
        of="leoclr",
        wanted="a pair of numbers from 0 to 1",
    )
    blur: _ENDS_OF_BLUR | None = key(
        None,
        "standard deviation of a Gaussian blur in pixels, at level 0 and at level 1",
        of="leoclr",
        wanted="a pair of numbers of at least 0 or null",
    )
    illumination: _ENDS_OF_SHARE | None = key(
        None,
        "share of the light that one side loses and the other gains",
        of="leoclr",
        wanted="a pair of numbers from 0 to 1 or null",
    )
    noise: _ENDS_OF_SHARE | None = key(
        None,
        "standard deviation of Gaussian noise, for levels from 0 to 1",
        of="leoclr",
        wanted="a pair of numbers from 0 to 1 or null",
    )
    jpeg: _ENDS_OF_QUALITY | None = key(
        None,
        "quality of a compression as JPEG",
        of="leoclr",
        wanted="a pair of whole numbers from 1 to 100 or null",
    )


class Pipeline(Node):
    """One pipeline, which makes one or several views of each image."""

    crop_size: Natural | _PAIR = key(
        None,
        "size of a view in pixels; for an uncropped view a number is its shorter side",
        needed=(PRETRAIN,),
        wanted="a whole number of at least 1 or a pair [height, width] of such numbers",
    )
    num_crops: Count = key(
        None, "number of views that the pipeline makes of each image", needed=(PRETRAIN,)
    )
    rrc: RandomResizedCrop = key(None, "the random resized crop")
    color_jitter: ColorJitter = key(None, "the colour jitter")
    grayscale: Chance = key(None, "conversion to grey; RGB only")
    gaussian_blur: Chance = key(None, "Gaussian blur with a sigma from 0.1 to 2 pixels")
    solarization: Chance = key(None, "inversion of the pixels that are brighter than the middle")
    equalization: Chance = key(None, "equalisation of the histogram; RGB of 8 bits only")
    horizontal_flip: Chance = key(None, "horizontal mirroring")
    mix: Mix = key(None, "Random Crop and Mix; needs rrc.enabled: False", null=True)
    degrade: Degrade = key(None, "degradations of the view; RGB of 8 bits only", null=True)
    extra: list[dict[str, Any]] = key(
        [],
        "transforms of torchvision, kornia, albumentations or your own, as nodes with _target_",
        of="leoclr",
        wanted="a list of nodes with _target_",
    )
    mean: PerChannel = key(
        None,
        "mean of each channel, for a data set that leoclr has no mean for",
        wanted="a list of a number for each channel",
    )
    std: PerChannel = key(
        None,
        "standard deviation of each channel, for a data set that leoclr has none for",
        wanted="a list of a number for each channel",
    )
