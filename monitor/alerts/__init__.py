"""Alerts: which events are told to whom (``rules.py``), and how each channel says them (a file a channel).

A channel takes a :class:`Letter`, says it, and raises ``DeliveryError`` when that failed. It knows neither the database
nor retries: ``monitor.deliver`` gathers letters, counts attempts and decides what happens next. Importing this package
loads no channel. To add one: one module with a class that has ``send`` and ``aclose``, one line in ``channels.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from storage.frozen import dataclass

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.render import Comparison
    from storage.records import Event, Source, Version


@dataclass(frozen=True, slots=True)
class Links:
    """Where a reader can go on: the page itself, and our own page of this change and feed (None: no web page)."""

    page: str
    change: str | None = None
    feed: str | None = None
    unsubscribe: str | None = None
    """An https address that takes RFC 8058's one-click POST, where there is one."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One event with all that is needed to say it.

    ``id`` is the alert's: the same at every attempt and for every channel's retries, so receivers can tell repeats.
    ``comparison`` is there when the event is about a change between two versions. ``version`` is the one the event is about.
    ``chain`` is the chain head of the source after the event, hexadecimal. ``about`` holds lines that say more: which
    phrase came or went, how far the drift is, why a page is failing.
    """

    id: str
    event: Event
    source: Source
    links: Links
    title: str | None = None
    version: Version | None = None
    comparison: Comparison | None = None
    chain: str | None = None
    about: tuple[str, ...] = ()
    test: bool = False
    """Whether it is a sample, asked for by `variorum alerts test`."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What one delivery says: one notice, or several in a digest; ``more`` counts those that throttling left out.

    ``id`` identifies the delivery (RFC 5322 Message-ID, Standard Webhooks ``webhook-id``): the same at every attempt.
    ``thread`` is the id of an earlier letter about the same source on this channel, None for the first.
    """

    id: str
    notices: tuple[Notice, ...]
    at: datetime
    more: int = 0
    digest: bool = False
    thread: str | None = None
    only: tuple[str, ...] = ()
    """The recipients that refused it when others took it: the only ones it is for now. Empty: everyone."""


class Channel(Protocol):
    """A way to reach people."""

    async def send(self, letter: Letter) -> None:
        """Say it once. Returns when the other side has accepted it; ``DeliveryError`` otherwise."""

    async def aclose(self) -> None:
        """Close what is held open. Nothing is sent after."""
