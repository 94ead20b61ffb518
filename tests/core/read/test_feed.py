"""Feeds, sitemaps and index pages, as bytes: what is listed, and what hostile ones cannot do."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.discover import identity
from monitor.read.links import next_link, print_link
from monitor.read.listing import Item, ListRules, listed, when
from storage.errors import ReadError

BASE = "https://www.example.org/news/feed.xml"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

RSS = """<?xml version="1.0" encoding="{0}"?><rss version="2.0" xmlns:media="urn:m"><channel><link>https://www.example.org/</link>
<item><media:title>No</media:title><title>声明 &amp;amp; &lt;b&gt;more&lt;/b&gt;</title><link>/a#top</link><guid isPermaLink="false">7</guid>
<pubDate>Sun, 01 Mar 2026 13:00:00 +0100</pubDate></item></channel></rss>"""
RDF = """<rdf:RDF xmlns:rdf="urn:rdf" xmlns="http://purl.org/rss/1.0/" xmlns:dc="urn:dc"><channel/><item rdf:about="x">
<title>声明 &amp; more</title><link>https://www.example.org/a</link><dc:date>2026-03-01T12:00:00Z</dc:date></item></rdf:RDF>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><link rel="self" href="/feed"/><entry><title type="html">声明 &amp;amp; more</title>
<link rel="enclosure" href="/a.mp3"/><link rel="alternate" href="../a"/><published>2026-03-01T12:00:00Z</published>
<updated>2026-03-02T00:00:00Z</updated></entry></feed>"""
GUID = "<rss><channel><item><title>声明 & more</title><guid>https://www.example.org/a</guid><pubDate>2026-03-01T12:00:00</pubDate>"
JSON = json.dumps(
    {"items": [{"url": "/a", "title": "声明 & more", "date_published": "2026-03-01T12:00:00Z"}, 3, {"id": "urn:x"}]}
)


@pytest.mark.parametrize("body", [RSS.format("gb2312").encode("gb18030"), RDF.encode(), ATOM.encode(), GUID.encode(), JSON.encode()])  # fmt: skip
def test_every_kind_of_feed_says_address_title_and_date(body: bytes) -> None:
    (item,) = listed(body, ListRules("feed"), url=BASE).items
    assert (item.url, item.published_at) == ("https://www.example.org/a", NOON)
    assert item.title in ("声明 & more", "声明 & more ")


def test_what_a_feed_says_of_the_last_change_is_kept_as_printed() -> None:
    assert [item.stamp for item in listed(ATOM.encode(), ListRules("feed"), url=BASE).items] == ["2026-03-02T00:00:00Z"]


@pytest.mark.parametrize(
    "declared",
    [
        "<!DOCTYPE a [<!ENTITY a 'aaaaaaaaaa'>" + "".join(f"<!ENTITY a{n} '&a;&a;&a;&a;'>" for n in range(9)) + "]>",
        "<!DOCTYPE a [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>",
        "<!DOCTYPE a SYSTEM 'http://127.0.0.1:9/a.dtd'>",
    ],
)
@pytest.mark.parametrize("kind", ["feed", "sitemap"])
def test_entities_are_neither_expanded_nor_fetched(declared: str, kind: str) -> None:
    inside = (
        "<urlset><url><loc>/a&a;</loc></url></urlset>"
        if kind == "sitemap"
        else "<rss><item><title>&a;&a8;</title><link>/a</link></item></rss>"
    )
    found = listed((declared + inside).encode(), ListRules(kind), url=BASE)
    assert all("root:" not in f"{one}" and len(f"{one}") < 300 for one in found.items)


@pytest.mark.parametrize(
    "body",
    [
        "<rss><item><title>a&#xD800;b</title><link>/a?&#57343;</link></item></rss>",
        "<rss><item><title>a<!-- <![CDATA[ -->&#x0dfff;<!-- ]]> -->b</title><link>/a?&#xd800</link></item></rss>",
        '{"items": [{"title": "a\\ud800b", "url": "/a?\\udfff"}]}',
    ],
    ids=["numbers", "hidden", "json"],
)
def test_half_a_character_in_a_feed_is_a_sign_that_it_was_one(body: str) -> None:
    """Found by fuzzing: the parser took these up and failed when asked for the text."""
    (item,) = listed(body.encode(), ListRules("feed"), url=BASE).items
    assert (item.title, item.url) == ("a\ufffdb", "https://www.example.org/a?\ufffd")


def test_a_page_is_no_feed_and_a_feed_is_no_sitemap() -> None:
    for kind, body in (("feed", b"<html><p>a</p></html>"), ("sitemap", RDF.encode()), ("feed", b"{}"), ("feed", b"")):
        with pytest.raises(ReadError):
            listed(body, ListRules(kind), url=BASE)


def test_a_sitemap_is_read_as_xml_as_lines_and_compressed_and_its_dates_are_kept() -> None:
    words = "<urlset><url><loc>https://www.example.org/a</loc><lastmod>2026-03-01</lastmod></url></urlset>"
    for body in (words.encode(), gzip.compress(words.encode())):
        (item,) = listed(body, ListRules("sitemap"), url=BASE).items
        assert (item.url, item.stamp, item.published_at) == ("https://www.example.org/a", "2026-03-01", None)
    lines = listed(b"https://www.example.org/a\nhttps://www.example.org/b\n", ListRules("sitemap"), url=BASE)
    assert [item.url[-1] for item in lines.items] == ["a", "b"]


def test_a_sitemap_index_names_its_parts_those_changed_last_first() -> None:
    parts = "".join(f"<sitemap><loc>/{at}.xml</loc><lastmod>2026-0{at}-01</lastmod></sitemap>" for at in (1, 3, 2))
    found = listed(f"<sitemapindex>{parts}</sitemapindex>".encode(), ListRules("sitemap"), url=BASE)
    assert found.parts == tuple(f"https://www.example.org/{at}.xml" for at in (3, 2, 1))


def test_a_sitemap_that_inflates_beyond_its_bound_is_refused() -> None:
    with pytest.raises(ReadError, match="larger than 1,000,000 bytes"):
        listed(gzip.compress(b" " * 50_000_000), ListRules("sitemap", most_bytes=1_000_000), url=BASE)


INDEX = """<base href="/en/"><nav><a href="about">About us</a></nav><table>
<tr><td>2026-03-02</td><td><a href="s2.html"><img></a> <a href="s2.html">The second statement</a></td></tr>
<tr><td><h3>The first statement</h3></td><td>published 1 March 2026 <a href="s1.html">more</a></td></tr>
<tr><td><a href="t20260228_99.html">会谈</a> <a href="mailto:a@b.org">mail</a></td></tr></table><p class=pages><a href="?p=2">2</a></p>"""


@pytest.mark.parametrize("follow", ["table a", "css: tr", r"/en/(s|t)\d+", "re:en/[st]\\d"])
def test_an_index_gives_each_link_the_title_and_date_that_stand_beside_it(follow: str) -> None:
    found = listed(INDEX.encode(), ListRules("index", follow, next=".pages"), url=BASE)
    assert [(item.url.rpartition("/")[2], item.title, f"{item.published_at:%d}") for item in found.items] == [
        ("s2.html", "The second statement", "02"), ("s1.html", "The first statement", "01"), ("t20260228_99.html", "会谈", "28"),
    ]  # fmt: skip
    assert found.next == "https://www.example.org/en/?p=2"


@pytest.mark.parametrize(
    ("kind", "body", "named"),
    [
        ("feed", "<rss><item><link>/a</link></item><item><link>/b", ["a"]),
        ("feed", "<rss><item><link>/a</link></item><item><link>/b</link><title>The sec", ["a", "b"]),
        ("feed", "<rss><item><link>/a</link></item><item><title>b</title>", ["a"]),
        ("feed", "<feed><entry><id>https://www.example.org/x</id><link href='/a'/></entry><entry><id>https://www.example.org/y</id><link hr", ["a"]),
        ("sitemap", "<urlset><url><loc>/a</loc></url><url><loc>/b</lo", ["a"]),
        ("sitemap", "<urlset><url><loc>/a</loc></url>", ["a"]),
    ],
)  # fmt: skip
def test_a_listing_that_breaks_off_does_not_name_the_half_address_it_ends_in(
    kind: str, body: str, named: list[str]
) -> None:
    found = listed(body.encode(), ListRules(kind), url=BASE)
    assert [item.url.rpartition("/")[2] for item in found.items] == named
    assert "breaks off" in found.notes[0]  # with a note, what is not named is not missing
    assert not listed(RDF.encode(), ListRules("feed"), url=BASE).notes


def test_a_compressed_sitemap_that_breaks_off_is_refused() -> None:
    words = "".join(f"https://www.example.org/{at * at}\n" for at in range(500))
    with pytest.raises(ReadError, match="breaks off"):
        listed(gzip.compress(words.encode())[:-300], ListRules("sitemap"), url=BASE)


def test_an_index_without_a_chosen_link_is_an_error_not_an_empty_list() -> None:
    with pytest.raises(ReadError, match="chooses no link"):
        listed(INDEX.encode(), ListRules("index", ".gone a"), url=BASE)


@pytest.mark.parametrize(
    ("item", "name"),
    [
        (Item("https://a.org/1", "Readout of the Call", NOON), "2026-03-01-readout-of-the-call"),
        (Item("https://a.org/1", "2026-03-01: Readout", NOON), "2026-03-01-readout"),
        (Item("https://a.org/1", "Über Größe"), "source-"),
        (Item("https://a.org/en/1.html", "习近平同普京通电话", NOON), "a.org-en-1"),
        (Item("https://a.org/en/1.html", "12"), "a.org-en-1"),
        (Item("https://a.org/1", "word " * 40, NOON), "2026-03-01-word-word-word-word-word-word-word-word-word-word-word-word"),
    ],
)  # fmt: skip
def test_an_id_is_day_and_title_or_made_of_the_address(item: Item, name: str) -> None:
    if name == "source-":
        assert identity(item) == "a.org-1"  # ß is lost: the address says it better
    else:
        assert identity(item) == name


def test_links_to_the_next_page_and_the_print_view() -> None:
    words = b"<a href=/x>Next door</a><a class=next href='?p=2'>on</a><a href=/print title='Print version'>*</a>"
    for selector in ("a.next", "xpath://a[@class='next']/@href", "xpath://a[@class='next']"):
        assert next_link(words, selector, content_type=None, url="https://a.org/s") == "https://a.org/s?p=2"
    assert next_link(words, "a.none", content_type=None, url="https://a.org/s") is None
    assert print_link(words, "auto", content_type=None, url="https://a.org/s") == "https://a.org/print"
    assert print_link(b"<a href=//evil.org/p>Print</a>", "auto", content_type=None, url="https://a.org/s") is None


@given(
    st.binary(max_size=400), st.sampled_from(["feed", "index", "sitemap"]), st.sampled_from([None, "a", "^https?://x"])
)
def test_no_bytes_make_a_listing_raise_anything_but_its_own_error(body: bytes, kind: str, follow: str | None) -> None:
    for words in (
        body,
        b"<rss><item><link>" + body,
        b"<urlset><url><loc>" + body,
        b"<a href='" + body,
        b'{"items":' + body,
    ):
        try:
            found = listed(words, ListRules(kind, follow, next="a"), url=BASE)
        except ReadError:
            continue
        assert all(item.url.startswith(("http://", "https://")) for item in found.items)


@given(st.text(max_size=40))
def test_no_words_make_a_date_raise(words: str) -> None:
    assert (moment := when(words)) is None or moment.tzinfo is not None
