"""Atom feeds (RFC 4287) of events, with ids that stay. Pure.

An entry's id comes from the chained hash of the version it is about and the kind of event; of what is about no version,
from the source's first one, the kind and the time. These are sealed in the archive: neither a rename nor a move to
another host nor a restore makes an old entry new.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import lxml.etree

from monitor import __version__
from monitor.alerts.markup import fragment
from monitor.alerts.telling import gist, label, title
from monitor.render.json_forms import instant
from monitor.render.safe import one_line, visible
from storage.records import EventKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.alerts import Notice
    from storage.records import Event

ENTRIES: Final = 100
"""The newest of a feed; what readers fetch once an hour should not grow."""
ROOM_BYTES: Final = 20_000
"""Of the passages of one entry."""

SEVERAL: Final = frozenset({EventKind.PHRASE, EventKind.DRIFT})

_ATOM: Final = "http://www.w3.org/2005/Atom"
_NAMESPACE: Final = uuid.UUID("6f1d1a5e-5d0c-5b43-9a55-0a8d2c1e7b90")
"""Ours, for RFC 4122's version 5; it must never change."""
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""When a feed without entries was updated: RFC 4287 wants some time."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as a feed tells it. ``page`` is where a reader goes on, ``about`` the watched page itself."""

    id: str
    at: datetime
    title: str
    summary: str
    html: str
    page: str
    about: str
    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed: its permanent id, title, own address, and the page it stands for."""

    id: str
    title: str
    address: str
    page: str


def permanent(*parts: str) -> str:
    """The same parts, the same ``urn:uuid:``, always and everywhere."""
    return f"urn:uuid:{uuid.uuid5(_NAMESPACE, chr(10).join(parts))}"


def ident_of(event: Event, chain: str | None, first_chain: str | None) -> str:
    """The permanent id of an event. ``chain`` seals the version that the event *made*, ``first_chain`` the source's first."""
    # Of some kinds one look may bring several, each with a phrase or a bound of its own.
    which = [json.dumps(event.detail, sort_keys=True)] if event.kind in SEVERAL else []
    if chain is not None:
        return permanent("version", chain, event.kind.value, *which)
    at = event.at.astimezone(UTC).isoformat()
    return permanent("source", first_chain or event.source, event.kind.value, at, *which)


def entry_of(notice: Notice, page: str) -> Entry:
    """An event as an entry; its id is the notice's."""
    event = notice.event
    categories = [event.kind.value, *([event.severity.label] if event.severity is not None else [])]
    if event.silent:
        categories.append("silent")
    told = f"{label(notice)}: {title(notice)}"
    html = fragment(notice, ROOM_BYTES)
    return Entry(notice.id, event.at, told, gist(notice), html, page, notice.links.page, tuple(categories))


def atom(feed: Feed, entries: Sequence[Entry]) -> bytes:
    """The document, in UTF-8. The newest ``ENTRIES`` are in it; it was updated when the newest of them happened."""
    shown = sorted(entries, key=lambda entry: entry.at, reverse=True)[:ENTRIES]
    root = lxml.etree.Element(f"{{{_ATOM}}}feed", nsmap={None: _ATOM})  # type: ignore[dict-item]  # None is the default namespace; the stubs forget it
    _add(root, "id", feed.id)
    _add(root, "title", one_line(feed.title))
    _add(root, "updated", instant(shown[0].at if shown else _NEVER))
    author = _add(root, "author")
    _add(author, "name", "Variorum")
    _add(root, "generator", "Variorum", version=__version__)
    _add(root, "link", rel="self", type="application/atom+xml", href=feed.address)
    _add(root, "link", rel="alternate", type="text/html", href=feed.page)
    for entry in shown:
        _entry(root, entry)
    return bytes(lxml.etree.tostring(root, encoding="utf-8", xml_declaration=True, pretty_print=True))


def _entry(root: lxml.etree._Element, entry: Entry) -> None:
    node = _add(root, "entry")
    _add(node, "id", entry.id)
    _add(node, "title", one_line(entry.title))
    _add(node, "updated", instant(entry.at))
    _add(node, "published", instant(entry.at))
    _add(node, "link", rel="alternate", type="text/html", href=entry.page)
    if entry.about.startswith(("http://", "https://")):
        _add(node, "link", rel="related", href=entry.about)
    for category in entry.categories:
        _add(node, "category", term=category)
    _add(node, "summary", one_line(entry.summary))
    _add(node, "content", entry.html, type="html")


def _add(parent: lxml.etree._Element, name: str, text: str | None = None, **attributes: str) -> lxml.etree._Element:
    """A child. XML 1.0 has no place for control characters; here they are signs by now, and lxml would refuse them."""
    child = lxml.etree.SubElement(parent, f"{{{_ATOM}}}{name}")
    for key, value in attributes.items():
        child.set(key, one_line(value))
    if text is not None:
        child.text = visible(text)
    return child
