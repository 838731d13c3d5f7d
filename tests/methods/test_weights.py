"""Test the weights of pairs and negatives in the steps of leoclr and mocov2plus."""

import json
import os
import subprocess
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from leoclr_plugin.compare.work import WorkPerStep
from leoclr_plugin.errors import UserError
from leoclr_plugin.host import host
from leoclr_plugin.losses.self_paced import self_paced_weights
from leoclr_plugin.methods import METHODS, LeOCLR, class_of
from leoclr_plugin.training.pretrain import build_method, prepare
from tests.configs import method_cfg
from tests.conftest import available_hosts
from tests.losses.test_weighted import brute_force
from tests.programs import ROOT, forked_python

KINDS = {"near": {"weight": 2.0}, "other": {"negative": True, "weight": 0.5}}
# For each place of the partner, whether a view shows it.
OF_PARTNER = {"second": (0, 1, 0), "both": (1, 1, 0), "originals": (0, 0, 0, 1)}


def config(method="leoclr", kinds=None, self_paced=None, where="second", **changes):
    if kinds:
        changes["data__pairs"] = {"file": "pairs.csv", "kinds": kinds, "where": where}
    if self_paced is not None:
        changes["method_kwargs__self_paced"] = self_paced
    return prepare(method_cfg(method, **changes))


def build(*args, **changes):
    cfg = config(*args, **changes)
    torch.manual_seed(0)
    model = class_of(cfg)(cfg).train()
    generator = torch.Generator().manual_seed(5)
    queue = torch.randn(model.queue.shape, generator=generator)
    model.queue.copy_(F.normalize(queue, dim=-2))
    model.logged = {}
    model.log_dict = lambda metrics, **kwargs: model.logged.update(metrics)
    model.log = lambda name, value, **kwargs: model.logged.update({name: value})
    return model


def make_batch(n: int = 8, views: int = 3, weights: bool = True) -> list:
    generator = torch.Generator().manual_seed(1)
    images = [torch.randn(n, 3, 32, 32, generator=generator) for _ in range(views)]
    batch = [torch.arange(n), images, torch.randint(0, 10, (n,), generator=generator)]
    given = torch.tensor([[2.0, 0.5], [1, 0], [2, 0], [1, 0.5], [0, 1], [1, 0], [2, 0.5], [1, 0]])
    return [*batch, given[:n]] if weights else batch


def expected_term(model, query, keys, queue, weights, pushed=None, age=None) -> float:
    """Return the loss of one query by a plain loop, from projections that are in float64."""
    positives = torch.stack([(query * key).sum(dim=1) for key in keys], dim=1)
    negatives = query @ queue.double()
    paces = torch.ones_like(negatives) if age is None else self_paced_weights(negatives, age)
    explicit = torch.zeros(len(query)), torch.zeros(len(query))
    if pushed is not None:
        explicit = (query * pushed[0]).sum(dim=1), pushed[1].double()
    return brute_force(positives, negatives, "sum", weights, paces, explicit)


@pytest.mark.parametrize("query", ["anchor", "crops", "both"])
@pytest.mark.parametrize("where", ["second", "both", "originals"])
def test_leoclr_weights_the_terms_of_an_image_and_its_partner(where, query):
    of_partner = OF_PARTNER[where]
    views = len(of_partner) + 1
    age = 0.8
    model = build(
        kinds=KINDS, where=where, self_paced={"age": age}, method_kwargs__query=query
    ).double()
    _, images, _, weights = batch = make_batch(views=views)
    batch[1] = images = [view.double() for view in images]
    with torch.no_grad():
        z = [model(view)["z"] for view in images]
        k = [model.momentum_forward(view)["z"] for view in images]
    originals = [2, 3] if where == "originals" else [2]
    runs = {"anchor": [(originals, [0, 1])], "crops": [([0, 1], originals)]}
    runs["both"] = runs["anchor"] + runs["crops"]
    queues, expected = model.queue.view(-1, *model.queue.shape[-2:]), 0.0
    for (queries, others), queue in zip(runs[query], queues, strict=True):
        for i in queries:
            columns = [
                weights[:, 0] if of_partner[i] != of_partner[j] else torch.ones(8) for j in others
            ]
            keys, pushed = [k[j] for j in others], (k[-1], weights[:, 1])
            term_weights = torch.stack(columns, dim=1)
            expected += expected_term(model, z[i], keys, queue, term_weights, pushed, age)
    before = model.queue_ptr.clone()
    model.training_step(batch, 0).backward()
    assert model.logged["train_nce_loss"].item() == pytest.approx(expected, rel=1e-6)
    model.on_after_backward()
    # The key of the negative does not enter the queue.
    keys = [8 * len(others) for _, others in runs[query]]
    assert ((model.queue_ptr - before) % 64).tolist() == [n % 64 for n in keys]


