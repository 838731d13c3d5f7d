import pytest
import torch
import torch.nn.functional as F

import leoclr_plugin.methods.leoclr as leoclr_module
from leoclr_plugin.errors import UserError
from leoclr_plugin.host import host
from leoclr_plugin.methods import METHODS, LeOCLR
from leoclr_plugin.training.pretrain import prepare
from tests.configs import method_cfg


def build(crops: int = 2, seed: int = 0, full_queue: bool = True, **changes) -> LeOCLR:
    torch.manual_seed(seed)
    model = LeOCLR(prepare(method_cfg(crops=crops, **changes))).train()
    if full_queue:
        model.queue.copy_(F.normalize(torch.randn_like(model.queue), dim=-2))
    model.logged = {}
    model.log_dict = lambda metrics, **kwargs: model.logged.update(metrics)
    model.log = lambda name, value, **kwargs: model.logged.update({name: value})
    return model


def make_batch(n: int = 8, crops: int = 2, seed: int = 1) -> list:
    generator = torch.Generator().manual_seed(seed)
    views = [torch.randn(n, 3, 32, 32, generator=generator) for _ in range(crops + 1)]
    return [torch.arange(n), views, torch.randint(0, 10, (n,), generator=generator)]


def train_on(model: LeOCLR, batch: list) -> None:
    model.training_step(batch, 0).backward()
    model.on_after_backward()


def test_leoclr_is_one_of_the_hosts_methods():
    assert METHODS["leoclr"] is LeOCLR
    assert issubclass(LeOCLR, host().BaseMomentumMethod)
    assert host().METHODS["leoclr"] is LeOCLR


def test_state_dict_has_the_hosts_names():
    names = {key.split(".")[0] for key in build().state_dict()}
    assert names == {
        "backbone",
        "classifier",
        "momentum_backbone",
        "projector",
        "momentum_projector",
        "queue",
        "queue_ptr",
    }


def test_momentum_networks_start_as_the_online_ones():
    model = build()
    for online, momentum in model.momentum_pairs:
        for a, b in zip(online.parameters(), momentum.parameters(), strict=True):
            assert torch.equal(a, b)
            assert not b.requires_grad


@pytest.mark.parametrize("crops", [1, 2, 3])
def test_a_step_has_one_query_forward_and_one_key_forward_per_crop(crops):
    model, batch = build(crops), make_batch(crops=crops)
    seen = {"query": [], "key": []}
    model.backbone.register_forward_hook(
        lambda module, args, out: seen["query"].append((args[0], torch.is_grad_enabled()))
    )
    model.momentum_backbone.register_forward_hook(
        lambda module, args, out: seen["key"].append((args[0], torch.is_grad_enabled()))
    )
    model.training_step(batch, 0).backward()
    *keys, original = batch[1]
    assert len(seen["query"]) == 1
    assert torch.equal(seen["query"][0][0], original)
    assert seen["query"][0][1]
    assert [torch.equal(x, crop) for (x, _), crop in zip(seen["key"], keys, strict=True)] == [
        True
    ] * crops
    assert not any(grad for _, grad in seen["key"])


def test_gradient_reaches_the_query_branch_alone():
    model = build(momentum__classifier=False)
    model.training_step(make_batch(), 0).backward()
    for name, parameter in model.named_parameters():
        if name.startswith("momentum"):
            assert parameter.grad is None, name
        else:
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name
    assert model.queue.grad is None


def test_loss_equals_its_definition_with_the_models_own_outputs():
    model, batch = build(), make_batch()
    queue = model.queue.clone()
    loss = model.training_step(batch, 0)
    model.eval()
    again = build()  # It has the same weights, and batch norm in training mode as well.
    (x1, x2, x), targets = batch[1], batch[2]
    out = again(x)
    u = out["z"]
    expected = F.cross_entropy(out["logits"], targets)
    for crop in (x1, x2):
        v = again.momentum_forward(crop)["z"]
        logits = torch.cat([(u * v).sum(1, keepdim=True), u @ queue], dim=1) / 0.2
        expected = expected + F.cross_entropy(logits, torch.zeros(len(u), dtype=torch.long))
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_crops_are_pulled_to_both_originals_of_a_pair():
    pairs = {"file": "pairs.csv", "where": "originals"}
    model, batch = build(data__pairs=pairs), make_batch(crops=3)
    queue = model.queue.clone()
    loss = model.training_step(batch, 0)
    again, targets = build(data__pairs=pairs), batch[2]
    crops, originals = batch[1][:2], batch[1][2:]
    outs = [again(x) for x in originals]
    # The partner's class is not known, so the classifier learns from the image alone.
    expected = F.cross_entropy(outs[0]["logits"], targets)
    for crop in crops:
        v = again.momentum_forward(crop)["z"]
        for out in outs:
            logits = torch.cat([(out["z"] * v).sum(1, keepdim=True), out["z"] @ queue], 1) / 0.2
            expected = expected + F.cross_entropy(logits, torch.zeros(len(v), dtype=torch.long))
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert len(model._new_keys[0]) == 2 * len(targets)


