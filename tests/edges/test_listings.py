"""Listings through the whole house: what a feed, a sitemap or an index page names is watched, and never lost."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from monitor.compose import house
from monitor.config import load
from monitor.daemon import Daemon
from monitor.discover import with_found
from monitor.rounds import check_all
from storage.archive import Archive
from storage.records import EventKind, Latest, Outcome, digest_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from monitor.compose import House
    from monitor.endings import Checked
    from tests.edges.origin import Origin

RULES = "defaults: {allow_private: [127.0.0.0/8], robots: false, select: article}\n"


class Site:
    """A site of statements, and the feed, sitemap and index page that name them."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin

    def statement(self, path: str, words: str = "The parties shall meet again in May, said both of them.") -> str:
        return self.origin.page(path, f"<article><h1>{path}</h1><p>2026-03-01</p><p>{words}</p></article>")

    def feed(self, *paths: str, title: str = "Statement") -> str:
        entries = "".join(
            f"<item><title>{title}</title><link>{path}</link><pubDate>Sun, 01 Mar 2026 12:00:00 GMT</pubDate></item>"
            for path in paths
        )
        for path in paths:
            self.statement(path)
        body = f"<rss version='2.0'><channel>{entries}</channel></rss>"
        return self.origin.page("/feed", body, etag=f'"{digest_of(body.encode())}"')

    def sitemap(self, **stamps: str) -> str:
        entries = "".join(
            f"<url><loc>{self.origin.url}/{name}</loc><lastmod>{at}</lastmod></url>" for name, at in stamps.items()
        )
        return self.origin.page(
            "/sitemap.xml", f"<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>{entries}</urlset>"
        )


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)


@asynccontextmanager
async def watching(folder: Path, listing: str, clock: Clock, more: str = "") -> AsyncIterator[House]:
    config = folder / "config.yaml"
    config.write_text(f"{RULES}listings:\n  - {listing}\n{more}")
    async with house(load(config, os.environ, check_selectors=True), now=clock) as parts:
        yield parts


async def look(parts: House, *names: str) -> list[Checked]:
    found = await parts.around.writer.call(Archive.found)
    chosen = [one for one in with_found(parts.settings, found).declarations if not names or one.source.id in names]
    latest: dict[str, Latest] = await parts.around.writer.call(Archive.latest, [one.source.id for one in chosen])
    return [one async for one in check_all(chosen, latest, parts.around, concurrency=1)]


def watched(parts: House) -> list[str]:
    return [one.url.rpartition("/")[2] for one in parts.archive.found()]


def outcomes(checked: Sequence[Checked]) -> list[Outcome]:
    return [one.outcome for one in checked]


def test_two_items_that_appear_at_once_with_one_title_are_both_watched_under_ids_of_their_own(
    tmp_path: Path, origin: Origin
) -> None:
    async def go() -> None:
        url = Site(origin).feed("/a", "/b")
        async with watching(tmp_path, f"{{id: press, feed: '{url}', series: calls, tags: [desk]}}", Clock()) as parts:
            (first,) = await look(parts)
            assert (first.outcome, first.note) == (Outcome.NEW, "2 found")
            ids = [one.source for one in parts.archive.found()]
            assert len(set(ids)) == 2
            assert all(one.startswith("2026-03-01-statement") for one in ids)
            assert {(one.series, one.tags) for one in parts.archive.sources() if one.id in ids} == {
                ("calls", ("desk",))
            }
            assert sorted(outcomes(await look(parts)), key=str) == [Outcome.NEW, Outcome.NEW, Outcome.NOT_MODIFIED]
            assert [one.kind for one in parts.archive.events()] == [EventKind.NEW, EventKind.NEW]

    asyncio.run(go())


def test_what_falls_off_a_feed_stays_watched_and_is_not_called_missing(tmp_path: Path, origin: Origin) -> None:
    async def go() -> None:
        site, clock = Site(origin), Clock()
        listing = f"{{id: press, feed: '{site.feed('/b', '/a')}'}}"
        async with watching(tmp_path, listing, clock) as parts:
            await look(parts, "press")
            site.feed("/d", "/c", "/b")
            assert (await look(parts, "press"))[0].note == "2 found"
            assert watched(parts) == ["a", "b", "c", "d"]
            assert [one.missing_since for one in parts.archive.found()] == [None] * 4
            assert len(await look(parts)) == 5
        async with watching(tmp_path, listing, clock) as parts:  # and after a restart
            assert len([one for one in parts.archive.sources() if one.id != "press"]) == 4

    asyncio.run(go())


def test_what_is_taken_out_of_the_middle_is_told_and_comes_back(tmp_path: Path, origin: Origin) -> None:
    async def go() -> None:
        site = Site(origin)
        async with watching(tmp_path, f"{{id: press, feed: '{site.feed('/c', '/b', '/a')}'}}", Clock()) as parts:
            await look(parts, "press")
            taken = parts.archive.found()[1]
            site.feed("/c", "/a")
            assert (await look(parts, "press"))[0].note == f"no longer listed: {taken.source}"
            assert [bool(one.missing_since) for one in parts.archive.found()] == [False, True, False]
            site.feed("/c", "/b", "/a")
            assert (await look(parts, "press"))[0].note == f"listed again: {taken.source}"
            assert [bool(one.missing_since) for one in parts.archive.found()] == [False, False, False]

    asyncio.run(go())


