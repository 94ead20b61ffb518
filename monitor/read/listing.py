"""What names other sources: a feed, a sitemap or an index page → the addresses it lists. Pure.

The kinds are a table, as those of ``monitor.read``. Nothing of a listing is obeyed blindly: addresses that are none,
other schemes and other sites are left out and counted in ``notes``.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Final
from urllib.parse import urldefrag, urljoin, urlsplit

from storage.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

KINDS: Final[Mapping[str, str]] = {
    "feed": "monitor.read.feed",
    "index": "monitor.read.index",
    "sitemap": "monitor.read.sitemap",
}
"""Kind → the module whose ``listed(body, rules, content_type, url)`` reads it."""

LONGEST_TITLE: Final = 300
LONGEST_URL: Final = 2_000
MOST_ITEMS: Final = 50_000
"""Items taken of one document: what https://www.sitemaps.org/protocol.html allows a sitemap."""
_W3C: Final = re.compile(r"(\d{4})(?:-(\d{2}))?")
_EXPRESSION: Final = re.compile(r"\^|https?:|/|\.\*")


@dataclass(frozen=True, slots=True)
class ListRules:
    """How a listing is read. ``kind`` is ``feed``, ``index`` or ``sitemap``.

    ``follow`` chooses links: a CSS selector (index pages only) or a regular expression over whole addresses. ``next``
    is the CSS selector (or ``xpath:…``) of an index page's link to its continuation. ``most_bytes`` bounds what a
    compressed sitemap may inflate to.
    """

    kind: str
    follow: str | None = None
    next: str | None = None
    encoding: str | None = None
    most_bytes: int = 50_000_000

    @property
    def fingerprint(self) -> str:
        """Names the rules: when they change, the listing is asked for as a whole, not conditionally."""
        made_of = f"{self.kind}\n{self.follow}\n{self.next}\n{self.encoding}"
        return f"{self.kind}/1:{hashlib.sha256(made_of.encode()).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a listing names. ``stamp`` is what the listing says of its last change, as printed (``lastmod``)."""

    url: str
    title: str | None = None
    published_at: datetime | None = None
    stamp: str | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """What one document lists, in its order. ``parts`` are further documents of the same listing, newest first.

    ``newest_first`` says that the order of ``items`` means something (feeds and index pages; not sitemaps).
    """

    items: tuple[Item, ...]
    parts: tuple[str, ...] = ()
    next: str | None = None
    notes: tuple[str, ...] = ()
    newest_first: bool = True


def listed(body: bytes, rules: ListRules, *, content_type: str | None = None, url: str = "") -> Listed:
    """What a document lists: whole addresses of this site (or those that ``follow`` allows), each once.

    Raises ``ReadError``, and nothing else, when it is no such document.
    """
    module = import_module(KINDS[rules.kind])
    reader: Callable[[bytes, ListRules, str | None, str], Listed] = module.listed
    found = reader(body, rules, content_type, url)
    items, notes = _kept(found.items, rules, url)
    parts = tuple(one for part in found.parts if (one := whole_address(part, url)) is not None)
    return replace(found, items=items, parts=parts, notes=(*found.notes, *notes))


def is_expression(follow: str) -> bool:
    """Whether ``follow`` is a regular expression over addresses (``re:…`` says so), not a CSS selector (``css:…``)."""
    if follow.startswith(("re:", "css:")):
        return follow.startswith("re:")
    return bool(_EXPRESSION.match(follow)) or "\\" in follow or ".*" in follow or ".+" in follow


def bare_follow(follow: str) -> str:
    """``follow`` without the word that says what it is."""
    return re.sub(r"^(?:re|css):\s*", "", follow)


def whole_address(href: str, base: str) -> str | None:
    """The whole address of a link, without fragment; None when it leads to nothing on the web."""
    try:
        url = urldefrag(urljoin(base, href.strip()))[0]
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host or len(url) > LONGEST_URL or re.search(r"[\s\x00-\x1f]", url):
        return None
    return url


def one_site(one: str, other: str) -> bool:
    """Whether two addresses belong to one site: the same host, ``www.`` or not, or one below the other."""
    first, second = (re.sub(r"^www\.", "", urlsplit(url).hostname or "") for url in (one, other))
    return first == second or first.endswith(f".{second}") or second.endswith(f".{first}")


def when(words: str | None) -> datetime | None:
    """A date of a feed or sitemap, in UTC: RFC 822 or ISO 8601 and its W3C short forms. None for anything else."""
    if not words or not (words := words.strip()[:64]):
        return None
    from email.utils import parsedate_to_datetime  # 10 ms that reading a configuration need not pay

    for parse in (datetime.fromisoformat, parsedate_to_datetime, _short):
        try:
            found = parse(words)
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def _short(words: str) -> datetime:
    found = _W3C.fullmatch(words)
    if found is None:
        raise ValueError(words)
    return datetime(int(found[1]), int(found[2] or 1), 1, tzinfo=UTC)


def plain_title(words: str | None) -> str | None:
    """A title as plain text on one line; mark-up and entities are taken out."""
    if not words:
        return None
    from html import unescape

    bare = unescape(re.sub(r"<[^<>]{1,200}>", " ", unescape(words)))
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", bare).strip()[:LONGEST_TITLE] or None


def _kept(items: Iterable[Item], rules: ListRules, base: str) -> tuple[tuple[Item, ...], list[str]]:
    from monitor.read.patterns import found

    allowed = None
    if rules.follow is not None and is_expression(rules.follow):
        allowed = bare_follow(rules.follow)
    kept: dict[str, Item] = {}
    elsewhere = nowhere = cut = 0
    for item in items:
        url = whole_address(item.url, base)
        if url is None:
            nowhere += 1
        elif allowed is None and not one_site(url, base):
            elsewhere += 1
        elif allowed is not None and not found(allowed, url):
            continue
        elif url in kept:
            # Named twice (a picture and its headline, say): what either says of it counts.
            first = kept[url]
            title = max((first.title or "", item.title or ""), key=len) or None
            when_first, stamp = first.published_at or item.published_at, first.stamp or item.stamp
            kept[url] = Item(url, title, when_first, stamp)
        elif len(kept) >= MOST_ITEMS:
            cut += 1
        else:
            kept[url] = replace(item, url=url)
    notes = []
    if elsewhere:
        notes.append(f"{elsewhere} on other sites left out; a regular expression as 'follow' would allow them")
    if nowhere:
        notes.append(f"{nowhere} without a web address left out")
    if cut:
        notes.append(f"{cut} beyond the first {MOST_ITEMS:,} left out")
    return tuple(kept.values()), notes
