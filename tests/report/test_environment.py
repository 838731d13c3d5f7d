"""Versions are found for all distributions of the same modules."""

from importlib import metadata

import pytest

from leoclr_plugin.report.environment import version_of


@pytest.mark.parametrize(
    ("installed", "expected"),
    [
        ({"opencv-python-headless": "4.11", "opencv-python": "4.10"}, "4.11"),
        ({"opencv-contrib-python": "4.10"}, "4.10 (opencv-contrib-python)"),
        ({"nvidia-dali-cuda120": "2.4"}, None),
    ],
)
def test_version_names_an_alternative_distribution(monkeypatch, installed, expected):
    def version(name):
        if name not in installed:
            raise metadata.PackageNotFoundError
        return installed[name]

    monkeypatch.setattr(metadata, "version", version)
    assert version_of("opencv-python-headless") == expected
