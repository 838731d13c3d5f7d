"""A UMAP of the features, saved as a picture."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from leoclr_plugin.errors import UserError


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
        points = umap.UMAP(n_components=2).fit_transform(torch.cat(features).numpy())

        figure = Figure(figsize=(7, 7), layout="constrained")
        axes = figure.subplots()
        scatter = axes.scatter(*points.T, c=labels, cmap="tab10", s=8, alpha=0.6)
        axes.set(xticks=[], yticks=[])
        if labels.max() < 20:
            axes.legend(*scatter.legend_elements(num=None), loc="best", fontsize="small")
        figure.savefig(plot_path, dpi=110)
