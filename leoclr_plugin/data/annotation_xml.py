"""Read the XML files of VOC's annotations, which come from outside."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree


class _WithoutDoctype(ElementTree.TreeBuilder):
    def doctype(self, *args: object) -> None:
        # Only a document type can define entities, by which a small file grows to gigabytes.
        raise ElementTree.ParseError("it has a document type, which no annotation of VOC has")


def read_annotation(path: str | Path) -> ElementTree.Element:
    """Return the root of an annotation.

    Raises:
        xml.etree.ElementTree.ParseError: if the file is damaged or has a document type.
    """
    parser = ElementTree.XMLParser(target=_WithoutDoctype())  # nosec B314 # without document types
    return ElementTree.parse(path, parser).getroot()  # nosec B314 # without document types
