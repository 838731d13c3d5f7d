"""Test the kinds of pairs: their weights, and negatives of an image's own."""

import pytest
import torch

from leoclr_plugin.commands.main import main
from leoclr_plugin.data.loaders import pretrain_loader
from leoclr_plugin.data.pairs.table import read_pairs
from leoclr_plugin.data.sampler import sampler_of
from leoclr_plugin.errors import UserError
from leoclr_plugin.training.pretrain import prepare
from tests.data.test_pairs import IMAGES, cfg_of, folder, name, shown, write

__all__ = ["folder"]
HEADER = ("image", "partner", "kind", "weight")
KINDS = {
    "near": {"weight": 2.0},
    "far": {"weight": 0.5},
    "other": {"negative": True, "weight": 3.0},
}
FORMS = ["image_folder", "dali"]


def rows() -> list[tuple]:
    """Images 0 to 5 have a near partner, 6 to 9 a far one; 4 to 15 but 8 have a negative."""
    near = [(name(i), name(i + 6), "near", "") for i in range(6)]
    far = [(name(i), name(i - 6), "far", "") for i in range(6, 10)]
    other = [(name(i), name((i + 3) % IMAGES), "other", "") for i in range(4, IMAGES) if i != 8]
    return [*near, *far, *other]


def pairs_of(folder, **node) -> dict:
    return {"file": write(folder / "pairs.csv", rows(), HEADER), "kinds": KINDS, **node}


def weights(cfg, epoch=0, first=0) -> dict[int, list[float]]:
    loader = pretrain_loader(cfg)
    sampler_of(loader).set_epoch(epoch)
    sampler_of(loader).skipped = first
    found = {}
    for indexes, _, _, given in loader:
        assert given.dtype == torch.float32
        found |= dict(zip(indexes.tolist(), given.tolist(), strict=True))
    return found


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("where", ["second", "both", "originals"])
def test_a_batch_has_the_weights_of_its_pairs_and_a_view_of_the_negatives(folder, form, where):
    if form == "dali":
        pytest.importorskip("nvidia.dali")
    cfg = cfg_of(folder, pairs_of(folder, where=where), form=form)
    found, seen = weights(cfg), shown(cfg)
    assert len(found) == IMAGES
    for i in range(IMAGES):
        negative = i >= 4 and i != 8
        positive = 2.0 if i < 6 else 0.5 if i < 10 else 1.0
        assert found[i] == [positive, 3.0 if negative else 0.0]
        partner = i + 6 if i < 6 else i - 6 if i < 10 else i
        views = {
            "second": [i, partner, i],
            "both": [partner, partner, i],
            "originals": [i, i, i, partner],
        }[where]
        assert seen[i] == [*views, (i + 3) % IMAGES if negative else i]


@pytest.mark.parametrize("form", FORMS)
def test_a_method_of_two_views_sees_the_negative_third(folder, form):
    if form == "dali":
        pytest.importorskip("nvidia.dali")
    changes = {"method_kwargs__queue_size": 64, "form": form}
    seen = shown(cfg_of(folder, pairs_of(folder), "mocov2plus", **changes))
    assert seen[4] == [4, 10, 7]
    assert seen[15] == [15, 15, 2]
    assert seen[0] == [0, 6, 0]


def test_negatives_change_no_other_view(folder):
    with_negatives = list(pretrain_loader(cfg_of(folder, pairs_of(folder))))
    path = write(folder / "some.csv", [row for row in rows() if row[2] != "other"], HEADER)
    kinds = {kind: KINDS[kind] for kind in ("near", "far")}
    without = list(pretrain_loader(cfg_of(folder, {"file": path, "kinds": kinds})))
    for one, other in zip(with_negatives, without, strict=True):
        assert len(one[1]) == len(other[1]) + 1
        assert all(torch.equal(*views) for views in zip(one[1], other[1], strict=False))
        assert torch.equal(one[3][:, 0], other[3][:, 0])
        assert (other[3][:, 1] == 0).all()


def test_a_resumed_epoch_has_the_same_weights_and_negatives(folder):
    several = [(*row[:2], "far", "2") for row in rows() if row[2] == "near"]
    several = [(one, name((i + 1) % 6), *rest) for i, (one, _, *rest) in enumerate(several)]
    path = write(folder / "more.csv", [*rows(), *several], HEADER)
    cfg = cfg_of(folder, {"file": path, "kinds": KINDS, "probability": 0.6})
    whole, rest = weights(cfg, 2), weights(cfg, 2, first=2)
    assert len(rest) == 8
    assert all(whole[index] == given for index, given in rest.items())
    seen, seen_rest = shown(cfg, 2), shown(cfg, 2, first=2)
    assert all(seen[index] == numbers for index, numbers in seen_rest.items())
    # Both are drawn with the probability, each by a draw of its own.
    of_both = [whole[index] for index in (4, 5, 6, 7, 9)]
    assert len({(pair != 1, pushed != 0) for pair, pushed in of_both}) > 2
    unpaired = {index for index, given in whole.items() if given == [1.0, 0.0]}
    assert all(len(set(seen[index])) == 1 for index in unpaired)


