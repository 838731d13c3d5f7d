"""Rules about images of other depths and channels than RGB of 8 bits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from leoclr_plugin.config.datasets import ARCHIVES
from leoclr_plugin.config.values import value_of

AUTO = "auto"
# solo-learn's decoder has the three channels of RGB.
_RGB_METHODS = ("mae",)


def channels_in(values: Mapping[str, Any]) -> int:
    """Return the number of channels of a configuration's images."""
    channels = value_of(values, "data.channels", AUTO)
    return 3 if channels == AUTO else channels


def reads_levels(values: Mapping[str, Any]) -> bool:
    """Whether a configuration's images are read otherwise than as RGB of 8 bits."""
    return any(value_of(values, key, AUTO) != AUTO for key in ("data.channels", "data.range"))


def levels_can_be_read(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with ``data.channels``, ``data.range`` and ``data.clip`` together."""
    span = value_of(values, "data.range", AUTO)
    if span != AUTO and not -math.inf < span[0] < span[1] < math.inf:
        yield f"data.range={_list(span)} must have two levels, the lower one first"
    if span == AUTO and value_of(values, "data.clip"):
        yield "data.clip=True needs to know the range: set data.range=[low,high]"
    if not reads_levels(values):
        return
    keys = "data.channels and data.range"
    if value_of(values, "data.format") == "dali":
        yield (
            f"data.format=dali reads RGB of 8 bits only: leave out {keys}, or use "
            "data.format=image_folder"
        )
    dataset = value_of(values, "data.dataset")
    if dataset in ARCHIVES:
        yield f"{dataset} is an archive of RGB images of 8 bits: leave out {keys}"


def normalisation_fits_channels(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield each list of means or standard deviations that has not one for each channel."""
    channels, given = channels_in(values), []
    for name in ("mean", "std"):
        given += [(f"data.{name}", value_of(values, f"data.{name}"))]
        given += [
            (f"augmentations[{i}].{name}", pipeline.get(name))
            for i, pipeline in enumerate(value_of(values, "augmentations", []))
        ]
    for key, numbers in given:
        if numbers is None:
            continue
        if len(numbers) != channels:
            yield f"{key}={_list(numbers)} must have a number for each of {channels} channels"
        if key.endswith("std") and not min(numbers) > 0:
            yield f"{key}={_list(numbers)} must have numbers above 0"
        if key == "data.mean" and not 0 <= min(numbers) <= max(numbers) <= 1:
            yield f"{key}={_list(numbers)} must have numbers from 0 to 1, the ends of the range"
    has = [value_of(values, f"data.{name}") is not None for name in ("mean", "std")]
    if any(has) and not all(has):
        yield "data.mean and data.std belong together: leoclr stats FOLDER gives both"


def augmentations_fit_channels(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the augmentations that need RGB, or RGB of 8 bits, and how to switch them off."""
    if not reads_levels(values):
        return
    channels = channels_in(values)
    of_colours, of_bytes = [], []
    for i, pipeline in enumerate(value_of(values, "augmentations", [])):
        jitter = pipeline["color_jitter"]
        if channels != 3:
            if jitter["prob"]:
                of_colours += [
                    f"augmentations.{i}.color_jitter.{name}=0"
                    for name in ("saturation", "hue")
                    if jitter[name]
                ]
            if pipeline["grayscale"]["prob"]:
                of_colours.append(f"augmentations.{i}.grayscale.prob=0")
        if pipeline["equalization"]["prob"]:
            of_bytes.append(f"augmentations.{i}.equalization.prob=0")
        if pipeline.get("extra"):
            of_bytes.append(f"augmentations.{i}.extra=[]")
        of_bytes += [
            f"augmentations.{i}.{name}=null"
            for name in ("mix", "degrade")
            if pipeline.get(name) is not None
        ]
    if of_colours:
        yield (
            f"saturation, hue and grey need RGB, and data.channels={channels}: "
            f"add {' '.join(of_colours)}"
        )
    if of_bytes:
        yield (
            "equalization, mix, degrade and extra need RGB of 8 bits without data.channels and "
            f"data.range: add {' '.join(of_bytes)}"
        )


def method_takes_channels(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the method if it takes RGB only."""
    method, channels = value_of(values, "method"), channels_in(values)
    if method in _RGB_METHODS and channels != 3:
        yield f"method={method} takes images of 3 channels, and data.channels={channels}"


def rand_augment_has_bytes(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield RandAugment, which changes RGB of 8 bits."""
    if value_of(values, "rand_augment.num_ops") and reads_levels(values):
        yield (
            "rand_augment needs RGB of 8 bits without data.channels and data.range: set "
            "rand_augment.num_ops=0"
        )


def _list(numbers: Sequence[float]) -> str:
    return f"[{','.join(f'{number:g}' for number in numbers)}]"
