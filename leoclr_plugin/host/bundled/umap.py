"""A UMAP of the features, saved as a picture."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from leoclr_plugin.errors import UserError

_NEIGHBOURS = 15  # UMAP's own default
_FEW_IMAGES = 4096


class OfflineUMAP:
    """Plots two UMAP dimensions of a backbone's features, coloured by class."""

    def plot(self, device: str, model: nn.Module, dataloader: DataLoader, plot_path: Path) -> None:
        """Encode ``dataloader``'s ``[images, targets]`` with ``model`` and save the scatter.

        Raises:
            UserError: where umap-learn or matplotlib is not installed.
        """
        try:
            import umap
            from matplotlib.figure import Figure
        except ImportError as error:
            raise UserError(
                f"UMAP needs {error.name}, which is not installed; "
                'run: pip install "leoclr-plugin[umap]"'
            ) from error
        model.eval()
        features, targets = [], []
        with torch.no_grad():
            for images, labels in tqdm(dataloader, desc="Features for UMAP"):
                features.append(model(images.to(device)).float().cpu())
                targets.append(labels)
        labels = torch.cat(targets).numpy()
        points = _embed(umap.UMAP, torch.cat(features).numpy())

        figure = Figure(figsize=(7, 7), layout="constrained")
        axes = figure.subplots()
        scatter = axes.scatter(*points.T, c=labels, cmap="tab10", s=8, alpha=0.6)
        axes.set(xticks=[], yticks=[])
        if labels.max() < 20:
            axes.legend(*scatter.legend_elements(num=None), loc="best", fontsize="small")
        figure.savefig(plot_path, dpi=110)


def _embed(UMAP: type, features: np.ndarray) -> np.ndarray:
    """Two dimensions of ``features`` ``[M, F]``, the same at every call."""
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
