"""WARC in and out (ISO 28500, through warcio): responses of web pages and resources, by address.

In: first one pass that notes where each fitting record stands, then each address's captures by their date, so that a
file of any size needs memory for its index only, and records may stand in any order.

Out: one record for each capture that became a version. What HTTP headers said of codings that are undone in the kept
body is renamed as web archives do it (``x-archive-orig-…``), so that the record is true to its bytes; bringing it in
again takes the names back. Records, identifiers and dates come from the archive alone: the same versions, the same file.
"""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any, Final

from monitor.config.shapes import ID
from monitor.transfer.placing import Brought, Fate, Placer
from storage.errors import Pruned, UsageError
from storage.records import Snapshot, Source

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from monitor.transfer.chosen import Chosen
    from storage.archive import Archive

PAGES: Final = frozenset({200, 203})
READABLE: Final = ("text/html", "application/xhtml", "text/plain", "text/markdown", "application/pdf")
MAX_BODY_BYTES: Final = 50_000_000
"""A larger record is no statement."""
WARC_VERSION: Final = "WARC/1.1"
"""The first with fractions of a second in dates."""

_ORIG: Final = "x-archive-orig-"
_UNDONE: Final = frozenset({"content-encoding", "transfer-encoding", "content-length"})
_SOURCE, _SERIES = "Variorum-Source", "Variorum-Series"
_ASKED, _REDIRECTS, _ADDED = "Variorum-Asked", "Variorum-Redirects", "Variorum-Added"
_TOLD: Final = "Variorum-Headers"
"""What is known of a file beside its bytes (a commit's id, a stamp): there is no HTTP head to write it in."""
_RECORDS: Final = uuid.UUID("6f0c3b4e-5d0f-5a43-9a43-7f6e1a1b2c11")
"""The namespace of our record identifiers (RFC 9562, version 5)."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a fitting record begins in the file, whose it is, when it was made, and whether an export of ours wrote it."""

    at: datetime
    offset: int
    url: str
    source: str
    series: str | None
    ours: bool


def import_warc(
    placer: Placer, file: Path, *, source: str | None = None, series: str | None = None, urls: Collection[str] = ()
) -> Iterator[Brought]:
    """Bring in the pages of a WARC file (gzipped or not), oldest first for each address.

    Each address becomes a source named after it, or ``source`` when the file holds one address or ``urls`` (empty: all)
    names one. Raises ``UsageError``: no such file, not a WARC file, no page in it, several addresses for one source.
    """
    with _opened(file) as stream, _told_plainly(file):
        places = _index(stream, urls)
        if not places:
            raise UsageError(f"{file}: no page in it" + (" with that address" if urls else ""))
        if source is not None and not urls and len({place.url for place in places}) > 1:
            hint = "--url chooses one; without --source each address becomes a source of its own."
            raise UsageError(f"{file}: holds {len({place.url for place in places})} addresses", hint=hint)
        by_source: dict[str, list[_Place]] = defaultdict(list)
        for place in places:
            by_source[source or place.source].append(place)
        for name, captures in by_source.items():
            for place in sorted(captures, key=lambda one: (one.at, one.offset)):
                yield _bring(placer, stream, place, Source(name, place.url, series or place.series))


def _bring(placer: Placer, stream: IO[bytes], place: _Place, source: Source) -> Brought:
    what = f"{place.url} {place.at:%Y-%m-%dT%H:%M:%SZ}"
    snapshot = _snapshot(stream, place)
    if snapshot is None:
        return Brought(what, source.id, Fate.UNREAD, note=f"larger than {MAX_BODY_BYTES:,} bytes")
    return placer.place(source, snapshot, what, believed=place.ours)


def _index(stream: IO[bytes], urls: Collection[str]) -> list[_Place]:
    from warcio.archiveiterator import ArchiveIterator

    places = []
    by_digest: dict[str, int] = {}
    records = ArchiveIterator(stream)
    for record in records:
        if record.format != "warc":
            raise ValueError(f"a record of kind {record.format}")
        kind, url = record.rec_type, _target(record)
        payload = record.rec_headers.get_header("WARC-Payload-Digest")
        fits = _fits(record)
        asked = record.rec_headers.get_header(_ASKED) or url
        named = _named(record)
        date = record.rec_headers.get_header("WARC-Date")
        offset = records.get_record_offset()
        if kind == "revisit" and payload in by_digest:
            # The same bytes again: what was received then stands at the record that this one refers to.
            offset, fits = by_digest[payload], True
        elif fits and payload:
            by_digest.setdefault(payload, offset)
        if fits and (not urls or asked in urls or url in urls):
            places.append(
                _Place(_moment(date), offset, asked, named[0] or _slug(asked), named[1], named[0] is not None)
            )
    return places


def _named(record: Any) -> tuple[str | None, str | None]:
    """The source and series that an export of ours wrote; what is no id there was not written by us."""
    names = (record.rec_headers.get_header(_SOURCE), record.rec_headers.get_header(_SERIES))
    source, series = (name if name and ID.fullmatch(name) else None for name in names)
    return source, series if source is not None else None


def _target(record: Any) -> str:
    """The address of a record, '' where it has none (a warcinfo record); some old writers put it in brackets."""
    return str(record.rec_headers.get_header("WARC-Target-URI") or "").strip("<>")


def _fits(record: Any) -> bool:
    """Whether the record is a page that can be read: its kind, its status, its media type."""
    url = _target(record)
    if record.rec_type == "resource":
        media = record.rec_headers.get_header("Content-Type") or ""
        return bool(url.startswith(("http://", "https://", "file:")) and media.startswith(READABLE))
    if record.rec_type != "response" or record.http_headers is None or not url.startswith(("http://", "https://")):
        return False
    status = record.http_headers.get_statuscode()
    media = (record.http_headers.get_header("Content-Type") or "text/html").strip().lower()
    return bool(status.isdigit() and int(status) in PAGES and media.startswith(READABLE))