def test_mocov2plus_weights_images_and_negatives():
    age = 0.8
    model = build("mocov2plus", kinds=KINDS, self_paced={"age": age}).double()
    _, images, _, weights = batch = make_batch(views=3)
    batch[1] = images = [view.double() for view in images]
    with torch.no_grad():
        q1, q2 = (model(view)["z"] for view in images[:2])
        k1, k2, pushed = (model.momentum_forward(view)["z"] for view in images)
    expected = 0.0
    for query, key, queue in ((q1, k2, model.queue[1]), (q2, k1, model.queue[0])):
        own = pushed, weights[:, 1]
        expected += expected_term(model, query, [key], queue, weights[:, :1], own, age) / 2
    model.training_step(batch, 0).backward()
    assert model.logged["train_nce_loss"].item() == pytest.approx(expected, rel=1e-6)
    assert 0 < model.logged["train_self_paced_weight"] < 1


def test_mocov2plus_with_weights_of_1_does_the_hosts_own_step():
    ours, theirs = build("mocov2plus", kinds=KINDS), build("mocov2plus")
    assert type(theirs) is host().METHODS["mocov2plus"]
    ours._has_negatives = False
    batch = make_batch(views=2, weights=False)
    losses = [ours.training_step([*batch, torch.ones(8, 2)], 0), theirs.training_step(batch, 0)]
    assert losses[0].item() == pytest.approx(losses[1].item(), rel=1e-6)
    for loss in losses:
        loss.backward()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert (one.grad is None) == (other.grad is None)
        if one.grad is not None:
            assert torch.allclose(one.grad, other.grad, rtol=1e-4, atol=1e-6)
    assert torch.allclose(ours.queue, theirs.queue, atol=1e-6)
    assert torch.equal(ours.queue_ptr, theirs.queue_ptr)
    assert ours.state_dict().keys() == theirs.state_dict().keys()


def test_hosts_agree_on_the_weighted_step_of_mocov2plus():
    if "solo-learn" not in available_hosts():
        pytest.skip("the real solo-learn is not there")
    results = {}
    for name in ("solo-learn", "bundled"):
        env = {**os.environ, "LEOCLR_HOST": name, "PYTHONPATH": str(ROOT)}
        command = [forked_python(), "-m", "tests.methods.weighted_step"]
        run = subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
        used, *results[name] = json.loads(run.stdout.splitlines()[-1])
        assert used == name
    (loss, norms, queue), (other_loss, other_norms, other_queue) = results.values()
    assert loss == pytest.approx(other_loss, rel=1e-5)
    assert norms == pytest.approx(other_norms, rel=1e-3, abs=1e-6)
    assert queue == pytest.approx(other_queue, abs=1e-4)


@pytest.mark.parametrize(("method", "units"), [("leoclr", (5, 6)), ("mocov2plus", (8, 9))])
def test_negatives_cost_one_forward_pass(method, units):
    for kinds, expected in zip(({"near": {"weight": 2.0}}, KINDS), units, strict=True):
        model, work = build(method, kinds=kinds), WorkPerStep()
        views = 3 if method == "leoclr" else 2
        batch = make_batch(views=views + (kinds is KINDS))
        work.on_train_batch_start(None, model, batch, 0)
        model.training_step(batch, 0)
        work.on_train_batch_end(None, model, None, batch, 0)
        assert work.units == expected


