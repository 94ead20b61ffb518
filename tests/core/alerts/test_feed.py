"""Feeds: golden ones, and what RFC 4287 and readers want of them."""

from __future__ import annotations

import re
import uuid
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path

import feedparser
import lxml.etree
import pytest
from hypothesis import given, settings

from monitor.alerts.feed import ENTRIES, Entry, Feed, atom, entry_of, ident_of, permanent
from monitor.read.feed import listed
from monitor.read.listing import ListRules
from monitor.render import Comparison
from storage.records import EventKind
from tests.core.alerts.letters import CASES, CHAIN, NOON, changed, happened
from tests.core.alerts.test_letters import check, vast
from tests.core.render.random_comparisons import comparisons

ATOM = "{http://www.w3.org/2005/Atom}"
FEED = Feed(
    permanent("feed", "everything"), "Variorum: everything", "https://v.example/feed.atom", "https://v.example/"
)
GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "letters"


def entries() -> list[Entry]:
    """One of each letter, an hour apart."""
    told = []
    for place, case in enumerate(CASES):
        for notice in CASES[case]().notices:
            event = replace(notice.event, at=NOON + timedelta(hours=place))
            ident = ident_of(event, notice.chain if case != "gone" else None, CHAIN)
            told.append(entry_of(replace(notice, id=ident, event=event), f"https://v.example/s/mfa/{place}.html"))
    return told


def test_the_feed_is_the_golden_one(request: pytest.FixtureRequest) -> None:
    shown = re.sub('<generator version="[^"]+">', "<generator>", atom(FEED, entries()).decode())
    check("everything.atom", shown, request)


def test_the_feed_has_what_rfc_4287_asks_for() -> None:
    root = lxml.etree.fromstring(atom(FEED, entries()))
    assert root.tag == f"{ATOM}feed"
    for node in [root, *root.iter(f"{ATOM}entry")]:
        for name in ("id", "title", "updated"):
            assert len(node.findall(f"{ATOM}{name}")) == 1, name
        assert uuid.UUID(node.findtext(f"{ATOM}id").removeprefix("urn:uuid:")).version == 5
    assert root.findtext(f"{ATOM}author/{ATOM}name") == "Variorum"
    (self,) = (link for link in root.findall(f"{ATOM}link") if link.get("rel") == "self")
    assert self.get("href") == "https://v.example/feed.atom"
    assert root.findtext(f"{ATOM}updated") == max(root.findtext(f"{ATOM}entry/{ATOM}updated") or "", "")
    assert {node.get("type") for node in root.iter(f"{ATOM}content")} == {"html"}


def test_readers_read_it_and_so_do_we() -> None:
    told = entries()
    found = feedparser.parse(atom(FEED, told))
    assert not found.bozo
    assert len(found.entries) == len(told)
    assert "[-forty" in next(one.content[0].value for one in found.entries if "major, silent" in one.title)
    items = listed(atom(FEED, told), ListRules("feed"), "application/atom+xml", "https://v.example/feed.atom").items
    assert len(items) == len(told)


def test_ids_are_permanent_and_their_own() -> None:
    """Written out: this must fail whenever ids would change for people who are subscribed."""
    event = changed(CASES["readout"]().notices[0].comparison).event  # type: ignore[arg-type]
    assert permanent("a", "b") == "urn:uuid:cd11df92-2787-5c56-90aa-cab69b96382d"
    assert ident_of(event, CHAIN, None) == ident_of(replace(event, source="renamed"), CHAIN, "another")
    gone = happened(EventKind.GONE).event
    here = replace(gone, at=gone.at.astimezone(timezone(timedelta(hours=8))))
    assert ident_of(gone, None, CHAIN) == ident_of(replace(here, source="renamed"), None, CHAIN)
    phrases = [happened(EventKind.PHRASE, phrase=name).event for name in ("a", "b")]
    all_of_them = {ident_of(one, CHAIN, CHAIN) for one in (event, gone, *phrases)} | {ident_of(gone, None, CHAIN)}
    assert len(all_of_them) == 5


def test_an_empty_feed_is_a_feed() -> None:
    found = feedparser.parse(atom(FEED, []))
    assert not found.bozo
    assert found.entries == []
    assert found.feed.updated == "1970-01-01T00:00:00Z"


def test_a_feed_is_bounded_and_newest_first() -> None:
    one = entry_of(changed(vast(2_000)), "https://v.example/")
    every = [replace(one, id=permanent(str(n)), at=NOON + timedelta(minutes=n)) for n in range(150)]
    ids = [node.findtext(f"{ATOM}id") for node in lxml.etree.fromstring(atom(FEED, every)).iter(f"{ATOM}entry")]
    assert len(ids) == ENTRIES
    assert ids[0] == permanent("149")
    assert len(one.html.encode()) < 50_000
    assert "more edits not shown here" in one.html


@settings(max_examples=20, deadline=None)
@given(comparisons())
def test_nothing_a_page_says_breaks_the_document(compared: Comparison) -> None:
    notice = changed(compared)
    body = atom(replace(FEED, title=compared.old.text.text), [entry_of(notice, "https://v.example/")])
    node = lxml.etree.fromstring(body).find(f"{ATOM}entry")
    assert node is not None
    assert "<script" not in (node.findtext(f"{ATOM}content") or "")
