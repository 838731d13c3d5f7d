"""Everything is in setup.cfg but for one method that setuptools asks for and lacks."""

from setuptools import Distribution, setup


class DistributionWithData(Distribution):
    """Lets an editable install have its data files, that is leoclr.pth, as a wheel has."""

    def has_data(self) -> bool:
        """Asked by setuptools' editable_wheel."""
        return self.has_data_files()


setup(distclass=DistributionWithData)
