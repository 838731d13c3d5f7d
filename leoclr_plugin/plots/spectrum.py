"""Draw the singular values of several networks' features."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import torch

from leoclr_plugin.errors import UserError
from leoclr_plugin.plots.texts import write_names


def require_matplotlib() -> None:
    """Check that matplotlib is installed.

    Raises:
        UserError: when it is missing; the message has the command that installs it.
    """
    if not find_spec("matplotlib"):
        raise UserError("the plot needs matplotlib, which is not installed; pip install matplotlib")


def spectrum_plot(spectra: Sequence[tuple[str, torch.Tensor]], path: Path) -> None:
    """Draw singular values as shares of the largest one, on logarithmic axes.

    A curve that drops to nothing early is that of a network that uses few directions.

    Args:
        spectra: the name of each network and its singular values ``[K]``, the largest first.
        path: path of the PNG to write.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    drawn = []
    for name, values in spectra:
        # Zero has no place on a logarithmic axis.
        values = values[values > 0]
        if len(values):
            axes.loglog(range(1, len(values) + 1), values / values[0], label=str(len(drawn)))
            drawn.append(name)
    axes.set(xlabel="rank of the singular value", ylabel="share of the largest")
    axes.grid(alpha=0.3)
    write_names(axes.legend(fontsize="small").get_texts(), drawn)
    figure.savefig(path, dpi=110)
