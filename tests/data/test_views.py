import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image, ImageFilter, ImageOps
from torchvision.transforms import RandomResizedCrop

from leoclr_plugin.data.views import (
    Views,
    appearance,
    build_view,
)
from tests.configs import pipeline

SHAPES = [(64, 64), (50, 200), (200, 50), (33, 97), (480, 31), (1, 40), (700, 500)]
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}


def node(*args, **kwargs):
    # With ImageNet's mean and deviation the colours would be hard to recognise.
    plain = {"mean": [0, 0, 0], "std": [1, 1, 1]}
    return OmegaConf.create({**pipeline(*args, **kwargs), **plain})


def marked(height: int, width: int, share: int = 4) -> Image.Image:
    """Return a black image with a coloured mark in each corner, 1/share of each side long."""
    pixels = np.zeros((height, width, 3), np.uint8)
    h, w = max(1, height // share), max(1, width // share)
    pixels[:h, :w], pixels[:h, -w:] = COLOURS["red"], COLOURS["green"]
    pixels[-h:, :w], pixels[-h:, -w:] = COLOURS["blue"], COLOURS["white"]
    return Image.fromarray(pixels)


def corners(view: torch.Tensor) -> list[tuple[int, int, int]]:
    places = [(0, 0), (0, -1), (-1, 0), (-1, -1)]
    return [tuple((view[:, y, x] > 0.5).int().mul(255).tolist()) for y, x in places]


@pytest.mark.parametrize(("height", "width"), [s for s in SHAPES if min(s) > 1])
@pytest.mark.parametrize("size", [[32, 32], [24, 48]])
def test_original_keeps_all_four_corners_at_the_exact_size(height, width, size):
    view = build_view(node(size, crop=False), "custom")(marked(height, width))
    assert tuple(view.shape) == (3, *size)
    assert corners(view) == list(COLOURS.values())


@pytest.mark.parametrize(("height", "width"), SHAPES)
def test_original_of_any_aspect_ratio_fits_the_batch(height, width):
    view = build_view(node([32, 32], crop=False), "custom")(marked(height, width))
    assert tuple(view.shape) == (3, 32, 32)


def test_crops_lose_corners():
    torch.manual_seed(0)
    crop = build_view(node(32), "custom")
    kept = [corners(crop(marked(96, 96, share=24))) == list(COLOURS.values()) for _ in range(50)]
    assert sum(kept) < 5


def test_crops_cover_the_areas_of_their_scale():
    # The red channel rises from 0 to 1 in x and the green one in y, so the range of a crop's
    # channels tells which part of the image it shows.
    torch.manual_seed(0)
    ramp = np.linspace(0, 255, 400).astype(np.uint8)
    pixels = np.stack([np.tile(ramp, (400, 1)), np.tile(ramp[:, None], (1, 400))], axis=-1)
    image = Image.fromarray(np.concatenate([pixels, np.zeros((400, 400, 1), np.uint8)], axis=-1))
    crop = build_view(node(64), "custom")
    areas = []
    for _ in range(300):
        x, y = crop(image)[:2]
        areas.append(((x.max() - x.min()) * (y.max() - y.min())).item())
    assert min(areas) > 0.17
    assert max(areas) > 0.9
    # The areas are uniform over [0.2, 1], except that some large ones do not fit at their aspect
    # ratio.
    assert np.mean(areas) == pytest.approx(0.55, abs=0.05)


def noise(height: int, width: int) -> Image.Image:
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))


def pixels_of(view: torch.Tensor) -> np.ndarray:
    return view.mul(255).round().byte().permute(1, 2, 0).numpy()


def test_crops_and_originals_are_resized_bicubically(monkeypatch):
    image = noise(90, 120)
    original = build_view(node([24, 48], crop=False), "custom")(image)
    assert (pixels_of(original) == image.resize((48, 24), Image.Resampling.BICUBIC)).all()
    monkeypatch.setattr(RandomResizedCrop, "get_params", lambda *_: (10, 20, 50, 60))
    crop = build_view(node(32), "custom")(image)
    expected = image.crop((20, 10, 80, 60)).resize((32, 32), Image.Resampling.BICUBIC)
    assert (pixels_of(crop) == expected).all()


@pytest.mark.parametrize(
    ("name", "pil"),
    [
        ("grayscale", lambda image: image.convert("L").convert("RGB")),
        ("solarization", ImageOps.solarize),
        ("equalization", ImageOps.equalize),
        ("horizontal_flip", ImageOps.mirror),
    ],
)
def test_changes_of_appearance_equal_those_of_pil(name, pil):
    image = noise(32, 32)
    view = build_view(node([32, 32], crop=False, **{name: 1.0}), "custom")(image)
    assert (pixels_of(view) == pil(image)).all()


