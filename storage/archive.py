"""The repository: put a check, get versions. The only door to the tables.

Synchronous, safe to call from any thread. Every public method that writes is one transaction. What can be asked is in
four parts, in the order of a check: ``storage.declaring`` (what is watched), ``storage.claiming`` (what is due),
``storage.recording`` (what was seen), ``storage.history`` (what was kept).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage import memories, stamps
from storage.claiming import Claiming
from storage.declaring import Declaring
from storage.engine import engine_for, sqlite_file
from storage.errors import StorageError
from storage.history import History
from storage.keep import ClaimLost, Unchanged
from storage.migrate import create as create_tables
from storage.migrate import require_current, revision_of
from storage.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime
    from types import TracebackType

    from sqlalchemy import Engine

    from storage.stamps import Head, Timestamp

__all__ = ["Archive", "ClaimLost", "Unchanged"]


class Archive(Declaring, Claiming, Recording, History):
    """The archive of one database. Open with :meth:`open`; close it, or use it in a ``with``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str, *, create: bool = True, readonly: bool = False) -> Archive:
        """Open the database at ``url``, and make its tables when it is empty and ``create`` says so.

        Raises ``StorageError``: it cannot be opened, is not an archive, is empty (without ``create``), or has another schema.
        """
        file = sqlite_file(url)
        if file is not None and not create and not file.exists():
            raise StorageError(f"{file}: no database yet", hint="`variorum check` makes it with the first look.")
        engine = engine_for(url, readonly=readonly)
        try:
            revision = revision_of(engine)
            if revision is None and create:
                create_tables(engine)
            elif revision is None:
                raise StorageError(f"{file or url}: an empty database", hint="`variorum check` fills it.")
            else:
                require_current(engine, revision)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    @property
    def engine(self) -> Engine:
        """For the rooms of ``storage`` that have transactions of their own."""
        return self._engine

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # what was worked out from the history

    def memory(self, subject: str) -> memories.Kept | None:
        """The memory kept of that history; None where there is none, or a damaged one."""
        return memories.kept(self._engine, subject)

    def keep_memory(self, memory: memories.Kept) -> bool:
        """Keep a memory in place of the one there was; False where the database may not be written, or is busy."""
        return memories.keep(self._engine, memory)

    # time-stamps

    def heads(self, only: Collection[str] | None = None) -> tuple[Head, ...]:
        """The chain heads as they are now, by source id: what a time-stamp is taken of."""
        return stamps.heads(self._engine, only)

    def keep_timestamp(self, at: datetime, authority: str, heads: Sequence[Head], token: bytes) -> int:
        """Keep an authority's proof that these heads were at ``at``; returns its number."""
        return stamps.keep(self._engine, at, authority, heads, token)

    def timestamps(self, *, last: int | None = None) -> list[Timestamp]:
        """The time-stamps, oldest first: all, or the ``last`` so many."""
        return stamps.kept(self._engine, last=last)

    def timestamp_faults(self) -> list[str]:
        """One line for each stamped head that the archive contradicts; the tokens are not looked into."""
        return stamps.faults(self._engine, self.timestamps())
