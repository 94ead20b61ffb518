"""Rows that must not go missing: each new one is chained to those of its kind that its source has (``storage.marks``)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select, update

from storage.marks import held
from storage.schema import sources

if TYPE_CHECKING:
    from sqlalchemy import Column, Connection, Select, Update


def on(connection: Connection, column: Column[Any], source: int, number: int, mark: bytes) -> None:
    """Chain a new row on. ``column`` of the source's state is ``held`` (captures), ``told`` (events) or ``sent`` (alerts)."""
    asked, written = _statements(column)
    before = connection.scalar(asked, {"of": source})
    connection.execute(written, {"of": source, "becomes": held(before, number, mark)})


@cache
def _statements(column: Column[Any]) -> tuple[Select[Any], Update]:
    at = sources.c.key == bindparam("of")
    return select(column).where(at).with_for_update(), update(sources).where(at).values({column: bindparam("becomes")})
