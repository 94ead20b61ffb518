"""A folder of dated texts: each file ``YYYY-MM-DD….(txt|md|html)`` is a member of a series, or a version of one source.

The date in the name is the true time of capture (midnight UTC); the time of import is kept beside it. Importing twice
adds nothing: a text whose digest its source already has as its latest, or that is older than it, is passed over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from monitor import events
from monitor.differ import compare
from monitor.events import Stamps
from monitor.read import ReadRules, read
from storage.errors import ReadError, UsageError
from storage.records import Latest, Snapshot, Source, Text, Validators

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from storage.archive import Archive

DATED: Final = re.compile(r"(\d{4}-\d{2}-\d{2})[^/]*\.(txt|md|html?|shtml)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Brought:
    """What became of one file: ``version`` is its number, None when nothing was added; ``note`` says why."""

    file: str
    source: str
    version: int | None
    note: str | None = None


def dated_files(folder: Path) -> list[tuple[datetime, Path]]:
    """The dated files of a folder, oldest first. Raises ``UsageError`` when there are none."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    found = []
    for file in sorted(folder.iterdir()):
        match = DATED.fullmatch(file.name)
        if match and file.is_file():
            try:
                found.append((datetime.fromisoformat(match.group(1)).replace(tzinfo=UTC), file))
            except ValueError:
                raise UsageError(f"{file}: {match.group(1)} is no date") from None
    if not found:
        raise UsageError(f"{folder}: no dated files", hint="Their names begin with a date: 2014-01-29.txt")
    return found


def import_folder(
    archive: Archive, folder: Path, *, series: str | None, source: str | None, rules: ReadRules, now: datetime
) -> Iterator[Brought]:
    """Bring the files in, one transaction each, oldest first; an import that was cut off goes on where it was."""
    for captured, file in dated_files(folder):
        name = source or f"{series}-{file.stem}"
        try:
            yield _bring_in(archive, file, name, series, captured, rules, now)
        except ReadError as error:
            yield Brought(file.name, name, None, error.message)


def _bring_in(
    archive: Archive, file: Path, name: str, series: str | None, captured: datetime, rules: ReadRules, now: datetime
) -> Brought:
    url = file.resolve().as_uri()
    archive.adopt(Source(name, url, series), now)
    latest = archive.latest([name])[name]
    body = file.read_bytes()
    reading = read(body, rules, url=url)
    if latest.digest == reading.text.digest:
        return Brought(file.name, name, None, "is there already")
    if latest.last_good is not None and captured <= latest.last_good:
        return Brought(file.name, name, None, f"is older than version {latest.number}, or as old")
    snapshot = Snapshot(url, url, None, (), (), captured, body)
    before = archive.text(name, latest.number) if latest.number else None
    judgement = _judged(archive, latest, before, reading.text, captured)
    version = archive.record(
        name,
        snapshot,
        reading.text,
        reader=reading.reader,
        outcome=judgement.outcome,
        expected=latest.number,
        change=judgement.change,
        events=judgement.events,
        validators=Validators(),
        imported=now,
    )
    return Brought(file.name, name, version.number)


def _judged(archive: Archive, latest: Latest, before: Text | None, text: Text, at: datetime) -> events.Judgement:
    return events.judge(
        latest,
        at=at,
        change=compare(before, text) if before else None,
        before=Stamps(before.published if before else None, None),
        after=Stamps(text.published, None),
        earlier=archive.earlier(latest.source, text.digest) if before else None,
    )