def test_swapped_branches_pull_each_crop_to_the_originals_key():
    # In this ablation the crops are the queries, so the gradient goes through them.
    model, batch = build(method_kwargs__query="crops"), make_batch()
    queue = model.queue.clone()
    loss = model.training_step(batch, 0)
    loss.backward()
    model.on_after_backward()
    again = build()
    (x1, x2, x), targets = batch[1], batch[2]
    v = again.momentum_forward(x)["z"]
    expected = 0.0
    for crop in (x1, x2):
        out = again(crop)
        u = out["z"]
        logits = torch.cat([(u * v).sum(1, keepdim=True), u @ queue], dim=1) / 0.2
        expected = expected + F.cross_entropy(logits, torch.zeros(len(u), dtype=torch.long))
        expected = expected + F.cross_entropy(out["logits"], targets) / 2
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert torch.allclose(model.queue[:, :8].T, v, atol=1e-5)
    assert model.queue_ptr.tolist() == [8]


@pytest.mark.parametrize(("queue_keys", "reduction"), [("all", "sum"), ("last", "mean")])
def test_with_query_both_the_crops_and_the_original_are_pulled_to_each_other(queue_keys, reduction):
    both = {
        "method_kwargs__query": "both",
        "method_kwargs__queue_keys": queue_keys,
        "method_kwargs__loss_reduction": reduction,
    }
    model, batch = build(**both), make_batch()
    queue_of_crops, queue_of_originals = model.queue.clone()
    loss = model.training_step(batch, 0)
    loss.backward()
    model.on_after_backward()
    again = build(**both)
    (x1, x2, x), targets = batch[1], batch[2]
    outs = [again(view) for view in (x, x1, x2)]
    v1, v2, v = [again.momentum_forward(view)["z"] for view in (x1, x2, x)]
    u, u1, u2 = [out["z"] for out in outs]
    expected = sum(F.cross_entropy(out["logits"], targets) / 3 for out in outs)
    for query, key, queue, weight in (
        (u, v1, queue_of_crops, 1 / 6),
        (u, v2, queue_of_crops, 1 / 6),
        (u1, v, queue_of_originals, 1 / 3),
        (u2, v, queue_of_originals, 1 / 3),
    ):
        logits = torch.cat([(query * key).sum(1, keepdim=True), query @ queue], dim=1) / 0.2
        term = F.cross_entropy(logits, torch.zeros(8, dtype=torch.long))
        expected = expected + term * (1 if reduction == "sum" else weight)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    crops = torch.cat([v1, v2]) if queue_keys == "all" else v2
    assert torch.allclose(model.queue[0, :, : len(crops)].T, crops, atol=1e-5)
    assert torch.equal(model.queue[0, :, len(crops) :], queue_of_crops[:, len(crops) :])
    assert torch.allclose(model.queue[1, :, :8].T, v, atol=1e-5)
    assert torch.equal(model.queue[1, :, 8:], queue_of_originals[:, 8:])
    assert model.queue_ptr.tolist() == [len(crops), 8]


def test_both_queues_fill_and_survive_a_checkpoint():
    both = {"method_kwargs__query": "both", "full_queue": False}
    model = build(**both)
    train_on(model, make_batch())
    assert [n.shape[1] for n in model._negatives()] == [16, 8]
    other = build(seed=3, **both)
    other.load_state_dict(model.state_dict())
    assert [n.shape[1] for n in other._negatives()] == [16, 8]
    train_on(other, make_batch(seed=2))
    assert [n.shape[1] for n in other._negatives()] == [32, 16]


@pytest.mark.parametrize(("queue_keys", "enqueued"), [("all", 16), ("first", 8), ("last", 8)])
def test_keys_enter_the_queue_after_the_backward_pass(queue_keys, enqueued):
    model, batch = build(method_kwargs__queue_keys=queue_keys), make_batch()
    before = model.queue.clone()
    loss = model.training_step(batch, 0)
    assert torch.equal(model.queue, before)
    loss.backward()
    model.on_after_backward()
    assert model.queue_ptr.tolist() == [enqueued]
    assert torch.equal(model.queue[:, enqueued:], before[:, enqueued:])

    again = build(method_kwargs__queue_keys=queue_keys)
    keys = [again.momentum_forward(crop)["z"] for crop in batch[1][:2]]
    expected = {"all": torch.cat(keys), "first": keys[0], "last": keys[1]}[queue_keys]
    assert torch.allclose(model.queue[:, :enqueued].T, expected, atol=1e-5)


