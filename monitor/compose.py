"""Builds the parts from the settings, once, and closes them in reverse order. The only place that joins them."""

from __future__ import annotations

import socket
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.check import Around
from monitor.clock import utc_now
from monitor.discover import taken_names, with_found
from monitor.fetch.client import Fetcher
from monitor.quiet import hush
from monitor.sides import differ_rules
from monitor.writer import Writer
from storage.archive import Archive

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from monitor.config import Settings


@dataclass(frozen=True, slots=True)
class House:
    """The parts at work together: what a check needs (``around``) and the archive itself, for its owner thread."""

    settings: Settings
    archive: Archive
    around: Around


@asynccontextmanager
async def house(
    settings: Settings, *, now: Callable[[], datetime] = utc_now, owner: str | None = None
) -> AsyncIterator[House]:
    """Open archive, writer and client; declare the sources; close everything in reverse order.

    ``owner`` is the name under which sources are claimed, for who claims them. Raises ``StorageError`` when the database
    cannot be used.
    """
    hush()
    archive = Archive.open(settings.database)
    try:
        writer = Writer(archive)
        try:
            fetcher = Fetcher(
                concurrency=settings.concurrency, per_host=settings.per_host, spacing_s=settings.spacing_s, clock=now
            )
            try:
                # What listings found is declared like the rest, so that it retires and comes back with its listing.
                found = await writer.call(Archive.found) if settings.listings else []
                declared = with_found(settings, found).declarations
                idle = {one.source.id for one in declared if not one.enabled}
                await writer.call(Archive.declare, [one.source for one in declared], now(), idle=idle)
                around = Around(
                    fetcher, writer, now, rules=differ_rules(settings), taken=taken_names(settings), owner=owner
                )
                yield House(settings, archive, around)
            finally:
                await fetcher.aclose()
        finally:
            await writer.aclose()
    finally:
        archive.close()


def lease_owner() -> str:
    """A name for this process among others on the same database: host and a random part."""
    return f"{socket.gethostname()}:{uuid.uuid4().hex[:12]}"
