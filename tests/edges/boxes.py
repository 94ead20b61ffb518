"""Channels in memory, real ones: they take letters, or refuse them as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from monitor.alerts import Letter
from monitor.compose import House, house
from monitor.config import load
from monitor.rounds import check_all
from storage.archive import Archive

FIRST = "The parties shall meet again in May. Growth was 2.5 percent. All agreed on that point."


class Clock:
    """A clock that goes when it is told to, and a microsecond a look."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.at += timedelta(microseconds=1)
        return self.at

    def goes(self, **more: float) -> None:
        self.at += timedelta(**more)


class Box:
    """A channel: ``letters`` are those it took, ``asked`` all it was asked to take. ``moods`` are raised in turn."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.asked: list[Letter] = []
        self.moods: list[Exception] = []
        self.hang: asyncio.Event | None = None
        """While it is there and not set, letters are neither taken nor refused."""
        self.closed = False
        self.now = self.most = 0
        """How many it is sending, and the most it was sending at once."""
        self._news = asyncio.Event()

    async def send(self, letter: Letter) -> None:
        self.asked.append(letter)
        self.now += 1
        self.most = max(self.most, self.now)
        self._news.set()
        try:
            if self.hang is not None:
                await self.hang.wait()
            if self.moods:
                raise self.moods.pop(0)
            self.letters.append(letter)
        finally:
            self.now -= 1

    async def until(self, asked: int) -> None:
        """Return when it was asked so often."""
        async with asyncio.timeout(10):
            while len(self.asked) < asked:
                self._news.clear()
                await self._news.wait()

    async def aclose(self) -> None:
        self.closed = True


class Post:
    """The boxes of a house, by name; hand its ``open`` in as the opener."""

    def __init__(self) -> None:
        self.boxes: dict[str, Box] = {}

    def __getitem__(self, name: str) -> Box:
        return self.boxes.setdefault(name, Box())

    def open(self, name: str, told: Mapping[str, Any]) -> Box:
        return self[name]


def watch(
    folder: Path, alerts: str, *, channels: str = "desk: {apprise: 'json://x'}", more: str = "", shown: str = ""
) -> None:
    """A configuration of one local page, ``page.html``, with these alerts and channels; ``shown`` to people as that."""
    lines = "".join(f"  {one}\n" for one in channels.split("\n"))
    also = f", user_visible_url: '{shown}'" if shown else ""
    source = f"  - {{id: a, file: page.html, select: main, confirm: {{after: 0s, times: 0}}, series: s{also}}}\n"
    (folder / "config.yaml").write_text(f"{more}\nsources:\n{source}alerts:\n  - {alerts}\nchannels:\n{lines}")


def publish(folder: Path, words: str | None) -> None:
    """Put a page there, or take it away."""
    page = folder / "page.html"
    if words is None:
        page.unlink()
    else:
        page.write_text(f"<html><body><main><h1>A readout</h1><p>{words}</p></main></body></html>")


@asynccontextmanager
async def living(folder: Path, post: Post, clock: Clock) -> AsyncIterator[House]:
    settings = load(folder / "config.yaml", {}, check_selectors=True)
    async with house(settings, now=clock, opener=post.open) as parts:
        yield parts


async def look(parts: House) -> list[str]:
    """Check everything once; the outcomes."""
    declared = [one for one in parts.settings.declarations if one.enabled]
    latest = await parts.around.writer.call(Archive.latest, [one.source.id for one in declared])
    return [one.outcome.value async for one in check_all(declared, latest, parts.around, concurrency=4)]
