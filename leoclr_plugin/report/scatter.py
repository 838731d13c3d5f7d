"""Features in two dimensions."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors

from leoclr_plugin.errors import UserError

_NEIGHBOURS = 15  # UMAP's own default
_FEW_IMAGES = 4096
_FEW_CLASSES = 20


def require_umap() -> None:
    """Check that umap-learn and matplotlib are installed.

    Raises:
        UserError: with the command that installs what is missing.
    """
    for module in ("umap", "matplotlib"):
        if not find_spec(module):
            raise UserError(
                f"UMAP needs {module}, which is not installed; "
                'run: pip install "leoclr-plugin[umap]"'
            )


def umap_scatter(
    features: torch.Tensor, targets: torch.Tensor, classes: Sequence[str], path: Path
) -> None:
    """Draw two UMAP dimensions, coloured by class.

    Args:
        features: ``[M, F]``.
        targets: ``[M]``.
        classes: names of the targets.
        path: of the PNG.
    """
    from matplotlib.figure import Figure

    points = _embed(features.numpy())
    figure = Figure(figsize=(9, 7), layout="constrained")
    axes = figure.subplots()
    cmap = "tab10" if len(classes) <= 10 else "tab20"
    dots = axes.scatter(*points.T, c=targets, cmap=cmap, s=8, alpha=0.6)
    axes.set(xticks=[], yticks=[])
    if len(classes) <= _FEW_CLASSES:
        handles, _ = dots.legend_elements(num=None)
        names = [classes[target] for target in targets.unique().tolist()]
        # Beside the points, which fill their square.
        figure.legend(handles, names, loc="outside right upper", fontsize="small")
    figure.savefig(path, dpi=110)


def _embed(features: np.ndarray) -> np.ndarray:
    """Two dimensions of ``features`` ``[M, F]``, the same at every call."""
    from umap import UMAP

    kwargs = {"n_components": 2, "n_neighbors": min(_NEIGHBOURS, len(features) - 1)}
    if len(features) < _FEW_IMAGES:
        # UMAP's own search would be compiled for ten seconds to find these same neighbours.
        search = NearestNeighbors(n_neighbors=kwargs["n_neighbors"]).fit(features)
        distances, indices = search.kneighbors(features)
        kwargs["precomputed_knn"] = (indices, distances.astype(np.float32), None)
        kwargs["force_approximation_algorithm"] = True
    with warnings.catch_warnings():
        # It warns that a fixed seed means one thread, and that given neighbours cannot be
        # searched later; both are what is wanted.
        warnings.simplefilter("ignore")
        return UMAP(random_state=0, **kwargs).fit_transform(features)
