"""Views of every loader are compared to PIL and torchvision, one augmentation at a time.

The bounds are mean absolute differences in levels of 255. If both round the same value to 8 bits,
they may differ by one level, so the bound is 1. A comment explains each wider bound.
"""

import numpy as np
import pytest
import torch
import torchvision.transforms.functional as TF
from matplotlib.colors import rgb_to_hsv
from omegaconf import OmegaConf
from PIL import Image, ImageFilter, ImageOps
from torchvision.transforms import InterpolationMode, RandomResizedCrop

from leoclr_plugin.data.color import channel_maps
from leoclr_plugin.data.draws import ATTEMPTS, Drawn, draw, sample_numbers
from leoclr_plugin.data.images import open_rgb
from leoclr_plugin.data.views import View, val_view
from leoclr_plugin.zoo.transform import val_transform
from tests.configs import pipeline
from tests.data.makers import MAKERS
from tests.data.test_views import SHAPES, corners, marked

RAW = ((0.0, 0.0, 0.0), (1 / 255,) * 3)  # This normalisation leaves the values at 0 to 255.


def picture(seed: int, height: int = 90, width: int = 120) -> Image.Image:
    """Make smooth coloured blobs; as in a photograph, most energy is in low frequencies."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    fine = rng.normal(0, 6, (height, width, 3))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), dtype=float)
    return Image.fromarray((smooth + fine).clip(0, 255).astype(np.uint8))


@pytest.fixture(params=MAKERS)
def make(request):
    """Every way to make a view; a test that takes it runs once for each."""
    if request.param.startswith("dali"):
        pytest.importorskip("nvidia.dali")
    return MAKERS[request.param]


def run(make, paths, view: View, **drawn) -> np.ndarray:
    """Return the views ``[n, H, W, 3]`` of the files; all images have these draws."""
    return make(
        paths, view, {name: np.stack([value] * len(paths)) for name, value in drawn.items()}
    )


def node(crop: bool = False, **probs):
    return OmegaConf.create(pipeline([48, 64], crop=crop, **probs))


def difference(got: np.ndarray, expected) -> float:
    expected = np.stack([np.asarray(image, dtype=float) for image in expected])
    return float(np.abs(got - expected).mean())


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    root = tmp_path_factory.mktemp("pictures")
    paths = tuple(root / f"{seed}.png" for seed in range(4))
    images = tuple(picture(seed) for seed in range(4))
    for path, image in zip(paths, images, strict=True):
        image.save(path)
    # Appearance augmentations are compared on images of the view's size, so nothing is resized.
    small = [image.resize((64, 48), Image.Resampling.BICUBIC) for image in images]
    for number, image in enumerate(small):
        image.save(root / f"small{number}.png")
    return {
        "paths": paths,
        "images": images,
        "small_paths": [root / f"small{number}.png" for number in range(4)],
        "small": small,
    }


def appearance(make, pictures, pil, view_node, **drawn) -> float:
    """Return the difference of the views from those that ``pil`` makes."""
    got = run(make, pictures["small_paths"], View(view_node, (48, 64), RAW), **drawn)
    return difference(got, [pil(image) for image in pictures["small"]])


def f32(value: float) -> np.float32:
    return np.float32(value)


def jitter(brightness=1.0, contrast=1.0, saturation=1.0, hue=0.0) -> Drawn:
    """Return the draws of a jitter of one image; the defaults change nothing."""
    factors = {"brightness": brightness, "contrast": contrast, "saturation": saturation, "hue": hue}
    (maps,), (greys,) = channel_maps(**{name: [value] for name, value in factors.items()})
    return {"colored": np.True_, "maps": maps, "greys": greys}


def test_resize_is_bicubic_with_antialiasing(make, pictures):
    got = run(make, pictures["paths"], View(node(), (48, 64), RAW))
    bicubic, bilinear = (
        [image.resize((64, 48), interpolation) for image in pictures["images"]]
        for interpolation in (Image.Resampling.BICUBIC, Image.Resampling.BILINEAR)
    )
    # PIL and DALI have the same cubic (with the coefficient -0.5). Both round to 8 bits, PIL twice.
    assert difference(got, bicubic) < 1
    # Bicubic and bilinear differ by less than the bound, which alone could not tell them apart.
    assert difference(got, bicubic) < difference(got, bilinear) / 2


def test_crop_is_the_rectangle_that_was_drawn(make, pictures):
    place = np.array([0.25, 0.75], np.float32)
    drawn = {
        "area": np.full(ATTEMPTS, 0.3, np.float32),
        "ratio": np.full(ATTEMPTS, 1.2, np.float32),
        "place": place,
    }
    got = run(make, pictures["paths"], View(node(crop=True), (48, 64), RAW), **drawn)
    height, width = round((0.3 * 90 * 120 / 1.2) ** 0.5), round((0.3 * 90 * 120 * 1.2) ** 0.5)
    top, left = int(0.25 * (90 - height + 1)), int(0.75 * (120 - width + 1))
    box = (left, top, left + width, top + height)
    expected = [
        image.crop(box).resize((64, 48), Image.Resampling.BICUBIC) for image in pictures["images"]
    ]
    # At the edge of the crop DALI still uses the pixels outside of it, so the difference there is
    # more than rounding.
    assert difference(got, expected) < 1.5


@pytest.mark.parametrize("size", [(120, 160), (40, 400), (300, 30)])
def test_crops_have_torchvisions_distribution(make, tmp_path, size):
    # The image is a ramp from left to right and another from top to bottom. The means over a crop
    # tell where it is, and the deviations tell how large it is. The long images need the fallback
    # to the centre.
    height, width = size
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.linspace(0, 250, width).astype(np.uint8)
    pixels[..., 1] = np.linspace(0, 250, height).astype(np.uint8)[:, None]
    ramp = Image.fromarray(pixels)
    path = tmp_path / "ramp.png"
    ramp.save(path)
    n, view = 600, View(OmegaConf.create(pipeline([16, 16])), (16, 16), RAW)
    arrays = draw(view.node, sample_numbers([0], np.arange(n)))
    got = make([path] * n, view, arrays)

    torch.manual_seed(0)
    crop = RandomResizedCrop(16, scale=(0.2, 1.0), interpolation=InterpolationMode.BICUBIC)
    expected = np.stack([np.asarray(crop(ramp), dtype=float) for _ in range(n)])
    for channel in (0, 1):
        for measure in (np.mean, np.std):
            a = measure(got[..., channel], axis=(1, 2))
            b = measure(expected[..., channel], axis=(1, 2))
            # The quantiles of two samples of 600 differ by about a twentieth of the deviation.
            for quantile in (0.1, 0.25, 0.5, 0.75, 0.9):
                bound = 0.2 * b.std() + 2
                assert abs(np.quantile(a, quantile) - np.quantile(b, quantile)) < bound


@pytest.mark.parametrize("factor", [0.6, 1.4])
def test_brightness(make, pictures, factor):
    def pil(image):
        return TF.adjust_brightness(image, factor)

    assert appearance(make, pictures, pil, node(color_jitter=1), **jitter(brightness=factor)) < 1


@pytest.mark.parametrize("factor", [0.6, 1.4])
def test_contrast_is_about_the_mean_grey(make, pictures, factor):
    def pil(image):
        return TF.adjust_contrast(image, factor)

    assert appearance(make, pictures, pil, node(color_jitter=1), **jitter(contrast=factor)) < 1


@pytest.mark.parametrize("factor", [0.0, 0.6, 1.4])
def test_saturation(make, pictures, factor):
    def pil(image):
        return TF.adjust_saturation(image, factor)

    assert appearance(make, pictures, pil, node(color_jitter=1), **jitter(saturation=factor)) < 1


@pytest.mark.parametrize("hue", [-0.1, 0.05, 0.1])
def test_hue_turns_by_the_drawn_angle_and_keeps_the_luma(make, tmp_path, hue):
    # PIL turns the H of HSV, which changes how light a colour is. DALI turns the chroma of YIQ,
    # whose angles only agree with those of HSV on average. So the bound on the pixels is wide, even
    # for colours as pale as most of a photograph's, and the mean angle is compared instead.
    pale = [TF.adjust_saturation(picture(seed, 48, 64), 0.3) for seed in range(4)]
    paths = [tmp_path / f"{number}.png" for number in range(4)]
    for path, image in zip(paths, pale, strict=True):
        image.save(path)
    before = np.stack([np.asarray(image) / 255 for image in pale])
    after = (
        run(make, paths, View(node(color_jitter=1), (48, 64), RAW), **jitter(hue=360 * hue)) / 255
    )

    coloured = rgb_to_hsv(before)[..., 1] > 0.15
    turned = rgb_to_hsv(after.clip(0, 1))[..., 0] - rgb_to_hsv(before)[..., 0]
    turned = (turned[coloured] + 0.5) % 1 - 0.5
    assert 360 * turned.mean() == pytest.approx(360 * hue, abs=4)
    assert np.abs((after - before) @ (0.299, 0.587, 0.114)).mean() < 1 / 255
    assert difference(255 * after, [TF.adjust_hue(image, hue) for image in pale]) < 8


def test_grey(make, pictures):
    drawn = jitter(saturation=0.0)
    assert (
        appearance(make, pictures, lambda i: TF.to_grayscale(i, 3), node(grayscale=1), **drawn) < 1
    )


@pytest.mark.parametrize("sigma", [0.1, 0.5, 1.0, 2.0])
def test_blur(make, pictures, sigma):
    window = np.int32(2 * np.ceil(2 * sigma) + 1)
    drawn = {"blurred": np.True_, "sigma": f32(sigma), "window": window}

    def pil(image):
        return image.filter(ImageFilter.GaussianBlur(sigma))

    # The bound is wider because PIL approximates the Gaussian by three box filters.
    assert appearance(make, pictures, pil, node(gaussian_blur=1), **drawn) < 1.5


def test_an_image_that_is_not_coloured_and_not_blurred_is_left_alone(make, pictures):
    drawn = {
        **jitter(brightness=1.4, contrast=0.6, hue=30.0),
        "colored": np.False_,
        "blurred": np.False_,
        "sigma": f32(1.5),
        "window": np.int32(7),
    }
    both = node(color_jitter=1, gaussian_blur=1)
    assert appearance(make, pictures, lambda image: image, both, **drawn) == 0


def test_only_the_images_that_were_drawn_are_changed(make, pictures):
    # The images that are changed are computed apart, and must return to their own places.
    flags = np.array([True, False, False, True])
    view = View(node(solarization=1), (48, 64), RAW)
    got = make(pictures["small_paths"], view, {"solarized": flags})
    expected = [
        ImageOps.solarize(image) if flag else image
        for image, flag in zip(pictures["small"], flags, strict=True)
    ]
    assert difference(got, expected) == 0


@pytest.mark.parametrize(
    ("flag", "pil"), [(1, ImageOps.solarize), (0, lambda image: image)], ids=["on", "off"]
)
def test_solarize(make, pictures, flag, pil):
    assert appearance(make, pictures, pil, node(solarization=1), solarized=np.bool_(flag)) == 0


@pytest.mark.parametrize(
    ("flag", "pil"), [(1, ImageOps.mirror), (0, lambda image: image)], ids=["on", "off"]
)
def test_flip_is_from_left_to_right(make, pictures, flag, pil):
    assert appearance(make, pictures, pil, node(horizontal_flip=1), mirror=np.bool_(flag)) == 0


def test_normalisation(make, pictures):
    mean_and_std = ((0.5, 0.4, 0.3), (0.2, 0.25, 0.3))
    got = run(make, pictures["small_paths"], View(node(), (48, 64), mean_and_std))
    pixels = np.stack([np.asarray(image) / 255 for image in pictures["small"]])
    expected = (pixels - mean_and_std[0]) / mean_and_std[1]
    assert np.abs(got - expected).max() < 1e-5


@pytest.mark.parametrize(("height", "width"), [s for s in SHAPES if min(s) > 1])
def test_original_keeps_all_four_corners(make, tmp_path, height, width):
    path = tmp_path / "marked.png"
    image = marked(height, width)
    image.save(path)
    (got,) = run(make, [path], View(node(), (32, 32), ((0.0,) * 3, (1.0,) * 3)))
    expected = image.resize((32, 32), Image.Resampling.BICUBIC)
    as_tensor = TF.to_tensor(expected)
    assert corners(torch.from_numpy(got).permute(2, 0, 1)) == corners(as_tensor)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 40), (40, 1), (20, 2000)])
@pytest.mark.parametrize("crop", [True, False])
def test_tiny_and_very_wide_images_have_all_views(make, tmp_path, height, width, crop):
    path = tmp_path / "odd.png"
    Image.new("RGB", (width, height), (200, 100, 50)).save(path)
    drawn = {
        "area": np.full(ATTEMPTS, 0.5, np.float32),
        "ratio": np.full(ATTEMPTS, 1.3, np.float32),
        "place": np.array([0.5, 0.5], np.float32),
    }
    (got,) = run(make, [path], View(node(crop=crop), (32, 32), RAW), **(drawn if crop else {}))
    assert got.shape == (32, 32, 3)
    assert np.abs(got - [200, 100, 50]).max() <= 1


def photograph(mode: str) -> Image.Image:
    image = picture(11, 80, 112)
    if mode == "I;16":
        return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    return image.convert(mode)


@pytest.mark.parametrize(
    ("name", "mode", "options"),
    [
        ("plain.jpg", "RGB", {"quality": 95}),
        ("progressive.jpg", "RGB", {"quality": 95, "progressive": True}),
        ("grey.jpg", "L", {"quality": 95}),
        ("cmyk.jpg", "CMYK", {"quality": 95}),
        ("plain.png", "RGB", {}),
        ("grey.png", "L", {}),
        ("palette.png", "P", {}),
        ("alpha.png", "RGBA", {}),
        ("grey16.png", "I;16", {}),
    ],
)
def test_all_kinds_of_files_are_decoded_as_pil_decodes_them(make, tmp_path, name, mode, options):
    path = tmp_path / name
    photograph(mode).save(path, **options)
    got = run(make, [path], View(node(), (80, 112), RAW))
    # Decoders may differ by some levels, because they interpolate the colours differently.
    assert difference(got, [open_rgb(path)]) < 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_ignored_as_in_the_torchvision_path(make, tmp_path, orientation):
    path = tmp_path / "rotated.jpg"
    exif = Image.Exif()
    exif[0x0112] = orientation
    photograph("RGB").save(path, quality=95, exif=exif)
    got = run(make, [path], View(node(), (80, 112), RAW))
    assert difference(got, [open_rgb(path)]) < 3


def test_validation_view_is_torchvisions(make, tmp_path):
    # The margins are even. With an odd margin both neighbours of the centre would be right.
    image, path, size = picture(3, 96, 120), tmp_path / "even.png", (56, 56)
    image.save(path)
    (got,) = run(make, [path], val_view("custom", size))
    expected = val_transform("custom", size)(image).numpy().transpose(1, 2, 0)
    # A level is about 1/58 in the normalised image. The bound is below the possible rounding,
    # because here bicubic and bilinear only differ by 0.75 levels.
    assert np.abs(got - expected).mean() < 0.5 / 58
