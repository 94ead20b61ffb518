"""Is each version in its place, its text what its digest says, and its seal right after the one before?"""

from __future__ import annotations

import hashlib
import json
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, Select, func, or_, select

from storage import texts
from storage.chain import START, Sealed, seal
from storage.marks import mark_of
from storage.proving.asking import (
    BROKEN,
    FURTHER,
    RECEIVED,
    VERDICT,
    Asking,
    headers_of,
    raw,
    raws,
    short,
    unpacked,
)
from storage.prune import pruned_numbers
from storage.records import EventKind
from storage.schema import bodies, events, headings, heads, snapshots, sources, verdicts, versions

if TYPE_CHECKING:
    from collections.abc import Iterator


class Versions:
    """One pass over the versions, source by source. In memory: one version, and the texts that may be its dictionary."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._gone: tuple[Any, set[int]] = (None, set())

    def prove(self) -> None:
        """Every version of the sources that are to be proved, and the state of each source."""
        query: Select[Any] = select(
            *raws(versions),
            *(raw(headings.c[name]) for name in ("title", "published", "reader")),
            *(raw(verdicts.c[name]).label(name) for name in VERDICT),
            *(raw(snapshots.c[name]).label(f"capture_{name}") for name in ("fetched_at", "source", "mark")),
            raw(snapshots.c.headers).label("headers"),
            *RECEIVED,
            raw(bodies.c.digest).label("body_digest"),
            *(raw(sources.c[name]).label(f"head_{name}") for name in ("number", "digest", "chain", "snapshot")),
            *(raw(sources.c[name]) for name in ("id", "sealed_as")),
            FURTHER,
        )
        query = query.select_from(versions).outerjoin(sources, sources.c.key == versions.c.source)
        query = query.outerjoin(headings, headings.c.key == versions.c.heading)
        query = query.outerjoin(verdicts, verdicts.c.key == versions.c.verdict)
        query = query.outerjoin(snapshots, snapshots.c.number == versions.c.snapshot)
        query = query.outerjoin(heads, heads.c.key == snapshots.c.head)
        query = query.outerjoin(bodies, bodies.c.key == snapshots.c.body)
        ordered: Select[Any] = query.order_by(versions.c.source, versions.c.number)
        rows = self._asking.counted("versions", self._asking.of_only(ordered, versions.c.source))
        for _, history in groupby(rows, key=attrgetter("source")):
            self._history(history)
        empty = select(sources.c.id, sources.c.number).outerjoin(versions, versions.c.source == sources.c.key)
        empty = empty.where(
            or_(sources.c.number.is_not(None), sources.c.chain.is_not(None)), versions.c.number.is_(None)
        )
        for row in self._asking.stream(self._asking.of_only(empty, sources.c.key)):
            self._asking.report.add("version", f"{row.id}: all its {row.number} versions are missing", row.id)
        self._asking.report.sources = (
            self._asking.connection.scalar(
                self._asking.of_only(select(func.count()).select_from(sources), sources.c.key)
            )
            or 0
        )

    def _history(self, history: Iterator[Row[Any]]) -> None:
        """The versions of one source, in their order, and its head."""
        previous, expected = START, 1
        near: dict[int, bytes | None] = {}
        row = None
        for row in history:
            self._asking.report.versions += 1
            if row.number != expected:
                self._missing(row, expected)
            plain, said = _text(row, near)
            facts = [("text", said)] if said is not None else []
            if row.packed == b"":
                facts = self._tombstone(row)
            for what, said in (*facts, *self._facts(row, previous)):
                self._asking.report.add(what, f"{row.id}@{row.number}: {said}", row.id, row.number)
            if isinstance(row.number, int):
                near = {number: text for number, text in near.items() if _may_lean(number, row.number)}
                if row.packed != b"":
                    near[row.number] = plain
            previous, expected = row.chain, row.number + 1 if isinstance(row.number, int) else expected + 1
        if row is not None:
            self._head(row)

    def _tombstone(self, row: Row[Any]) -> list[tuple[str, str]]:
        """What is wrong with a version without a text: nothing, when an event tells that it was pruned."""
        self._asking.report.pruned += 1
        if self._gone[0] != row.source:
            self._gone = (row.source, self._pruned(row.source))
        return [] if row.number in self._gone[1] else [("text", "the text is gone, and no pruning says so")]

    def _missing(self, row: Row[Any], expected: int) -> None:
        last = row.number - 1 if isinstance(row.number, int) else 0
        which = f"version {expected} is" if last == expected else f"versions {expected} to {last} are"
        said = f"{which} missing" if last >= expected else f"version {row.number} is out of order"
        self._asking.report.add("version", f"{row.id}: {said}", row.id, expected)

    def _facts(self, row: Row[Any], previous: Any) -> Iterator[tuple[str, str]]:
        """Seal, capture and mark of one version: what is wrong with each."""
        if row.capture_source != row.source:
            yield "capture", f"its capture ({row.snapshot}) is missing, or another source's"
        try:
            holds = seal(previous, self._sealed(row)) == row.chain
        except BROKEN as error:
            yield "seal", f"what was sealed cannot be read ({short(error)})"
        else:
            if not holds:
                yield "seal", "the seal does not hold: text, raw bytes, times, address, headers or reader were altered"
        linked = {"snapshot": row.capture_mark, "heading": None, "verdict": None}
        linked |= {name: row._mapping[name] for name in ("title", "published", "reader", *VERDICT)}
        if mark_of("versions", versions.c.keys(), row._mapping, **linked) != row.mark:
            yield "mark", "the row is not as it was written (mark)"

    def _sealed(self, row: Row[Any]) -> Sealed:
        headers = json.loads(headers_of(row, row.capture_fetched_at).decode("utf-8", "surrogateescape"))
        further = self._asking.further(row.snapshot, bodies.c.digest) if row.further else []
        return Sealed(
            source=row.id if row.sealed_as is None else row.sealed_as,
            number=row.number,
            body=b"".join((row.body_digest, *further)),
            text=row.digest,
            captured=row.capture_fetched_at,
            imported=row.imported,
            after=row.after,
            before=row.capture_fetched_at if row.before is None else row.before,
            url=row.url,
            final_url=row.url if row.final_url is None else row.final_url,
            status=row.status,
            headers=tuple((name, value) for name, value in headers),
            reader=row.reader,
            reread=bool(row.reread),
        )

    def _pruned(self, source: int) -> set[int]:
        """The versions of which an event says that they were pruned."""
        kind = (events.c.source == source) & (events.c.kind == EventKind.PRUNED.value)
        found: set[int] = set()
        for detail in self._asking.connection.scalars(select(events.c.detail).where(kind)):
            try:
                found |= pruned_numbers(json.loads(detail))
            except BROKEN:
                continue
        return found

    def _head(self, last: Row[Any]) -> None:
        """The state of the source must be that of its last version."""
        for name in ("number", "chain", "digest", "snapshot"):
            told, kept = last._mapping[f"head_{name}"], last._mapping[name]
            if told == kept:
                continue
            said = f"{last.id}: its state has another {name} than its last version, {last.number}"
            if name == "number" and isinstance(told, int) and isinstance(kept, int) and told > kept:
                missing = f"version {told} is" if told == kept + 1 else f"versions {kept + 1} to {told} are"
                said = f"{last.id}: {missing} missing"
            self._asking.report.add("head", said, last.id, last.number)


def _may_lean(number: int, newest: int) -> bool:
    """Whether a version after ``newest`` may have the text of version ``number`` as its dictionary."""
    return number == newest or ((number - 1) % texts.STRIDE == 0 and newest - number < texts.FULL_EVERY)


def _text(row: Row[Any], near: dict[int, bytes | None]) -> tuple[bytes | None, str | None]:
    """The text of a version, and what is wrong with it.

    ``near`` are the texts that may be its dictionary; None is one that is damaged, and has a fault of its own.
    """
    if row.packed == b"":
        return None, None
    base = None
    if row.back != 0:
        try:
            base, follows = near[row.number - row.back], row.back in (1, texts.back_of(row.number))
        except BROKEN:
            follows = False
        if not follows:
            return None, "the text does not follow the one that is its dictionary"
        if base is None:
            return None, f"the text cannot be unpacked: version {row.number - row.back}, its dictionary, is damaged"
    try:
        plain = unpacked(row.packed, base)
    except BROKEN as error:
        return None, f"the text cannot be unpacked ({short(error)})"
    if hashlib.sha256(plain).digest() != row.digest:
        return None, "the text does not have its SHA-256"
    return plain, None
