"""No input makes reading raise anything but its own error, or take long."""

from __future__ import annotations

import gzip
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.fuzz import look
from monitor.read import Reading, ReadRules, patterns, read
from monitor.read.listing import ListRules, listed
from storage.errors import ReadError
from tests.core.read.test_html import PAGE
from tests.core.read.test_pdf import PAGES, drawn, pdf

RULES = (ReadRules(select="p, div, td, li"), ReadRules(), ReadRules(kind="plain"), ReadRules(kind="pdf"))
TAGS = [
    "html",
    "head",
    "body",
    "p",
    "div",
    "span",
    "table",
    "tr",
    "td",
    "li",
    "ol",
    "ul",
    "a",
    "b",
    "del",
    "q",
    "sup",
    "pre",
    "br",
    "rt",
    "ruby",
    "script",
    "style",
    "title",
    "meta",
    "h1",
]
markup = st.lists(
    st.one_of(
        st.sampled_from([f"<{tag}>" for tag in TAGS] + [f"</{tag}>" for tag in TAGS]),
        st.sampled_from(
            ["<p style='display:none'>", "<!--", "-->", "<![CDATA[", "&#0;", "&#xD800;", "&nbsp;", "<p hidden>"]
        ),
        st.text(max_size=12),
    ),
    max_size=40,
).map("".join)


def tried(body: bytes, rules: ReadRules, content_type: str | None = None) -> Reading | None:
    try:
        found = read(body, rules, content_type=content_type)
    except ReadError as error:
        refusal = error.message
    else:
        refusal = None
    if refusal is not None:
        assert refusal
        assert "\n" not in refusal
        return None
    assert found.text.paragraphs
    found.text.text.encode("utf-8")
    assert found.reader == rules.fingerprint
    return found


@given(st.binary(max_size=400), st.sampled_from(RULES), st.sampled_from([None, "text/html", "text/plain; charset=gbk"]))
@settings(deadline=None)  # the first case pays for the imports
def test_any_bytes_are_read_or_refused(body: bytes, rules: ReadRules, content_type: str | None) -> None:
    tried(body, rules, content_type)


@given(markup, st.sampled_from(RULES[:2]))
@settings(deadline=None)  # the first case pays for the imports
def test_any_markup_is_read_or_refused(page: str, rules: ReadRules) -> None:
    tried(page.encode("utf-8", "surrogatepass"), rules, "text/html")


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from([PAGE.encode(), pdf(*PAGES)]))
def test_damaged_pages_and_files_are_read_or_refused(dice: random.Random, body: bytes) -> None:
    for rules in (RULES[0], RULES[1]):
        tried(damaged(body, dice), rules)


def damaged(body: bytes, dice: random.Random) -> bytes:
    changed = bytearray(body)
    for _ in range(dice.randint(1, 12)):
        place = dice.randrange(len(changed))
        how = dice.randrange(4)
        if how == 0:
            changed[place] = dice.randrange(256)
        elif how == 1:
            del changed[place : place + dice.randint(1, 200)]
        elif how == 2:
            changed[place:place] = changed[max(0, place - 100) : place] * 3
        else:
            changed[place:place] = dice.choice(
                [b"<div>", b"\x00", b"</table>", b"<!--", b"<script>", b"\xff\xfe", b"%%EOF"]
            )
        if not changed:
            break
    return bytes(changed)


EXHAUSTING = [
    b"<" * 400_000,
    b"<div>" * 80_000,
    b"<font color=red>" * 30_000 + b"words",
    b"<!--" * 100_000,
    b"<meta " * 60_000,
    b"<table><tr><td>x</td><td>" * 15_000,
    b"<ol>" + b"<li>x" * 60_000,
    b'<p style="' + b"text-decoration:" * 25_000 + b'">x</p>',
    b"<sup>" * 60_000 + b"1",
    b"<pre>" + b"x\n\n" * 100_000,
    b"# " + b" " * 300_000 + b"x",
    b"\n" * 300_000 + b"**a " * 20_000,
    b"2022-01-01 " * 40_000,
    b"<p>" + "\u200d".encode() * 120_000,
]


def exhausting() -> Iterator[Any]:
    """Every page with every reader; in the quick part each page with one of them in turn."""
    for place, body in enumerate(EXHAUSTING):
        for turn, kind in enumerate(("select", "automatic", "plain")):
            name = f"{kind}-{body[:8].decode('latin-1').strip()}"
            yield pytest.param(body, RULES[turn], id=name, marks=[] if turn == place % 3 else pytest.mark.slow)


