import pytest
import torch

from leoclr_plugin.errors import UserError
from leoclr_plugin.plots import spectrum
from leoclr_plugin.plots.spectrum import require_matplotlib, spectrum_plot
from leoclr_plugin.terminal import printable
from tests.hostile import NAMES


def test_draws_a_curve_of_the_values_above_zero_for_each_network(tmp_path, drawn):
    pytest.importorskip("matplotlib")
    spectra = [("a", torch.tensor([4.0, 2, 1])), ("a", torch.tensor([8.0, 2, 0]))]
    spectrum_plot(spectra, tmp_path / "spectrum.png")
    (axes,) = drawn[0].axes
    curves = [line.get_ydata().tolist() for line in axes.lines]
    assert curves == [[1, 0.5, 0.25], [1, 0.25]]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "a"]
    assert (tmp_path / "spectrum.png").stat().st_size > 0


def test_a_missing_matplotlib_is_reported(monkeypatch):
    monkeypatch.setattr(spectrum, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install matplotlib"):
        require_matplotlib()


def test_names_are_no_formulas_and_none_is_left_out(tmp_path, drawn):
    pytest.importorskip("matplotlib")
    spectrum_plot([(name, torch.tensor([2.0, 1])) for name in NAMES], tmp_path / "spectrum.png")
    texts = drawn[0].axes[0].get_legend().get_texts()
    assert [text.get_text() for text in texts] == [printable(name) for name in NAMES]
    assert not any(text.get_parse_math() for text in texts)
