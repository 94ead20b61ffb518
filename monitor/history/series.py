"""A series seen as one history: its members in date order, each member's latest version, renumbered from 1."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from storage.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from storage.records import Version

# A year, then month and day if they are there; not inside a longer run of digits.
_DATE: Final = re.compile(
    r"(?<!\d)(?P<year>19\d\d|20\d\d)"
    r"(?:(?P<mark>[-_./]?)(?P<month>0[1-9]|1[0-2])(?:(?P=mark)(?P<day>0[1-9]|[12]\d|3[01]))?)?(?!\d)"
)
_CHINESE_DATE: Final = re.compile(r"(?P<year>\d{4})\s*年\s*(?P<month>\d{1,2})\s*月\s*(?P<day>\d{1,2})\s*日")


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a series: its latest version, and the date it goes by.

    ``dated_by`` says where the date comes from: ``published``, ``id`` or ``captured``. ``version`` keeps the number it
    has in its own source.
    """

    source: str
    date: datetime
    dated_by: str
    version: Version


def date_in(words: str, *, whole: bool = False) -> datetime | None:
    """The most exact date in figures: ``2014-01-29``, ``20140129``, ``2014年1月29日``, ``2014-01`` or ``2014``.

    Midnight UTC; a missing month or day counts as the first, unless ``whole`` dates only are wanted. Of equally exact
    ones the first; None when there is none.
    """
    found: list[tuple[int, int, datetime]] = []
    for match in (*_DATE.finditer(words), *_CHINESE_DATE.finditer(words)):
        year, month, day = match["year"], match["month"], match["day"]
        if whole and not day:
            continue
        try:
            when = datetime(int(year), int(month or 1), int(day or 1), tzinfo=UTC)
        except ValueError:  # the 30th of February is no date
            continue
        found.append((-sum(part is not None for part in (month, day)), match.start(), when))
    return min(found)[2] if found else None


def members(found: Iterable[Sequence[Version]], published: Mapping[str, datetime] | None = None) -> tuple[Member, ...]:
    """The members in date order.

    ``found`` gives for each source its versions, in any order; one without a version is no member. A member goes by the
    date in ``published`` (source id → parsed date) or in its printed date; else by the date in its id; else by its
    first capture. Equal dates stay in the order of first capture, then of the ids.
    """
    dated = [_member(versions, published or {}) for versions in found if versions]
    return tuple(member for _, member in sorted(dated, key=lambda one: (one[1].date, one[0], one[1].source)))


def _member(versions: Sequence[Version], published: Mapping[str, datetime]) -> tuple[datetime, Member]:
    latest = max(versions, key=lambda version: version.number)
    captured = min(version.captured for version in versions)
    printed = published.get(latest.source) or date_in(latest.published or "", whole=True)
    named = date_in(latest.source)
    if printed is not None:
        member = Member(latest.source, printed, "published", latest)
    elif named is not None:
        member = Member(latest.source, named, "id", latest)
    else:
        member = Member(latest.source, captured, "captured", latest)
    return captured, member


def as_history(ordered: Sequence[Member]) -> tuple[Version, ...]:
    """The members as one history, oldest first: versions renumbered 1..n that keep source, window and times."""
    return tuple(replace(member.version, number=number) for number, member in enumerate(ordered, 1))
