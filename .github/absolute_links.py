"""Make the relative links of a page absolute, for a place outside the repository such as PyPI.

usage: python .github/absolute_links.py PAGE OWNER/REPOSITORY TAG
"""

import re
import sys
from pathlib import Path

_LINK = re.compile(r"(!?)(\[[^\]]*\]\()(?![a-z]+:|#)([^)\s]+)\)")


def absolute(text: str, repository: str, tag: str) -> str:
    """Return the page with pictures from raw.githubusercontent.com and links to github.com."""

    def change(match: re.Match[str]) -> str:
        picture, before, target = match.groups()
        if picture:
            return f"!{before}https://raw.githubusercontent.com/{repository}/{tag}/{target})"
        return f"{before}https://github.com/{repository}/blob/{tag}/{target})"

    return _LINK.sub(change, text)


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(absolute(page.read_text(), *sys.argv[2:4]))
