"""What an alert costs on its way from the outbox to a channel that takes it at once, and whether old letters slow it.

``python -m bench outbox [ALERTS]``: so many changes (2,000) are kept with an alert each, and sent; then again beside
ten times as many letters that were sent before. Times are CPU of this process, with the differ and an fsync a commit.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text as sql

from monitor.alerts.rules import Rule, route
from monitor.clock import utc_now
from monitor.compose import House, house
from monitor.config import load
from monitor.differ import compare
from storage import outbox
from storage.engine import writing
from storage.records import Event, EventKind, Outcome, Snapshot, Source, Text

if TYPE_CHECKING:
    from monitor.alerts import Letter
    from storage.archive import Archive

PER_SOURCE = 20
RULES = (Rule(("desk",)),)


class Taker:
    """A channel that takes everything; when each letter came."""

    def __init__(self) -> None:
        self.taken: list[tuple[float, Letter]] = []
        self.came = asyncio.Event()

    async def send(self, letter: Letter) -> None:
        self.taken.append((time.perf_counter(), letter))
        self.came.set()

    async def aclose(self) -> None:
        """Nothing is open."""


def wording(number: int) -> Text:
    filler = " ".join(f"The parties went on with point {point} of the agreement, as before." for point in range(30))
    return Text.of("A readout", "2026-03-01", [f"Growth was {number}.5 percent.", filler])


def keep(archive: Archive, source: Source, number: int, *, told: bool = True) -> None:
    """The next version of a source, with its alert."""
    at = utc_now()
    old, new = wording(number - 1), wording(number)
    change = compare(old, new) if number > 1 else None
    event = Event(EventKind.CHANGED, source.id, at, number, change.severity if change else None)
    page = Snapshot(source.url, source.url, 200, (), (), at, f"<p>{number}</p>".encode())
    archive.record(
        source.id, page, new, reader="r", outcome=Outcome.CHANGED, expected=number - 1 or None, change=change,
        events=[event], alerts=route(RULES, source, [event]) if told else (),
    )  # fmt: skip


def grow_old(archive: Archive, count: int) -> None:
    """Letters that were sent long ago, as rows: what a channel has behind it after a busy month."""
    with writing(archive.engine) as connection:
        connection.execute(
            sql(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count) "
                "INSERT INTO letters (id, channel, source, digest, made_at, state, attempts, sent_at, thread) "
                "SELECT 'old' || i, 'desk', 1 + i % (SELECT count(*) FROM sources), 0, i, 'sent', 1, i, 'x' FROM n"
            ),
            {"count": count},
        )


async def send(parts: House, taker: Taker, sources: list[Source], start: int, count: int) -> str:
    """Keep ``count`` changes and send them; what an alert cost, and how soon a single one came."""
    for number in range(start, start + count // len(sources)):
        for source in sources:
            keep(parts.archive, source, number)
    before, began = time.process_time(), time.perf_counter()
    await parts.deliverer.drain(600)
    cpu, wall = time.process_time() - before, time.perf_counter() - began
    waited = []
    for source in sources[:20]:
        keep(parts.archive, source, start + count // len(sources))
        taker.came.clear()
        began = time.perf_counter()
        parts.deliverer.wake()
        await taker.came.wait()
        waited.append((taker.taken[-1][0] - began) * 1000)
        await parts.deliverer.drain(10)
    began = time.perf_counter()
    outbox.states(parts.archive)
    counted_ms = (time.perf_counter() - began) * 1000
    return (
        f"{count} alerts: {cpu / count * 1000:.1f} ms CPU and {wall / count * 1000:.1f} ms each; one alone is taken after "
        f"{sorted(waited)[len(waited) // 2]:.0f} ms (median of {len(waited)}); counting the outbox {counted_ms:.1f} ms"
    )


async def run(count: int) -> None:
    """Both rounds."""
    taker = Taker()

    with tempfile.TemporaryDirectory() as name:
        config = Path(name) / "config.yaml"
        config.write_text("alerts: [{to: desk}]\nchannels: {desk: {apprise: x}}\n")
        async with house(load(config, {}), opener=lambda *_: taker) as parts:
            sources = [Source(f"s{n}", f"https://example.org/{n}") for n in range(max(1, count // PER_SOURCE))]
            parts.archive.declare(sources, utc_now())
            for source in sources:
                keep(parts.archive, source, 1, told=False)
            print(await send(parts, taker, sources, 2, count))
            grow_old(parts.archive, 10 * count)
            print(f"beside {10 * count} letters sent before:")
            print(await send(parts, taker, sources, 3 + PER_SOURCE, count))
            began = time.perf_counter()
            gone = outbox.fold(parts.archive, utc_now() - timedelta(days=30))
            print(f"{gone} old letters forgotten in {time.perf_counter() - began:.1f} s")


def main(arguments: list[str]) -> None:
    """``[ALERTS]``."""
    logging.disable(logging.INFO)
    asyncio.run(run(int(arguments[0]) if arguments else 2000))