def test_a_listing_that_comes_back_empty_is_doubted_not_obeyed(tmp_path: Path, origin: Origin) -> None:
    async def go() -> None:
        site, clock = Site(origin), Clock()
        listing = f"{{id: press, feed: '{site.feed('/b', '/a')}', confirm: {{after: 1m, times: 1}}}}"
        async with watching(tmp_path, listing, clock) as parts:
            await look(parts, "press")
            site.feed()
            for _ in range(2):
                (doubted,) = await look(parts, "press")
                assert doubted.outcome is Outcome.FAILED
                assert "it named 2 before" in (doubted.error or "")
                clock.pass_by(5)
            assert [one.kind for one in parts.archive.events("press")] == [EventKind.FAILING]
            assert [bool(one.missing_since) for one in parts.archive.found()] == [False, False]
            assert len(await look(parts)) == 3
            site.feed("/b", "/a")
            await look(parts, "press")
            assert parts.archive.events("press")[0].kind is EventKind.RECOVERED

    asyncio.run(go())


def test_more_new_items_than_max_new_are_taken_up_look_by_look_and_none_is_lost(tmp_path: Path, origin: Origin) -> None:
    async def go() -> None:
        site = Site(origin)
        url = site.feed(*(f"/{name}" for name in "edcba"))
        async with watching(tmp_path, f"{{id: press, feed: '{url}', max_new: 2}}", Clock()) as parts:
            notes = [(await look(parts, "press"))[0].note for _ in range(4)]
            assert notes == [
                "2 found; 3 more wait for the next look (max_new)", "2 found; 1 more wait for the next look (max_new)", "1 found", None,
            ]  # fmt: skip
            assert watched(parts) == ["a", "b", "c", "d", "e"]  # the oldest first: they are the next to fall off

    asyncio.run(go())


def test_an_unchanged_listing_is_asked_conditionally_and_as_a_whole_after_our_rules_changed(
    tmp_path: Path, origin: Origin
) -> None:
    async def go() -> None:
        url = Site(origin).feed("/news/b", "/other/a")
        async with watching(tmp_path, f"{{id: press, feed: '{url}', follow: '/news/'}}", Clock()) as parts:
            await look(parts, "press")
            assert outcomes(await look(parts, "press")) == [Outcome.NOT_MODIFIED]
        async with watching(tmp_path, f"{{id: press, feed: '{url}', follow: '/(news|other)/'}}", Clock()) as parts:
            assert (await look(parts, "press"))[0].note == "1 found"
            assert watched(parts) == ["b", "a"]

    asyncio.run(go())


def test_an_edit_under_an_unmoved_sitemap_date_is_silent_and_a_moved_one_makes_the_page_due(
    tmp_path: Path, origin: Origin
) -> None:
    async def go() -> None:
        site, clock = Site(origin), Clock()
        site.statement("/a", "Both parties shall meet again in May.")
        site.statement("/b", "Both parties shall meet again in May.")
        url = site.sitemap(a="2026-03-01", b="2026-03-01")
        async with watching(tmp_path, f"{{id: map, sitemap: '{url}'}}", clock) as parts:
            await look(parts)
            await look(parts)
            due = {one.source.url[-1]: one.next_check for one in parts.archive.states() if one.source.id != "map"}
            clock.pass_by(1)
            assert all(at and at > clock.now for at in due.values())
            site.statement("/a", "Both parties may meet again in May.")
            site.statement("/b", "Both parties may meet again in May.")
            site.sitemap(a="2026-03-01", b="2026-03-02")
            await look(parts, "map")
            states = {one.source.url[-1]: one for one in parts.archive.states() if one.source.id != "map"}
            assert states["b"].next_check == clock.now
            assert states["a"].next_check == due["a"]
            changed = {one.source: one for one in await look(parts) if one.outcome is Outcome.CHANGED}
            assert {name: one.silent for name, one in changed.items()} == {
                states["a"].source.id: True, states["b"].source.id: False,
            }  # fmt: skip

    asyncio.run(go())


def test_an_index_is_followed_to_its_continuation_as_long_as_it_brings_something_new(
    tmp_path: Path, origin: Origin
) -> None:
    async def go() -> None:
        origin.page(
            "/news", "<ul><li>3 May 2026 <a href=/s/c>The third statement</a></ul><a class=next href=/news2>on</a>"
        )
        origin.page("/news2", "<ul><li>2 May 2026 <a href=/s/b>Second</a></ul><a class=next href=/news3>on</a>")
        origin.page("/news3", "<ul><li>1 May 2026 <a href=/s/a>First</a></ul><a class=next href=/news>round</a>")
        listing = f"{{id: news, index: '{origin.url}/news', follow: 'li a', next: a.next}}"
        async with watching(tmp_path, listing, Clock()) as parts:
            await look(parts, "news")
            assert [one.source for one in parts.archive.found()] == [
                "2026-05-01-first", "2026-05-02-second", "2026-05-03-the-third-statement",
            ]  # fmt: skip
            await look(parts, "news")
            assert origin.paths_asked() == ["/news", "/news2", "/news3", "/news"]

    asyncio.run(go())


