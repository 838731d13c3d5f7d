"""The pages of the project, as paths, and what they contain."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conftest import ROOT

README = ROOT / "README.md"
RESULTS = ROOT / "docs/results.md"
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def all_pages() -> list[Path]:
    """Return the pages that people read, in the repository and on the site."""
    folders = ("docs", "benchmarks", "benchmarks/notes", "zoo", ".")
    return [path for folder in folders for path in sorted((ROOT / folder).glob("*.md"))]


def links_of(page: Path) -> list[tuple[Path, str]]:
    """Return the targets of a page's links to files of the repository, and their anchors."""
    found = []
    for link in _LINK.findall(_CODE.sub("code", page.read_text())):
        if not re.match(r"\w+:", link):
            path, _, anchor = link.partition("#")
            found.append(((page.parent / path).resolve() if path else page, anchor))
    return found


def anchors_of(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and mkdocs make them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    plain = (re.sub(r"[^\w\s-]", "", heading).strip().lower() for heading in _HEADING.findall(text))
    return {re.sub(r"\s", "-", heading) for heading in plain}
