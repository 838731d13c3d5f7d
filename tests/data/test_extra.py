"""Test transforms of the user's own in a pipeline."""

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from torchvision.transforms import v2

from leoclr_plugin.data.draws import draw_views
from leoclr_plugin.data.extra import ExtraTransforms
from leoclr_plugin.data.finish import finish_views
from leoclr_plugin.data.make import resize_views, views_of
from leoclr_plugin.data.seeded import SeededDraws
from leoclr_plugin.data.views import pretrain_views
from leoclr_plugin.errors import UserError
from tests.configs import pipeline
from tests.data.test_make import picture

V2 = "torchvision.transforms.v2"
ROTATION = {"_target_": f"{V2}.RandomRotation", "degrees": 20}
ALL_KINDS = [
    ROTATION,
    {"_target_": f"{V2}.RandomErasing", "p": 0.5},
    {"_target_": f"{V2}.GaussianNoise", "sigma": 0.05},
    {"_target_": f"{V2}.RandomApply", "transforms": [ROTATION], "p": 0.5},
    {"_target_": "albumentations.Rotate", "limit": 20},
    {"_target_": "kornia.augmentation.RandomAffine", "degrees": 20.0},
]
IMAGE = torch.from_numpy(np.array(picture(1, 40, 40))).permute(2, 0, 1)


def extra(*nodes: dict, size=(40, 40)) -> ExtraTransforms:
    return ExtraTransforms(nodes, size, "augmentations[0].extra")


class Unseeded(torch.nn.Module):
    """Draws from Python's own generator, which all threads share."""

    def forward(self, image):
        return image if random.random() < 0.5 else 255 - image


class Textual(torch.nn.Module):
    def forward(self, image):
        return "no image"


@pytest.mark.parametrize("node", ALL_KINDS, ids=lambda node: node["_target_"])
def test_the_seed_decides_everything_and_no_other_number_is_drawn(node):
    pytest.importorskip(node["_target_"].split(".")[0])
    transform = extra(node)
    before = torch.get_rng_state()
    first = [transform(IMAGE, seed) for seed in range(8)]
    assert torch.equal(torch.get_rng_state(), before)
    assert all(one.dtype == torch.uint8 for one in first)
    torch.manual_seed(77)
    other = extra(node)
    assert all(torch.equal(one, other(IMAGE, seed)) for seed, one in enumerate(first))
    assert any(not torch.equal(one, first[0]) for one in first[1:])


def test_draws_equal_those_of_the_seeded_global_generator():
    def draws():
        like = torch.zeros(3)
        tensors = [torch.rand(2), torch.randn(2), torch.randint(0, 9, (4,)), torch.randperm(5)]
        tensors += [like.clone().uniform_(), torch.bernoulli(like + 0.5), torch.rand_like(like)]
        return [*tensors, torch.randn_like(like), torch.multinomial(like + 1, 2)]

    torch.manual_seed(3)
    expected = draws()
    torch.manual_seed(4)
    with SeededDraws(3):
        drawn = draws()
    assert all(torch.equal(*pair) for pair in zip(drawn, expected, strict=True))


def test_a_rotation_is_torchvisions():
    transform = extra({**ROTATION, "degrees": [30, 30]})
    assert torch.equal(transform(IMAGE, 0), v2.functional.rotate(IMAGE, 30))


def test_both_ways_to_finish_a_view_apply_them_before_the_normalisation():
    node = {**pipeline([40, 40], 1, crop=False, horizontal_flip=1.0), "extra": [ROTATION]}
    views = pretrain_views(OmegaConf.create([{**node, "mean": [0, 0, 0], "std": [1, 1, 1]}]), "a")
    images = [np.array(picture(seed, 40, 40)) for seed in range(4)]
    drawn = draw_views(views, 5, 2, np.arange(4))
    (made,) = views_of(images, views, drawn)
    flipped = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).flip(-1)
    seeds = drawn[0]["extra"].tolist()
    assert len(set(seeds)) == 4
    for image, seed, view in zip(flipped, seeds, made, strict=True):
        assert torch.equal((255 * view).round().to(torch.uint8), views[0].extra(image, seed))
    out = [torch.empty(4, 40, 40, 3, dtype=torch.uint8)]
    resize_views(images, views, drawn, out)
    (finished,) = finish_views(out, views, drawn, torch.float32)
    assert (255 * (finished - made)).abs().max() < 1e-3


def test_every_epoch_and_view_has_draws_of_its_own():
    node = {**pipeline(40, 2), "extra": [ROTATION]}
    views = pretrain_views(OmegaConf.create([node]), "custom")
    seeds = [
        drawn["extra"].tolist()
        for epoch in (0, 1)
        for drawn in draw_views(views, 5, epoch, np.arange(3))
    ]
    assert len({seed for row in seeds for seed in row}) == 12
    (again, _) = draw_views(views, 5, 1, np.array([2]))
    assert again["extra"].tolist() == seeds[2][2:]


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"_target_": f"{V2}.RandomRotaton"}, r"extra\[0\]: no class .*RandomRotaton can be"),
        ({"_target_": "os.system", "command": "touch harm"}, "os.system is not a class of"),
        ({"_target_": "subprocess.Popen", "args": "touch harm"}, "Popen is not a class of"),
        ({"_target_": f"{V2}.RandomRotation"}, r"extra\[0\] cannot be made: .*degrees"),
        ({"_target_": f"{V2}.RandomCrop", "size": 8}, r"makes \[3, 8, 8\] of an image \[3, 40"),
        ({"_target_": f"{__name__}.Textual"}, "cannot change an image"),
        ({"_target_": f"{__name__}.Unseeded"}, "draws random numbers that the seed does not"),
        (
            {"_target_": f"{V2}.Compose", "transforms": [{"_target_": "os.system"}]},
            "os.system is not a class of",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_and_nothing_is_called(node, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        extra(node)
    assert not list(tmp_path.iterdir())


def test_normalised_values_are_refused():
    class Normalised(torch.nn.Module):
        def forward(self, image):
            return image.float() / 255 * 4 - 2

    globals()["Normalised"] = Normalised
    with pytest.raises(UserError, match=r"outside \[0, 1\]; weaken it"):
        extra({"_target_": f"{__name__}.Normalised"})


@pytest.mark.parametrize("node", ALL_KINDS, ids=lambda node: node["_target_"])
def test_threads_do_not_disturb_one_another(node):
    pytest.importorskip(node["_target_"].split(".")[0])
    transform, seeds = extra(node), range(40)
    expected = [transform(IMAGE, seed) for seed in seeds]
    with ThreadPoolExecutor(4) as pool:
        changed = list(pool.map(lambda seed: transform(IMAGE, seed), seeds))
    assert all(torch.equal(*pair) for pair in zip(changed, expected, strict=True))
