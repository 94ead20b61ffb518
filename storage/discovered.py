"""What listings found, as rows: each found source belongs to the listing that named it first. Takes an open connection."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, bindparam, func, insert, select, update

from storage import rows
from storage.queries import chunks
from storage.records import Found, Source
from storage.schema import found, sources

if TYPE_CHECKING:
    from collections.abc import Container, Sequence
    from datetime import datetime

LONGEST_ID: Final = 80
_MARK: Final = 8
_OWNERS: Final = sources.alias("owners")


def all_of(connection: Connection, listing: str | None = None, ids: Sequence[str] | None = None) -> list[Found]:
    """What was found: by one listing, or the sources of these ids, or everything; oldest finds first."""
    query = (
        select(found, sources.c.id.label("source_id"), _OWNERS.c.id.label("listing_id"))
        .join(sources, sources.c.key == found.c.source)
        .join(_OWNERS, _OWNERS.c.key == found.c.listing)
    )
    if listing is not None:
        query = query.where(_OWNERS.c.id == listing)
    query = query.order_by(found.c.source)
    if ids is None:
        return [_found(row) for row in connection.execute(query)]
    return [
        _found(row) for part in chunks(list(ids)) for row in connection.execute(query.where(sources.c.id.in_(part)))
    ]


def first_look(connection: Connection, listing: str) -> datetime | None:
    """When a listing first named sources; None when it never did."""
    key = select(sources.c.key).where(sources.c.id == listing).scalar_subquery()
    found_at: datetime | None = connection.scalar(select(func.min(found.c.first_listed)).where(found.c.listing == key))
    return found_at


def _found(row: Any) -> Found:
    return Found(
        source=row.source_id,
        listing=row.listing_id,
        url=row.url,
        title=row.title,
        published_at=row.published_at,
        stamp=row.stamp,
        kept_stamp=row.kept_stamp,
        first_listed=row.first_listed,
        missing_since=row.missing_since,
    )


def keep(
    connection: Connection,
    listing_key: int,
    listing: Source,
    fresh: Sequence[Found],
    at: datetime,
    taken: Container[str],
) -> list[Found]:
    """Make what a listing newly named into sources that are due at once, in the order given; returns them with their ids.

    An id that is taken (or stands in ``taken``) gets a mark made from the address. An address that is watched already
    is left to its source; one whose source is retired takes it up again, history and all.
    """
    known = {
        row.url: row
        for part in chunks([one.url for one in fresh])
        for row in connection.execute(
            select(sources.c.key, sources.c.id, sources.c.url, sources.c.retired_at).where(sources.c.url.in_(part))
        )
    }
    kept: list[Found] = []
    for one in fresh:
        row = known.get(one.url)
        if row is not None and row.retired_at is None:
            continue
        declared = rows.declaration(Source(one.source, one.url, listing.series, listing.tags, listing.baseline))
        if row is not None:
            key, name = row.key, row.id
            again = {**declared, "retired_at": None, "next_check": at}
            connection.execute(update(sources).where(sources.c.key == key).values(**again))
        else:
            name = _free(connection, one.source, one.url, taken)
            made = connection.execute(insert(sources).values(id=name, **declared, declared_at=at, next_check=at))
            key = int(made.inserted_primary_key[0]) if made.inserted_primary_key else 0
        values = {
            "listing": listing_key,
            "url": one.url,
            "title": one.title,
            "published_at": one.published_at,
            "stamp": one.stamp,
            "missing_since": None,
        }
        if connection.execute(update(found).where(found.c.source == key).values(**values)).rowcount == 0:
            connection.execute(insert(found).values(source=key, first_listed=at, **values))
        kept.append(Found(name, listing.id, one.url, one.title, one.published_at, one.stamp, None, at))
    return kept


def move(connection: Connection, stamps: dict[str, str | None], at: datetime) -> None:
    """What a listing now says of the last change of sources that it named before: these are due at once."""
    for name, stamp in stamps.items():
        key = select(sources.c.key).where(sources.c.id == name).scalar_subquery()
        connection.execute(update(found).where(found.c.source == key).values(stamp=stamp))
        # Not what is being looked at just now, nor what is idle (it has no next check).
        connection.execute(update(sources).where(sources.c.id == name, sources.c.next_check > at).values(next_check=at))


def mark(connection: Connection, names: Sequence[str], missing_since: datetime | None) -> None:
    """Note that a listing names these no more (since when), or again (None)."""
    for part in chunks(list(names)):
        keys = select(sources.c.key).where(sources.c.id.in_(part))
        connection.execute(update(found).where(found.c.source.in_(keys)).values(missing_since=missing_since))


def version_kept(connection: Connection, source_key: int) -> None:
    """A version was kept: from now on a change is compared with what the listing says today."""
    connection.execute(_KEPT, {"of": source_key})


_KEPT: Final = update(found).where(found.c.source == bindparam("of")).values(kept_stamp=found.c.stamp)


def _free(connection: Connection, wish: str, url: str, taken: Container[str]) -> str:
    mark = hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()[:_MARK]
    marked = wish[: LONGEST_ID - _MARK - 1].rstrip("-._") + f"-{mark}"
    for name in (wish, marked, *(f"{marked}-{count}" for count in range(2, 100))):
        if name not in taken and connection.scalar(select(sources.c.key).where(sources.c.id == name)) is None:
            return name
    return f"found-{hashlib.sha256(f'{wish} {url}'.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"
