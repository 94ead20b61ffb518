"""Does each body unpack, through its dictionary, to its digest and size?"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Any, Final

from sqlalchemy import Row, Select, select

from storage import texts
from storage.proving.asking import BROKEN, Asking, raw, raws, short, unpacked
from storage.prune import needed
from storage.schema import bodies, snapshots, sources, versions
from storage.unpacking import Unpacking

PLAIN_BYTES: Final = 64 << 20


class Bodies:
    """One pass over the bodies. In memory: at most ``PLAIN_BYTES`` of those that others may lean on."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._plains: OrderedDict[int, bytes] = OrderedDict()
        self._plain_bytes = 0
        self._unpacking = Unpacking(asking.connection)

    def prove(self) -> None:
        """Every body that a capture of the sources to be proved refers to; all, when these are all sources."""
        base = bodies.alias("base")
        query = select(*raws(bodies), raw(base.c.depth).label("base_depth"), raw(versions.c.digest).label("words"))
        query = query.outerjoin(base, base.c.key == bodies.c.base)
        with_text = (versions.c.source == bodies.c.source) & (versions.c.number == bodies.c.number)
        query = query.outerjoin(versions, with_text)
        # Bodies of neighbouring versions after one another: their dictionaries are then at hand.
        query = query.order_by(bodies.c.source, bodies.c.number, bodies.c.key)
        if self._asking.only is not None:
            captured = select(snapshots.c.body).where(snapshots.c.source.in_(self._asking.only))
            query = query.where(bodies.c.key.in_(captured))
        gone: list[int] = []
        for row in self._asking.counted("raw bytes", query):
            self._asking.report.bodies += 1
            fault = self._fault(row)
            if fault is not None:
                self._blame(row.key, fault)
            elif row.packed == b"":
                gone.append(row.key)
        for key in needed(self._asking.connection, gone):
            self._blame(key, "are gone, and no pruning took what they were read to")

    def _fault(self, row: Row[Any]) -> str | None:
        linked = (row.base, row.depth) == (None, 0) if row.base is None else row.base_depth == _less(row.depth)
        linked = linked and (row.source is None) == (row.number is None)
        if row.packed == b"":
            linked = linked and (row.base, row.source) == (None, None)
        else:
            try:
                base, words = self._dictionary(row)
            except BROKEN as error:
                return f"cannot be unpacked: {short(error)}"
            try:
                plain = unpacked(row.packed, base + words)
            except BROKEN as error:
                return f"cannot be unpacked ({short(error)})"
            if hashlib.sha256(plain).digest() != row.digest:
                return "do not have their SHA-256"
            if len(plain) != row.size:
                return "do not have their size"
            self._remember(row.key, plain)
        if not linked:
            return "name another dictionary than they have"
        return None

    def _blame(self, key: int, fault: str) -> None:
        """Name the versions whose bytes these are, or the capture."""
        used = (
            select(sources.c.id, versions.c.number, snapshots.c.number.label("capture"))
            .select_from(snapshots)
            .join(sources, sources.c.key == snapshots.c.source)
            .outerjoin(versions, (versions.c.snapshot == snapshots.c.number))
            .where(snapshots.c.body == key)
            .order_by(snapshots.c.number)
            .limit(5)
        )
        report = self._asking.report
        users = self._asking.connection.execute(used).all()
        for user in users:
            at = f"{user.id}@{user.number}" if user.number is not None else f"{user.id}, capture {user.capture}"
            report.add("raw bytes", f"{at}: the raw bytes (body {key}) {fault}", user.id, user.number)
        if not users:
            report.add("raw bytes", f"body {key}: raw bytes that {fault}")

    def _dictionary(self, row: Row[Any]) -> tuple[bytes, bytes]:
        """What a body is packed with: another body, and the text of a version; either may be none.

        Raises ``ValueError`` that names the one of them that is damaged: it has a fault of its own.
        """
        base = self._plain(row.base) if row.base is not None else b""
        if row.source is None:
            return base, b""
        try:
            words = self._unpacking.text(row.source, row.number)
        except BROKEN:
            words = None
        if words is None or hashlib.sha256(words).digest() != row.words:
            raise ValueError(f"their dictionary, the text of version {row.number}, is damaged")
        return base, words

    def _plain(self, key: int) -> bytes:
        """A body that is a dictionary: remembered, or unpacked through its own dictionaries."""
        way: list[Row[Any]] = []
        at: int | None = key
        while at is not None and at not in self._plains:
            with_text = (versions.c.source == bodies.c.source) & (versions.c.number == bodies.c.number)
            query: Select[Any] = select(*raws(bodies), raw(versions.c.digest).label("words"))
            query = query.outerjoin(versions, with_text)
            row = self._asking.connection.execute(query.where(bodies.c.key == at)).first()
            if row is None or not row.packed:
                raise ValueError(f"their dictionary, body {at}, is missing")
            way.append(row)
            at = row.base
            if len(way) > texts.FULL_EVERY:
                raise ValueError("too many dictionaries in a row")
        for row in reversed(way):
            try:
                plain = unpacked(row.packed, b"".join(self._dictionary(row)))
            except BROKEN:
                plain = None
            if plain is None or hashlib.sha256(plain).digest() != row.digest:
                raise ValueError(f"their dictionary, body {row.key}, is damaged")
            self._remember(row.key, plain)
        return self._plains[key]

    def _remember(self, key: int, plain: bytes) -> None:
        if key not in self._plains:
            self._plains[key] = plain
            self._plain_bytes += len(plain)
        self._plains.move_to_end(key)
        while self._plain_bytes > PLAIN_BYTES and len(self._plains) > 1:
            _, gone = self._plains.popitem(last=False)
            self._plain_bytes -= len(gone)


def _less(depth: object) -> int | None:
    return depth - 1 if isinstance(depth, int) else None