def test_double_precision_is_kept():
    # Lightning does the same to a model with precision=64.
    model = build().double()
    indexes, views, targets = make_batch()
    views = [view.double() for view in views]
    assert model(views[-1])["z"].dtype == model.momentum_forward(views[0])["z"].dtype
    train_on(model, [indexes, views, targets])
    assert model(views[-1])["z"].dtype == model.queue.dtype == torch.float64


def test_queue_of_any_size_takes_batches_of_any_size():
    model = build(method_kwargs__queue_size=21)
    for number, size in enumerate((8, 5, 8)):
        train_on(model, make_batch(size, seed=number))
    assert model.queue_ptr.tolist() == [2 * 21 % 21]
    assert torch.allclose(model.queue.norm(dim=0), torch.ones(21), atol=1e-5)
    assert model.queue.dtype == torch.float32


def test_queue_survives_a_checkpoint():
    model = build()
    train_on(model, make_batch())
    other = build(seed=9)
    other.load_state_dict(model.state_dict())
    assert torch.equal(other.queue, model.queue)
    assert torch.equal(other.queue_ptr, model.queue_ptr)


def test_queue_starts_empty_and_only_keys_are_negatives(monkeypatch):
    negatives = []
    loss_func = leoclr_module.leoclr_loss_func
    monkeypatch.setattr(
        leoclr_module,
        "leoclr_loss_func",
        lambda p, n, *args: negatives.append(n) or loss_func(p, n, *args),
    )
    model = build(full_queue=False, method_kwargs__queue_size=40)
    for seed in range(4):
        train_on(model, make_batch(seed=seed))
    assert [n.shape[1] for n in negatives] == [0, 16, 32, 40]
    assert torch.allclose(model.queue.norm(dim=0), torch.ones(40), atol=1e-5)


def test_first_step_has_no_contrastive_gradient():
    model = build(full_queue=False)
    train_on(model, make_batch())
    assert model.logged["train_nce_loss"] == 0
    assert all(p.grad.abs().sum() == 0 for p in model.projector.parameters())


def test_the_number_of_keys_is_counted_anew_after_loading_a_queue():
    half = build(full_queue=False, method_kwargs__queue_size=40)
    train_on(half, make_batch())
    other = build(method_kwargs__queue_size=40)
    train_on(other, make_batch())
    other.load_state_dict(half.state_dict())
    train_on(half, make_batch(seed=2))
    train_on(other, make_batch(seed=2))
    assert other.logged["train_nce_loss"] == half.logged["train_nce_loss"] > 0


def test_logged_metrics_equal_a_plain_computation():
    model, batch = build(), make_batch()
    queue = model.queue.clone()
    model.training_step(batch, 0)
    again = build()
    u = again(batch[1][2])["z"]
    for i, crop in enumerate(batch[1][:2], start=1):
        cosine = (u * again.momentum_forward(crop)["z"]).sum(1)
        assert model.logged[f"train_positive_cosine_{i}"].item() == pytest.approx(
            cosine.mean().item(), abs=1e-5
        )
    assert model.logged["train_z_std"].item() == pytest.approx(u.std(0).mean().item(), rel=1e-4)
    hits = {1: 0, 5: 0}
    again = build()
    u = again(batch[1][2])["z"]
    for crop in batch[1][:2]:
        v = again.momentum_forward(crop)["z"]
        for i in range(8):
            logits = torch.cat([(u[i] @ v[i])[None], u[i] @ queue])
            order = logits.argsort(descending=True).tolist()
            for k in hits:
                hits[k] += 0 in order[:k]
    for k, count in hits.items():
        assert model.logged[f"train_nce_acc{k}"].item() == pytest.approx(100 * count / 16)


def test_without_labels_the_classifier_neither_learns_nor_spoils_the_loss():
    model, batch = build(), make_batch()
    batch[2] = torch.full((8,), -1)
    loss = model.training_step(batch, 0)
    loss.backward()
    assert torch.isfinite(loss)
    assert loss.item() == pytest.approx(model.logged["train_nce_loss"].item())
    assert model.classifier.weight.grad.abs().sum() == 0
    assert all(torch.isfinite(p.grad).all() for p in model.backbone.parameters())


