"""The feeds of the reading room: events of the archive, each with its diff, as Atom."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Final

from monitor.alerts import Links, Notice
from monitor.alerts.feed import ENTRIES, Entry, Feed, atom, entry_of, ident_of, permanent
from monitor.render import Side
from monitor.render.addresses import folder
from monitor.sides import compared, differ_rules
from storage.errors import StorageError, UsageError
from storage.records import EventKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from monitor.config import Settings
    from monitor.differ.lexicon import Rules
    from monitor.render import Comparison
    from storage.archive import Archive
    from storage.records import Event, Source, Version

UNTOLD: Final = frozenset({EventKind.REREAD})
"""About our reader, not about the page."""
MADE_BY: Final = frozenset({EventKind.NEW, EventKind.CHANGED, EventKind.COSMETIC, EventKind.REVERTED, EventKind.PHRASE})
"""Events that come with a version of their own, once for each version and kind."""
COMPARED: Final = frozenset({EventKind.CHANGED, EventKind.COSMETIC, EventKind.REVERTED})
KEPT: Final = 300
"""So many entries are kept as they were written: what happened does not change."""


class Feeds:
    """Answers addresses with feeds. ``settings`` is asked for each, so that a configuration read again takes effect.

    Links begin with its ``public_url``, else with ``base``, where the room was asked, or are relative when there is none
    (files).
    """

    def __init__(self, settings: Callable[[], Settings], archive: Archive) -> None:
        self._archive = archive
        self._settings = settings
        self._made: tuple[Settings, Rules | None] | None = None
        self._kept: OrderedDict[tuple[str, str], Entry] = OrderedDict()
        self._turn = Lock()  # pages are answered by several threads

    def everything(self, base: str | None = None) -> bytes:
        """``feed.atom``."""
        root = self._public_url or base or "./"
        found = self._told(self._archive.events(limit=2 * ENTRIES))
        about = {event.source for event in found}
        sources = {state.source.id: state.source for state in self._archive.states(ids=sorted(about))}
        feed = Feed(self._id("everything"), "Variorum: everything", f"{root}feed.atom", f"{root}index.html")
        return atom(feed, [self._entry(event, sources[event.source], root) for event in found])

    def of(self, name: str, base: str | None = None) -> bytes:
        """``s/NAME/feed.atom``: a source, or a series with all its members. ``UsageError`` for an unknown name."""
        root = self._public_url or base or "../../"
        states = self._archive.states(ids=[name])
        scope = ("source", self._first_chain(name) or name) if states else ("series", name)
        sources = {state.source.id: state.source for state in states or self._archive.states(series=name)}
        if not sources:
            raise UsageError(f"{name}: no source or series of that name in the archive")
        events = [event for one in sources for event in self._archive.events(one, limit=2 * ENTRIES)]
        found = self._told(sorted(events, key=lambda event: event.at, reverse=True))
        below = f"{root}s/{folder(name)}/"
        feed = Feed(self._id(*scope), f"Variorum: {name}", f"{below}feed.atom", f"{below}index.html")
        return atom(feed, [self._entry(event, sources[event.source], root) for event in found])

    @property
    def _public_url(self) -> str | None:
        return self._settings().public_url

    def _rules(self) -> Rules | None:
        """The differ's rules. Entries that were written by others are forgotten."""
        settings = self._settings()
        with self._turn:
            if self._made is None or self._made[0] is not settings:
                self._made = (settings, differ_rules(settings))
                self._kept.clear()
            return self._made[1]

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

    def _entry(self, event: Event, source: Source, root: str) -> Entry:
        rules = self._rules()
        version = self._archive.version(source.id, event.version) if event.version is not None else None
        made = version.chain if version is not None and event.kind in MADE_BY else None
        ident = ident_of(event, made, None if made else self._first_chain(source.id))
        with self._turn:
            if (kept := self._kept.get((root, ident))) is not None:
                self._kept.move_to_end((root, ident))
                return kept
        entry = self._written(event, source, version, ident, root, rules)
        with self._turn:
            self._kept[root, ident] = entry
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return entry

    def _written(
        self, event: Event, source: Source, version: Version | None, ident: str, root: str, rules: Rules | None
    ) -> Entry:
        below = f"{root}s/{folder(source.id)}/"
        comparison = self._comparison(event, source, version, rules)
        page = f"{below}{version.number - 1}-{version.number}.html" if comparison and version else f"{below}index.html"
        links = Links(source.url, change=page if comparison and page.startswith("http") else None)
        chain = version.chain if version is not None else None
        notice = Notice(ident, event, source, links, None, version, comparison, chain)
        return entry_of(notice, page)

    def _comparison(
        self, event: Event, source: Source, version: Version | None, rules: Rules | None
    ) -> Comparison | None:
        if version is None or version.number < 2 or event.kind not in COMPARED:
            return None
        before = self._archive.version(source.id, version.number - 1)
        old, new = (self._side(source, one) for one in (before, version))
        return compared(old, new, silent=version.silent, rules=rules)

    def _side(self, source: Source, version: Version) -> Side:
        text = self._archive.text(source.id, version.number)
        ref = f"{source.id}@{version.number}"
        return Side(ref, text, source.id, source.url, version.window, version.captured)