@pytest.mark.parametrize("method", ["leoclr", "mocov2plus"])
def test_the_age_follows_the_step_and_ends_with_the_ordinary_loss(method):
    batch = make_batch(views=3 if method == "leoclr" else 2, weights=False)
    settings = {"age": 0.5, "until": 0.5}
    found = []
    for step in (0, 10, 50):
        model = build(method, self_paced=settings)
        model._trainer = SimpleNamespace(global_step=step, estimated_stepping_batches=100)
        model.training_step(batch, 0)
        found.append(
            [model.logged[f"train_{name}"].item() for name in ("nce_loss", "self_paced_weight")]
        )
    (early, light), (later, heavier), (late, full) = found
    assert light < heavier < full == 1
    assert early < later < late
    model = build(method)
    model.training_step(batch, 0)
    assert late == pytest.approx(model.logged["train_nce_loss"].item(), rel=1e-6)


def test_the_first_step_of_leoclr_has_only_explicit_negatives():
    model, batch = build(kinds=KINDS, self_paced={}), make_batch(views=4)
    model.queue.zero_()
    model.training_step(batch, 0).backward()
    assert model.logged["train_nce_loss"] > 0
    assert model.logged["train_self_paced_weight"] == 1
    assert all(p.grad.isfinite().all() for p in model.projector.parameters())


def test_the_class_is_the_hosts_own_unless_weights_are_asked_for():
    plain = {"near": {"weight": 1}, "far": {}}
    own = host().METHODS["mocov2plus"]
    assert class_of(config("mocov2plus")) is own
    assert class_of(config("mocov2plus", kinds=plain)) is own
    assert METHODS["mocov2plus"] is own
    for changes in ({"kinds": KINDS}, {"self_paced": {}}, {"kinds": {"near": {"weight": 2}}}):
        weighted = class_of(config("mocov2plus", **changes))
        assert weighted is not own
        assert issubclass(weighted, own)
    assert class_of(config(kinds=KINDS)) is LeOCLR


@pytest.mark.parametrize("method", ["leoclr", "mocov2plus"])
def test_the_configuration_is_filled_in_and_unread_keys_are_told(method, capsys):
    model = build_method(config(method, self_paced={"agee": 2}))
    settings = {"agee": 2, "age": 1.0, "until": 0.5}
    assert dict(model.cfg.method_kwargs.self_paced) == settings
    assert "method_kwargs.self_paced.agee is ignored" in capsys.readouterr().err


@pytest.mark.parametrize("method", ["leoclr", "mocov2plus"])
def test_null_switches_self_pacing_off(method):
    cfg = prepare(method_cfg(method, method_kwargs__self_paced=None))
    assert class_of(cfg) is METHODS[method]
    assert build_method(cfg).cfg.method_kwargs.self_paced is None


@pytest.mark.parametrize(
    ("method", "self_paced", "message"),
    [
        ("simclr", {}, "self_paced is for method=leoclr and mocov2plus: leave it out with method="),
        ("leoclr", {"age": 0}, "method_kwargs.self_paced.age=0 must be a number above 0"),
        ("mocov2plus", {"age": -1}, "method_kwargs.self_paced.age=-1 must be a number above 0"),
        ("mocov2plus", {"age": float("nan")}, "self_paced.age=nan must be a number above 0"),
        ("mocov2plus", {"until": 2}, "self_paced.until=2 must be a number from 0 to 1"),
        ("mocov2plus", True, "self_paced=True must be a node with the keys age, final_age, until"),
        ("leoclr", {"age": 2, "final_age": 1.5}, "final_age=1.5 must be at least its age=2"),
    ],
)
def test_bad_settings_are_one_line(method, self_paced, message):
    with pytest.raises(UserError, match=message):
        config(method, self_paced=self_paced)


def test_an_endless_training_has_no_age():
    with pytest.raises(UserError, match="self_paced needs an end of the training"):
        config(self_paced={}, max_epochs=-1)