@pytest.mark.parametrize("form", FORMS)
def test_an_unreadable_partner_or_negative_has_no_weight(folder, form):
    if form == "dali":
        pytest.importorskip("nvidia.dali")
    pairs = [(name(0), name(16, folder), "near"), (name(1), name(17, folder), "other")]
    path = write(folder / "bad.csv", pairs, HEADER[:3])
    for number in (16, 17):
        (folder / "more" / f"{number}.png").write_text("no image")
    kinds = {kind: KINDS[kind] for kind in ("near", "other")}
    changes = {"data__on_bad_image": "skip", "data__max_bad_share": 0.5, "form": form}
    cfg = cfg_of(folder, {"file": path, "kinds": kinds}, **changes)
    assert set(map(tuple, weights(cfg).values())) == {(1.0, 0.0)}


def test_the_kinds_and_their_numbers_are_told(folder, capsys):
    cfg_of(folder, pairs_of(folder))
    pretrain_loader(cfg_of(folder, pairs_of(folder)))
    assert (
        "Pairs of each kind: near 6 (weight 2), far 4 (weight 0.5), other 11 (negatives, weight 3)"
    ) in capsys.readouterr().err
    main(["check-data", str(folder / "images"), "--pairs", str(folder / "pairs.csv")])
    assert (
        "Pairs of each kind: near 6, far 4, other 11; all are positives of weight 1 without "
        "data.pairs.kinds"
    ) in capsys.readouterr().err


def test_matched_sets_keep_the_kinds(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write(folder / "pairs.csv", rows(), HEADER)
    main(["pairs", "matched", path, "--data", str(folder / "images"), "--out", "sets"])
    table = read_pairs(tmp_path / "sets" / "pairs-instances.csv")
    found = dict(zip(zip(table.images, table.partners, strict=True), table.kinds, strict=True))
    for image, partner, kind, _ in rows():
        assert found[image, partner] == kind
    assert set(table.kinds) == set(KINDS)


def kinds(**nodes) -> dict:
    return {"kinds": {**KINDS, **nodes}}


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (kinds(near={"weight": -1}), "kinds.near.weight=-1 must be a number of at least 0"),
        (kinds(near={"weight": float("nan")}), "data.pairs.kinds.near.weight=nan must be a number"),
        (kinds(near={"weight": float("inf")}), "data.pairs.kinds.near.weight=inf must be a number"),
        (kinds(near={"negative": 1}), "kinds.near.negative=1 must be True or False"),
        (kinds(near=2), "data.pairs.kinds=.* must be a node with a node for the name of each kind"),
        ({"kinds": {"near": {}, "far": {}}}, "11 pairs are of the kind other, which"),
        (
            kinds(fra={}),
            r"data.pairs.kinds.fra: .*has no pair of this kind, only of near",
        ),
        ({"control": True}, "kinds.other has negative=True: leave out one of them"),
        ({"file": None, "suffixes": ["_a"]}, "data.pairs.kinds needs data.pairs.file"),
    ],
)
def test_bad_kinds_are_one_line(folder, node, message):
    with pytest.raises(UserError, match=message):
        pretrain_loader(cfg_of(folder, pairs_of(folder, **node)))


def test_a_misspelled_key_of_a_kind_is_told(folder, capsys):
    cfg_of(folder, pairs_of(folder, **kinds(near={"wieght": 2})))
    assert "data.pairs.kinds.near.wieght is ignored" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("pairs", "header", "message"),
    [
        ([(name(0), name(1))], HEADER[:2], "1 of 1 pairs have no kind, which data.pairs.kinds"),
        ([(name(0), name(1), "")], HEADER[:3], "1 of 1 pairs have no kind, which data.pairs.kinds"),
        (
            [(name(0), name(1), "near"), (name(0), name(1), "other")],
            HEADER[:3],
            "a/01.png is a positive and a negative of a/00.png; remove one",
        ),
    ],
)
def test_a_file_that_does_not_fit_the_kinds_is_one_line(folder, pairs, header, message):
    path = write(folder / "pairs.csv", pairs, header)
    nodes = {kind: KINDS[kind] for kind in ("near", "other")}
    with pytest.raises(UserError, match=message):
        pretrain_loader(cfg_of(folder, {"file": path, "kinds": nodes}))


def test_null_leaves_pairs_out(folder):
    cfg = cfg_of(folder, None)
    cfg.data.pairs = None
    assert all(len(batch) == 3 for batch in pretrain_loader(prepare(cfg)))


@pytest.mark.parametrize("method", ["simclr", "byol"])
def test_other_methods_refuse_kinds_by_name(folder, method):
    message = f"kinds is for method=leoclr and mocov2plus: leave it out with method={method}"
    with pytest.raises(UserError, match=message):
        cfg_of(folder, pairs_of(folder), method)
