"""Rows that must not go missing: each new one is chained to those of its kind that its source has (``storage.marks``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from storage.marks import held
from storage.schema import sources

if TYPE_CHECKING:
    from sqlalchemy import Column, Connection


def on(connection: Connection, column: Column[Any], source: int, number: int, mark: bytes) -> None:
    """Chain a new row on. ``column`` of the source's state is ``held`` (captures), ``told`` (events) or ``sent`` (alerts)."""
    at = sources.c.key == source
    before = connection.scalar(select(column).where(at).with_for_update())
    connection.execute(update(sources).where(at).values({column: held(before, number, mark)}))
