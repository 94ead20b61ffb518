"""Before a check: what is known of a source, and whose turn it is to look at it (``storage.due``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from storage import due, rows
from storage.engine import reading, writing
from storage.queries import chunks, known
from storage.schema import sources

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Engine

    from storage.records import Latest


class Claiming:
    """The part of the archive that hands out sources to be looked at."""

    _engine: Engine

    def latest(self, source_ids: Sequence[str]) -> dict[str, Latest]:
        """What is known of each of these sources; ids that were never declared are left out."""
        found: dict[str, Latest] = {}
        with reading(self._engine) as connection:
            for part in chunks(source_ids):
                for row in connection.execute(known().where(sources.c.id.in_(part))):
                    found[row.id] = rows.latest(row)
        return found

    def claim(self, now: datetime, *, limit: int, lease_s: float, owner: str) -> list[str]:
        """Take at most ``limit`` due sources, oldest first, for ``lease_s`` seconds. Returns their ids."""
        with writing(self._engine) as connection:
            return [one.source for one in due.claim(connection, now, limit=limit, lease_s=lease_s, owner=owner)]

    def hand_out(
        self,
        now: datetime,
        *,
        limit: int,
        lease_s: float,
        owner: str,
        to: Callable[[Any, Sequence[due.Claimed]], Mapping[str, datetime]],
    ) -> tuple[int, int]:
        """Claim as :meth:`claim` does, and have errands written for what was claimed in the same transaction.

        ``to`` gets the driver's own connection and what was claimed, oldest first; it returns what is to be given back,
        due at other moments. Returns how many were claimed, and how many of them were given back.
        """
        with writing(self._engine) as connection:
            taken = due.claim(connection, now, limit=limit, lease_s=lease_s, owner=owner)
            later = to(connection.connection.driver_connection, taken) if taken else {}
            due.postpone(connection, later, owner)
            return len(taken), len(later)

    def take_over(self, wanted: Sequence[due.HandedOver], now: datetime) -> dict[str, Latest]:
        """Take leases over, and learn what is known of their sources: by the new owner, without those that were lost."""
        with writing(self._engine) as connection:
            taken = due.pass_on(connection, known(), wanted, now)
            return {owner: rows.latest(row) for owner, row in taken.items()}

    def release(self, source_ids: Sequence[str], owner: str, *, patience_ms: int | None = None) -> None:
        """Give back sources that were claimed and not checked; ``patience_ms`` is how long another writer is waited for."""
        with writing(self._engine, patience_ms=patience_ms) as connection:
            due.release(connection, source_ids, owner)

    def postpone(self, moments: Mapping[str, datetime], owner: str) -> None:
        """Give back sources that were claimed and not checked, due at these moments instead."""
        with writing(self._engine) as connection:
            due.postpone(connection, moments, owner)

    def replan(self, now: datetime, better: Callable[[due.Pace], datetime | None]) -> int:
        """Move every due time for which ``better`` has another. Returns how many were moved."""
        with writing(self._engine) as connection:
            return due.replan(connection, now, better)

    def next_due_at(self) -> datetime | None:
        """When the next source is due; None when none is."""
        with reading(self._engine) as connection:
            return due.next_due_at(connection)