def _snapshot(stream: IO[bytes], place: _Place) -> Snapshot | None:
    """The capture at a place of the file; None for one that is too large."""
    from warcio.archiveiterator import ArchiveIterator

    stream.seek(place.offset)
    record = next(iter(ArchiveIterator(stream)))
    body = record.content_stream().read(MAX_BODY_BYTES + 1)
    if len(body) > MAX_BODY_BYTES:
        return None
    told = record.rec_headers
    final_url = _target(record)
    redirects = tuple((told.get_header(_REDIRECTS) or "").split())
    if record.http_headers is None:
        return Snapshot(place.url, final_url, None, _told_beside(told.get_header(_TOLD)), redirects, place.at, body)
    ours = told.get_header(_SOURCE) is not None
    added = (told.get_header(_ADDED) or "").split()
    headers = tuple(
        (name.lower().removeprefix(_ORIG) if ours else name.lower(), value)
        for name, value in record.http_headers.headers
        if name.lower() not in added
    )
    return Snapshot(place.url, final_url, int(record.http_headers.get_statuscode()), headers, redirects, place.at, body)


def _told_beside(words: str | None) -> tuple[tuple[str, str], ...]:
    """What an export of ours told of a file beside its bytes. ``ValueError`` for what none of ours would write."""
    pairs = json.loads(words) if words else []
    if not isinstance(pairs, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise ValueError(f"{_TOLD} holds no pairs")
    return tuple((str(name), str(value)) for name, value in pairs)


def _moment(date: str) -> datetime:
    """A WARC date (RFC 3339 in UTC, up to nanoseconds in WARC 1.1), to the microsecond."""
    from warcio.timeutils import iso_date_to_datetime

    head, dot, fraction = date.strip().rstrip("Z").partition(".")
    found: datetime = iso_date_to_datetime(f"{head}Z")
    return found.replace(microsecond=int(fraction[:6].ljust(6, "0")) if dot else 0, tzinfo=UTC)


def _slug(url: str) -> str:
    from monitor.config import slug

    return slug(url)


@contextmanager
def _opened(file: Path) -> Iterator[IO[bytes]]:
    try:
        stream = file.open("rb")
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from None
    with stream:
        yield stream


@contextmanager
def _told_plainly(file: Path) -> Iterator[None]:
    import zlib

    from warcio.exceptions import ArchiveLoadFailed

    try:
        yield
    except (ArchiveLoadFailed, zlib.error, EOFError, ValueError, AttributeError) as error:
        # warcio takes anything for a record of the old ARC format and then misses what an ARC record has.
        said = "not of that format" if isinstance(error, AttributeError) else _first_line(error)
        raise UsageError(f"{file}: not a WARC file that can be read ({said})") from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def export_warc(archive: Archive, chosen: Iterable[Chosen], file: Path) -> int:
    """Write the captures of the chosen versions to a WARC file, gzipped when its name ends so; returns how many.

    A version that is a new reading of an older capture adds no record: the capture is there already. Nor does one whose
    raw bytes were pruned.
    """
    from warcio.warcwriter import WARCWriter

    count = 0
    with file.open("wb") as stream:
        writer = WARCWriter(stream, gzip=file.name.endswith(".gz"), warc_version=WARC_VERSION)
        for one in chosen:
            written: set[int] = set()
            for version in one.versions:
                if version.snapshot in written:
                    continue
                written.add(version.snapshot)
                try:
                    taken = archive.snapshot(version.snapshot)
                except Pruned:
                    continue
                _write(writer, one.source, taken, f"{version.source}@{version.number}")
                count += 1
    return count


def _write(writer: Any, source: Source, taken: Snapshot, ref: str) -> None:
    from warcio.statusandheaders import StatusAndHeaders

    told = {
        "WARC-Record-ID": f"<{uuid.uuid5(_RECORDS, f'{ref} {taken.fetched_at.isoformat()} {taken.body_digest}').urn}>",
        "WARC-Date": taken.fetched_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        _SOURCE: source.id,
    }
    if source.series:
        told[_SERIES] = source.series
    if taken.url != taken.final_url:
        told[_ASKED] = taken.url
    if taken.redirects:
        told[_REDIRECTS] = " ".join(taken.redirects)
    if taken.status is None:
        if taken.headers:
            told[_TOLD] = json.dumps(taken.headers)
        media = _media(taken)
        record = writer.create_warc_record(
            taken.final_url,
            "resource",
            payload=BytesIO(taken.body),
            length=len(taken.body),
            warc_content_type=media,
            warc_headers_dict=told,
        )
    else:
        headers = [(f"{_ORIG}{name}" if name in _UNDONE else name, value) for name, value in taken.headers]
        told[_ADDED] = "content-length"
        headers.append(("content-length", str(len(taken.body))))
        line = StatusAndHeaders(f"{taken.status} {_phrase(taken.status)}", headers, protocol="HTTP/1.1")
        record = writer.create_warc_record(
            taken.final_url,
            "response",
            payload=BytesIO(taken.body),
            length=len(taken.body),
            http_headers=line,
            warc_headers_dict=told,
        )
    writer.write_record(record)


def _media(taken: Snapshot) -> str:
    from monitor.read import kind_of

    media = {"html": "text/html", "pdf": "application/pdf", "plain": "text/plain"}
    return media[kind_of(taken.body, taken.header("content-type"), taken.url)]


def _phrase(status: int) -> str:
    from http import HTTPStatus

    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
