"""What is installed, under whichever name."""

from importlib import metadata

import pytest

from leoclr_plugin.environment import version_of


@pytest.mark.parametrize(
    ("installed", "told"),
    [
        ({"opencv-python-headless": "4.11", "opencv-python": "4.10"}, "4.11"),
        ({"opencv-contrib-python": "4.10"}, "4.10 (opencv-contrib-python)"),
        ({"nvidia-dali-cuda120": "2.4"}, None),
    ],
)
def test_a_version_names_what_is_installed_in_a_package_s_place(monkeypatch, installed, told):
    def version(name):
        if name not in installed:
            raise metadata.PackageNotFoundError
        return installed[name]

    monkeypatch.setattr(metadata, "version", version)
    assert version_of("opencv-python-headless") == told
