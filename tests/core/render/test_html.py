"""The page: self-contained, accessible, and safe even if an escape were forgotten."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace

import pytest

from monitor.render import Side, Style, render
from monitor.render.html import FOLDED
from tests.core.render.cases import CASES, E, K, comparison


@pytest.fixture(scope="module")
def page() -> str:
    return render(CASES["readout"](), "html", Style())


def test_the_policy_allows_this_style_and_this_script_and_nothing_else(page: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    assert policy[1].startswith("default-src 'none';")
    assert "unsafe" not in policy[1]
    for element, directive in (("style", "style-src"), ("script", "script-src")):
        body = re.search(rf"<{element}>(.*?)</{element}>", page, re.DOTALL)
        assert body is not None
        digest = base64.b64encode(hashlib.sha256(body[1].encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy[1]


def test_nothing_is_loaded_from_elsewhere(page: str) -> None:
    assert not re.search(r"\ssrc=|srcset=|@import|url\(", page)
    assert re.findall(r'href="(?!#)([^"]*)"', page) == ["https://mfa.example/readout?id=1&amp;lang=en"] * 2


def test_every_change_is_an_ins_or_del_that_keys_and_links_can_reach(page: str) -> None:
    reached = re.findall(r'<(del|ins|span)[^>]* id="change-(\d+)" data-change tabindex="-1"', page)
    assert [int(number) for _, number in reached] == list(range(1, 9))
    assert re.findall(r'<li value="\d+"><a href="#change-(\d+)">', page) == [str(number) for number in range(1, 9)]
    assert '=== "n"' in page
    assert '=== "p"' in page


def test_the_statement_says_its_own_language_and_direction(page: str) -> None:
    assert '<html lang="en">' in page
    assert '<main lang="">' in page
    assert set(re.findall(r"<p dir=\"(\w+)\"", page)) == {"auto"}


def test_marks_are_more_than_colour(page: str) -> None:
    style = page[: page.index("</style>")]
    assert "text-decoration: line-through" in style
    assert "text-decoration: underline" in style
    assert 'del::before { content: "\\2212"' in style
    assert 'ins::before { content: "+"' in style
    assert "prefers-color-scheme: dark" in style
    assert "@media print" in style


def test_halves_of_a_move_link_to_each_other() -> None:
    page = render(CASES["moved-and-split"](), "html", Style())
    for move in (1, 2):
        for here, there in (("from", "to"), ("to", "from")):
            assert f'id="move-{move}-{here}" href="#move-{move}-{there}"' in page


def test_a_long_unchanged_run_is_folded_but_all_of_it_is_there() -> None:
    many = "".join(f"\n\nParagraph {number} of many." for number in range(FOLDED + 6))
    shown = comparison([E("4", "5", (K.NUMBER,)), f" tariffs.{many}"])
    page = render(shown, "html", Style())
    assert f'<summary lang="en">{FOLDED + 5} paragraphs unchanged</summary>' in page
    assert page.count(" of many.</p>") == FOLDED + 6


def test_an_address_that_is_no_web_address_is_no_link() -> None:
    shown = CASES["readout"]()
    evil = replace(shown, new=Side("x", shown.new.text, url="javascript:alert(1)"))
    assert 'href="javascript' not in render(evil, "html", Style())


def test_digests_and_windows_are_on_the_page(page: str) -> None:
    shown = CASES["readout"]()
    assert shown.old.text.digest in page
    assert shown.new.text.digest in page
    assert "between 2026-11-23 11:00 and 11:15 UTC" in page


def test_a_moved_passage_of_two_paragraphs_has_one_arrow_at_each_end() -> None:
    parts = [
        E("", "First.\n\nSecond.\n\n", K.MOVED, move=1),
        "What stays.\n\n",
        E("First.\n\nSecond.\n\n", "", K.MOVED, move=1),
        "The end.",
    ]
    ids = re.findall(r' id="([^"]+)"', render(comparison(parts), "html", Style()))
    assert len(ids) == len(set(ids))
    assert sum(one.startswith("move-") for one in ids) == 2