@pytest.mark.parametrize(("body", "rules"), list(exhausting()))
def test_a_page_made_to_exhaust_takes_no_longer_than_its_size(body: bytes, rules: ReadRules) -> None:
    started = time.process_time()
    tried(body, rules, None if rules.kind else "text/html")
    assert time.process_time() - started < 8


@pytest.mark.parametrize(
    ("kind", "opening", "unit"),
    [
        ("feed", "", "<![CDATA["),
        ("feed", "", "<!DOCTYPE x ["),
        ("feed", "", "<?xml "),
        ("feed", "", " "),
        ("feed", "<rss><channel>", "<item><title>"),
        ("feed", '{"items":', "["),
        ("sitemap", "", "\n"),
        ("sitemap", "<urlset>", "<url><loc>"),
        ("index", "", "<a href=/x>x</a>"),
        ("index", "", "<li><a href=/x>more</a>"),
        ("index", "", "<div><a href=/x>"),
        ("plain", "", "word. Then\n"),
        ("plain", "", "xx-\n"),
        ("plain", "", "=\n"),
    ],
)
def test_a_listing_or_text_made_of_one_opening_is_read_or_refused_in_its_own_time(
    kind: str, opening: str, unit: str
) -> None:
    """Each took minutes once, being looked through anew at every opening: the suite's own time limit holds it."""
    body = (opening + unit * ((80_000 if kind == "index" else 400_000) // len(unit))).encode()
    try:
        if kind == "plain":
            read(body, ReadRules(kind="plain"))
        else:
            listed(body, ListRules(kind, follow="a" if kind == "index" else None), url="https://www.example.org/")
    except ReadError as error:
        assert "\n" not in error.message


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (ReadRules(select="p:first-child"), None),
        (ReadRules(select="p:nth-of-type(3)"), None),
        (ReadRules(select="p:last-of-type"), None),
        (ReadRules(select="p ~ p"), "too large for the selector 'p ~ p'"),
        (ReadRules(select="p:nth-child(2n+1)"), "too large for the selector"),
        (ReadRules(xpath="//p[count(//p) > 1]"), "too large for the selector"),
    ],
)
def test_a_selector_walks_a_page_or_says_that_it_is_too_large(rules: ReadRules, said: str | None) -> None:
    body = b"<body>" + b"<p>x</p>" * 40_000
    if said is None:
        assert len(read(body, rules, content_type="text/html").text.paragraphs) == 1
    else:
        with pytest.raises(ReadError, match=said):
            read(body, rules, content_type="text/html")


@pytest.mark.parametrize("key", ["keep_lines_matching", "delete_lines_matching"])
def test_an_expression_that_backtracks_without_end_is_told(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "PATIENCE_S", 0.05)
    with pytest.raises(ReadError, match=r"'\(a\+\)\+\$' takes longer than"):
        read(b"<p>" + b"a" * 400 + b"!", ReadRules(select="p", **{key: ("(a+)+$",)}))  # type: ignore[arg-type]


def test_an_expression_over_addresses_that_backtracks_without_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "PATIENCE_S", 0.05)
    page = b"<a href='/" + b"a" * 400 + b"!'>x</a>"
    with pytest.raises(ReadError, match="takes longer than"):
        listed(page, ListRules("index", follow="re:(a+)+$"), url="https://www.example.org/")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (drawn(b"BT /F1 12 Tf (hello) Tj ET " * 400_000), "bytes of drawing steps"),
        (drawn(b"/X Do " * 3_000, form=b" " * 900_000), "more than 1,000,000 drawing steps"),
        (drawn(b"BT ET", pages=1_001), "it has 1,001 pages"),
    ],
    ids=["inflated", "forms", "pages"],
)
def test_a_small_pdf_cannot_hold_its_reader(body: bytes, said: str) -> None:
    assert len(body) < 50_000
    with pytest.raises(ReadError, match=said):
        read(body, ReadRules())


@pytest.mark.corpus
def test_damaged_real_pages_are_read_or_refused(corpus: Path) -> None:
    dice = random.Random(7)
    files = sorted((corpus / "html").rglob("*.*html*"))
    for file in dice.sample(files, 12):
        body = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        tried(damaged(body[:60_000], dice), RULES[0])
        tried(damaged(body[:60_000], dice), RULES[1])


@given(st.binary(max_size=300))
@settings(deadline=None)  # the first case pays for the imports
def test_the_target_of_the_fuzzer_holds_for_small_cases(data: bytes) -> None:
    look(data)
