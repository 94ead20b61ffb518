"""Rows of the tables to records, and back. Pure."""

from __future__ import annotations

import json
from datetime import datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from storage.chain import Sealed
from storage.errors import IntegrityError
from storage.records import (
    Event,
    EventKind,
    Latest,
    LedgerRun,
    Outcome,
    Severity,
    Snapshot,
    Source,
    SourceState,
    Suspicion,
    Text,
    Validators,
    Version,
    Window,
)
from storage.schema import microseconds
from storage.texts import unpack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Row


class Fields:
    """A mapping read like a row, by attribute; a column that is not there is None."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __getattr__(self, name: str) -> Any:
        return self._values.get(name)


def encoded(text: Text) -> bytes:
    """The bytes that are hashed and kept."""
    return text.text.encode("utf-8", "surrogatepass")


def text(plain: bytes, title: str | None, published: str | None) -> Text:
    """A text from its bytes and its heading."""
    return Text(plain.decode("utf-8", "surrogatepass"), title, published)


def declaration(source: Source) -> dict[str, Any]:
    """The columns that the configuration decides."""
    return {
        "url": source.url,
        "series": source.series,
        "tags": "\n".join(source.tags),
        "baseline": source.baseline,
    }


def source(row: Row[Any]) -> Source:
    """A source as it was declared."""
    return Source(row.id, row.url, row.series, tuple(row.tags.split("\n")) if row.tags else (), row.baseline)


def latest(row: Row[Any]) -> Latest:
    """What is known of a source before a check."""
    return Latest(
        source=row.id,
        number=row.number,
        digest=_hex(row.digest),
        length=row.length,
        reader=row.reader,
        snapshot=row.snapshot,
        validators=Validators(row.etag, row.last_modified),
        first_seen=row.first_seen,
        last_good=row.last_good,
        last_change=row.last_change,
        final_url=row.final_url,
        failures=row.failures,
        failing_since=row.failing_since,
        failing=row.failing,
        gone=row.gone,
        suspicion=suspicion(row.suspicion),
        next_check=row.next_check,
        body=_hex(row.body),
        body_bytes=row.body_bytes,
    )


def state(row: Row[Any], newest: Version | None) -> SourceState:
    """A source as ``status`` shows it."""
    return SourceState(
        source=source(row),
        versions=row.number or 0,
        latest=newest,
        last_check=row.last_check,
        last_outcome=Outcome(row.last_outcome) if row.last_outcome else None,
        last_error=row.last_error,
        last_good=row.last_good,
        next_check=row.next_check,
        failures=row.failures,
        failing=row.failing,
        gone=row.gone,
        retired=row.retired_at is not None,
        chain=_hex(row.chain),
    )


def version(row: Row[Any]) -> Version:
    """A version; the row carries its source's id, its heading and ``last_seen``."""
    return Version(
        source=row.source_id,
        number=row.number,
        digest=row.digest.hex(),
        title=row.title,
        published=row.published,
        first_seen=row.before,
        last_seen=max(row.last_seen, row.before) if row.last_seen is not None else row.before,
        window=Window(row.after, row.before),
        captured=row.captured,
        imported=row.imported,
        severity=Severity(row.severity) if row.severity is not None else None,
        silent=row.silent,
        reread=row.reread,
        reader=row.reader,
        snapshot=row.snapshot,
        chain=row.chain.hex(),
        pruned=bool(row.pruned),
    )


def snapshot(row: Row[Any], body: bytes) -> Snapshot:
    """A snapshot with its body."""
    plain = headers_plain(row.head, row.headers, row.fetched_at)
    headers = json.loads(plain.decode("utf-8", "surrogateescape"))
    return Snapshot(
        url=row.url,
        final_url=row.final_url or row.url,
        status=row.status,
        headers=tuple((name, value) for name, value in headers),
        redirects=tuple(row.redirects.split("\n")) if row.redirects else (),
        fetched_at=row.fetched_at,
        body=body,
    )


