"""Hooks of mkdocs: files beside docs/ become part of the site, and formulas become MathML.

A link in a page is relative to the page's place in the repository, so that it works there as well.
The hooks turn it into the link that is right in the site.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
# What the pages link to outside docs/, as patterns under the repository's root.
_OUTSIDE = (
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "LICENSE",
    "benchmarks/*.md",
    "benchmarks/*.json",
    "benchmarks/*.jsonl",
    "benchmarks/*.svg",
    "benchmarks/notes/*.md",
    "zoo/*-*.md",
    "zoo/*-*.json",
    "zoo/pictures/*.png",
)
# The start page of the site stands for the README, whose parts are on the other pages too.
_MOVED = {"README.md": "index.md"}
_LINK = re.compile(r"(\]\()([^)#\s]+)(#[^)\s]*)?(\))")
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)
_FORMULA = re.compile(
    r'<(span|div) class="arithmatex">\s*(?:\\\(|\\\[)(.*?)(?:\\\)|\\\])\s*</\1>', re.DOTALL
)
_NUMBER = re.compile(r"\\tag\{(\w+)\}")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files of ``_OUTSIDE`` under the paths that they have in the repository."""
    for pattern in _OUTSIDE:
        for path in sorted(ROOT.glob(pattern)):
            place = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, place, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn the page's links, which are those of the repository, into the site's."""
    own = page.file.src_uri
    in_docs = Path(page.file.abs_src_path).is_relative_to(config.docs_dir)
    return relink(markdown, f"docs/{own}" if in_docs else own)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Write the page's formulas in MathML, which browsers show without a script."""
    return _FORMULA.sub(_as_mathml, html)


def relink(markdown: str, source: str) -> str:
    """Change the links of a page from its place in the repository to its place in the site.

    Args:
        markdown: the page's text.
        source: path of the page in the repository, such as ``docs/method.md``.
    """
    site_folder = posixpath.dirname(_in_site(source))

    def change(match: re.Match[str]) -> str:
        before, target, anchor, after = match.groups()
        if ":" in target:
            return match[0]
        place = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        # A part of the README has no place of its own on the start page.
        anchor = "" if place in _MOVED else anchor or ""
        return f"{before}{posixpath.relpath(_in_site(place), site_folder or '.')}{anchor}{after}"

    parts, end = [], 0
    for code in _CODE.finditer(markdown):
        parts += [_LINK.sub(change, markdown[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*parts, _LINK.sub(change, markdown[end:])])


def _in_site(path: str) -> str:
    return _MOVED.get(path, path.removeprefix("docs/"))


def _as_mathml(match: re.Match[str]) -> str:
    formula = match[2].replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&")
    number = _NUMBER.search(formula)
    formula = _NUMBER.sub("", formula)
    if match[1] == "span":
        return convert(formula)
    label = f"<span>({number[1]})</span>" if number else ""
    shown = convert(formula, display="block")
    return f'<div class="formula"><div>{shown}</div>{label}</div>'
