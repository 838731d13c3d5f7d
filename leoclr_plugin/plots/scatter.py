"""Draw features in two dimensions."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors

from leoclr_plugin.errors import UserError
from leoclr_plugin.plots.texts import write_names

_NEIGHBOURS = 15  # UMAP's own default
_MAX_EXACT_SEARCH = 4096  # images up to which an exact search for neighbours is fast
_MAX_LEGEND = 20  # classes up to which a legend can be read


def require_umap() -> None:
    """Check that umap-learn and matplotlib are installed.

    Raises:
        UserError: when one is missing; the message has the command that installs it.
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
    """Draw a UMAP of the features in two dimensions, coloured by class.

    Args:
        features: features of the images, ``[M, F]``.
        targets: classes of the images as integers, ``[M]``.
        classes: names of the classes, in the order of the targets.
        path: path of the PNG to write.
    """
    from matplotlib.figure import Figure

    points = _embed(features.numpy())
    figure = Figure(figsize=(9, 7), layout="constrained")
    axes = figure.subplots()
    cmap = "tab10" if len(classes) <= 10 else "tab20"
    dots = axes.scatter(*points.T, c=targets, cmap=cmap, s=8, alpha=0.6)
    axes.set(xticks=[], yticks=[])
    if len(classes) <= _MAX_LEGEND:
        handles, _ = dots.legend_elements(num=None)
        names = [classes[target] for target in targets.unique().tolist()]
        # Put the legend outside the axes, because the points fill all of them.
        places = [str(number) for number in range(len(names))]
        legend = figure.legend(handles, places, loc="outside right upper", fontsize="small")
        write_names(legend.get_texts(), names)
    figure.savefig(path, dpi=110)


def _embed(features: np.ndarray) -> np.ndarray:
    """Reduce ``features`` ``[M, F]`` to ``[M, 2]``, with the same result in every call."""
    # Numba, which compiles UMAP, replaces sys.stdout for a moment while it colours its errors. In a
    # thread beside a training, whose output goes to stderr, stdout could stay replaced for good.
    os.environ.setdefault("NUMBA_DISABLE_ERROR_MESSAGE_HIGHLIGHTING", "1")
    from umap import UMAP

    kwargs = {"n_components": 2, "n_neighbors": min(_NEIGHBOURS, len(features) - 1)}
    if len(features) < _MAX_EXACT_SEARCH:
        # UMAP's own search takes ten seconds to compile and finds the same neighbours.
        search = NearestNeighbors(n_neighbors=kwargs["n_neighbors"]).fit(features)
        distances, indices = search.kneighbors(features)
        kwargs["precomputed_knn"] = (indices, distances.astype(np.float32), None)
        kwargs["force_approximation_algorithm"] = True
    with warnings.catch_warnings():
        # UMAP warns that a fixed seed means one thread and that given neighbours do not allow
        # later searches. Both are intended.
        warnings.simplefilter("ignore")
        return UMAP(random_state=0, **kwargs).fit_transform(features)
