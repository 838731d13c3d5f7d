import numpy as np
import pytest
import torch
from scipy.linalg import eigh
from scipy.stats import entropy

from leoclr_plugin.metrics.lidar import lidar


def views_of_images(count: int, per_image: int, length: int, noise: float = 0.5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(count, 1, length, generator=generator)
    images *= torch.linspace(0.2, 1, length)
    return images + noise * torch.randn(count, per_image, length, generator=generator)


@pytest.mark.parametrize("count", [40, 8])
def test_equals_the_generalised_eigenvalues_of_loops_over_the_images(count):
    views = views_of_images(count, 3, 12)
    arrays = views.double().numpy()
    means = [image.mean(axis=0) for image in arrays]
    centre = np.mean(means, axis=0)
    between = sum(np.outer(m - centre, m - centre) for m in means) / (count - 1)
    within = 1e-4 * np.eye(12)
    for image, mean in zip(arrays, means, strict=True):
        for view in image:
            within += np.outer(view - mean, view - mean) / (count * 2)
    eigenvalues = eigh(between, within, eigvals_only=True).clip(min=0)
    assert lidar(views) == pytest.approx(np.exp(entropy(eigenvalues)), rel=1e-4)


def test_agrees_with_stable_pretraining():
    module = pytest.importorskip("stable_pretraining.callbacks.lidar")
    views = views_of_images(50, 4, 16)
    callback = module.LiDAR("lidar", "features", 200, 16, n_classes=50, samples_per_class=4)
    expected = callback._compute_lidar(views.flatten(0, 1).double())["lidar"]
    assert lidar(views) == pytest.approx(expected, rel=1e-4)


def test_counts_the_directions_that_tell_images_apart():
    generator = torch.Generator().manual_seed(1)
    images = torch.zeros(3000, 1, 10)
    images[..., :4] = 30 * torch.randn(3000, 1, 4, generator=generator)
    views = images + torch.randn(3000, 4, 10, generator=generator)
    # Six of ten directions only depend on the augmentation.
    assert lidar(views) == pytest.approx(4, rel=0.02)


def test_is_one_for_equal_features():
    assert lidar(torch.full((20, 3, 9), 0.3)) == 1
