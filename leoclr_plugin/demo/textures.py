"""Made pictures whose class is a texture; colour and brightness say nothing about the class."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = 32  # pixels
TRAIN_IMAGES = 1200
VAL_IMAGES = 500
_PERIOD = (5.0, 10.0)  # pixels after which a texture repeats
_TILT = 0.2  # radians either way
_BRIGHTNESS = (0.3, 0.7)  # of [0, 1]
_TINT = 0.4  # of each channel, either way
_CONTRAST = (0.12, 0.3)
_COLOURED_CONTRAST = 0.1  # of each channel, either way
_LIGHT = 0.3  # change of the light across the picture, either way
_NOISE = 0.04  # standard deviation

Texture = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _stripes(degrees: float, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    angle = np.deg2rad(degrees)
    return np.sin(np.cos(angle) * u + np.sin(angle) * v)


def _checks(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.sign(np.sin(u) * np.sin(v))


def _dots(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.where(np.cos(u) + np.cos(v) > 0.7, 1.0, -1.0)


def _waves(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.sin(u + 1.6 * np.sin(v))


def _rings(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.sin(2.2 * np.hypot(_within_a_period(u), _within_a_period(v)))


def _bricks(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    every_second_row = np.pi * (np.floor(v / np.pi) % 2)
    joints = (np.cos(2 * v) > 0.8) | (np.cos(u + every_second_row) > 0.85)
    return np.where(joints, 1.0, -1.0)


def _crosses(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    across, down = np.abs(_within_a_period(u)), np.abs(_within_a_period(v))
    arms = (np.minimum(across, down) < 0.55) & (np.maximum(across, down) < 2.2)
    return np.where(arms, 1.0, -1.0)


def _within_a_period(phase: np.ndarray) -> np.ndarray:
    return (phase + np.pi) % (2 * np.pi) - np.pi


# Each is a function of two phases in radians, along and across the tilt, to values in [-1, 1].
TEXTURES: dict[str, Texture] = {
    "stripes-0": partial(_stripes, 0),
    "stripes-45": partial(_stripes, 45),
    "stripes-90": partial(_stripes, 90),
    "stripes-135": partial(_stripes, 135),
    "checks": _checks,
    "dots": _dots,
    "waves": _waves,
    "rings": _rings,
    "bricks": _bricks,
    "crosses": _crosses,
}


def draw_texture(name: str, rng: np.random.Generator) -> Image.Image:
    """Draw one picture of a texture.

    Its period, tilt and place, its brightness, colours and contrast, which of its two parts is
    the lighter one, and a slope of the light are all drawn at random, the same for every texture.

    Args:
        name: one of ``TEXTURES``.
        rng: what draws.

    Returns:
        An RGB picture of 32x32 pixels.
    """
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    tilt = rng.uniform(-_TILT, _TILT)
    radians = 2 * np.pi * SIZE / rng.uniform(*_PERIOD)
    u = radians * (np.cos(tilt) * x + np.sin(tilt) * y) + rng.uniform(0, 2 * np.pi)
    v = radians * (np.cos(tilt) * y - np.sin(tilt) * x) + rng.uniform(0, 2 * np.pi)
    texture = TEXTURES[name](u, v) * rng.choice([-1, 1])

    colour = rng.uniform(*_BRIGHTNESS) + rng.uniform(-_TINT, _TINT, 3)
    contrast = rng.uniform(*_CONTRAST) + rng.uniform(-_COLOURED_CONTRAST, _COLOURED_CONTRAST, 3)
    across, down = rng.uniform(-_LIGHT, _LIGHT, 2)
    light = 1 + across * (x - 0.5) + down * (y - 0.5)
    pixels = (colour + contrast * texture[..., None]) * light[..., None]
    pixels = pixels + rng.normal(0, _NOISE, pixels.shape)
    return Image.fromarray((255 * pixels.clip(0, 1)).astype(np.uint8))


def write_textures(folder: Path, train_images: int = TRAIN_IMAGES, seed: int = 0) -> None:
    """Write ``folder/{train,val}/<texture>/<number>.png``, as many of each texture.

    Args:
        folder: where to; the pictures of an earlier call are replaced, and other files stay.
        train_images: training pictures of all textures together; there are always 500 of
            validation, the same ones whatever the number for training.
        seed: of all pictures. No picture of one seed is one of another's.
    """
    for split, (part, images) in enumerate({"train": train_images, "val": VAL_IMAGES}.items()):
        for label, name in enumerate(TEXTURES):
            rng = np.random.default_rng([seed, split, label])
            of_texture = folder / part / name
            of_texture.mkdir(parents=True, exist_ok=True)
            for earlier in of_texture.glob("[0-9][0-9][0-9].png"):
                earlier.unlink()
            for number in range(images // len(TEXTURES)):
                draw_texture(name, rng).save(of_texture / f"{number:03}.png")
