"""Write one self-contained HTML page."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from leoclr_plugin.report.markup import escaped
from leoclr_plugin.system.files import write_text

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse}th,td{padding:.3rem .9rem;border-bottom:1px solid #ccc;"
    "text-align:right}th:first-child,td:first-child{text-align:left}td{white-space:nowrap}"
    ".wide{overflow-x:auto}img{max-width:100%}"
)


class Report:
    """A page that is built part by part. Pictures are embedded, so it needs no other file."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._parts = [f"<h1>{escaped(title)}</h1>"]

    def heading(self, text: str) -> None:
        """Add a heading."""
        self._parts.append(f"<h2>{escaped(text)}</h2>")

    def text(self, text: str) -> None:
        """Add a paragraph of plain text."""
        self._parts.append(f"<p>{escaped(text)}</p>")

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Add a table of plain text."""
        lines = [_row("th", header), *(_row("td", row) for row in rows)]
        self._parts.append(f'<div class="wide"><table>{"".join(lines)}</table></div>')

    def svg(self, element: str) -> None:
        """Add an ``<svg>`` element as it is."""
        self._parts.append(f"<p>{element}</p>")

    def picture(self, image: Image.Image, description: str) -> None:
        """Embed a picture as PNG."""
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        self._embed(buffer.getvalue(), description)

    def picture_file(self, path: Path, description: str) -> None:
        """Embed a PNG file."""
        self._embed(path.read_bytes(), description)

    def write(self, path: Path) -> None:
        """Write the page to ``path``."""
        head = f'<meta charset="utf-8"><title>{escaped(self.title)}</title><style>{_STYLE}</style>'
        body = "\n".join(self._parts)
        page = f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>{body}</body></html>\n'
        write_text(path, page)

    def _embed(self, png: bytes, description: str) -> None:
        data = base64.b64encode(png).decode()
        source = f"data:image/png;base64,{data}"
        self._parts.append(f'<p><img src="{source}" alt="{escaped(description)}"></p>')


def _row(tag: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{escaped(cell)}</{tag}>" for cell in cells) + "</tr>"
