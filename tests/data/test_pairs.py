"""Test which images the views of a training with pairs show."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from leoclr_plugin.commands.main import main
from leoclr_plugin.data.datasets import build_dataset, build_pretrain_dataset
from leoclr_plugin.data.held_out import hold_out
from leoclr_plugin.data.loaders import pretrain_loader
from leoclr_plugin.data.pairs.build import build_pairing, with_partners_listed
from leoclr_plugin.data.pairs.partners import Partners
from leoclr_plugin.data.pairs.places import place_pairs
from leoclr_plugin.data.pairs.suffixes import partners_by_suffix
from leoclr_plugin.data.pairs.table import read_pairs, write_pairs
from leoclr_plugin.data.sampler import sampler_of
from leoclr_plugin.errors import UserError
from leoclr_plugin.system.files import open_text
from tests.configs import pipeline, views
from tests.data.folders import folder_cfg
from tests.hostile import NAMES

IMAGES = 16


def paint(folder, level: int, name: str) -> None:
    """Write an image of one grey level, by which its views can be told."""
    Image.new("RGB", (40, 40), (level, level, level)).save(folder / name)


@pytest.fixture
def folder(tmp_path):
    """16 images with the levels 0, 10, ..., 150, and two that are only partners."""
    folder = tmp_path / "images" / "a"
    folder.mkdir(parents=True)
    for number in range(IMAGES):
        paint(folder, 10 * number, f"{number:02}.png")
    (tmp_path / "more").mkdir()
    for number in (16, 17):
        paint(tmp_path / "more", 10 * number, f"{number}.png")
    return tmp_path


def write(path, rows, header=("image", "partner")) -> str:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return str(path)


def name(number: int, root=None) -> str:
    return str(root / "more" / f"{number}.png") if number >= IMAGES else f"a/{number:02}.png"


def cfg_of(folder, pairs, method="leoclr", form="image_folder", **changes):
    nodes = views(method) if method == "leoclr" else [pipeline(32, 2)]
    if pairs:
        changes["data__pairs"] = pairs
    return folder_cfg(folder / "images", nodes, form, method, seed=7, **changes)


def shown(cfg, epoch=0, first=0) -> dict[int, list[int]]:
    """Return for each image the number of the image that each of its views shows."""
    loader = pretrain_loader(cfg)
    sampler = sampler_of(loader)
    sampler.set_epoch(epoch)
    sampler.skipped = first
    seen = {}
    for indexes, batch_views, *_ in loader:
        numbers = [(25.5 * view.mean(dim=(1, 2, 3))).round().int() for view in batch_views]
        for i, index in enumerate(indexes.tolist()):
            seen[index] = [int(view[i]) for view in numbers]
    return seen


@pytest.mark.parametrize("form", ["image_folder", "dali"])
@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("second", lambda own, other: [own, other, own]),
        ("both", lambda own, other: [other, other, own]),
        ("originals", lambda own, other: [own, own, own, other]),
    ],
)
def test_views_show_the_image_or_its_partner(folder, where, expected, form):
    if form == "dali":
        pytest.importorskip("nvidia.dali")
    partner = {i: i + 1 if i != 15 else 17 for i in range(0, IMAGES, 2)} | {1: 16, 15: 17}
    rows = [(name(i), name(j, folder)) for i, j in partner.items()]
    pairs = {"file": write(folder / "pairs.csv", rows), "where": where}
    seen = shown(cfg_of(folder, pairs, form=form))
    assert len(seen) == IMAGES
    for own, numbers in seen.items():
        assert numbers == expected(own, partner.get(own, own))


def test_a_method_of_two_views_sees_the_partner_second(folder):
    pairs = write(folder / "pairs.csv", [(name(i), name((i + 3) % 16)) for i in range(IMAGES)])
    seen = shown(cfg_of(folder, pairs, "mocov2plus", method_kwargs__queue_size=64))
    assert seen == {i: [i, (i + 3) % 16] for i in range(IMAGES)}


@pytest.mark.parametrize("form", ["image_folder", "dali"])
def test_with_probability_0_the_views_are_those_without_pairs(folder, form):
    if form == "dali":
        pytest.importorskip("nvidia.dali")
    rows = [(name(i), name((i + 3) % 16)) for i in range(IMAGES)]
    pairs = {"file": write(folder / "pairs.csv", rows), "probability": 0}
    with_pairs, without = (
        list(pretrain_loader(cfg_of(folder, node, form=form))) for node in (pairs, None)
    )
    for one, other in zip(with_pairs, without, strict=True):
        assert torch.equal(one[0], other[0])
        assert all(torch.equal(*pair) for pair in zip(one[1], other[1], strict=True))


def test_the_share_of_paired_images_and_the_draws_among_partners():
    count, epochs = 400, 30
    first = 3 * np.arange(count + 1)
    partners = np.arange(3 * count) + count
    shares = np.tile([0.5, 0.3, 0.2], count)
    drawn = [
        Partners(first, partners, shares, 0.4).draw(5, epoch, np.arange(count))
        for epoch in range(epochs)
    ]
    assert all((own == np.arange(count)).all() for own, _, _ in drawn)
    other = np.concatenate([partner for _, partner, _ in drawn])
    paired = other >= count
    # These are four standard deviations of the shares.
    assert paired.mean() == pytest.approx(0.4, abs=4 * (0.24 / other.size) ** 0.5)
    kinds = np.bincount((other[paired] - count) % 3) / paired.sum()
    assert kinds == pytest.approx([0.5, 0.3, 0.2], abs=4 * (0.25 / paired.sum()) ** 0.5)
    # A batch of other images changes nothing.
    (_, some, _) = Partners(first, partners, shares, 0.4).draw(5, 3, np.array([77, 5, 390]))
    assert some.tolist() == drawn[3][1][[77, 5, 390]].tolist()


def test_the_matched_control_shows_the_same_images_as_often_but_never_paired(folder):
    rows = [(name(i), name(i + 8)) for i in range(8)]
    pairs = {"file": write(folder / "pairs.csv", rows), "control": True, "where": "both"}
    cfg = cfg_of(folder, pairs)
    counts = np.zeros(IMAGES)
    epochs = 60
    for epoch in range(epochs):
        for own, numbers in shown(cfg, epoch).items():
            assert len(set(numbers)) == 1
            if own < 8:
                counts[numbers[0]] += 1
    # Two of three views show the partner, as in the experiment.
    share = counts[8:].sum() / (8 * epochs)
    assert share == pytest.approx(2 / 3, abs=4 * (2 / 9 / (8 * epochs)) ** 0.5)


def test_a_resumed_epoch_goes_on_with_the_same_pairs(folder):
    rows = [(name(i), name((i + k) % 16)) for i in range(IMAGES) for k in (1, 2, 3)]
    pairs = {"file": write(folder / "pairs.csv", rows), "probability": 0.5}
    whole, rest = shown(cfg_of(folder, pairs), 2), shown(cfg_of(folder, pairs), 2, first=2)
    assert len(rest) == 8
    assert all(whole[index] == numbers for index, numbers in rest.items())
    assert shown(cfg_of(folder, pairs), 3) != whole


def test_suffixes_make_partners_that_are_no_originals(folder, capsys):
    for number, suffix in ((0, "_sc_cf"), (1, "_s3"), (1, "_s12"), (2, "_other")):
        paint(folder / "images" / "a", 160 + 10 * number, f"{number:02}{suffix}.png")
    cfg = cfg_of(folder, {"suffixes": ["_sc_cf", "_s*"]})
    seen = shown(cfg)
    # 02_other.png has no suffix of the list, so it is an image of its own: 17 are left, and the
    # last batch of one image is dropped.
    assert len(seen) == 16
    pairs = {numbers[0]: numbers[1] for numbers in seen.values() if numbers[1] != numbers[0]}
    assert pairs.items() <= {0: 16, 1: 17}.items()
    assert "2 of 17 images have a partner, 3 pairs in all; 15 images are trained" in (
        capsys.readouterr().err
    )


def names_with_partners(cfg) -> tuple[list[str], list[str]]:
    """Return the names of the images of a training, and of those that are only partners."""
    images = build_pretrain_dataset(cfg.data)
    everything = build_pretrain_dataset(with_partners_listed(cfg.data))
    found, _ = build_pairing(images, everything, cfg.data, crops=2, views=3)
    names = [Path(name).stem for name in found.names]
    return names[: len(images)], names[len(images) :]


def test_a_share_of_the_originals_keeps_their_partners_and_no_others(folder):
    for number in range(IMAGES):
        paint(folder / "images" / "a", 160 + number, f"{number:02}_cf.png")
    cfg = cfg_of(folder, {"suffixes": ["_cf"]}, data__fraction=0.5)
    originals, partners = names_with_partners(cfg)
    assert len(originals) == len(partners) == IMAGES // 2
    assert {f"{name}_cf" for name in originals} == set(partners)


def test_rates_are_tried_on_originals_with_their_partners(folder):
    for number in range(IMAGES):
        paint(folder / "images" / "a", 160 + number, f"{number:02}_cf.png")
    cfg = cfg_of(folder, {"suffixes": ["_cf"]}, data__fraction=0.5)
    cfg.data = {**cfg.data, **hold_out(cfg.data, 3, folder / "rates")}
    originals, partners = names_with_partners(cfg)
    assert len(originals) == 5
    assert [f"{name}_cf" for name in originals] == partners
    assert len(build_dataset(cfg.data, "val")) == 3


def test_the_image_with_the_longest_name_has_the_partner():
    names = ["x/a.png", "x/a_b.jpg", "x/a_b_c.png", "y/a_b_c.png", "x/a_b_c_d.png"]
    assert partners_by_suffix(names, ["_c", "_b_c"]) == {2: 1}
    assert partners_by_suffix(names, ["_*"]) == {1: 0, 2: 0, 4: 0}


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_files_of_pairs_are_read_as_they_were_written(ending, tmp_path):
    path = tmp_path / f"pairs.{ending}"
    write_pairs(path, [("a/1.png", "b, c.png", 0.97), ("a/1.png", "é.png", 0.5)])
    table = read_pairs(path)
    assert (table.images, table.partners) == (["a/1.png"] * 2, ["b, c.png", "é.png"])
    assert table.scores == pytest.approx([0.97, 0.5])
    assert table.weights.tolist() == [1, 1]


def test_a_damaged_text_in_parquet_is_one_line(tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "pairs.parquet"
    write_pairs(path, [("zebra-1.png", "zebra-2.png", 0.5)])
    path.write_bytes(path.read_bytes().replace(b"zebra", b"z\xffbra"))
    with pytest.raises(UserError, match=r"pairs\.parquet is damaged: .*utf-8"):
        read_pairs(path)


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        ([("a/00.png", "a/00.png")], None, "1 images are their own partner, the first is a/00.png"),
        ([("a/00.png", "no.png")], None, r"1 of 1 partners are not there, the first is no\.png"),
        ([("b/1.png", "a/00.png")], None, "of another data set: none of its 1 images"),
        ([], None, "has no pair"),
        ([("a/00.png",)], ("image",), "lacks the column partner"),
        ([("a", "b", "1")], ("image", "partner", "scor"), "scor is not a column; did you mean"),
        ([("a", "b", "2")], ("image", "partner", "score"), "pair 1: score=2 must be a number from"),
        ([("a", "b", "-1")], ("image", "partner", "weight"), "weight=-1 must be a number of at"),
        ([("a/00.png", "a/01.png", 0)], ("image", "partner", "weight"), "weight 0 only"),
        ([("", "b")], None, "pair 1: the image has no name"),
    ],
)
def test_a_bad_file_is_one_line(folder, rows, header, message):
    path = write(folder / "pairs.csv", rows, header or ("image", "partner"))
    with pytest.raises(UserError, match=message):
        pretrain_loader(cfg_of(folder, path))


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ("missing.csv", "missing.csv is not there"),
        ({"probability": 0.5}, "data.pairs needs either a file or suffixes"),
        ({"file": "a", "suffixes": ["_a"]}, "data.pairs needs either a file or suffixes"),
        ({"file": "a", "probability": 2}, "data.pairs.probability=2 must be a number from 0 to 1"),
        ({"file": "a", "where": "third"}, "data.pairs.where=third must be one of"),
        ({"suffixes": ["_none"]}, "no image is named like another with a suffix"),
    ],
)
def test_bad_settings_are_one_line(folder, pairs, message):
    with pytest.raises(UserError, match=message):
        pretrain_loader(cfg_of(folder, pairs))


def test_other_methods_have_no_originals(folder):
    pairs = {"file": "a", "where": "both"}
    with pytest.raises(UserError, match="where=both must be second with method=mocov2plus"):
        cfg_of(folder, pairs, "mocov2plus", method_kwargs__queue_size=64)


def test_check_data_finds_a_damaged_partner_that_lies_elsewhere(folder, capsys):
    path = write(folder / "pairs.csv", [(name(0), name(16, folder)), (name(1), name(2))])
    (folder / "more" / "16.png").write_text("no image")
    with pytest.raises(SystemExit):
        main(["check-data", str(folder / "images"), "--pairs", path])
    printed = capsys.readouterr()
    assert "more/16.png: " in printed.out
    assert "16 of 17 images are good, 1 bad" in printed.out
    assert "2 of 16 images have a partner" in printed.err


def test_any_name_survives_a_file_of_pairs_and_is_no_formula_there(tmp_path):
    """The spaces around a name are part of it if an image has such a name."""
    path, folder = tmp_path / "pairs.csv", tmp_path / "images"
    names = [*(name for name in NAMES if "/" not in name), " spaced ", "spaced", "-1/a.png"]
    write_pairs(path, [(name, names[i - 1], -0.5) for i, name in enumerate(names)])
    placed = place_pairs(path, read_pairs(path), folder, names, None)
    assert placed.images.tolist() == list(range(len(names)))
    assert placed.partners.tolist() == [len(names) - 1, *range(len(names) - 1)]
    with open_text(path, newline="") as lines:
        cells = [cell for row in csv.reader(lines) for cell in row]
    formulas = {cell for cell in cells if cell and cell[0] in "=+-@\t\r"}
    assert formulas == {"-5", "-0.500000"}


def test_spaces_around_names_that_are_no_part_of_them_are_ignored(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("image, partner, score\na.png, b.png , 0.5\n")
    placed = place_pairs(path, read_pairs(path), tmp_path, ["b.png", "a.png"], None)
    assert (placed.images.tolist(), placed.partners.tolist()) == ([1], [0])


def test_a_file_with_an_endless_cell_is_one_line(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text(f"image,partner\n{'x' * 200_000},b.png\n")
    with pytest.raises(UserError, match=r"pairs\.csv is no CSV file, or damaged: field larger"):
        read_pairs(path)
