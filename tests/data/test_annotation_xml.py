from xml.etree import ElementTree

import pytest

from leoclr_plugin.data.annotation_xml import read_annotation
from leoclr_plugin.data.multilabel_sets import _voc_labels


def test_an_annotation_is_read(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text("<annotation><object><name>dog &amp; cat</name></object></annotation>")
    assert read_annotation(path).findtext("object/name") == "dog & cat"
    with pytest.raises(ValueError, match="'dog & cat' is no class of VOC"):
        _voc_labels(path, {"dog": 0})


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;&x;">]><a><name>&y;</name></a>',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a><name>&x;</name></a>',
        '<!DOCTYPE a SYSTEM "http://example.invalid/a.dtd"><a/>',
    ],
)
def test_entities_are_refused(text, tmp_path):
    path = tmp_path / "a.xml"
    path.write_text(text)
    with pytest.raises(ElementTree.ParseError, match="has a document type"):
        read_annotation(path)
