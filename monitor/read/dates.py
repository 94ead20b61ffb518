"""The date a page prints: found by its shape, kept as printed, and parsed where that is possible. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "january jan janvier", "february feb février", "march mar mars", "april apr avril", "may mai",
            "june jun juin", "july jul juillet", "august aug août", "september sep sept septembre",
            "october oct octobre", "november nov novembre", "december dec décembre",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
_WORD: Final = "|".join(sorted(_MONTHS, key=len, reverse=True))
_TIME: Final = r"(?:[ T,]*(?:at |à )?(?P<hour>\d{1,2})[:h](?P<minute>\d{2})(?::\d{2})?(?:\s*(?P<half>[ap]\.?m\.?))?)?"
_ZONE: Final = r"(?:\s*(?:Z|UTC|GMT|[A-Z]{2,4}|[+-]\d{2}:?\d{2}))?"
_SHAPES: Final = tuple(
    re.compile(shape + _TIME + _ZONE, re.IGNORECASE)
    for shape in (
        r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})",
        rf"(?:\w+,? )?(?P<day>\d{{1,2}})(?:st|nd|rd|th|er)? (?P<name>{_WORD})\.?,? (?P<year>\d{{4}})",
        rf"(?:\w+,? )?(?P<name>{_WORD})\.? (?P<day>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<year>\d{{4}})",
        r"(?P<year>\d{4})\s*年\s*(?P<month>\d{1,2})\s*月\s*(?P<day>\d{1,2})\s*日",
        r"(?P<day>\d{1,2})[./](?P<month>\d{1,2})[./](?P<year>\d{4})",
    )
)
_LEAD: Final = re.compile(
    r"^(?:published|updated|posted|released?|issued|date|time|publié le|mis à jour le|le|发布时间|时间|日期|来源时间)\s*[:：]?\s*",
    re.IGNORECASE,
)
LONGEST: Final = 64
"""A line longer than this is a sentence that mentions a date, not a printed date."""


def printed_date(words: str) -> bool:
    """Whether a line is nothing but a date (and perhaps a time, and a word such as "Published")."""
    words = words.strip()
    if not 6 <= len(words) <= LONGEST:
        return False
    rest = _LEAD.sub("", words)
    return any((found := shape.match(rest)) and not rest[found.end() :].strip(" .|()") for shape in _SHAPES)


def moment(words: str | None) -> datetime | None:
    """The date as a time in UTC (midnight where none is printed); None where it cannot be told."""
    if not words:
        return None
    for shape in _SHAPES:
        found = shape.search(words)
        if found is None:
            continue
        part = found.groupdict()
        month = int(part["month"]) if part.get("month") else _MONTHS[part["name"].lower()]
        hour = int(part["hour"] or 0)
        if part["half"]:
            hour = hour % 12 + (12 if part["half"].lower().startswith("p") else 0)
        try:
            return datetime(int(part["year"]), month, int(part["day"]), hour, int(part["minute"] or 0), tzinfo=UTC)
        except ValueError:
            continue
    return None
