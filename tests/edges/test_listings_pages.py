"""One text on several pages, and print views: one version, one chain, whatever the number of documents."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from monitor import gather
from storage.chain import first_fault
from storage.records import Outcome
from tests.edges.test_listings import Clock, look, watching

if TYPE_CHECKING:
    from pathlib import Path

    from tests.edges.origin import Asked, Behaviour, Origin


def page(words: str, more: str = "", title: str = "A long speech") -> str:
    return f"<article><h1>{title}</h1><p>2026-03-01</p><p>{words}</p></article>{more}"


def one(entry: str) -> str:
    """A configuration has listings first here: an unused one, and the source."""
    return f"sources:\n  - {entry}\n"


FEED = "{id: unused, feed: 'http://127.0.0.1:9/', enabled: false}"


def test_what_next_links_to_belongs_to_the_text_and_an_edit_on_the_second_page_is_found(
    tmp_path: Path, origin: Origin
) -> None:
    async def go() -> None:
        url = origin.page("/a", page("The first page.", "<a class=next href=/a?p=2>next</a>"), etag='"1"')
        origin.page("/a?p=2", page("The second page shall end.", "<a class=next href=/a>again</a>"), etag='"1"')
        async with watching(tmp_path, FEED, Clock(), one(f"{{id: speech, url: '{url}', next: a.next}}")) as parts:
            assert [one.outcome for one in await look(parts, "speech")] == [Outcome.NEW]
            text = parts.archive.text("speech", 1)
            assert text.text == "A long speech\n\n2026-03-01\n\nThe first page.\n\nThe second page shall end."
            assert [one.outcome for one in await look(parts, "speech")] == [Outcome.UNCHANGED]
            origin.page("/a?p=2", page("The second page may end."), etag='"2"')
            (changed,) = await look(parts, "speech")
            assert (changed.outcome, changed.version) == (Outcome.CHANGED, 2)
            kept = parts.archive.snapshot(parts.archive.version("speech", 1).snapshot)
            assert [b"first" in kept.body, [b"second" in further.body for further in kept.pages]] == [True, [True]]
            seals = list(parts.archive.seals("speech"))
            assert first_fault(seals) is None
            assert all(len(sealed.body) == 64 for sealed, _ in seals)

    asyncio.run(go())


def test_a_text_whose_further_page_fails_is_not_taken_for_a_shorter_one(tmp_path: Path, origin: Origin) -> None:
    async def go() -> None:
        url, second = origin.page("/a", page("The first page.")), origin.page("/b", page("The second page."))
        async with watching(
            tmp_path, FEED, Clock(), one(f"{{id: speech, url: '{url}', pages: ['{second}']}}")
        ) as parts:
            await look(parts, "speech")
            origin.remove("/b")
            assert (await look(parts, "speech"))[0].outcome is Outcome.FAILED
            assert len(parts.archive.versions("speech")) == 1

    asyncio.run(go())


def test_pages_without_end_are_bounded_and_told(tmp_path: Path, origin: Origin) -> None:
    async def go() -> None:
        for number in range(5):
            origin.page(f"/{number}", page(f"Page {number}.", f"<a class=next href=/{number + 1}>next</a>"))
        entry = f"{{id: speech, url: '{origin.url}/0', next: a.next, max_pages: 3}}"
        async with watching(tmp_path, FEED, Clock(), one(entry)) as parts:
            (failed,) = await look(parts, "speech")
            assert failed.error == "the text goes on after 3 pages"
            assert len(origin.paths_asked()) == 3

    asyncio.run(go())


def test_the_print_view_is_read_where_there_is_one(tmp_path: Path, origin: Origin) -> None:
    async def go() -> None:
        marked = "<link rel=alternate media=print href=/print>"
        origin.page("/print", page("The words for printing."))
        for name, more in {
            "link": marked,
            "words": "<a href=/print>打印本页</a>",
            "none": "<a href=/x>Print run</a>",
        }.items():
            origin.page(f"/{name}", more + page("The words with furniture."))
        entries = "".join(
            f"  - {{id: {name}, url: '{origin.url}/{name}', print_view: auto}}\n" for name in ("link", "words", "none")
        )
        async with watching(tmp_path, FEED, Clock(), f"sources:\n{entries}") as parts:
            await look(parts, "link", "words", "none")
            read = {name: parts.archive.text(name, 1).paragraphs[0] for name in ("link", "words", "none")}
            printed = "The words for printing."
            assert read == {"link": printed, "words": printed, "none": "The words with furniture."}
            assert parts.archive.snapshot(parts.archive.version("link", 1).snapshot).final_url == f"{origin.url}/print"

    asyncio.run(go())


def test_a_page_that_became_several_is_asked_for_whole(tmp_path: Path, origin: Origin) -> None:
    async def go() -> None:
        clock, second = Clock(), origin.page("/b", page("The second page."))
        url = origin.page("/a", page("The first page.", f"<a class=next href='{second}'>next</a>"), etag='"1"')
        for more, expected in (("", Outcome.NEW), (", next: a.next", Outcome.CHANGED)):
            async with watching(tmp_path, FEED, clock, one(f"{{id: speech, url: '{url}'{more}}}")) as parts:
                (checked,) = await look(parts, "speech")
                assert (checked.outcome, checked.error) == (expected, None)

    asyncio.run(go())


def test_many_slow_pages_are_bounded_together(tmp_path: Path, origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "TIMES", 0.02)  # no page alone is late, however busy the machine

    async def go() -> None:
        url = origin.page("/0", page("Page 0.", "<a class=next href=/1>next</a>"))
        for number in range(1, 9):
            origin.behave(f"/{number}", slow(number))
        entry = f"{{id: speech, url: '{url}', next: a.next, timeout: 20s}}"
        async with watching(tmp_path, FEED, Clock(), one(entry)) as parts:
            (failed,) = await look(parts, "speech")
            assert failed.error == "its documents together took longer than 0.4 s"

    asyncio.run(go())


def slow(number: int) -> Behaviour:
    async def behaviour(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.07)
        body = page(f"Page {number}.", f"<a class=next href=/{number + 1}>next</a>").encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()

    return behaviour
