"""Print the lowest versions that setup.cfg allows of what the package needs, as constraints of pip.

usage: python .github/lowest_versions.py > lowest.txt
"""

import re
from configparser import ConfigParser
from pathlib import Path

_BOUND = re.compile(r"^([\w-]+)>=([\d.]+)$")
# The lowest torch was built with NumPy 1 and does not work with NumPy 2.
_BESIDES = ("numpy<2",)


def lowest_versions(setup_cfg: str) -> list[str]:
    """Return a constraint for each requirement of the package that has a lower bound."""
    config = ConfigParser()
    config.read_string(setup_cfg)
    requirements = config["options"]["install_requires"].split()
    bounds = [_BOUND.match(requirement) for requirement in requirements]
    return [*(f"{bound[1]}=={bound[2]}" for bound in bounds if bound), *_BESIDES]


if __name__ == "__main__":
    print("\n".join(lowest_versions(Path("setup.cfg").read_text())))
