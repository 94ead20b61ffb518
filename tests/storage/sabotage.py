"""Altering evidence behind the archive's back, as a damaged disk or a forger with the database's password would."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from storage.engine import sqlite_file


class Forger:
    """Runs statements past triggers and references, which stand again afterwards."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._file = sqlite_file(url)

    def __call__(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._connected() as (connection, mark):
            found = connection.execute(statement.replace("?", mark), values)
            return list(found.fetchall()) if found.description else []

    @contextmanager
    def _connected(self) -> Iterator[tuple[Any, str]]:
        if self._file is None:
            import psycopg

            with psycopg.connect(self._url) as connection:
                connection.execute("SET session_replication_role = replica")
                yield connection, "%s"
            return
        with closing(sqlite3.connect(self._file, isolation_level=None)) as lite:
            lite.execute("BEGIN IMMEDIATE")
            triggers = lite.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for name, _ in triggers:
                lite.execute(f"DROP TRIGGER {name}")
            yield lite, "?"
            for _, made in triggers:
                lite.execute(made)
            lite.execute("COMMIT")


def altered(value: Any) -> Any:
    """The value with one bit or one character changed; something where there was nothing."""
    if value is None:
        return 1
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value ^ 1
    if isinstance(value, str):
        middle = len(value) // 2
        return f"{value[:middle]}{chr(ord(value[middle]) ^ 1)}{value[middle + 1 :]}" if value else "x"
    data = bytearray(value)
    data[len(data) // 2] ^= 0x10
    return bytes(data)
