"""A short mark on every row of evidence, over all that the row says: so that verify can name the row that was damaged.

A seal (``storage.chain``) covers what a court would ask for; it says nothing of the other columns, nor of captures that
were held back. A mark is on each row of ``snapshots``, ``versions``, ``events``, ``alerts`` and ``timestamps``, and covers
every column (``bodies`` need none: they unpack to their digest, or they do not). It is a guard against accidents; against a forger, who could make it anew, there are seals, and witnesses to them.

The format: a mark is the first 4 bytes of SHA-256 over pieces, each as its length in bytes (8 bytes, big-endian) followed
by its bytes: ``variorum/mark/1``, the table's name, then for each field, in the order of their names, its name and its
value. A value is ``n`` for null, ``i`` and the decimal number, ``t`` and UTF-8, or ``b`` and the bytes; a time is its
microseconds, a boolean 0 or 1. Fields are the columns, but for ``mark`` and a key that the database counts up itself.
Where a column names another row, the field says what that row is, not where it stands:

=============  =============================================================
snapshots      ``head``: null, beside ``url``, ``final_url``, ``status``, ``redirects`` of the head;
               ``headers``: as they are when unpacked; ``body``: SHA-256 of the body; ``pages``: the marks of the further pages, one after the other
versions       ``snapshot``: its mark; ``heading``: null, beside ``title``, ``published``, ``reader`` of the heading;
               ``verdict``: null, beside the columns of the verdict
events         of one that says no more than its version: what it says, as that of any other
alerts         ``event``: its mark
timestamps     ``before``: the mark of the time-stamp before it, empty for the first
=============  =============================================================

``sources.held`` chains the marks of all captures of a source, those held back too: SHA-256 over what it was (32 zero
bytes at first), the number (8 bytes, big-endian) and the mark of each new one. So none can go missing without a trace.
In the same way ``sources.told`` chains its events, and ``sources.sent`` the alerts about them, by their key.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DOMAIN: Final = b"variorum/mark/1"
BYTES: Final = 4
COUNTED: Final = {
    "alerts": "key",
    "events": "number",
    "snapshots": "number",
    "timestamps": None,
    "versions": "key",
}
"""The marked tables, with the column that the database counts up."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def mark_of(table: str, columns: Iterable[str], values: Mapping[Any, Any], **linked: Any) -> bytes:
    """The mark of a row of ``table``: its ``columns`` as in ``values`` (null where missing), ``linked`` put over them."""
    head, names = _layout(table, tuple(columns), tuple(linked))
    pieces = [head]
    for name, before in names:
        value = _plain(linked[name] if name in linked else values.get(name))
        pieces += (before, len(value).to_bytes(8, "big"), value)
    return hashlib.sha256(b"".join(pieces)).digest()[:BYTES]


def held(before: bytes | None, number: int, mark: bytes) -> bytes:
    """What ``sources.held`` becomes when a capture of that number and mark is kept; ``told`` and ``sent`` likewise."""
    return hashlib.sha256((before or bytes(32)) + number.to_bytes(8, "big") + mark).digest()


@lru_cache(maxsize=64)
def _layout(table: str, columns: tuple[str, ...], linked: tuple[str, ...]) -> tuple[bytes, list[tuple[str, bytes]]]:
    """What stands before the fields, and each field's name with the bytes that stand before its value."""
    names = sorted({*columns, *linked} - {"mark", COUNTED[table]})
    return _piece(DOMAIN) + _piece(table.encode()), [(name, _piece(name.encode())) for name in names]


def _piece(plain: bytes) -> bytes:
    return len(plain).to_bytes(8, "big") + plain


def _plain(value: object) -> bytes:
    if value is None:
        return b"n"
    if isinstance(value, bytes):
        return b"b" + value
    if isinstance(value, str):
        # What cannot be decoded is smuggled through, so that a damaged column has a mark, which is then another.
        return b"t" + value.encode("utf-8", "surrogateescape")
    if isinstance(value, datetime):
        return b"i%d" % ((value - _EPOCH) // timedelta(microseconds=1))
    if isinstance(value, int):
        return b"i%d" % value
    return b"?" + repr(value).encode()