def sealed(source_id: str, row: Any, taken: Snapshot, digests: bytes | None = None) -> Sealed:
    """What the seal of a version covers; the row has its ``reader`` and both times as they are, not as they are kept.

    ``digests`` of the raw bytes where these are no more.
    """
    return Sealed(
        source=source_id,
        number=row.number,
        body=digests or b"".join(bytes.fromhex(one.body_digest) for one in (taken, *taken.pages)),
        text=row.digest,
        captured=microseconds(row.captured),
        imported=_us(row.imported),
        after=_us(row.after),
        before=microseconds(row.before),
        url=taken.url,
        final_url=taken.final_url,
        status=taken.status,
        headers=taken.headers,
        reader=row.reader,
        reread=bool(row.reread),
    )


def event_values(source_key: int, told: Event) -> dict[str, Any]:
    """The columns of an event. A window that a clock, set back in between, has turned round is closed."""
    window = told.window
    after = min(window.after, window.before) if window is not None and window.after is not None else None
    return {
        "source": source_key,
        "kind": told.kind.value,
        "at": told.at,
        "version": told.version,
        "severity": told.severity,
        "silent": told.silent,
        "after": after,
        "before": window.before if window else None,
        "detail": json.dumps(told.detail, ensure_ascii=False, sort_keys=True) if told.detail else None,
    }


def event(row: Row[Any]) -> Event:
    """An event; the row carries its source's id. Raises ``IntegrityError`` when it has nothing to say."""
    if row.kind is None:
        raise IntegrityError(
            f"{row.source_id}: an event tells of version {row.version}, which is missing",
            hint="`variorum verify` names every fault.",
        )
    return Event(
        kind=EventKind(row.kind),
        source=row.source_id,
        at=row.at,
        version=row.version,
        severity=Severity(row.severity) if row.severity is not None else None,
        silent=row.silent,
        window=Window(row.after, row.before) if row.before is not None else None,
        detail=json.loads(row.detail) if row.detail else {},
    )


def run(row: Row[Any]) -> LedgerRun:
    """A run of checks that ended."""
    # Row.count is a method of tuples: the column of that name is asked for by key.
    count = row._mapping["count"]
    return LedgerRun(Outcome(row.outcome), row.first, row.last, count, row.version, row.error, row.runs)


def headers_base(head: bytes, fetched_at: datetime) -> bytes:
    """What the headers of an answer are most like: those of the head, and the time as HTTP writes it."""
    return head + format_datetime(fetched_at, usegmt=True).encode()


def answer(taken: Snapshot) -> dict[str, Any]:
    """How an address answered, headers and body apart: the columns of a head."""
    return {
        "url": taken.url,
        "final_url": taken.final_url if taken.final_url != taken.url else None,
        "status": taken.status,
        "redirects": "\n".join(taken.redirects) or None,
    }


def headers_plain(head_packed: bytes, packed: bytes | None, fetched_at: datetime) -> bytes:
    """The headers of an answer as they were packed, from those of its head and how they differ (None: they do not)."""
    head = unpack(head_packed)
    return head if packed is None else unpack(packed, headers_base(head, fetched_at))


def headers_words(taken: Snapshot) -> bytes:
    """The headers of a snapshot as they are packed: JSON, in their order."""
    return json.dumps(taken.headers, ensure_ascii=False).encode("utf-8", "surrogateescape")


def suspicion_words(doubt: Suspicion | None) -> str | None:
    """A suspicion as it is kept: JSON."""
    if doubt is None:
        return None
    fields = {"reason": doubt.reason, "digest": doubt.digest, "first": doubt.first_at.isoformat(), "times": doubt.times}
    return json.dumps(fields, ensure_ascii=False)


def suspicion(words: str | None) -> Suspicion | None:
    """A suspicion from its JSON."""
    if words is None:
        return None
    fields = json.loads(words)
    return Suspicion(fields["reason"], fields["digest"], datetime.fromisoformat(fields["first"]), fields["times"])


def _hex(digest: bytes | None) -> str | None:
    return digest.hex() if digest is not None else None


def _us(moment: datetime | None) -> int | None:
    return microseconds(moment) if moment is not None else None
