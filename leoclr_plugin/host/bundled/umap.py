"""A UMAP plot of the features, saved as a picture."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from leoclr_plugin.plots.scatter import require_umap, umap_scatter


class OfflineUMAP:
    """Plots two UMAP dimensions of a backbone's features, coloured by class."""

    def plot(self, device: str, model: nn.Module, dataloader: DataLoader, plot_path: Path) -> None:
        """Encode ``dataloader``'s ``[images, targets]`` with ``model`` and save the scatter plot.

        Raises:
            UserError: if umap-learn or matplotlib is not installed.
        """
        require_umap()
        model.eval()
        features, targets = [], []
        with torch.no_grad():
            for images, labels in tqdm(dataloader, desc="Features for UMAP"):
                features.append(model(images.to(device)).float().cpu())
                targets.append(labels)
        labels = torch.cat(targets)
        classes = [str(target) for target in range(int(labels.max()) + 1)]
        umap_scatter(torch.cat(features), labels, classes, plot_path)