def test_momentum_classifier_learns_and_its_backbone_does_not():
    model, batch = build(momentum__classifier=True), make_batch()
    loss = model.training_step(batch, 0)
    loss.backward()
    # The host's momentum methods log the mean over the views, so leoclr does too.
    again, targets = build(momentum__classifier=True), batch[2]
    feats = [again.momentum_forward(crop)["feats"] for crop in batch[1][:2]]
    logits = torch.cat([again.momentum_classifier(f) for f in feats])
    ranks = (logits > logits.gather(1, targets.repeat(2)[:, None])).sum(dim=1)
    expected = {
        "class_loss": F.cross_entropy(logits, targets.repeat(2)),
        "acc1": 100 * (ranks < 1).float().mean(),
        "acc5": 100 * (ranks < 5).float().mean(),
    }
    for name, value in expected.items():
        assert model.logged[f"train_momentum_{name}"].item() == pytest.approx(
            value.item(), rel=1e-5
        )
    names = ("train_nce_loss", "train_class_loss", "train_momentum_class_loss")
    assert loss.item() == pytest.approx(sum(model.logged[name].item() for name in names))
    weight = again.momentum_classifier.weight
    (expected_gradient,) = torch.autograd.grad(expected["class_loss"], weight)
    assert torch.allclose(model.momentum_classifier.weight.grad, expected_gradient, atol=1e-6)
    assert all(p.grad is None for p in model.momentum_backbone.parameters())


def test_online_knn_gets_the_features_of_the_original():
    model, batch = build(knn_eval={"enabled": True}), make_batch()
    batch[2][0] = -1
    model.training_step(batch, 0)
    expected = build()(batch[1][2])["feats"][1:]
    assert torch.allclose(torch.cat(model.knn.train_features), expected, atol=1e-4)
    assert torch.equal(torch.cat(model.knn.train_targets), batch[2][1:])


def test_defaults_are_the_papers():
    cfg = method_cfg()
    del cfg.momentum
    del cfg.method_kwargs
    cfg = LeOCLR(prepare(cfg)).cfg
    assert dict(cfg.method_kwargs) == {
        "proj_hidden_dim": 2048,
        "proj_output_dim": 128,
        "queue_size": 65536,
        "temperature": 0.2,
        "loss_reduction": "sum",
        "queue_keys": "all",
        "anchor": "original",
        "query": "anchor",
        "key_forward": "separate",
        "bn_splits": 1,
        "shuffle_keys": False,
    }
    assert (cfg.momentum.base_tau, cfg.momentum.final_tau) == (0.999, 0.999)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method_kwargs__temperature": 0}, "method_kwargs.temperature=0 must be a number above 0"),
        ({"method_kwargs__temperature": "hot"}, "temperature=hot must be a number"),
        ({"method_kwargs__queue_size": 0}, "method_kwargs.queue_size=0"),
        ({"method_kwargs__queue_size": 1.5}, "queue_size=1.5 must be a whole number"),
        ({"method_kwargs__queue_keys": "both"}, "one of all, first, last"),
        ({"method_kwargs__query": "all"}, "one of anchor, crops, both"),
        ({"method_kwargs__loss_reduction": "max"}, "one of sum, mean"),
        ({"method_kwargs__key_forward": "twice"}, "one of separate, joint"),
        ({"method_kwargs__bn_splits": 0}, "method_kwargs.bn_splits=0"),
        ({"momentum__base_tau": 1.5}, "momentum.base_tau=1.5 must be a number from 0 to 1"),
        ({"precision": "bf16-true"}, "precision=bf16-true must be bf16-mixed"),
        ({"momentum__final_tau": 0.9}, "base_tau=0.99 must be at most momentum.final_tau"),
        (
            {"method_kwargs__key_forward": "joint", "method_kwargs__bn_splits": 3},
            "bn_splits=3 must divide optimizer.batch_size=8 with method_kwargs.key_forward=joint",
        ),
    ],
)
def test_settings_out_of_range_are_named(change, message):
    with pytest.raises(UserError, match=message):
        LeOCLR(prepare(method_cfg(**change)))


def test_crops_without_an_original_are_refused_in_solo_learns_script_too():
    # That script does not check a configuration before it makes the method.
    cfg = prepare(method_cfg())
    cfg.augmentations[-1].rrc.enabled = True
    with pytest.raises(UserError, match="leoclr needs its anchor, the original, once and as its"):
        LeOCLR(cfg)


def test_half_precision_on_a_gpu_is_refused_too():
    cfg = prepare(method_cfg())
    # On a CPU prepare() replaces half precision by 32, so it is set afterwards.
    cfg.precision = "16-true"
    with pytest.raises(UserError, match="precision=16-true must be bf16-mixed"):
        LeOCLR(cfg)


