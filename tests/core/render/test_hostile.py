"""Whatever a page says, no renderer lets it drive a terminal, a browser or the eye."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.render import FORMATS, Comparison, Style, render
from monitor.render.safe import INVISIBLE, visible
from storage.records import EditKind
from tests.core.render.cases import CASES
from tests.core.render.random_comparisons import comparisons

OUR_COLORS = re.compile(r"\x1b\[[0-9;]*m")
EXAMPLES = 50
UNSEEN = re.compile(f"[{INVISIBLE}]")
STYLES = st.builds(
    Style,
    width=st.integers(20, 140),
    color=st.booleans(),
    context=st.integers(0, 3),
    ignore_cosmetic=st.booleans(),
    kinds=st.frozensets(st.sampled_from(EditKind), max_size=3),
    explain=st.booleans(),
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(comparisons(), STYLES)
@pytest.mark.parametrize("form", [form for form in FORMATS if form != "delta"])
def test_no_renderer_emits_what_cannot_be_seen(form: str, comparison: Comparison, style: Style) -> None:
    shown = render(comparison, form, style)
    if style.color:
        shown = OUR_COLORS.sub("", shown)
    assert visible(shown) == shown
    shown.encode()


@settings(max_examples=EXAMPLES, deadline=None)
@given(comparisons())
def test_colour_is_never_left_switched_on(comparison: Comparison) -> None:
    for form in ("inline", "side-by-side", "words", "unified"):
        for line in render(comparison, form, Style(color=True)).split("\n"):
            codes = OUR_COLORS.findall(line)
            assert not codes or codes[-1] == "\x1b[0m"


@settings(max_examples=EXAMPLES, deadline=None)
@given(comparisons(), STYLES)
@pytest.mark.parametrize("form", ["inline", "side-by-side", "words", "unified"])
def test_colour_adds_nothing_but_colour(form: str, comparison: Comparison, style: Style) -> None:
    plain = render(comparison, form, Style(width=style.width, context=style.context))
    color = render(comparison, form, Style(width=style.width, context=style.context, color=True))
    assert OUR_COLORS.sub("", color) == plain


@settings(max_examples=EXAMPLES, deadline=None)
@given(comparisons(), STYLES)
def test_json_is_one_valid_document_with_the_true_texts(comparison: Comparison, style: Style) -> None:
    shown = render(comparison, "json", style)
    document = json.loads(shown)
    assert not UNSEEN.search(shown)
    assert document["old"]["sha256"] == comparison.old.text.digest
    assert document["script"] == comparison.change.script
    for edit in document["edits"]:
        assert edit["new"]["end"] - edit["new"]["start"] == len(comparison.new.text.text[slice(*_span(edit["new"]))])


def _span(span: dict[str, int]) -> tuple[int, int]:
    return span["start"], span["end"]


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes += attrs
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@settings(max_examples=EXAMPLES, deadline=None)
@given(comparisons(), STYLES)
def test_html_is_well_formed_and_has_no_element_of_the_page_it_shows(comparison: Comparison, style: Style) -> None:
    page = render(comparison, "html", style)
    tags = _Tags()
    tags.feed(page)
    tags.close()
    assert tags.open == []
    assert len(tags.ids) == len(set(tags.ids))
    assert page.count("<script>") == 1
    assert not any(name.startswith("on") or name in ("src", "style") for name, _ in tags.attributes)


def test_a_script_in_a_statement_stays_text() -> None:
    page = render(CASES["hostile"](), "html", Style())
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<img" not in page


def test_markdown_calls_nobody_and_links_nowhere() -> None:
    shown = render(CASES["hostile"](), "markdown", Style())
    assert r"\[link\](javascript:alert(1))" in shown
    assert "@desk" not in shown
    assert r"https\://evil" in shown
    assert r"\<img" in shown