def test_a_sitemap_index_is_followed_to_its_sitemaps(tmp_path: Path, origin: Origin) -> None:
    async def go() -> None:
        import gzip

        site = Site(origin)
        part = site.sitemap(a="2026-03-01")
        packed = origin.page(
            "/packed.xml.gz", gzip.compress(f"<urlset><url><loc>{origin.url}/b</loc></url></urlset>".encode())
        )
        index = origin.page(
            "/all.xml",
            f"<sitemapindex><sitemap><loc>{part}</loc></sitemap><sitemap><loc>{packed}</loc></sitemap></sitemapindex>",
        )
        async with watching(tmp_path, f"{{id: map, sitemap: '{index}'}}", Clock()) as parts:
            assert (await look(parts))[0].note == "2 found"
            assert sorted(watched(parts)) == ["a", "b"]

    asyncio.run(go())


def test_another_site_is_followed_only_where_a_regular_expression_allows_it(tmp_path: Path, origin: Origin) -> None:
    async def go() -> None:
        url = Site(origin).feed("/a")
        words = "<rss><item><title>x</title><link>http://localhost:9/evil</link></item><item><link>file:///etc/passwd</link></item><item><title>a</title><link>/a</link></item></rss>"
        origin.edit("/feed", words)
        async with watching(tmp_path, f"{{id: press, feed: '{url}'}}", Clock()) as parts:
            (seen,) = await look(parts, "press")
            assert watched(parts) == ["a"]
            assert "1 on other sites left out" in (seen.note or "")
            assert "1 without a web address left out" in (seen.note or "")
        async with watching(tmp_path, f"{{id: press, feed: '{url}', follow: 'http://localhost'}}", Clock()) as parts:
            await look(parts, "press")
            assert watched(parts) == ["a", "evil"]

    asyncio.run(go())


def test_what_a_listing_finds_is_never_called_like_a_source_or_series_of_the_configuration(
    tmp_path: Path, origin: Origin
) -> None:
    async def go() -> None:
        url = Site(origin).feed("/a", title="Calls")
        own = Site(origin).statement("/own")
        for more in (f"sources:\n  - {{id: 2026-03-01-calls, url: '{own}'}}\n", "series: [{id: 2026-03-01-calls}]\n"):
            folder = tmp_path / more[:6]
            folder.mkdir()
            async with watching(folder, f"{{id: press, feed: '{url}'}}", Clock(), more) as parts:
                await look(parts, "press")
                (found,) = parts.archive.found()
                assert found.source.startswith("2026-03-01-calls-")

    asyncio.run(go())


def test_an_address_that_is_watched_already_is_left_to_its_source(tmp_path: Path, origin: Origin) -> None:
    async def go() -> None:
        url = Site(origin).feed("/a", "/b")
        more = f"sources:\n  - {{id: mine, url: '{origin.url}/a'}}\n"
        async with watching(tmp_path, f"{{id: press, feed: '{url}'}}", Clock(), more) as parts:
            assert (await look(parts, "press"))[0].note == "1 found"
            assert watched(parts) == ["b"]

    asyncio.run(go())


def test_sources_retire_with_their_listing_and_come_back_with_it_history_and_all(
    tmp_path: Path, origin: Origin
) -> None:
    async def go() -> None:
        clock = Clock()
        listing = f"{{id: press, feed: '{Site(origin).feed('/a')}'}}"
        async with watching(tmp_path, listing, clock) as parts:
            await look(parts)
            await look(parts)
            name = parts.archive.found()[0].source
        async with watching(tmp_path, f"{{id: other, feed: '{origin.url}/feed'}}", clock) as parts:
            assert [one.id for one in parts.archive.sources()] == ["other"]
            await look(parts, "other")
            (found,) = parts.archive.found()
            assert (found.source, found.listing) == (name, "other")
            assert len(parts.archive.versions(name)) == 1

    asyncio.run(go())


def test_the_daemon_claims_what_a_listing_found(tmp_path: Path, origin: Origin) -> None:
    async def go() -> None:
        clock = Clock()
        async with watching(tmp_path, f"{{id: press, feed: '{Site(origin).feed('/a', '/b')}'}}", clock) as parts:
            daemon = Daemon(parts)
            for expected in (1, 2, 0):
                assert await daemon.tick() == expected
                while daemon._running:
                    await asyncio.gather(*daemon._running.values())
            assert sum(len(parts.archive.versions(one.source)) for one in parts.archive.found()) == 2

    asyncio.run(go())
