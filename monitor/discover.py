"""From what a listing shows to the sources it declares: which are new, what they are called, which are missing. Pure.

Found sources live in the archive, not in the configuration; how they are looked at is their listing's to say.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from monitor.config.slugs import slug
from monitor.read.listing import one_site
from storage.errors import ReadError
from storage.frozen import dataclass
from storage.records import Found, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitor.config import Declaration, Settings
    from monitor.read.listing import Item

LONGEST_ID: Final = 72
"""Characters of an id made from date and title; a mark that keeps two apart has room behind it."""


@dataclass(frozen=True, slots=True)
class News:
    """What a look at a listing amounts to. ``waiting`` are new ones that are left for the next look (``max_new``)."""

    fresh: tuple[Found, ...]
    stamps: dict[str, str | None]
    missing: tuple[str, ...]
    back: tuple[str, ...]
    waiting: int = 0


def news(
    listing: str, items: Sequence[Item], known: Sequence[Found], *, max_new: int, newest_first: bool, whole: bool
) -> News:
    """What is new, changed, missing and back, against what the listing named before (``known``, oldest finds first).

    ``whole`` says that the listing names everything it has (a sitemap): else a source is missing only while an older
    one is still named, for a feed lets its oldest items go. Of too many new ones the oldest are taken first where the
    order says which (they are the next to fall off), and the newest of a sitemap. Raises ``ReadError`` when a listing
    that named something names nothing any more: that is doubted, not obeyed.
    """
    if not items and known:
        raise ReadError(
            f"the listing names nothing now; it named {len(known)} before",
            hint="What was found stays watched; look whether the listing has moved or changed its layout.",
        )
    before = {one.url: one for one in known}
    named = {item.url: item for item in items}
    new = [item for item in items if item.url not in before]
    if newest_first:
        new.reverse()
        fresh = new[:max_new]
    else:
        new.sort(key=lambda item: item.stamp or "")
        fresh = new[-max_new:]
    stamps = {
        before[url].source: item.stamp
        for url, item in named.items()
        if url in before and item.stamp != before[url].stamp
    }
    return News(
        tuple(Found(identity(item), listing, item.url, item.title, item.published_at, item.stamp) for item in fresh),
        stamps,
        tuple(one.source for one in _missing(known, named, whole=whole) if one.missing_since is None),
        tuple(one.source for one in known if one.url in named and one.missing_since is not None),
        len(new) - len(fresh),
    )


def _missing(known: Sequence[Found], named: dict[str, Item], *, whole: bool) -> list[Found]:
    """Those that should be named: all, or those younger than the oldest one that still is.

    By their dates where every one has one, else by the order in which they were found.
    """
    dated = all(one.published_at is not None for one in known)
    ages = [(one.published_at.timestamp() if dated and one.published_at else 0.0, at) for at, one in enumerate(known)]
    oldest = min((age for age, one in zip(ages, known, strict=True) if one.url in named), default=None)
    return [
        one
        for age, one in zip(ages, known, strict=True)
        if one.url not in named and (whole or (oldest is not None and age > oldest))
    ]


def identity(item: Item) -> str:
    """The id that an item asks for: its day and its title, in Latin letters; else one made of its address.

    Ids are written into archives: this rule must not change.
    """
    words = unicodedata.normalize("NFKD", item.title or "")
    lost = re.search(r"[^\W\d_]", re.sub(r"[\x00-\x7f]", "", words)) is not None
    latin = re.sub(r"[^a-z0-9]+", "-", words.encode("ascii", "ignore").decode().lower()).strip("-")
    if lost or not re.search(r"[a-z]", latin):
        return slug(item.url)
    day = f"{item.published_at:%Y-%m-%d}-" if item.published_at is not None else ""
    name = latin if day and latin.startswith(day) else day + latin
    return name if len(name) <= LONGEST_ID else name[:LONGEST_ID].rpartition("-")[0] or name[:LONGEST_ID]


def declaration(found: Found, listing: Declaration) -> Declaration:
    """How a found source is looked at: as its listing says. Headers stay with the site of the listing."""
    assert listing.listing is not None  # noqa: S101  (the callers pass listings)
    fetch = listing.fetch
    if fetch.headers and not one_site(found.url, listing.source.url):
        fetch = replace(fetch, headers=())
    source = Source(found.source, found.url, listing.source.series, listing.source.tags, listing.source.baseline)
    return replace(
        listing,
        source=source,
        fetch=fetch,
        rhythm=listing.listing.rhythm,
        pages=listing.listing.pages,
        listing=None,
        found=found,
    )


def declared(settings: Settings, found: Iterable[Found]) -> list[Declaration]:
    """The declarations of what listings found; nothing for listings that are no more, and sources declared since."""
    listings = {one.source.id: one for one in settings.listings}
    own = {one.source.id for one in settings.declarations}
    return [
        declaration(one, listings[one.listing]) for one in found if one.listing in listings and one.source not in own
    ]


def with_found(settings: Settings, found: Iterable[Found]) -> Settings:
    """The settings with what listings found among the declarations."""
    more = declared(settings, found) if settings.listings else []
    return replace(settings, declarations=(*settings.declarations, *more)) if more else settings


def taken_names(settings: Settings) -> frozenset[str]:
    """What the configuration calls sources, listings and series: commands take all of them, so none may be used twice."""
    names = {one.source.id for one in settings.declarations} | {one.id for one in settings.series}
    return frozenset(names | {one.source.series for one in settings.declarations if one.source.series})


def told(news: News, kept: int, notes: Sequence[str]) -> str | None:
    """What a look at a listing brought, in one line; None when there is nothing to tell."""
    said = [f"{kept} found"] if kept else []
    if news.waiting:
        said.append(f"{news.waiting} more wait for the next look (max_new)")
    if news.missing:
        said.append(f"no longer listed: {', '.join(news.missing[:3])}{' …' if len(news.missing) > 3 else ''}")
    if news.back:
        said.append(f"listed again: {', '.join(news.back[:3])}{' …' if len(news.back) > 3 else ''}")
    return "; ".join([*said, *notes]) or None
