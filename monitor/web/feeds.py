"""The feeds of the reading room: events of the archive, each with its diff, as Atom."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Final

from monitor.alerts import Links, Notice
from monitor.alerts.feed import ENTRIES, Feed, atom, entry_of, ident_of, permanent
from monitor.render.addresses import folder
from monitor.web.shelf import Kept
from storage.errors import StorageError, UsageError
from storage.records import EventKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitor.alerts.feed import Entry as AtomEntry
    from monitor.config import Settings
    from monitor.web.pages import Room
    from monitor.web.shelf import Entry
    from storage.records import Event, SourceState, Version

UNTOLD: Final = frozenset({EventKind.REREAD})
"""About our reader, not about the page."""
MADE_BY: Final = frozenset({EventKind.NEW, EventKind.CHANGED, EventKind.COSMETIC, EventKind.REVERTED, EventKind.PHRASE})
"""Events that come with a version of their own, once for each version and kind."""
COMPARED: Final = frozenset({EventKind.CHANGED, EventKind.COSMETIC, EventKind.REVERTED})
KEPT: Final = 300
"""So many entries are kept as they were written: what happened does not change."""


class Feeds:
    """Answers addresses of a room with feeds, by its settings as they are now and with the comparisons of its pages.

    Links begin with its ``public_url``, else with ``base``, where the room was asked, or are relative when there is none
    (files).
    """

    def __init__(self, room: Room) -> None:
        self._room = room
        self._archive = room.archive
        self._written_by: Settings | None = None
        self._entries: OrderedDict[tuple[str, str], AtomEntry] = OrderedDict()
        self._turn = Lock()  # pages are answered by several threads

    def everything(self, base: str | None = None) -> bytes:
        """``feed.atom``."""
        root = self._public_url or base or "./"
        found = self._told(self._archive.events(limit=2 * ENTRIES))
        about = sorted({event.source for event in found})
        sources = self._by_id(self._archive.states(ids=about))
        feed = Feed(self._id("everything"), "Variorum: everything", f"{root}feed.atom", f"{root}index.html")
        return atom(feed, [self._entry(event, sources[event.source], root) for event in found])

    def of(self, name: str, base: str | None = None, *, held: Entry | None = None) -> bytes:
        """``s/NAME/feed.atom``: a source, or a series with all its members. ``UsageError`` for an unknown name.

        ``held`` is what is at hand of it, versions and all.
        """
        root = self._public_url or base or "../../"
        states = self._archive.states(ids=[name])
        scope = ("source", self._first_chain(name) or name) if states else ("series", name)
        sources = self._by_id(states or self._archive.states(series=name))
        if isinstance(held, Kept):
            sources[name] = held
        if not sources:
            raise UsageError(f"{name}: no source or series of that name in the archive")
        events = [event for one in sources for event in self._archive.events(one, limit=2 * ENTRIES)]
        found = self._told(sorted(events, key=lambda event: event.at, reverse=True))
        below = f"{root}s/{folder(name)}/"
        feed = Feed(self._id(*scope), f"Variorum: {name}", f"{below}feed.atom", f"{below}index.html")
        return atom(feed, [self._entry(event, sources[event.source], root) for event in found])

    @property
    def _public_url(self) -> str | None:
        return self._room.settings().public_url

    def _by_id(self, states: Iterable[SourceState]) -> dict[str, Kept]:
        return {state.source.id: Kept(self._archive, state) for state in states}

    def _id(self, *scope: str) -> str:
        """A source's feed is its own anywhere; of everything, and of a series, there may be one on each host."""
        place = () if scope[0] == "source" else (self._public_url or "",)
        return permanent("feed", *scope, *place)

    def _told(self, events: Sequence[Event]) -> list[Event]:
        return [event for event in events if event.kind not in UNTOLD][:ENTRIES]

    def _first_chain(self, source: str) -> str | None:
        try:
            return self._archive.version(source, 1).chain
        except StorageError:
            return None

    def _entry(self, event: Event, kept: Kept, root: str) -> AtomEntry:
        version = kept.version(event.version) if event.version is not None else None
        made = version.chain if version is not None and event.kind in MADE_BY else None
        ident = ident_of(event, made, None if made else self._first_chain(kept.name))
        settings = self._room.settings()
        with self._turn:
            if self._written_by is not settings:  # other words may count as equal now
                self._written_by = settings
                self._entries.clear()
            if (known := self._entries.get((root, ident))) is not None:
                self._entries.move_to_end((root, ident))
                return known
        entry = self._written(event, kept, version, ident, root)
        with self._turn:
            self._entries[root, ident] = entry
            while len(self._entries) > KEPT:
                self._entries.popitem(last=False)
        return entry

    def _written(self, event: Event, kept: Kept, version: Version | None, ident: str, root: str) -> AtomEntry:
        source = kept.state.source
        below = f"{root}s/{folder(source.id)}/"
        told = version is not None and version.number > 1 and event.kind in COMPARED
        # Of a pruned text nothing can be compared; that it came is told all the same.
        if told and version and (version.pruned or kept.version(version.number - 1).pruned):
            told = False
        comparison = self._room.change(kept, version) if told and version else None
        page = f"{below}{version.number - 1}-{version.number}.html" if comparison and version else f"{below}index.html"
        links = Links(source.url, change=page if comparison and page.startswith("http") else None)
        chain = version.chain if version is not None else None
        notice = Notice(ident, event, source, links, None, version, comparison, chain)
        return entry_of(notice, page)
