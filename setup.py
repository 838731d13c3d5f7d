"""Build the package. The settings are in setup.cfg; this file only adds a method to setuptools."""

from setuptools import Distribution, setup


class DistributionWithData(Distribution):
    """A distribution that installs its data file leoclr.pth in an editable install too."""

    def has_data(self) -> bool:
        """Return whether there are data files.

        The editable_wheel command of setuptools calls this method, which setuptools lacks.
        """
        return self.has_data_files()


setup(distclass=DistributionWithData)