def test_the_sigma_of_the_blur_is_uniform_from_a_tenth_to_two(monkeypatch):
    def record(radius: float) -> ImageFilter.Filter:
        sigmas.append(radius)
        return blur(radius)

    torch.manual_seed(0)
    sigmas, blur = [], ImageFilter.GaussianBlur
    monkeypatch.setattr(ImageFilter, "GaussianBlur", record)
    view = build_view(node([8, 8], crop=False, gaussian_blur=1.0), "custom")
    first = pixels_of(view(noise(8, 8)))
    assert (first == noise(8, 8).filter(blur(sigmas[0]))).all()
    for _ in range(1999):
        view(noise(8, 8))
    counts, _ = np.histogram(sigmas, bins=4, range=(0.1, 2.0))
    assert counts.sum() == len(sigmas) == 2000
    assert counts / 2000 == pytest.approx(np.full(4, 0.25), abs=0.04)


def test_jitter_uses_each_strength_for_its_own_property():
    jittered = node([8, 8], crop=False, color_jitter=1.0)
    strengths = {"brightness": 0.1, "contrast": 0.2, "saturation": 0.3, "hue": 0.05}
    jittered.color_jitter.update(strengths)
    (step,) = appearance(jittered)
    (jitter,) = step.transforms
    for name, strength in strengths.items():
        middle = 0 if name == "hue" else 1
        assert getattr(jitter, name) == pytest.approx((middle - strength, middle + strength))


def test_views_are_the_crops_and_then_the_original():
    torch.manual_seed(0)
    nodes = OmegaConf.create([node(32, 2), node([32, 32], crop=False)])
    x1, x2, x = Views(nodes, "custom")(marked(96, 64))
    assert corners(x) == list(COLOURS.values())
    assert corners(x1) != list(COLOURS.values())
    assert not torch.equal(x1, x2)


@pytest.mark.parametrize(
    "probs",
    [{"horizontal_flip": 0.5}, {"grayscale": 0.5}, {"solarization": 0.5}, {"gaussian_blur": 0.5}],
)
def test_each_view_draws_its_appearance_independently(probs):
    # Each of the three views must be changed independently and with probability 0.5.
    torch.manual_seed(0)
    image = noise(32, 32)
    plain = build_view(node([32, 32], crop=False), "custom")(image)
    transform = Views(OmegaConf.create([node([32, 32], 3, crop=False, **probs)]), "custom")
    drawn = np.array(
        [[not torch.equal(view, plain) for view in transform(image)] for _ in range(400)]
    )
    assert np.all(np.abs(drawn.mean(axis=0) - 0.5) < 0.1)
    correlations = np.corrcoef(drawn.T)[np.triu_indices(3, 1)]
    assert np.all(np.abs(correlations) < 0.2)


def test_jitter_differs_between_views():
    torch.manual_seed(0)
    transform = Views(OmegaConf.create([node([8, 8], 3, crop=False, color_jitter=1.0)]), "custom")
    image = Image.new("RGB", (8, 8), (120, 60, 30))
    colours = {tuple(view.mean((1, 2)).tolist()) for view in transform(image)}
    assert len(colours) == 3


@pytest.mark.parametrize("prob", [0.0, 0.2, 1.0])
def test_changes_are_made_with_their_probability(prob):
    torch.manual_seed(0)
    transform = build_view(node([4, 4], crop=False, grayscale=prob), "custom")
    image = Image.new("RGB", (4, 4), (200, 10, 10))
    views_ = [transform(image) for _ in range(500)]
    grey = np.mean([torch.equal(v[0], v[1]) for v in views_])
    assert grey == pytest.approx(prob, abs=0.06)


def test_the_data_set_determines_the_normalisation():
    image = Image.new("RGB", (4, 4), (255, 255, 255))
    view = build_view(OmegaConf.create(pipeline([4, 4], crop=False)), "imagenette")(image)
    assert view[:, 0, 0].tolist() == pytest.approx([2.2489, 2.4286, 2.64], abs=1e-3)
    view = build_view(OmegaConf.create(pipeline([4, 4], crop=False)), "cifar10")(image)
    assert view[0, 0, 0].item() == pytest.approx((1 - 0.4914) / 0.2470, abs=1e-4)
