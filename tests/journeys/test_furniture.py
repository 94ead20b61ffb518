"""A page whose furniture is new at every look: no version, however often it is checked, through a real server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from monitor.compose import house
from monitor.config import load
from monitor.rounds import check_all
from storage.archive import Archive
from storage.records import Outcome
from tests.edges.origin import Asked, Origin, head

STATEMENT = "".join(
    f"<p>Point {number}: the parties shall go on with the work they agreed on in {2000 + number}.</p>"
    for number in range(12)
)


def furnished(number: int) -> bytes:
    """The statement among counters, dates, tokens, teasers and banners that are other ones each time."""
    links = "".join(
        f"<li><a href='/{number}/{at}'>News {number * 31 + at} of the day</a></li>" for at in range(number % 9)
    )
    banner = f"<div class='banner' id='b{number}'><p>Visitor {number} of today</p></div>" if number % 3 else ""
    return (
        f"<!DOCTYPE html><html><head><meta charset='utf-8'><title>Points | Ministry</title>"
        f"<meta name='csrf' content='{number:x}'></head><body class='v{number}'><!-- served by {number} -->{banner}"
        f"<nav><ul>{links}</ul></nav><script>var visit = '<div id=\"statement\">{number}</div>';</script>"
        f"<main data-v='{number}'><div id='statement'><h1>Points</h1><p>1 March 2026</p>{STATEMENT}</div>"
        f"<aside><h3>Read more</h3><ul>{links}</ul></aside></main><footer>{number} visits, {number % 60} s</footer></body></html>"
    ).encode()


def looked_at(origin: Origin, folder: Path, times: int, select: str) -> tuple[list[Outcome], int]:
    """The outcomes of so many checks, and how many versions there are afterwards."""
    served = iter(range(1, times + 1))

    async def behaviour(asked: Asked, writer: asyncio.StreamWriter) -> None:
        del asked
        body = furnished(next(served))
        writer.write(head(200, (("content-type", "text/html"), ("content-length", str(len(body))))) + body)

    url = origin.behave("/a", behaviour)
    file = folder / "config.yaml"
    file.write_text(
        f"database: sqlite:///{folder}/v.db\nsources:\n"
        f"  - {{id: one, url: '{url}', allow_private: [127.0.0.0/8], robots: false{select}}}\n"
    )
    settings = load(file, {})

    async def check() -> tuple[list[Outcome], int]:
        outcomes: list[Outcome] = []
        async with house(settings) as parts:
            for _ in range(times):
                latest = await parts.around.writer.call(Archive.latest, ["one"])
                looks = check_all(settings.declarations, latest, parts.around, concurrency=1)
                outcomes += [checked.outcome async for checked in looks]
            return outcomes, len(parts.archive.versions("one"))

    return asyncio.run(check())


@pytest.mark.parametrize("select", [", select: '#statement'", ""], ids=["selector", "automatic"])
def test_new_furniture_is_no_version(origin: Origin, tmp_path: Path, select: str) -> None:
    outcomes, versions = looked_at(origin, tmp_path, 20, select)
    assert (outcomes, versions) == ([Outcome.NEW] + 19 * [Outcome.UNCHANGED], 1)


@pytest.mark.slow
@pytest.mark.parametrize("select", [", select: '#statement'", ""], ids=["selector", "automatic"])
def test_a_thousand_looks_at_new_furniture_are_no_version(origin: Origin, tmp_path: Path, select: str) -> None:
    outcomes, versions = looked_at(origin, tmp_path, 1000, select)
    assert (outcomes.count(Outcome.UNCHANGED), versions) == (999, 1)


def test_a_tag_that_comes_with_an_unchanged_text_is_sent_back(origin: Origin, tmp_path: Path) -> None:
    """A server that begins to name its versions is asked conditionally from then on, though nothing was stored anew."""
    url = origin.page("/a", furnished(1))
    file = tmp_path / "config.yaml"
    file.write_text(
        f"database: sqlite:///{tmp_path}/v.db\nsources:\n"
        f"  - {{id: one, url: '{url}', select: '#statement', allow_private: [127.0.0.0/8], robots: false}}\n"
    )
    settings = load(file, {})

    async def look() -> Outcome:
        async with house(settings) as parts:
            latest = await parts.around.writer.call(Archive.latest, ["one"])
            (checked,) = [one async for one in check_all(settings.declarations, latest, parts.around, concurrency=1)]
            return checked.outcome

    outcomes = [asyncio.run(look())]
    origin.edit("/a", furnished(2), etag='"two"')
    outcomes += [asyncio.run(look()), asyncio.run(look())]
    assert outcomes == [Outcome.NEW, Outcome.UNCHANGED, Outcome.NOT_MODIFIED]
    assert [asked.header("if-none-match") for asked in origin.asked] == [None, None, '"two"']
