"""Test the names of classes that pictures show."""

import pytest
from omegaconf import OmegaConf

from leoclr_plugin.data.class_titles import class_titles, titles_of


@pytest.mark.parametrize(
    ("folders", "titles"),
    [
        (["cat", "dog"], ("cat", "dog")),
        (["n01440764", "n03888257"], ("tench", "parachute")),
        # Both are cranes: a bird and a machine.
        (
            ["n02012849", "n03126707", "n01440764"],
            ("crane (n02012849)", "crane (n03126707)", "tench"),
        ),
        (["n01440764", "cat"], ("n01440764", "cat")),
        (["n99999999"], ("n99999999",)),
        ([], ()),
    ],
)
def test_numbers_of_wordnet_become_words(folders, titles):
    assert titles_of(folders) == titles


def test_titles_are_in_the_order_of_the_targets(image_folder, tmp_path):
    data = {"dataset": "custom", "train_path": f"{image_folder}/train", "val_path": "nowhere"}
    titles = class_titles(OmegaConf.create(data))
    assert titles == ("class0", "class1", "class2", "class3", "class4")
    (tmp_path / "labels.csv").write_text("image,zebra,ant\na.png,1,0\n")
    labelled = OmegaConf.create({**data, "labels": str(tmp_path / "labels.csv")})
    assert class_titles(labelled) == ("zebra", "ant")
