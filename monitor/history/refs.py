"""What ``SOURCE@REF`` points at: a number, latest, first, baseline, a time (as of), or so many before the latest."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from storage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from storage.records import Version

BASELINE: Final = "baseline"
"""The reference that is no version but the pinned text; callers look for it before they resolve."""

_SOURCE: Final = re.compile(r"\w[\w.-]*")
_FILE_SUFFIX: Final = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,5}\Z")
_DATE: Final = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?\Z")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d.*\Z")
_SYNTAX: Final = "@3, @latest, @first, @baseline, @2022-03-01 (as of), @~1 (one before the latest)"


def split_operand(word: str) -> tuple[str, str | None]:
    """``"fomc@3"`` → ``("fomc", "3")``; without a reference the second is None.

    Only a source id before the last ``@`` makes a reference of what follows: addresses (``https://user@host/``), paths
    (``./a@b``) and file names with a suffix (``note@home.txt``) stay whole. Raises ``UsageError`` for ``fomc@``.
    """
    source, mark, ref = word.rpartition("@")
    if not mark or not _SOURCE.fullmatch(source) or "/" in ref or "\\" in ref or _FILE_SUFFIX.search(ref):
        return word, None
    if not ref:
        raise UsageError(f"{word}: no reference after '@'", hint=f"One of {_SYNTAX}.")
    return source, ref


def resolve(ref: str, versions: Sequence[Version], *, dates: Mapping[int, datetime] | None = None) -> Version:
    """The version that ``ref`` (without ``@``) points at; ``versions`` in any order.

    A time means the version that stood then, as far as we know: the newest first seen at or before it. A date means the
    end of that day in UTC, a month or year its end, an RFC 3339 time exactly that moment (without an offset: UTC).
    ``dates`` (version number → date) replaces the time of first sight: a series goes by its members' dates.

    Raises ``UsageError`` whose hint lists what exists; also for ``baseline``, which is a text and no version.
    """
    if not versions:
        raise UsageError(f"@{ref}: there is no version yet", hint="`variorum check` makes the first one.")
    ordered = sorted(versions, key=lambda version: version.number)
    if ref == "latest":
        return ordered[-1]
    if ref == "first":
        return ordered[0]
    if ref == BASELINE:
        raise UsageError(
            f"{_label(ordered, ref)}: the baseline is a pinned text, not a version", hint=_existing(ordered)
        )
    if ref.isascii() and ref.removeprefix("~").isdigit():
        # A year is a number too, but no source has so few versions that both could be meant: a number that exists wins.
        return _counted(ref, ordered, dates)
    moment = _moment(ref)
    if moment is None:
        raise UsageError(f"{_label(ordered, ref)}: no such reference", hint=f"One of {_SYNTAX}. {_existing(ordered)}")
    return _as_of(ref, moment, ordered, dates)


def _counted(ref: str, ordered: Sequence[Version], dates: Mapping[int, datetime] | None) -> Version:
    if ref.startswith("~"):
        back = int(ref[1:])
        if back < len(ordered):
            return ordered[-1 - back]
        raise UsageError(f"{_label(ordered, ref)}: not so many versions", hint=_existing(ordered))
    number = int(ref)
    for version in ordered:
        if version.number == number:
            return version
    moment = _moment(ref)
    if moment is None:
        raise UsageError(f"{_label(ordered, ref)}: no such version", hint=_existing(ordered))
    return _as_of(ref, moment, ordered, dates)


def _as_of(ref: str, moment: datetime, ordered: Sequence[Version], dates: Mapping[int, datetime] | None) -> Version:
    known = dates or {}
    standing = [version for version in ordered if known.get(version.number, version.first_seen) < moment]
    if standing:
        return max(standing, key=lambda version: (known.get(version.number, version.first_seen), version.number))
    raise UsageError(f"{_label(ordered, ref)}: nothing was seen so early", hint=_existing(ordered, dates))


def _moment(ref: str) -> datetime | None:
    """The first moment after the time meant, or None when it is no time."""
    date = _DATE.match(ref)
    try:
        if date:
            year, month, day = (int(part) if part else None for part in date.groups())
            assert year is not None  # noqa: S101  (the group always takes part)
            start = datetime(year, month or 1, day or 1, tzinfo=UTC)
            if day:
                return start + timedelta(days=1)
            if month and month < 12:
                return start.replace(month=month + 1)
            return start.replace(year=year + 1, month=1)
        if _TIME.match(ref):
            exact = datetime.fromisoformat(ref.upper().replace(" ", "T"))
            aware = exact if exact.tzinfo else exact.replace(tzinfo=UTC)
            return aware.astimezone(UTC) + timedelta(microseconds=1)
    except (ValueError, OverflowError):
        return None
    return None


def _label(ordered: Sequence[Version], ref: str) -> str:
    sources = {version.source for version in ordered}
    return f"{ordered[-1].source}@{ref}" if len(sources) == 1 else f"@{ref}"


def _existing(ordered: Sequence[Version], dates: Mapping[int, datetime] | None = None) -> str:
    """``3 versions: @1 (2022-02-25) to @3 (2022-03-01)``."""

    def named(version: Version) -> str:
        when = (dates or {}).get(version.number, version.first_seen)
        return f"@{version.number} ({when:%Y-%m-%d %H:%M} UTC)"

    if len(ordered) == 1:
        return f"There is one version: {named(ordered[0])}."
    return f"There are {len(ordered)} versions: {named(ordered[0])} to {named(ordered[-1])}."
