"""Test the weights of positives and negatives in LeOCLR's loss against plain loops."""

import math

import pytest
import torch

from leoclr_plugin.losses.leoclr import cosine_similarities, leoclr_loss_func
from leoclr_plugin.losses.self_paced import age_at, self_paced_weights
from tests.losses.test_leoclr import normalized

T = 0.2


def numbers(*shape: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=generator, dtype=torch.float64)


def brute_force(positives, negatives, reduction, weights, paces, explicit) -> float:
    """Compute the loss with Python's floats, one exponential at a time."""
    total = 0.0
    cosines, own = (part.tolist() for part in explicit)
    for i, row in enumerate(positives.tolist()):
        pushed = own[i] * math.exp(cosines[i] / T)
        for c, p in zip(negatives[i].tolist(), paces[i].tolist(), strict=True):
            pushed += p * math.exp(c / T)
        terms = [
            -w * math.log(math.exp(c / T) / (math.exp(c / T) + pushed))
            for c, w in zip(row, weights[i].tolist(), strict=True)
        ]
        total += sum(terms) / (len(terms) if reduction == "mean" else 1)
    return total / len(positives)


@pytest.fixture
def given():
    query = normalized(5, 8, seed=0).requires_grad_()
    keys = [normalized(5, 8, seed=2), normalized(5, 8, seed=3)]
    pushed = normalized(5, 8, seed=4)
    positives, negatives = cosine_similarities(query, keys, normalized(8, 20, seed=1, dim=0))
    return query, positives, negatives, (query * pushed).sum(dim=1)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_all_weights_equal_a_float64_brute_force(given, reduction):
    query, positives, negatives, cosines = given
    weights = 3 * numbers(5, 2, seed=0)
    weights[0, 1] = 0
    paces = numbers(5, 20, seed=1)
    paces[1, 3] = 0
    explicit = cosines, torch.tensor([0, 0.5, 1, 2, 0], dtype=torch.float64)
    loss = leoclr_loss_func(positives, negatives, T, reduction, weights, paces, explicit)
    expected = brute_force(positives, negatives, reduction, weights, paces, explicit)
    assert loss.item() == pytest.approx(expected, rel=1e-12)
    loss.backward()
    assert query.grad.isfinite().all()


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_weights_of_1_change_no_bit_of_the_loss_and_its_gradient(given, reduction):
    query, positives, negatives, cosines = given
    found = []
    for more in (
        (),
        (torch.ones(5, 2), torch.ones(5, 20)),
        (None, None, (cosines, torch.zeros(5))),
    ):
        loss = leoclr_loss_func(positives, negatives, T, reduction, *more)
        found.append((loss, *torch.autograd.grad(loss, query, retain_graph=True)))
    for loss, gradient in found[1:]:
        assert torch.equal(loss, found[0][0])
        assert torch.equal(gradient, found[0][1])


def test_an_explicit_negative_is_as_one_more_key_of_the_queue(given):
    query, positives, _, cosines = given
    none = torch.zeros(5, 0, dtype=torch.float64)
    alone = leoclr_loss_func(positives, none, T, explicit=(cosines, torch.ones(5)))
    assert alone.item() == pytest.approx(
        leoclr_loss_func(positives, cosines[:, None], T).item(), rel=1e-12
    )
    # An image without one has no negatives at all here.
    (gradient,) = torch.autograd.grad(
        leoclr_loss_func(positives, none, T, explicit=(cosines, torch.zeros(5))), query
    )
    assert gradient.abs().sum() == 0


def test_the_gradient_equals_finite_differences(given):
    query, *_ = given
    keys, pushed = [normalized(5, 8, seed=2)], normalized(5, 8, seed=4)
    queue, own = normalized(8, 20, seed=1, dim=0), numbers(5, seed=3)

    def loss_of(u):
        positives, negatives = cosine_similarities(u, keys, queue)
        return leoclr_loss_func(
            positives,
            negatives,
            T,
            weights=numbers(5, 1, seed=0),
            paces=numbers(5, 20, seed=1),
            explicit=((u * pushed).sum(dim=1), own),
        )

    assert torch.autograd.gradcheck(loss_of, (query,))


@pytest.mark.parametrize("age", [0.3, 1.0, 2.5])
def test_self_paced_weights_equal_a_loop(given, age):
    negatives = given[2]
    weights = self_paced_weights(negatives, age)
    assert not weights.requires_grad
    for row, cosines in zip(weights.tolist(), negatives.tolist(), strict=True):
        for weight, cosine in zip(row, cosines, strict=True):
            hardness = (cosine - min(cosines)) / (max(cosines) - min(cosines))
            assert weight == pytest.approx(max(0.0, 1 - hardness / age), abs=1e-12)


def test_self_paced_weights_have_the_limits_of_their_age(given):
    *_, positives, negatives, _ = given
    assert torch.equal(self_paced_weights(negatives, math.inf), torch.ones_like(negatives))
    ordinary = leoclr_loss_func(positives, negatives, T)
    late = leoclr_loss_func(positives, negatives, T, paces=self_paced_weights(negatives, math.inf))
    assert torch.equal(late, ordinary)
    early = self_paced_weights(negatives, 1e-9)
    # Only the easiest negative of each query counts at first.
    assert torch.equal(early.nonzero()[:, 1], negatives.argmin(dim=1))
    assert (early.sum(dim=1) == 1).all()
    assert (self_paced_weights(negatives, 1.0).argmin(dim=1) == negatives.argmax(dim=1)).all()


def test_negatives_that_are_alike_all_count():
    assert self_paced_weights(torch.full((2, 3), 0.99), 0.5).tolist() == [[1.0] * 3] * 2
    assert self_paced_weights(torch.zeros(2, 0), 0.5).shape == (2, 0)
    assert self_paced_weights(torch.zeros(1, 3, dtype=torch.bfloat16), 1).dtype == torch.float32


def test_the_age_grows_until_its_time():
    ages = [age_at(progress, 0.5, 2.0, 0.8) for progress in (0, 0.2, 0.4, 0.8, 1)]
    assert ages == pytest.approx([0.5, 1 / 1.625, 1 / 1.25, 2, 2])
    assert age_at(0.25, 1.0, None, 0.5) == 2
    assert age_at(0.5, 1.0, None, 0.5) == math.inf
    assert age_at(0, 1.0, None, 0) == math.inf
