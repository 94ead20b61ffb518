"""What was worked out from a history and is worth keeping: derived, rebuildable, no evidence.

A memory stands for the versions of one history up to ``number``. It names what it was made of and by whom, so that one
that no longer fits is ignored and made again; so is a damaged one. Nothing else in the archive leans on it: the table
may be emptied at any time. To this room the memory itself is bytes.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import zstandard
from sqlalchemy import Engine, select
from sqlalchemy.exc import DBAPIError

from storage import texts
from storage.engine import reading, writing
from storage.errors import StorageError
from storage.frozen import dataclass
from storage.schema import memories

if TYPE_CHECKING:
    from sqlalchemy.sql.dml import Insert

PATIENCE_MS: Final = 200
"""How long storing waits for another writer: a memory is not worth more."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A memory of the history ``subject`` (``source:ID``, ``series:ID``) up to version ``number``.

    ``made_of`` is a digest over the versions it stands for, ``made_by`` names every program part that decides what it
    says (reader of the bytes, differ, tables of characters). It holds only where both are as they were.
    """

    subject: str
    number: int
    made_of: bytes
    made_by: str
    plain: bytes

    def seal(self, packed: bytes) -> bytes:
        """SHA-256 over all of it: what a damaged row does not have."""
        head = "\n".join((self.subject, str(self.number), self.made_by)).encode()
        return hashlib.sha256(b"\0".join((head, self.made_of, packed))).digest()


def kept(engine: Engine, subject: str) -> Kept | None:
    """The memory of that history; None where there is none, or a damaged one."""
    with reading(engine) as connection:
        row = connection.execute(select(memories).where(memories.c.subject == subject)).one_or_none()
    if row is None:
        return None
    try:
        found = Kept(row.subject, row.number, row.made_of, row.made_by, texts.unpack(row.packed))
    except zstandard.ZstdError:
        return None
    return found if found.seal(row.packed) == row.seal else None


def keep(engine: Engine, memory: Kept) -> bool:
    """Keep a memory in place of the one there was; False where the database may not be written, or is busy.

    Of two that are stored at the same time the later stands: either is true by itself.
    """
    packed = texts.pack(memory.plain)
    values = {
        "number": memory.number,
        "made_of": memory.made_of,
        "made_by": memory.made_by,
        "packed": packed,
        "seal": memory.seal(packed),
    }
    try:
        with writing(engine, patience_ms=PATIENCE_MS) as connection:
            connection.execute(_put(engine, memory.subject, values))
    except (StorageError, DBAPIError):
        return False
    return True


def _put(engine: Engine, subject: str, values: dict[str, Any]) -> Insert:
    from sqlalchemy.dialects import postgresql, sqlite  # both engines, which no start should pay for

    insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
    return (
        insert(memories)
        .values(subject=subject, **values)
        .on_conflict_do_update(index_elements=["subject"], set_=values)
    )
