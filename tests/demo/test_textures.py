from collections import defaultdict

import numpy as np
import pytest
from PIL import Image

from leoclr_plugin.demo.textures import SIZE, TEXTURES, draw_texture, write_textures


def pixels(name: str, seed: int) -> np.ndarray:
    return np.asarray(draw_texture(name, np.random.default_rng(seed)), dtype=float) / 255


def test_every_texture_has_its_share_and_no_picture_is_there_twice(tmp_path):
    write_textures(tmp_path, train_images=100)
    seen = set()
    for split, share in (("train", 10), ("val", 50)):
        assert {path.name for path in (tmp_path / split).iterdir()} == set(TEXTURES)
        for name in TEXTURES:
            paths = list((tmp_path / split / name).iterdir())
            assert len(paths) == share
            images = [Image.open(path) for path in paths]
            assert {(image.mode, image.size) for image in images} == {("RGB", (SIZE, SIZE))}
            seen |= {image.tobytes() for image in images}
    assert len(seen) == 10 * (10 + 50)


def test_pictures_are_a_function_of_the_seed_alone(tmp_path):
    contents = defaultdict(dict)
    for run, train_images, seed in (("a", 100, 0), ("b", 50, 0), ("c", 50, 1)):
        write_textures(tmp_path / run, train_images, seed)
        for path in (tmp_path / run).rglob("*.png"):
            contents[run][path.relative_to(tmp_path / run)] = path.read_bytes()
    # Fewer training pictures are the first ones of each texture, and the same ones to validate on.
    assert contents["b"].items() < contents["a"].items()
    assert not set(contents["c"].values()) & set(contents["b"].values())


@pytest.mark.parametrize("name", TEXTURES)
def test_values_of_a_texture_are_in_its_range_and_repeat_with_its_period(name):
    # Half a pixel beside the places where a texture jumps from one value to the other.
    v, u = (np.mgrid[:80, :80] + 0.5) * (2 * np.pi / 20)
    drawn = TEXTURES[name](u, v)
    assert np.abs(drawn).max() == pytest.approx(1, abs=0.03)
    if name not in ("stripes-45", "stripes-135"):
        np.testing.assert_allclose(drawn[:40, :40], drawn[40:, 40:], atol=1e-9)


@pytest.mark.parametrize("angle", [0, 45, 90, 135])
def test_stripes_change_along_their_direction(angle):
    """The strongest wave of the picture's spectrum has the direction of the name."""
    for seed in range(5):
        grey = pixels(f"stripes-{angle}", seed).mean(axis=2)
        window = np.hanning(SIZE)
        spectrum = np.abs(np.fft.fft2((grey - grey.mean()) * np.outer(window, window)))
        frequencies = np.fft.fftfreq(SIZE)
        row, column = np.unravel_index(spectrum.argmax(), spectrum.shape)
        found = np.degrees(np.arctan2(frequencies[row], frequencies[column]))
        assert abs((found - angle + 90) % 180 - 90) < 20


def test_colour_and_brightness_say_nothing_about_the_texture():
    """The mean colours of the classes differ less than their error of the mean lets them."""
    colours = np.array(
        [[pixels(name, seed).mean((0, 1)) for seed in range(80)] for name in TEXTURES]
    )
    spread = colours.std(axis=1).mean(axis=0)
    assert (spread > 0.15).all()
    error = spread / np.sqrt(80)
    assert (colours.mean(axis=1).std(axis=0) < 2 * error).all()


def test_earlier_pictures_are_replaced_and_other_files_stay(tmp_path):
    own = tmp_path / "wood" / "mine.png"
    beside = tmp_path / "train" / "dots" / "photo.png"
    for path in (own, beside):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"precious")
    write_textures(tmp_path, 40)
    write_textures(tmp_path, 20)
    assert own.read_bytes() == beside.read_bytes() == b"precious"
    assert len(list((tmp_path / "train").rglob("[0-9]*.png"))) == 20
