"""Test that a grey ramp keeps its levels in files of any depth, or that the file is refused."""

import numpy as np
import pytest

from leoclr_plugin.data.images import UnreadableImage, open_rgb
from tests.data.depths import BOTH, NEITHER, PIL_ALONE, RAMP


@pytest.mark.parametrize("name", [*BOTH, *PIL_ALONE])
def test_a_ramp_keeps_its_levels(name, tmp_path):
    {**BOTH, **PIL_ALONE}[name](tmp_path)
    image = open_rgb(tmp_path / name)
    assert image.mode == "RGB"
    # A file of 7 bits has only half of the levels. The levels in the 12-bit files are rounded down,
    # so they may be read as one level lower.
    bound = {"7.pgm": 3, "12.tif": 1, "12.pgm": 1}.get(name, 0)
    assert np.abs(np.asarray(image).astype(int) - RAMP[..., None]).max() <= bound


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("float-255.tif", "floating-point grey levels go from 0 to 252; set data.range"),
        ("float-nan.tif", "floating-point grey levels go from nan to nan"),
        ("16-signed.tif", "levels are signed"),
        ("8-signed.tif", "levels are signed"),
        ("16-white.tif", "zero is white"),
        ("32.tif", "levels have 32 bits; set data.range"),
        ("32-signed.tif", "levels are signed"),
    ],
)
def test_levels_with_an_unknown_range_are_refused(name, reason, tmp_path):
    NEITHER[name](tmp_path)
    with pytest.raises(UnreadableImage, match=f"{name} cannot be read: its .*{reason}"):
        open_rgb(tmp_path / name)
