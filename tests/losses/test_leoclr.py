import math

import pytest
import torch
import torch.nn.functional as F
from lightly.loss import NTXentLoss

from leoclr_plugin.losses.leoclr import cosine_similarities, leoclr_loss_func


def normalized(*shape: int, seed: int, dim: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(*shape, generator=generator, dtype=torch.float64), dim=dim)


def loss_of(query, keys, queue, temperature=0.2, reduction="sum"):
    return leoclr_loss_func(*cosine_similarities(query, keys, queue), temperature, reduction)


def brute_force(query, keys, queue, temperature, reduction) -> float:
    """Compute eq. 1 and 2 with Python's floats, one exponential at a time."""
    total = 0.0
    for i in range(len(query)):
        u = query[i].tolist()
        terms = []
        for key in keys:
            positive = math.exp(
                math.fsum(a * b for a, b in zip(u, key[i].tolist(), strict=True)) / temperature
            )
            negatives = [
                math.exp(
                    math.fsum(a * b for a, b in zip(u, column.tolist(), strict=True)) / temperature
                )
                for column in queue.T
            ]
            terms.append(-math.log(positive / (positive + math.fsum(negatives))))
        total += sum(terms) if reduction == "sum" else sum(terms) / len(terms)
    return total / len(query)


@pytest.mark.parametrize("crops", [1, 2, 3])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("temperature", [0.07, 0.2, 1.0])
def test_equals_a_float64_brute_force(crops, reduction, temperature):
    query, queue = normalized(5, 8, seed=0), normalized(8, 20, seed=1, dim=0)
    keys = [normalized(5, 8, seed=2 + i) for i in range(crops)]
    expected = brute_force(query, keys, queue, temperature, reduction)
    got = loss_of(query, keys, queue, temperature, reduction)
    assert got.item() == pytest.approx(expected, rel=1e-12)


def test_equals_lightly_summed_over_the_crops():
    query, queue = normalized(6, 16, seed=0).float(), normalized(16, 32, seed=1, dim=0).float()
    keys = [normalized(6, 16, seed=2 + i).float() for i in range(2)]
    expected = 0.0
    for key in keys:
        lightly = NTXentLoss(temperature=0.2, memory_bank_size=(32, 16))
        bank = lightly.memory_bank
        # The first call makes the bank, which is [D, K] in some releases and [K, D] in others.
        lightly(query, key)
        bank.bank = queue.clone() if tuple(bank.bank.shape) == (16, 32) else queue.T.clone()
        expected += lightly(query, key).item()
    assert loss_of(query, keys, queue).item() == pytest.approx(expected, rel=1e-5)


def test_gradient_reaches_the_query_alone():
    query, queue = normalized(4, 8, seed=0), normalized(8, 16, seed=1, dim=0)
    keys = [normalized(4, 8, seed=2), normalized(4, 8, seed=3)]
    for tensor in (query, queue, *keys):
        tensor.requires_grad_()
    loss_of(query, keys, queue).backward()
    assert query.grad.abs().sum() > 0
    assert queue.grad is None
    assert all(key.grad is None for key in keys)


def test_gradient_equals_finite_differences():
    queue, keys = normalized(4, 6, seed=1, dim=0), [normalized(3, 4, seed=2)]
    query = normalized(3, 4, seed=0).requires_grad_()
    assert torch.autograd.gradcheck(lambda u: loss_of(u, keys, queue), (query,))


def test_no_crop_is_pulled_to_another():
    # The loss does not change when the crops are swapped. It is the sum of the crops' own losses,
    # so it does not depend on how near the crops are to each other.
    query, queue = normalized(4, 8, seed=0), normalized(8, 16, seed=1, dim=0)
    first, second = normalized(4, 8, seed=2), normalized(4, 8, seed=3)
    assert torch.allclose(
        loss_of(query, [first, second], queue), loss_of(query, [second, first], queue)
    )
    single = loss_of(query, [first], queue) + loss_of(query, [second], queue)
    assert torch.allclose(loss_of(query, [first, second], queue), single)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_float32(dtype):
    query, queue = normalized(4, 64, seed=0), normalized(64, 4096, seed=1, dim=0)
    keys = [normalized(4, 64, seed=2)]
    positives, negatives = cosine_similarities(query, keys, queue)
    loss = leoclr_loss_func(positives.to(dtype), negatives.to(dtype), temperature=0.05)
    expected = leoclr_loss_func(positives.to(dtype).double(), negatives.to(dtype).double(), 0.05)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_extreme_temperature_stays_finite():
    query = normalized(2, 8, seed=0)
    loss = loss_of(query, [-query], normalized(8, 16, seed=1, dim=0), temperature=1e-4)
    assert torch.isfinite(loss)


def test_bad_settings_are_refused():
    positives, negatives = torch.zeros(2, 1), torch.zeros(2, 3)
    with pytest.raises(ValueError, match="temperature must be positive, not 0"):
        leoclr_loss_func(positives, negatives, temperature=0)
    with pytest.raises(ValueError, match="not 'max'"):
        leoclr_loss_func(positives, negatives, reduction="max")


def test_without_negatives_the_loss_and_its_gradient_are_zero():
    query = normalized(3, 8, seed=0).requires_grad_()
    loss = loss_of(query, [normalized(3, 8, seed=1)], torch.zeros(8, 0, dtype=torch.float64))
    loss.backward()
    assert loss.item() == 0
    assert query.grad.abs().sum() == 0
