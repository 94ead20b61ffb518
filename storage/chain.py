"""The hash chain of each source: every version's record sealed together with the seal of the one before. Pure.

The format, enough to compute it in another language: a seal is SHA-256 over the concatenation of fields, each as its
length in bytes (8 bytes, big-endian) followed by its bytes. The fields, in this order:

 1. ``variorum/chain/1``                    the domain, ASCII
 2. the seal before                         32 bytes; for version 1, 32 zero bytes
 3. source id                               UTF-8
 4. number of the version                   decimal ASCII
 5. SHA-256 of the body as received         32 bytes; of a text on several pages, 32 bytes for each page, in order
 6. SHA-256 of the canonical text (UTF-8)   32 bytes
 7. captured, imported, window after, window before: microseconds since 1970 UTC, decimal ASCII, empty where there is none;
    four fields
 8. URL asked, URL that answered            UTF-8; two fields
 9. HTTP status                             decimal ASCII, empty for a file
10. headers                                 ``name: value`` lines, LF between, UTF-8
11. fingerprint of the reader               UTF-8
12. ``reread`` or empty                     ASCII
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from storage.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

DOMAIN: Final = b"variorum/chain/1"
START: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class Sealed:
    """What one seal covers, in the order of the format. Times are microseconds since 1970 UTC."""

    source: str
    number: int
    body: bytes
    text: bytes
    captured: int
    imported: int | None
    after: int | None
    before: int
    url: str
    final_url: str
    status: int | None
    headers: tuple[tuple[str, str], ...]
    reader: str
    reread: bool


def seal(previous: bytes, record: Sealed) -> bytes:
    """The seal of ``record`` after ``previous``: 32 bytes."""
    hashed = hashlib.sha256()
    for piece in _fields(previous, record):
        hashed.update(len(piece).to_bytes(8, "big"))
        hashed.update(piece)
    return hashed.digest()


def first_fault(records: Iterable[tuple[Sealed, bytes]]) -> int | None:
    """The number of the first version whose seal is not right, or that is out of order; None when the chain holds.

    ``records``: of one source, in order, each with the seal that is stored for it.
    """
    previous = START
    for place, (record, stored) in enumerate(records, 1):
        if record.number != place or seal(previous, record) != stored:
            return place
        previous = stored
    return None


def _fields(previous: bytes, record: Sealed) -> Iterable[bytes]:
    yield DOMAIN
    yield previous
    yield record.source.encode()
    yield _decimal(record.number)
    yield record.body
    yield record.text
    yield from (_decimal(time) for time in (record.captured, record.imported, record.after, record.before))
    yield record.url.encode()
    yield record.final_url.encode()
    yield _decimal(record.status)
    yield "\n".join(f"{name}: {value}" for name, value in record.headers).encode("utf-8", "surrogateescape")
    yield record.reader.encode()
    yield b"reread" if record.reread else b""


def _decimal(number: int | None) -> bytes:
    return b"" if number is None else str(number).encode()
