import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from leoclr_plugin.demo.digits import write_digits


def test_all_digits_are_written_once_each_in_its_class(tmp_path):
    write_digits(tmp_path)
    digits = load_digits()
    counts = {
        split: {d.name: len(list(d.iterdir())) for d in (tmp_path / split).iterdir()}
        for split in ("train", "val")
    }
    for digit in range(10):
        total = counts["train"][str(digit)] + counts["val"][str(digit)]
        assert total == (digits.target == digit).sum()
    assert sum(counts["val"].values()) == 360


def test_pixels_are_the_digits(tmp_path):
    write_digits(tmp_path, train_images=50)
    assert len(list((tmp_path / "train").rglob("*.png"))) == 50
    path = next((tmp_path / "train" / "7").iterdir())
    image = Image.open(path)
    assert (image.mode, image.size) == ("RGB", (16, 16))
    small = np.asarray(image.convert("L").resize((8, 8), Image.Resampling.BOX)) / (255 / 16)
    sevens = load_digits().images[load_digits().target == 7]
    others = load_digits().images[load_digits().target != 7]
    assert abs(sevens - small).mean((1, 2)).min() < 1.0 < abs(others - small).mean((1, 2)).min()