def test_unknown_settings_are_reported_as_ignored(capsys):
    build(method_kwargs__querry="both", method_kwargs__temperature=0.1)
    told = capsys.readouterr().err
    assert told.startswith(
        "method_kwargs.querry is ignored: it is not a setting; did you mean 'query'"
    )
    assert told.count("ignored") == 1


@pytest.mark.parametrize(
    ("key", "value", "off"), [("bn_splits", 2, 1), ("shuffle_keys", True, False)]
)
def test_synchronised_batch_norm_refuses_split_and_shuffled_batches(key, value, off):
    cfg = prepare(method_cfg())
    cfg.sync_batchnorm = True
    LeOCLR(cfg)
    cfg.method_kwargs[key] = value
    message = f"method_kwargs.{key}={value} must be {off} with sync_batchnorm=True"
    with pytest.raises(UserError, match=message):
        LeOCLR(cfg)


def test_joint_forward_has_the_batch_statistics_of_all_crops():
    model, batch = (
        build(method_kwargs__key_forward="joint", momentum__classifier=True),
        make_batch(),
    )
    train_on(model, batch)
    expected = build(momentum__classifier=True).momentum_forward(torch.cat(batch[1][:2]))["z"]
    assert torch.allclose(model.queue[:, :16].T, expected, atol=1e-5)


def test_a_part_of_a_joint_forward_has_all_crops_of_its_images():
    changes = {"method_kwargs__key_forward": "joint", "method_kwargs__bn_splits": 2}
    model, batch = build(**changes), make_batch()
    train_on(model, batch)
    crops = batch[1][:2]
    for half in (slice(0, 4), slice(4, 8)):
        expected = build().momentum_forward(torch.cat([crop[half] for crop in crops]))["z"]
        for i, keys in enumerate(expected.chunk(2)):
            places = slice(8 * i + half.start, 8 * i + half.stop)
            assert torch.allclose(model.queue[:, places].T, keys, atol=1e-5)


def test_shuffled_keys_are_normalised_with_others_and_keep_their_places():
    model, batch = build(method_kwargs__bn_splits=2, method_kwargs__shuffle_keys=True), make_batch()
    train_on(model, batch)
    order = torch.randperm(8, generator=torch.Generator().manual_seed(0))
    assert order.tolist() != list(range(8))
    for i, crop in enumerate(batch[1][:2]):
        halves = [build().momentum_forward(half)["z"] for half in crop[order].chunk(2)]
        expected = torch.empty(8, 16)
        expected[order] = torch.cat(halves)
        assert torch.allclose(model.queue[:, 8 * i : 8 * (i + 1)].T, expected, atol=1e-5)


def test_a_step_never_waits_for_the_value_of_a_tensor():
    # Tensors on the meta device have no values. Code that asks for one, by .item() for instance,
    # raises an error.
    model = build().to("meta")
    model._keys_in_queues = [model.queue.shape[1]]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    batch = make_batch()
    indexes, views, targets = batch[0].to("meta"), [v.to("meta") for v in batch[1]], batch[2]
    for _ in range(2):
        train_on(model, [indexes, views, targets.to("meta")])
        optimizer.step()
        for pair in model.momentum_pairs:
            model.momentum_updater.update(*pair)


def test_the_momentum_branch_keeps_no_activations():
    model, batch = build(), make_batch()
    kept = []

    def keep(tensor):
        kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.momentum_forward(batch[1][0])
        assert not kept
        model(batch[1][2])
        query = sum(kept)
        kept.clear()
        model.training_step(batch, 0)
    # A step also keeps the few tensors of the loss, which have the size of the logits.
    assert sum(kept) < 1.05 * query


@pytest.mark.parametrize("name", ["resnet50", "vit_tiny", "convnext_tiny"])
def test_other_backbones_make_a_step(name):
    changes = {"backbone__name": name}
    if name.startswith("vit"):
        changes["backbone__kwargs"] = {"img_size": 32, "patch_size": 8}
    model = build(**changes)
    loss = model.training_step(make_batch(4), 0)
    loss.backward()
    assert torch.isfinite(loss)


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_cifar_gets_the_small_stem(name):
    with torch.device("meta"):
        small = build(backbone__name=name, data__dataset="cifar10").backbone.conv1
        large = build(backbone__name=name, data__dataset="imagenet").backbone.conv1
    assert (small.kernel_size, small.stride) == ((3, 3), (1, 1))
    assert (large.kernel_size, large.stride) == ((7, 7), (2, 2))
