"""Test the picture of features in two dimensions."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from PIL import Image

from leoclr_plugin.plots.scatter import umap_scatter
from leoclr_plugin.terminal import printable
from tests.hostile import NAMES
from tests.programs import ROOT


@pytest.mark.parametrize("classes", [3, 12])
def test_legend_has_the_colour_of_each_class(tmp_path, drawn, classes):
    # One class has no images. The names of the other classes must not shift.
    targets = torch.tensor([c for c in range(classes) if c != 1]).repeat_interleave(8)
    generator = torch.Generator().manual_seed(0)
    features = 20.0 * torch.eye(classes)[targets] + torch.rand(
        len(targets), classes, generator=generator
    )
    names = [f"class {c}" for c in range(classes)]
    umap_scatter(features, targets, names, tmp_path / "umap.png")
    (legend,) = drawn[0].legends
    shown = {
        text.get_text(): to_hex(handle.get_color())
        for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True)
    }
    (dots,) = drawn[0].axes[0].collections
    colours = [to_hex(colour) for colour in dots.to_rgba(dots.get_array())]
    assert shown == {names[t]: c for t, c in zip(targets.tolist(), colours, strict=True)}
    assert len(set(shown.values())) == classes - 1
    points = np.asarray(dots.get_offsets())
    # Classes with distant features stay apart in the picture: the nearest point of each image has
    # the same class.
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (targets.numpy()[distances.argmin(axis=1)] == targets.numpy()).all()
    with Image.open(tmp_path / "umap.png") as picture:
        assert picture.width > picture.height > 0


_COLORAMA_CALLS = """
import sys
from pathlib import Path

import colorama
import torch

calls, init = [], colorama.init
colorama.init = lambda *args, **kwargs: calls.append(args) or init(*args, **kwargs)
from leoclr_plugin.plots.scatter import umap_scatter
from tests.programs import ROOT

targets = torch.arange(2).repeat_interleave(20)
umap_scatter(torch.rand(40, 8), targets, ["a", "b"], Path(sys.argv[1]))
print(len(calls))
"""


def test_stdout_is_never_replaced_because_a_training_may_redirect_it_meanwhile(tmp_path):
    # Numba colours its errors by colorama, which keeps the stdout of that moment and restores it
    # later. The demo draws in a thread, and a training sends stdout to stderr at the same time.
    pytest.importorskip("colorama")
    run = subprocess.run(
        [sys.executable, "-c", _COLORAMA_CALLS, str(tmp_path / "umap.png")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == "0\n"


def test_names_of_classes_are_no_formulas_and_none_is_left_out(tmp_path, drawn):
    names = NAMES[:15]
    targets = torch.arange(len(names)).repeat_interleave(2)
    umap_scatter(torch.rand(len(targets), 4), targets, names, tmp_path / "umap.png")
    texts = drawn[0].legends[0].get_texts()
    assert [text.get_text() for text in texts] == [printable(name) for name in names]
    assert not any(text.get_parse_math() for text in texts)
