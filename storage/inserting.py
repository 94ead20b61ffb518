"""One row into a table. Takes an open connection."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Insert, insert

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Connection, Table

_INTO: Final[Callable[[Table], Insert]] = cache(insert)  # to build a statement takes longer than to run it


def into(connection: Connection, table: Table, values: Mapping[str, Any]) -> int:
    """Insert a row; returns the key that the database counted up for it."""
    found = connection.execute(_INTO(table), values).inserted_primary_key
    assert found is not None  # noqa: S101  (a single-row insert always has one)
    return int(found[0])
