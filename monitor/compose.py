"""Builds the parts from the settings, once, and closes them in reverse order. The only place that joins them."""

from __future__ import annotations

import socket
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from monitor.check import Around
from monitor.fetch.client import Fetcher
from monitor.writer import Writer
from storage.archive import Archive

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from monitor.config import Declaration, Settings
    from monitor.differ.lexicon import Rules

SPACING_S: Final = 1.0
"""Seconds between two requests to one public host."""


def utc_now() -> datetime:
    """The clock of the whole house."""
    return datetime.now(UTC)


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
    archive = Archive.open(settings.database)
    try:
        writer = Writer(archive)
        try:
            fetcher = Fetcher(
                concurrency=settings.concurrency, per_host=settings.per_host, spacing_s=SPACING_S, clock=now
            )
            try:
                await writer.call(Archive.declare, [declared.source for declared in settings.declarations], now())
                yield House(settings, archive, Around(fetcher, writer, now, rules=differ_rules(settings), owner=owner))
            finally:
                await fetcher.aclose()
        finally:
            await writer.aclose()
    finally:
        archive.close()


def differ_rules(settings: Settings) -> Rules | None:
    """The differ's rules with the registered phrases; None where there are none, and the shipped rules do."""
    if not settings.phrases:
        return None
    from monitor.differ.lexicon import default_rules

    return default_rules().extended(formulas={phrase.id: phrase.variants for phrase in settings.phrases})


def lease_owner() -> str:
    """A name for this process among others on the same database: host and a random part."""
    return f"{socket.gethostname()}:{uuid.uuid4().hex[:12]}"


def named(settings: Settings, names: Sequence[str]) -> list[Declaration]:
    """The declarations with those ids, tags or series; all enabled ones when none is named.

    Raises ``UsageError`` for a name that is none of these, with the nearest one as a hint.
    """
    from storage.errors import UsageError

    if not names:
        return [declared for declared in settings.declarations if declared.enabled]
    chosen: dict[str, Declaration] = {}
    for name in names:
        found = [
            declared
            for declared in settings.declarations
            if name in (declared.source.id, declared.source.series, *declared.source.tags)
        ]
        if not found:
            raise UsageError(f"{name}: no source, tag or series of that name", hint=_nearest(settings, name))
        chosen.update((declared.source.id, declared) for declared in found)
    return list(chosen.values())


def _nearest(settings: Settings, name: str) -> str:
    from difflib import get_close_matches

    known = {declared.source.id for declared in settings.declarations}
    for declared in settings.declarations:
        known.update(declared.source.tags)
    near = get_close_matches(name, sorted(known), n=1)
    return f"Did you mean '{near[0]}'?" if near else "`variorum sources` lists what is watched."
