"""The one door from the event loop to the archive: its calls, awaited, on one thread of their own.

SQLAlchemy's synchronous engines are 2 to 8 times as fast as its asynchronous ones on SQLite, and SQLite has one writer
anyway; so every call is made on a single thread, in the order it was asked for. Checks that found nothing new are
collected and written together: what a crash can take away there is only the word that a page was looked at.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, TypeVar

from storage.archive import Archive, Unchanged

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

P = ParamSpec("P")
T = TypeVar("T")

BATCH: Final = 200
"""Notes written in one transaction: 0.05 ms a note instead of 1 ms."""
LINGER_S: Final = 0.25
"""Seconds that a note may wait for company."""


class Writer:
    """Awaitable calls into an :class:`~storage.archive.Archive`, which stays the caller's to open and close."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="archive")
        self._notes: list[Unchanged] = []
        self._written: asyncio.Future[None] | None = None
        self._flush_soon: asyncio.TimerHandle | None = None
        self._flushes: set[asyncio.Task[None]] = set()

    async def call(self, method: Callable[Concatenate[Archive, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call ``method`` (of ``Archive``, unbound) on the writer thread: ``await writer.call(Archive.text, "id", 3)``.

        A cancelled caller does not cancel a transaction that has begun: it is awaited to its end.
        """
        loop = asyncio.get_running_loop()
        done = loop.run_in_executor(self._thread, lambda: method(self._archive, *args, **kwargs))
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            await asyncio.wait([done])
            raise

    def note_unchanged(self, note: Unchanged) -> None:
        """Have it noted that a check found the text as it was: with others, within ``LINGER_S`` seconds."""
        if not self._notes:
            self._written = asyncio.get_running_loop().create_future()
        self._notes.append(note)
        if len(self._notes) >= BATCH:
            self._start_flush()
        elif self._flush_soon is None:
            self._flush_soon = asyncio.get_running_loop().call_later(LINGER_S, self._start_flush)

    async def written(self) -> None:
        """Return when what was noted just now is in the archive, with others. Raises what writing it raised."""
        if self._written is not None and not self._written.done():
            await asyncio.shield(self._written)

    async def drain(self) -> None:
        """Return when every note taken so far is in the archive. Raises what writing them raised."""
        self._start_flush()
        while self._flushes:
            await asyncio.gather(*self._flushes)

    async def aclose(self) -> None:
        """Write what is waiting and end the thread."""
        try:
            await self.drain()
        finally:
            self._thread.shutdown(wait=True)

    def _start_flush(self) -> None:
        if self._flush_soon is not None:
            self._flush_soon.cancel()
            self._flush_soon = None
        if not self._notes:
            return
        notes, self._notes = self._notes, []
        flush = asyncio.get_running_loop().create_task(self._write(notes, self._written))
        self._flushes.add(flush)
        flush.add_done_callback(self._flushes.discard)

    async def _write(self, notes: Sequence[Unchanged], written: asyncio.Future[None] | None) -> None:
        try:
            await self.call(Archive.note_unchanged, notes)
        except Exception as error:
            if written is not None:
                written.set_exception(error)
                written.exception()  # whoever waits for it hears of it; nobody has to
            raise
        if written is not None:
            written.set_result(None)
