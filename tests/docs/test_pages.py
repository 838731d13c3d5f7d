"""The pages are short where they must be, and their links lead somewhere."""

import re

import pytest

from tests.conftest import ROOT
from tests.docs.pages import README, RESULTS, all_pages, anchors_of, links_of


@pytest.mark.parametrize("page", all_pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_a_file_and_a_heading(page):
    for target, anchor in links_of(page):
        assert target.exists(), target
        if anchor and target.suffix == ".md":
            assert anchor in anchors_of(target), f"{target}#{anchor}"


def test_readme_and_results_are_short():
    assert len(README.read_text().splitlines()) <= 120
    assert len(RESULTS.read_text().splitlines()) <= 150


def test_results_link_to_every_note():
    linked = {target for target, _ in links_of(RESULTS)}
    notes = set((ROOT / "benchmarks/notes").glob("*.md"))
    assert notes
    assert notes <= linked


def test_every_page_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text().partition("\nnav:")[2]
    named = set(re.findall(r": (\S+\.md)$", navigation, re.MULTILINE))
    assert {page.name for page in (ROOT / "docs").glob("*.md")} <= named


def test_no_sentence_begins_with_a_word_that_makes_it_a_riddle():
    riddle = re.compile(r"(?:^|[.!?] )(Of|Whose|Those|That of|Else|In which|By which) [^\n]*", re.M)
    for page in all_pages():
        assert not riddle.findall(page.read_text()), page
