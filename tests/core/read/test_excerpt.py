"""The statement read alone: a shortcut that may decline, and may never say "as it was" of another text."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.read import ReadRules, read
from monitor.read.excerpt import can_excerpt, excerpt
from storage.errors import ReadError

PAGE = b"""<!DOCTYPE html><html><head><meta charset="utf-8"><title>On the talks | Ministry</title>
<meta property="og:title" content="On the talks"><script>var a = '<div id="x">';</script></head><body>
<!-- <div id="article">old</div> --><nav><ul><li><a href="/1">One</a><li><a href="/2">Two</a></ul></nav>
<div class="page"><div id='statement' class="text wide"><h1>On the talks</h1><p>26 February 2022
<p>Both sides spoke of <b>security</b> concerns, and of what follows from them.<br><img src="a.png">
<ul><li>trade<li>culture</ul><!-- </div> --><table><tr><td>Year<td>2022</table>
<script>document.write("</div>")</script><p>They agreed to meet again.</p></div><div class="more">News 4711</div></div>
<footer>&copy; Ministry</footer></body></html>"""
RULES = ReadRules(select="#statement")
KNOWN = read(PAGE, RULES).text.digest


def whole(page: bytes, rules: ReadRules) -> str:
    try:
        return read(page, rules).text.digest
    except ReadError:
        return "nothing"


def agree(page: bytes, rules: ReadRules, known: str) -> bool:
    """The same text either way; or the broken page breaks the parser, and the statement still stands in its source."""
    found = whole(page, rules)
    return again(page, rules, known) == found or found == "nothing"


def again(page: bytes, rules: ReadRules, known: str) -> str:
    try:
        return read(page, rules, known=known).text.digest
    except ReadError:
        return "nothing"


def test_the_statement_is_cut_out_with_the_head_facts() -> None:
    part = excerpt(PAGE, "#statement")
    assert part is not None
    assert b"News 4711" not in part
    assert b"One" not in part
    assert b"They agreed to meet again." in part
    assert b"og:title" in part
    assert read(part, RULES).text.digest == KNOWN


@pytest.mark.parametrize(
    ("select", "simple"),
    [
        ("#statement", True),
        ("div.text", True),
        (".page > .text", True),
        ("#statement p + p", True),
        ("#statement ~ .more", False),
        ("#statement, .more", False),
        ("div:not(.more)", False),
        ("div > .text", False),
        ("[id=statement]", False),
        ("#statement:first-child", False),
    ],
)
def test_only_selectors_that_mean_the_same_in_the_excerpt_are_taken(select: str, simple: bool) -> None:
    assert can_excerpt(select, ()) is simple


def test_what_is_left_out_must_be_named_simply() -> None:
    assert can_excerpt("#statement", (".ad", "p.note, aside"))
    assert not can_excerpt("#statement", ("body > .ad",))
    assert not can_excerpt("#statement", ("p:last-child",))


@pytest.mark.parametrize(
    "page",
    [
        b"<body><!-- <div id='s'>a</div> --></body>",
        b"<body><div id='s'>a</div><div id='s'>b</div></body>",
        b"<body><div id='s'>a<div></body>",
        b"<body><div id='s'><p><b>a</p></b></div></body>",
        b"<body><p id='s'>a</p></body>",
        b"<body><script>'<div id=s>a</div>'</script></body>",
        b"<body><noscript><div id=s>a</div></noscript></body>",
        b"<body><textarea><div id=s>a</div></textarea></body>",
        b'<body><div id=s>a<span title="</div>">b</span></div></body>',
        b"<body><div id=s><div/>a</div></body>",
        b"<body><plaintext><div id=s>a</div></body>",
        b"<body><div title='<div id=s>a</div></body>",
        b"<body><div id=t>a</div></body>",
    ],
)
def test_in_doubt_there_is_no_excerpt(page: bytes) -> None:
    assert excerpt(page, "#s") is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"security</b>", b"safety</b>"),
        (b"again.</p>", b"again.</p><p>Soon.</p>"),
        (b'<div class="page">', b'<!-- <div class="page">'),
        (b"<li>culture", b"<li hidden>culture"),
        (b'og:title" content="On the talks', b'og:title" content="About the talks'),
        (b"<td>2022", b"<td>2023"),
        (b'</p></div><div class="more">', b'</p></div><div id="statement">More</div><div class="more">'),
    ],
)
def test_an_edit_is_never_taken_for_the_known_text(old: bytes, new: bytes) -> None:
    edited = PAGE.replace(old, new, 1)
    assert edited != PAGE
    assert again(edited, RULES, KNOWN) == whole(edited, RULES)


PIECES = [
    b"<div>", b"</div>", b"<p>", b"</p>", b"<!--", b"-->", b"<script>", b"</script>", b"<b>", b"</b>", b'"', b"'", b"<",
    b">", b"words", b"<table>", b"<td>", b"</table>", b"<div id=statement>", b" hidden", b"<title>T</title>", b"<li>",
    b"<textarea>", b"</textarea>", b"<svg>", b"</ul>", b"<br><br>", b"&amp;", b"<a href='", b"<select>", b"</body>",
    b"<noscript>", b"<template>", b"<h1>Other</h1>", b"<form>", b"/>", b"<![CDATA[", b"<?x", b"</span>", b"<option>",
]  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, len(PAGE)), st.sampled_from(PIECES), st.integers(0, 30)), max_size=4))
@settings(max_examples=300, deadline=None)
def test_whatever_is_done_to_a_page_the_shortcut_agrees_with_the_whole_reading(
    edits: list[tuple[int, bytes, int]],
) -> None:
    page = PAGE
    for place, piece, cut in edits:
        page = page[:place] + piece + page[place + cut :]
    assert agree(page, RULES, KNOWN)


@pytest.mark.parametrize(
    "page",
    [
        b"statement " * 200_000,
        b"<div id=statement " * 100_000,
        b'<div class="x statement ' * 100_000,
        b"<div id='statement'>" + b"<div>" * 400_000,
        b"<div id='statement'>" + b'<a href="' * 200_000,
        b"<!--" * 400_000 + b"<div id='statement'>a</div>",
        b"<meta name='" * 200_000 + b"<div id='statement'>a</div>",
        b"<div id='statement'>" + b"<p " * 500_000 + b"</div>",
    ],
    ids=range(8),
)
def test_a_page_made_to_exhaust_is_given_up_soon(page: bytes) -> None:
    started = time.process_time()
    for select in ("#statement", ".statement"):
        excerpt(page, select)
    assert time.process_time() - started < 1


CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "html"
SELECTORS = {
    "kremlin-en": ".read__content",
    "fmprc": "#News_Body_Txt_A",
    "cctv": "#content_area",
    "federalreserve": "#article",
}


@pytest.mark.slow
@pytest.mark.parametrize("folder", SELECTORS)
def test_on_real_pages_the_shortcut_agrees_with_the_whole_reading(folder: str) -> None:
    if not CORPUS.is_dir():
        pytest.skip("the corpus of real pages is not here")
    dice = random.Random(folder)
    rules = ReadRules(select=SELECTORS[folder])
    taken = 0
    for file in sorted((CORPUS / folder).iterdir()):
        page = file.read_bytes()
        known = whole(page, rules)
        taken += excerpt(page, SELECTORS[folder]) is not None
        for _ in range(60):
            place, cut = dice.randrange(len(page)), dice.choice((0, 0, 1, 20, 200))
            edited = page[:place] + dice.choice(PIECES) + page[place + cut :]
            assert agree(edited, rules, known), (file.name, place)
    assert taken
