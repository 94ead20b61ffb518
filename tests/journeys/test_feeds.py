"""The feeds of the reading room: served, written, and the same for good."""

from __future__ import annotations

import feedparser
import pytest

from monitor.render.addresses import folder
from monitor.web.guard import Access
from tests.journeys.conftest import Program
from tests.journeys.test_web import asked


@pytest.fixture
def watched(variorum: Program) -> Program:
    """Two sources of one series, one of them changed once, and one that is not."""
    for name in ("one", "two", "other"):
        variorum.write(f"{name}.txt", f"Readout {name}\n\nThe two sides exchanged views on the dispute.\n")
    variorum.write(
        "config.yaml",
        "sources:\n"
        "  - {id: one, file: one.txt, series: calls}\n"
        "  - {id: two, file: two.txt, series: calls}\n"
        "  - {id: other, file: other.txt}\n",
    )
    assert variorum("check").code == 0
    variorum.write("one.txt", "Readout one\n\nThe two sides exchanged views on the <b>crisis</b>.\n")
    assert variorum("check").code == 0
    return variorum


def test_everything_a_series_and_a_source_have_feeds(watched: Program) -> None:
    feeds = {path: feedparser.parse(asked(watched, path).content) for path in
             ("/feed.atom", "/s/calls/feed.atom", "/s/one/feed.atom", "/s/other/feed.atom")}  # fmt: skip
    assert [len(feed.entries) for feed in feeds.values()] == [4, 3, 2, 1]
    assert not any(feed.bozo for feed in feeds.values())
    assert len({feed.feed.id for feed in feeds.values()}) == 4
    newest = feeds["/feed.atom"].entries[0]
    assert newest.title in ("wording: one", "wording, silent: one")  # by whether both were written in the same second
    assert "[-dispute</span>-]" in newest.content[0].value
    assert newest.link == "http://localhost:8466/s/one/1-2.html"
    assert newest.id == feeds["/s/one/feed.atom"].entries[0].id == feeds["/s/calls/feed.atom"].entries[0].id
    assert asked(watched, newest.link.removeprefix("http://localhost:8466")).status_code == 200


def test_pages_say_where_their_feeds_are_and_an_unchanged_one_is_not_sent_again(watched: Program) -> None:
    page = asked(watched, "/s/one/index.html").text
    assert '<link rel="alternate" type="application/atom+xml" title="Everything" href="../../feed.atom">' in page
    assert '<link rel="alternate" type="application/atom+xml" title="one" href="feed.atom">' in page
    answer = asked(watched, "/feed.atom")
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    assert asked(watched, "/feed.atom", {"If-None-Match": answer.headers["etag"]}).status_code == 304
    assert asked(watched, "/s/nobody/feed.atom").status_code == 404


def test_a_feed_is_as_guarded_as_a_page(watched: Program) -> None:
    access = Access(token="t" * 20)
    for path in ("/feed.atom", "/s/one/feed.atom"):
        assert asked(watched, path, access=access).status_code == 401
        assert asked(watched, path, {"Authorization": f"Bearer {'t' * 20}"}, access).status_code == 200
        assert asked(watched, path, host="elsewhere.example").status_code == 421


def test_a_name_that_is_no_step_of_an_address_has_a_feed_where_its_page_is(variorum: Program) -> None:
    variorum.write("one.txt", "The two sides exchanged views on the dispute.\n")
    variorum.write("config.yaml", "sources: [{id: one, file: one.txt, series: con}]\n")
    assert variorum("check").code == 0
    step = folder("con")
    assert 'href="feed.atom"' in asked(variorum, f"/s/{step}/index.html").text
    feed = feedparser.parse(asked(variorum, f"/s/{step}/feed.atom").content).feed
    assert feed.link == f"http://localhost:8466/s/{step}/index.html"
    assert variorum("report", "--out", "site").code == 0
    assert (variorum.folder / "site" / "s" / step / "feed.atom").exists()


def test_ids_outlive_a_rename_and_a_move(watched: Program) -> None:
    before = {entry.id for entry in feedparser.parse(asked(watched, "/s/one/feed.atom").content).entries}
    watched.write(
        "config.yaml",
        "web: {public_url: 'https://variorum.example.org/room'}\n"
        "sources:\n  - {id: first, was: one, file: one.txt, series: calls}\n",
    )
    assert watched("check").code == 0
    after = feedparser.parse(asked(watched, "/s/first/feed.atom").content)
    assert {entry.id for entry in after.entries} == before
    assert after.entries[0].link == "https://variorum.example.org/room/s/first/1-2.html"


def test_a_report_has_the_feeds_with_relative_links(watched: Program) -> None:
    assert watched("report", "--out", "site").code == 0
    site = watched.folder / "site"
    raw = (site / "s" / "one" / "feed.atom").read_bytes()
    assert b'href="../../s/one/1-2.html"' in raw
    assert (site / "s" / "one" / "1-2.html").exists()
    entries = feedparser.parse(raw).entries
    assert {entry.id for entry in entries} <= {
        e.id for e in feedparser.parse((site / "feed.atom").read_bytes()).entries
    }
    assert (site / "s" / "calls" / "feed.atom").exists()
