"""Builds the parts from the settings, once, and closes them in reverse order. The only place that joins them."""

from __future__ import annotations

import random
import socket
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from monitor.clock import utc_now
from monitor.deliver import Deliverer, open_channel
from monitor.discover import taken_names, with_found
from monitor.endings import Around
from monitor.fetch.client import Fetcher
from monitor.quiet import hush
from monitor.schedule import replanned
from monitor.sides import differ_rules
from monitor.writer import Writer
from storage.archive import Archive

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from datetime import datetime

    from monitor.config import Declaration, Settings
    from monitor.deliver import Opener
    from storage.due import Pace


@dataclass(frozen=True, slots=True)
class House:
    """The parts at work together: what a check needs (``around``), who sends what it tells (``deliverer``), and the archive
    itself, for its owner thread.
    """

    settings: Settings
    archive: Archive
    around: Around
    deliverer: Deliverer


def rules_of(settings: Settings) -> dict[str, Any]:
    """What a check goes by beside the declarations: fields of ``Around``, anew when the settings are."""
    return {
        "rules": differ_rules(settings),
        "taken": taken_names(settings),
        "alerts": settings.alerts,
        "phrases": settings.phrases,
    }


@asynccontextmanager
async def house(
    settings: Settings,
    *,
    now: Callable[[], datetime] = utc_now,
    owner: str | None = None,
    opener: Opener = open_channel,
    declares: bool = True,
    still: Callable[[], None] = lambda: None,
) -> AsyncIterator[House]:
    """Open archive, writer and client; declare the sources; close everything in reverse order.

    ``owner`` is the name under which sources are claimed, for who claims them; ``opener`` opens channels. Who only helps
    another (``declares`` False) leaves what is declared as it is; ``still`` is the fetcher's. Raises ``StorageError``
    when the database cannot be used.
    """
    hush()
    archive = Archive.open(settings.database)
    try:
        writer = Writer(archive)
        try:
            fetcher = Fetcher(
                concurrency=settings.concurrency,
                per_host=settings.per_host,
                spacing_s=settings.spacing_s,
                clock=now,
                still=still,
            )
            try:
                if declares:
                    await declare(settings, writer, now())
                around = Around(fetcher, writer, now, owner=owner, **rules_of(settings))
                deliverer = Deliverer(settings, writer, now=now, owner=owner or lease_owner(), opener=opener)
                try:
                    if declares:
                        await deliverer.adopt(settings)
                    yield House(settings, archive, around, deliverer)
                finally:
                    await deliverer.stop()
            finally:
                await fetcher.aclose()
        finally:
            await writer.aclose()
    finally:
        archive.close()


async def declare(
    settings: Settings, writer: Writer, now: datetime, dice: Callable[[], float] = random.random
) -> list[str]:
    """Make the archive watch what the settings say; returns the ids that continue the history of a renamed source.

    Missing ones are retired with their history. A quicker rhythm takes effect at once, and what is long overdue is
    spread over the next minutes.
    """
    declarations = {declared.source.id: declared for declared in await _watched(settings, writer)}
    was = {name: declared.was for name, declared in declarations.items() if declared.was is not None}
    renamed = await writer.call(Archive.rename, was) if was else []
    idle = {name for name, declared in declarations.items() if not declared.enabled}
    await writer.call(Archive.declare, [declared.source for declared in declarations.values()], now, idle=idle)
    await replan(settings, writer, now, dice)
    return renamed


async def _watched(settings: Settings, writer: Writer) -> Sequence[Declaration]:
    """What is declared, and what listings found: that retires and comes back with its listing."""
    found = await writer.call(Archive.found) if settings.listings else []
    return with_found(settings, found).declarations


async def replan(settings: Settings, writer: Writer, now: datetime, dice: Callable[[], float] = random.random) -> int:
    """Plan anew what the rhythms would plan otherwise, or what a long sleep made overdue. Returns how many."""
    rhythms = {one.source.id: one.rhythm for one in await _watched(settings, writer) if one.enabled}

    def better(pace: Pace) -> datetime | None:
        rhythm = rhythms.get(pace.source)
        if rhythm is None:
            return None
        return replanned(
            rhythm,
            now,
            next_check=pace.next_check,
            last_check=pace.last_check,
            first_seen=pace.first_seen,
            last_change=pace.last_change,
            failures=pace.failures,
            jitter=dice(),
        )

    return await writer.call(Archive.replan, now, better)


def lease_owner() -> str:
    """A name for this process among others on the same database: host and a random part."""
    return f"{socket.gethostname()}:{uuid.uuid4().hex[:12]}"
