"""Read the text that an HTML page shows."""

from __future__ import annotations

from collections import defaultdict
from html.parser import HTMLParser


class Page(HTMLParser):
    """A parsed page.

    Attributes:
        texts: pieces of text by the tag before them.
        descriptions: alternative texts of the pictures.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: dict[str, list[str]] = defaultdict(list)
        self.descriptions: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.descriptions.append(dict(attrs)["alt"])

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts[self.lasttag].append(data)
