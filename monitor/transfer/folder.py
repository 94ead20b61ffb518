"""A folder of dated texts: each file ``YYYY-MM-DD….(txt|md|html)`` is a member of a series, or a version of one source.

The date in the name is the true time of capture (midnight UTC); ``YYYY-MM-DDTHHMMSSZ`` names a moment, with six more
digits to the microsecond. The time of import is kept beside it.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from monitor.config.shapes import ID
from storage.errors import UsageError
from storage.records import Snapshot, Source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.transfer.placing import Brought, Placer

DATED: Final = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})(?:T(?P<time>\d{6})(?:\.(?P<micro>\d{6}))?Z)?[^/]*\.(txt|md|html?|shtml)", re.IGNORECASE
)


def captured_of(name: str) -> datetime | None:
    """The time of capture that a file's name begins with; None when it begins with none. ``ValueError``: no real date."""
    match = DATED.fullmatch(name)
    if match is None:
        return None
    stamp = f"{match['day']} {match['time'] or '000000'} {match['micro'] or '000000'}"
    return datetime.strptime(stamp, "%Y-%m-%d %H%M%S %f").replace(tzinfo=UTC)


def dated_files(folder: Path) -> list[tuple[datetime, Path]]:
    """The dated files of a folder, oldest first. Raises ``UsageError`` when there are none."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    found = []
    for file in sorted(folder.iterdir()):
        try:
            captured = captured_of(file.name)
        except ValueError:
            raise UsageError(f"{file}: its name begins with no real date") from None
        if captured is not None and file.is_file():
            found.append((captured, file))
    if not found:
        raise UsageError(f"{folder}: no dated files", hint="Their names begin with a date: 2014-01-29.txt")
    return sorted(found)


def import_folder(placer: Placer, folder: Path, *, series: str | None, source: str | None) -> Iterator[Brought]:
    """Bring the files in, oldest first: as members of ``series``, or as versions of ``source``."""
    for captured, file in dated_files(folder):
        url = file.resolve().as_uri()
        try:
            body = file.read_bytes()
        except OSError as error:
            raise UsageError(f"{file}: {error.strerror}") from None
        snapshot = Snapshot(url, url, None, (), (), captured, body)
        yield placer.place(Source(source or member_id(series or "", file.stem), url, series), snapshot, file.name)


def member_id(series: str, stem: str) -> str:
    """The id of a series' member from its file's name; where letters must be replaced or left out, a mark keeps it unique."""
    name = f"{series}-{stem}"
    if ID.fullmatch(name):
        return name
    mark = hashlib.sha256(stem.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', name)[:71].rstrip('-')}-{mark}"
